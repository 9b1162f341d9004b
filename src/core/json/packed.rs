//! Values as bytes, for temporary files: exact and without limits, unlike JSON text.

use serde_json::{Map, Value};

use super::number::trusted;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const STRING: u8 = 4;
const LIST: u8 = 5;
const OBJECT: u8 = 6;

/// Appends the bytes of a value.
pub fn pack(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(NULL),
        Value::Bool(false) => bytes.push(FALSE),
        Value::Bool(true) => bytes.push(TRUE),
        Value::Number(number) => {
            bytes.push(NUMBER);
            pack_text(number.as_str(), bytes);
        }
        Value::String(text) => {
            bytes.push(STRING);
            pack_text(text, bytes);
        }
        Value::Array(items) => {
            bytes.push(LIST);
            pack_length(items.len(), bytes);
            for item in items {
                pack(item, bytes);
            }
        }
        Value::Object(members) => {
            bytes.push(OBJECT);
            pack_length(members.len(), bytes);
            for (key, member) in members {
                pack_text(key, bytes);
                pack(member, bytes);
            }
        }
    }
}

/// Removes the value at the start of some bytes; `None` if they are damaged.
pub fn unpack(bytes: &mut &[u8]) -> Option<Value> {
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match *tag {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NUMBER => Value::Number(trusted(unpack_text(bytes)?)),
        STRING => Value::String(unpack_text(bytes)?.to_owned()),
        LIST => {
            let length = unpack_length(bytes)?;
            let mut items = Vec::with_capacity(length.min(bytes.len()));
            for _ in 0..length {
                items.push(unpack(bytes)?);
            }
            Value::Array(items)
        }
        OBJECT => {
            let length = unpack_length(bytes)?;
            let mut members = Map::with_capacity(length.min(bytes.len()));
            for _ in 0..length {
                let key = unpack_text(bytes)?.to_owned();
                members.insert(key, unpack(bytes)?);
            }
            Value::Object(members)
        }
        _ => return None,
    })
}

fn pack_text(text: &str, bytes: &mut Vec<u8>) {
    pack_length(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn unpack_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let length = unpack_length(bytes)?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

/// Appends seven bits of a length at a time, the lowest first.
fn pack_length(mut length: usize, bytes: &mut Vec<u8>) {
    loop {
        let [lowest, ..] = length.to_le_bytes();
        length >>= 7;
        if length == 0 {
            return bytes.push(lowest);
        }
        bytes.push(lowest | 0x80);
    }
}

fn unpack_length(bytes: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json::parse;

    fn packed(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(value, &mut bytes);
        bytes
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        let long = format!("\"{}\"", "é".repeat(100_000));
        for text in [
            "null",
            "[true,false]",
            "[1.10,1e400,1E5,-0,123456789012345678901234567890]",
            r#"{"b":1,"a":{"b":[],"":"\u0000\"é"},"$serde_json::private::Number":"1"}"#,
            "{}",
            &long,
        ] {
            let value = parse(text.as_bytes()).expect(text);
            let bytes = packed(&value);
            let mut rest = bytes.as_slice();
            let back = unpack(&mut rest).expect("a value");
            assert_eq!(back.to_string(), value.to_string());
            assert!(rest.is_empty());
        }
        // Deeper than JSON text may be.
        let deep = (0..300).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert_eq!(unpack(&mut packed(&deep).as_slice()), Some(deep));
    }

    #[test]
    fn damaged_bytes_are_no_value() {
        let value = parse(br#"{"a":[1,"two",{"three":null}]}"#).expect("a value");
        let bytes = packed(&value);
        for end in 0..bytes.len() {
            assert_eq!(unpack(&mut &bytes[..end]), None, "{end}");
        }
        assert_eq!(unpack(&mut &[LIST, 0xff, 0xff, 0xff, 0xff, 0x0f][..]), None);
        assert_eq!(unpack(&mut &[9][..]), None);
    }
}

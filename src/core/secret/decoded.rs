//! A text with its escapes undone, so that a secret is found however much of it is escaped.
//!
//! Encoders differ in the characters that they escape: JavaScript's `encodeURIComponent` leaves `!'()*`,
//! `encodeURI` also leaves `;/?:@&=+$,#`, Python's `quote` leaves `/`, and so on for HTML. Decoding
//! gives the same text for all of them.

use std::ops::Range;

/// The length of an escape such as `%2F`.
const PERCENT: usize = 3;

/// The maximum length of an entity such as `&#x10FFFF;`.
const LONGEST_ENTITY: usize = 10;

/// The named entities that encoders write.
const ENTITIES: [(&[u8], char); 5] = [
    (b"amp", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"quot", '"'),
    (b"apos", '\''),
];

/// Decoded bytes with their original positions.
pub struct Decoded {
    pub bytes: Vec<u8>,
    escapes: Vec<Escape>,
}

/// An escape that was undone.
struct Escape {
    /// Its position in the decoded bytes.
    at: usize,
    /// The number of bytes by which this escape and those before it were shortened.
    shift: usize,
}

/// An escape as it was read.
struct Read {
    /// The bytes it encodes, the first `size` of these.
    bytes: [u8; 4],
    size: usize,
    /// Its length in the encoded text.
    length: usize,
}

impl Decoded {
    /// Undoes percent-encoding and, apart from it, HTML's entities, each by one level. The result is
    /// empty if there are none.
    pub fn each(encoded: &[u8]) -> impl Iterator<Item = Self> {
        let percent = Self::new(encoded, b'%', percent);
        let entities = Self::new(encoded, b'&', entity);
        [percent, entities].into_iter().flatten()
    }

    /// Decodes the escapes that begin with a byte. `read` reads one at the start of a text.
    fn new(encoded: &[u8], first: u8, read: fn(&[u8]) -> Option<Read>) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut escapes: Vec<Escape> = Vec::new();
        let mut rest = 0;
        for at in memchr::memchr_iter(first, encoded) {
            let Some(escape) = read(&encoded[at..]) else {
                continue;
            };
            bytes.extend_from_slice(&encoded[rest..at]);
            escapes.push(Escape {
                at: bytes.len(),
                shift: at + escape.length - bytes.len() - escape.size,
            });
            bytes.extend_from_slice(&escape.bytes[..escape.size]);
            rest = at + escape.length;
        }
        if escapes.is_empty() {
            return None;
        }
        bytes.extend_from_slice(&encoded[rest..]);
        Some(Self { bytes, escapes })
    }

    /// Returns the range of the encoded text that a range of the decoded bytes came from.
    pub fn encoded(&self, range: Range<usize>) -> Range<usize> {
        self.origin(range.start)..self.origin(range.end)
    }

    fn origin(&self, at: usize) -> usize {
        let before = self.escapes.partition_point(|escape| escape.at < at);
        at + before
            .checked_sub(1)
            .map_or(0, |last| self.escapes[last].shift)
    }
}

/// Reads an escape such as `%2F`.
fn percent(text: &[u8]) -> Option<Read> {
    let byte = u8::try_from(hexadecimal(text.get(1..PERCENT)?)?).ok()?;
    Some(Read {
        bytes: [byte, 0, 0, 0],
        size: 1,
        length: PERCENT,
    })
}

/// Reads an entity such as `&amp;` or `&#x2F;`.
fn entity(text: &[u8]) -> Option<Read> {
    let mut start = text.iter().take(LONGEST_ENTITY);
    let end = start.position(|byte| *byte == b';')?;
    let character = character(&text[1..end])?;
    let mut bytes = [0; 4];
    let size = character.encode_utf8(&mut bytes).len();
    Some(Read {
        bytes,
        size,
        length: end + 1,
    })
}

/// Returns the character of an entity, given without `&` and `;`.
fn character(name: &[u8]) -> Option<char> {
    let Some(number) = name.strip_prefix(b"#") else {
        let (_, character) = ENTITIES.iter().find(|(known, _)| *known == name)?;
        return Some(*character);
    };
    let code = match number.strip_prefix(b"x").or(number.strip_prefix(b"X")) {
        Some(digits) => hexadecimal(digits)?,
        None => digits(number, 10)?,
    };
    char::from_u32(code)
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    digits(text, 16)
}

/// Reads a number of digits only.
fn digits(text: &[u8], radix: u32) -> Option<u32> {
    let mut number = 0_u32;
    for byte in text {
        let digit = char::from(*byte).to_digit(radix)?;
        number = number.checked_mul(radix)?.checked_add(digit)?;
    }
    (!text.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the piece of an encoded text that a piece of the decoded one came from.
    fn place<'e>(decoded: &Decoded, encoded: &'e str, part: &str) -> &'e str {
        let text = std::str::from_utf8(&decoded.bytes).expect("it is text");
        let start = text.find(part).expect("it stands there");
        &encoded[decoded.encoded(start..start + part.len())]
    }

    #[test]
    fn escapes_are_undone_once_and_keep_their_places() {
        let encoded = "a%2Fb%252f%zz%4%C3%A9";
        let decoded = Decoded::each(encoded.as_bytes()).next().expect("escapes");
        assert_eq!(decoded.bytes, "a/b%2f%zz%4é".as_bytes());
        for (part, from) in [
            ("a", "a"),
            ("/", "%2F"),
            ("b%2f%", "b%252f%"),
            ("4é", "4%C3%A9"),
        ] {
            assert_eq!(place(&decoded, encoded, part), from);
        }
    }

    #[test]
    fn entities_are_undone_once_and_keep_their_places() {
        let encoded = "a&amp;&#233;b&#x2f;&amp;lt;&no;&#x110000;&#; & c";
        let decoded = Decoded::each(encoded.as_bytes()).next().expect("entities");
        assert_eq!(decoded.bytes, "a&éb/&lt;&no;&#x110000;&#; & c".as_bytes());
        for (part, from) in [
            ("éb", "&#233;b"),
            ("/&lt;&no", "&#x2f;&amp;lt;&no"),
            ("& c", "& c"),
        ] {
            assert_eq!(place(&decoded, encoded, part), from);
        }
    }

    #[test]
    fn a_text_without_escapes_is_not_decoded() {
        for text in ["100% of %gg%", "a=1&b=2;", "&#x;&;&", "%", "%a"] {
            assert_eq!(Decoded::each(text.as_bytes()).count(), 0, "{text}");
        }
        assert_eq!(Decoded::each(b"%26amp;&amp;").count(), 2);
    }
}

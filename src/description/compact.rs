//! The compact text of a description: a few lines for each operation.
//!
//! ```text
//! @user {id:uuid,name:string}
//!
//! GET /user/{id} getUser User
//! =Get a user
//! /id uuid `The unique id` eg "5034460f-…"
//! ?page-token string?
//! >{a:int}
//! <@user
//! ```
//!
//! | line | meaning |
//! | --- | --- |
//! | `@name SHAPE` | a named shape, see [`schema_text`](super::schema_text) |
//! | `METHOD PATH ID TAG` | an operation; the rest of the line is the tag |
//! | `=TEXT` | the summary |
//! | `~TEXT` | it is deprecated, and what replaces it |
//! | `safe`, `loose` | it changes nothing; `-` and `_` are interchangeable in its answer |
//! | `paginate JSON` | its pagination |
//! | `decode FORMAT` | the format of its answer |
//! | `secret NAME` | a parameter, or a member of the body, whose value is secret |
//! | `/NAME SHAPE`, `?NAME SHAPE`, `^NAME SHAPE` | a parameter of the path, the query, a header field; `!` after the name if it is required; then perhaps a `` `meaning` ``, `default JSON`, `eg JSON` |
//! | `>SHAPE`, `>!SHAPE` | the body, `!` if required; before the shape perhaps `form `, `multipart `, `other `; after it `eg JSON` |
//! | `<SHAPE` | the answer |

use std::ops::Range;

use serde_json::Value;

use crate::description::Entry;
use crate::description::operation::{BodyKind, Operation, Parameter, ParameterPlace, RequestBody};
use crate::description::schema_text::{Cursor, Named};

/// A compact text whose operations are read on demand.
pub struct Compact {
    text: &'static str,
    named: Named,
    /// The entry and the lines of each operation.
    parts: Vec<(Entry, Range<usize>)>,
}

/// The sign of each place of a parameter.
pub(super) const SIGNS: [(char, ParameterPlace); 3] = [
    ('/', ParameterPlace::Path),
    ('?', ParameterPlace::Query),
    ('^', ParameterPlace::Header),
];

/// The methods that begin an operation.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Compact {
    /// Reads the names of all operations.
    ///
    /// # Errors
    ///
    /// A message with the line, if it is malformed.
    pub fn read(text: &'static str) -> Result<(Self, Vec<Entry>), String> {
        let mut compact = Self {
            text,
            named: Named::new(),
            parts: Vec::new(),
        };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let range = at..at + line.len();
            at = range.end;
            let line = line.trim_end();
            if let Some(named) = line.strip_prefix('@') {
                let (name, shape) = named.split_once(' ').ok_or_else(|| line.to_owned())?;
                let mut cursor = Cursor::new(shape);
                let schema = cursor
                    .schema(&compact.named)
                    .and_then(|schema| cursor.end().map(|()| schema))
                    .map_err(|fault| format!("{line}: {fault}"))?;
                compact.named.insert(name.to_owned(), schema);
            } else if METHODS.iter().any(|method| line.starts_with(method)) {
                let mut words = line.splitn(4, ' ');
                let (Some(method), Some(path), Some(id)) =
                    (words.next(), words.next(), words.next())
                else {
                    return Err(format!("{line}: expected METHOD PATH ID"));
                };
                let entry = Entry {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    id: id.to_owned(),
                    tag: words.next().map(str::to_owned),
                    summary: None,
                };
                compact.parts.push((entry, range.end..range.end));
            } else if let Some((entry, lines)) = compact.parts.last_mut() {
                lines.end = range.end;
                if let Some(summary) = line.strip_prefix('=') {
                    entry.summary = Some(summary.to_owned());
                }
            }
        }
        let entries = compact.parts.iter().map(|(entry, _)| entry.clone());
        let entries = entries.collect();
        Ok((compact, entries))
    }

    /// Reads an operation. Malformed lines are ignored here: a test reads all of them.
    pub fn operation(&self, index: usize) -> Operation {
        let (entry, lines) = &self.parts[index];
        let mut operation = Operation {
            method: entry.method.clone(),
            path: entry.path.clone(),
            id: entry.id.clone(),
            tag: entry.tag.clone(),
            summary: entry.summary.clone(),
            deprecated: None,
            is_safe: matches!(entry.method.as_str(), "GET" | "HEAD" | "OPTIONS"),
            has_loose_keys: false,
            paginate: None,
            decode: None,
            secrets: Vec::new(),
            parameters: Vec::new(),
            body: None,
            answer: None,
        };
        for line in self.text[lines.clone()].lines() {
            let read = read_line(line, &self.named, &mut operation);
            debug_assert!(read.is_ok(), "{}: {line}: {read:?}", entry.id);
        }
        operation
    }
}

fn read_line(line: &str, named: &Named, operation: &mut Operation) -> Result<(), String> {
    let mut characters = line.chars();
    let Some(sign) = characters.next() else {
        return Ok(());
    };
    let rest = characters.as_str();
    let place = SIGNS.iter().find(|(known, _)| *known == sign);
    if let Some((_, place)) = place {
        operation.parameters.push(parameter(rest, *place, named)?);
        return Ok(());
    }
    match sign {
        '=' | '#' => {}
        '~' => operation.deprecated = Some(rest.to_owned()),
        '>' => operation.body = Some(body(rest, named)?),
        '<' => {
            let mut cursor = Cursor::new(rest);
            operation.answer = Some(cursor.schema(named)?);
            cursor.end()?;
        }
        _ => match line.split_once(' ').unwrap_or((line, "")) {
            ("safe", "") => operation.is_safe = true,
            ("loose", "") => operation.has_loose_keys = true,
            ("secret", name) if !name.is_empty() => operation.secrets.push(name.to_owned()),
            ("decode", format) => operation.decode = Some(format.to_owned()),
            ("paginate", json) => operation.paginate = Some(value(json)?),
            _ => return Err("an unknown line".to_owned()),
        },
    }
    Ok(())
}

fn value(json: &str) -> Result<Value, String> {
    serde_json::from_str(json).map_err(|fault| fault.to_string())
}

fn parameter(text: &str, place: ParameterPlace, named: &Named) -> Result<Parameter, String> {
    let (name, rest) = text.split_once(' ').ok_or("expected NAME SHAPE")?;
    let mut cursor = Cursor::new(rest);
    let schema = cursor.schema(named)?;
    let description = cursor.description()?.map(Into::into);
    let (default, example) = (cursor.json("default ")?, cursor.json("eg ")?);
    cursor.end()?;
    let is_marked = name.ends_with('!');
    Ok(Parameter {
        place,
        name: name.strip_suffix('!').unwrap_or(name).into(),
        is_required: is_marked || place == ParameterPlace::Path,
        schema,
        description,
        default,
        example,
    })
}

fn body(text: &str, named: &Named) -> Result<RequestBody, String> {
    let (is_required, mut text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut kind = BodyKind::Json;
    for (name, known) in BodyKind::ALL {
        if let Some(rest) = text
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(' '))
        {
            (kind, text) = (known, rest);
            break;
        }
    }
    let mut cursor = Cursor::new(text);
    let schema = cursor.schema(named)?;
    let example = cursor.json("eg ")?;
    cursor.end()?;
    Ok(RequestBody {
        kind,
        is_required,
        schema,
        example,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::write;

    const TEXT: &str = "\
# A comment.
@s1 {id:uuid,name:string}

GET /user/{id} getUser User data
=Get a user
~use another
loose
paginate {\"offset\":{}}
decode text
secret id
/id uuid`The unique id` eg \"5034\"
?limit int default 20
?scope! \"all\"|\"mine\"
^X-Trace string
<@s1

POST /user/search searchUsers
safe
>!{of:@s1,query:string,*:any} eg {\"query\":\"a\"}

POST /photo upload
>multipart {file:binary}
";

    #[test]
    fn a_text_is_read_and_written_back() {
        let (compact, entries) = Compact::read(TEXT).expect("a description");
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["getUser", "searchUsers", "upload"]);
        assert_eq!(entries[0].summary.as_deref(), Some("Get a user"));
        let operations: Vec<Operation> = (0..3).map(|index| compact.operation(index)).collect();
        assert_eq!(operations[0].tag.as_deref(), Some("User data"));
        assert!(operations[0].parameters[2].is_required);
        assert!(!operations[0].parameters[1].is_required);
        assert!(operations[1].is_safe && !operations[2].is_safe);
        let written = write("# A comment.\n", &operations);
        assert_eq!(written, TEXT);
    }

    #[test]
    fn a_malformed_line_is_refused() {
        for (line, fault) in [
            ("?limit", "expected NAME SHAPE"),
            ("?limit integer", "expected a type at `integer` (byte 0)"),
            (
                ">{a:int",
                "expected `}` at `` (byte 7)".replace('7', "6").as_str(),
            ),
            (
                "paginate {",
                "EOF while parsing an object at line 1 column 1",
            ),
            ("other", "an unknown line"),
        ] {
            let (compact, _) = Compact::read("GET / root\n").expect("a description");
            let mut operation = compact.operation(0);
            let read = read_line(line, &Named::new(), &mut operation);
            assert_eq!(read, Err(fault.to_owned()), "{line}");
        }
        assert!(Compact::read("@a {b:@c}\n").is_err());
        assert!(Compact::read("GET /\n").is_err());
    }
}

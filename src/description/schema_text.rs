//! The text of a shape: `{id:uuid,status:"ok"|"bad",stopped_at?:time?,tags:{*:int},raw:{...}}`.
//!
//! | text | meaning |
//! | --- | --- |
//! | `any`, `null`, `bool`, `int`, `number` | the type |
//! | `string`, `time`, `date`, `uuid`, `url`, `binary` | a string |
//! | `"word"` | this string |
//! | `[T]` | a list |
//! | `{a:T,b?:T}` | an object; `b` may be absent |
//! | `{a:T,...}`, `{*:T}` | an object with any other members; with members whose names are data |
//! | `T?`, `T\|U` | T or null; one of several |
//! | `@name` | a named shape |
//!
//! A member can be followed by its meaning: ``id:uuid `the unique id` ``.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::description::schema::{Member, Object, Others, Schema, TextKind};

/// The maximum depth of a shape.
const DEEPEST: usize = 64;

/// Named shapes.
pub type Named = BTreeMap<String, Schema>;

/// Parses the text of a shape.
///
/// # Errors
///
/// A message with the position, if the text is malformed or names an unknown shape.
pub fn parse_schema(text: &str) -> Result<Schema, String> {
    let mut cursor = Cursor::new(text);
    let schema = cursor.schema(&Named::new())?;
    cursor.end()?;
    Ok(schema)
}

/// A position in a text.
pub struct Cursor<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Cursor<'t> {
    /// Starts at the beginning.
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn fault(&self, expected: &str) -> String {
        let rest: String = self.rest().chars().take(20).collect();
        format!("expected {expected} at `{rest}` (byte {})", self.at)
    }

    /// Skips a text if it comes next.
    pub fn accept(&mut self, expected: &str) -> bool {
        self.skip_spaces();
        let is_next = self.rest().starts_with(expected);
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        if self.accept(expected) {
            return Ok(());
        }
        Err(self.fault(&format!("`{expected}`")))
    }

    /// Fails if anything is left.
    ///
    /// # Errors
    ///
    /// A message with what is left.
    pub fn end(&mut self) -> Result<(), String> {
        self.skip_spaces();
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(self.fault("the end"))
    }

    /// Reads the name of a member or a type.
    fn word(&mut self) -> Result<&'t str, String> {
        self.skip_spaces();
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || "_-.$/".contains(c);
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.fault("a name"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    /// Reads a string in quotes, with JSON's escapes.
    fn quoted(&mut self) -> Result<String, String> {
        let start = self.at;
        if let Ok(Some(Value::String(text))) = self.json("") {
            return Ok(text);
        }
        self.at = start;
        Err(self.fault("a string"))
    }

    /// Reads a text between backticks.
    pub fn description(&mut self) -> Result<Option<String>, String> {
        if !self.accept("`") {
            return Ok(None);
        }
        let rest = self.rest();
        let end = rest.find('`').ok_or_else(|| self.fault("a backtick"))?;
        self.at += end + 1;
        Ok(Some(rest[..end].to_owned()))
    }

    /// Reads a JSON value after a word, if the word comes next.
    ///
    /// # Errors
    ///
    /// A message with the position, if what follows is not JSON.
    pub fn json(&mut self, word: &str) -> Result<Option<Value>, String> {
        if !self.accept(word) {
            return Ok(None);
        }
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
        let read = values.next();
        let length = values.byte_offset();
        match read {
            Some(Ok(value)) => {
                self.at += length;
                Ok(Some(value))
            }
            _ => Err(self.fault("JSON")),
        }
    }

    /// Reads a shape.
    ///
    /// # Errors
    ///
    /// A message with the position.
    pub fn schema(&mut self, named: &Named) -> Result<Schema, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} levels"));
        }
        let mut list = Vec::new();
        loop {
            let one = self.one(named)?;
            list.push(if self.accept("?") { one.or_null() } else { one });
            if !self.accept("|") {
                break;
            }
        }
        self.depth -= 1;
        Ok(Schema::union(list))
    }

    fn one(&mut self, named: &Named) -> Result<Schema, String> {
        self.skip_spaces();
        if self.accept("{") {
            return Ok(Schema::Object(Arc::new(self.object(named)?)));
        }
        if self.accept("[") {
            let element = self.schema(named)?;
            self.expect("]")?;
            return Ok(Schema::List(Arc::new(element)));
        }
        if self.accept("(") {
            let inner = self.schema(named)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.rest().starts_with('"') {
            return Ok(Schema::Word(self.quoted()?.into()));
        }
        if self.accept("@") {
            let name = self.word()?;
            let found = named.get(name).cloned();
            return found.ok_or_else(|| format!("no shape is named `{name}`"));
        }
        let start = self.at;
        let word = self.word()?;
        let text = TextKind::ALL.iter().find(|(name, _)| *name == word);
        Ok(match word {
            "any" => Schema::Any,
            "null" => Schema::Null,
            "bool" => Schema::Bool,
            "int" => Schema::Int,
            "number" => Schema::Number,
            _ => {
                let Some((_, kind)) = text else {
                    self.at = start;
                    return Err(self.fault("a type"));
                };
                Schema::Text(*kind)
            }
        })
    }

    fn object(&mut self, named: &Named) -> Result<Object, String> {
        let mut object = Object::default();
        while !self.accept("}") {
            if self.accept("...") {
                object.others = Others::Any;
            } else if self.accept("*") {
                self.expect(":")?;
                object.others = Others::Each(self.schema(named)?);
            } else {
                let name = if self.rest().starts_with('"') {
                    self.quoted()?
                } else {
                    self.word()?.to_owned()
                };
                let is_required = !self.accept("?");
                self.expect(":")?;
                let schema = self.schema(named)?;
                object.members.push(Member {
                    name: name.into(),
                    is_required,
                    schema,
                    description: self.description()?.map(Into::into),
                });
            }
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(object)
    }
}

/// The names of shapes that texts refer to, by the text of the shape.
pub type Abbreviations = BTreeMap<String, String>;

/// Appends the text of a shape.
pub fn write_schema(schema: &Schema, short: &Abbreviations, text: &mut String) {
    let is_object = matches!(schema, Schema::Object(_));
    if is_object
        && !short.is_empty()
        && let Some(name) = short.get(&schema.to_string())
    {
        text.push_str(&format!("@{name}"));
    } else {
        write_whole(schema, short, text);
    }
}

/// As `write_schema`, but never the name of the shape itself.
pub fn write_whole(schema: &Schema, short: &Abbreviations, text: &mut String) {
    match schema {
        Schema::Any => text.push_str("any"),
        Schema::Null => text.push_str("null"),
        Schema::Bool => text.push_str("bool"),
        Schema::Int => text.push_str("int"),
        Schema::Number => text.push_str("number"),
        Schema::Text(kind) => text.push_str(kind.name()),
        Schema::Word(word) => text.push_str(&Value::from(&**word).to_string()),
        Schema::List(element) => {
            text.push('[');
            write_schema(element, short, text);
            text.push(']');
        }
        Schema::Object(object) => write_object(object, short, text),
        Schema::Union(list) => {
            let is_nullable = list.contains(&Schema::Null);
            let others: Vec<&Schema> = list.iter().filter(|one| **one != Schema::Null).collect();
            // `?` belongs to the last alternative, which means the same.
            for (index, one) in others.iter().enumerate() {
                if index > 0 {
                    text.push('|');
                }
                write_schema(one, short, text);
            }
            if is_nullable {
                text.push_str(if others.is_empty() { "null" } else { "?" });
            }
        }
    }
}

fn write_object(object: &Object, short: &Abbreviations, text: &mut String) {
    text.push('{');
    for (index, member) in object.members.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let is_plain = !member.name.is_empty()
            && member
                .name
                .chars()
                .all(|c| c.is_alphanumeric() || "_-.$/".contains(c))
            && !member.name.starts_with("...");
        if is_plain {
            text.push_str(&member.name);
        } else {
            text.push_str(&Value::from(&*member.name).to_string());
        }
        text.push_str(if member.is_required { ":" } else { "?:" });
        write_schema(&member.schema, short, text);
        if let Some(description) = &member.description {
            text.push_str(&format!("`{}`", description.replace('`', "'")));
        }
    }
    let comma = if object.members.is_empty() { "" } else { "," };
    match &object.others {
        Others::None => {}
        Others::Any => text.push_str(&format!("{comma}...")),
        Others::Each(schema) => {
            text.push_str(&format!("{comma}*:"));
            write_schema(schema, short, text);
        }
    }
    text.push('}');
}

impl fmt::Display for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write_schema(self, &Abbreviations::new(), &mut text);
        formatter.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_and_written_back() {
        for text in [
            "any",
            "string?",
            "int|string?",
            r#""a"|"b c"?"#,
            "[[time]]",
            "{}",
            "{...}",
            "{*:int}",
            "{a:int,b?:[string],\"c d\":{e:uuid},...}",
            "{a:int,*:string?}",
            "{id:uuid`the id`,other-name?:null}",
            "[int|string?]",
        ] {
            let schema = parse_schema(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            assert_eq!(schema.to_string(), text);
        }
    }

    #[test]
    fn a_malformed_text_is_refused_with_its_place() {
        for (text, fault) in [
            ("", "expected a name at `` (byte 0)"),
            ("strin", "expected a type at `strin` (byte 0)"),
            ("{a:int", "expected `}` at `` (byte 6)"),
            ("{a int}", "expected `:` at `int}` (byte 3)"),
            ("[int", "expected `]` at `` (byte 4)"),
            ("int int", "expected the end at `int` (byte 4)"),
            ("@none", "no shape is named `none`"),
            ("\"a", "expected a string at `\"a` (byte 0)"),
        ] {
            assert_eq!(parse_schema(text), Err(fault.to_owned()), "{text}");
        }
        let deep = format!("{}int{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(parse_schema(&deep), Err("more than 64 levels".to_owned()));
    }
}

//! Samples of the shapes in `v3.yaml`, read without the program.

use serde_json::{Map, Value, json};

use super::document::UUID;

/// A value of a shape: `{id:uuid,status:"ok"|"bad",tags?:{*:int}}`.
pub fn sample(shape: &str) -> Value {
    let mut reader = Reader(shape);
    let value = reader.union();
    assert!(
        reader.0.trim().is_empty(),
        "left of `{shape}`: {}",
        reader.0
    );
    value
}

struct Reader<'s>(&'s str);

impl<'s> Reader<'s> {
    fn accept(&mut self, text: &str) -> bool {
        let rest = self.0.trim_start();
        self.0 = rest.strip_prefix(text).unwrap_or(rest);
        rest.starts_with(text)
    }

    fn word(&mut self) -> &'s str {
        let rest = self.0.trim_start();
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').expect("a closing quote");
            self.0 = &quoted[end + 1..];
            return &quoted[..end];
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"_-.$/".contains(c));
        let end = end.unwrap_or(rest.len());
        assert!(end > 0, "a word at `{rest}`");
        self.0 = &rest[end..];
        &rest[..end]
    }

    /// The first alternative.
    fn union(&mut self) -> Value {
        let first = self.one();
        self.accept("?");
        while self.accept("|") {
            self.one();
            self.accept("?");
        }
        first
    }

    fn one(&mut self) -> Value {
        if self.accept("{") {
            let mut members = Map::new();
            while !self.accept("}") {
                if self.accept("...") {
                } else if self.accept("*") {
                    assert!(self.accept(":"));
                    members.insert("any".to_owned(), self.union());
                } else {
                    let name = self.word().to_owned();
                    self.accept("?");
                    assert!(self.accept(":"));
                    members.insert(name, self.union());
                }
                self.accept(",");
            }
            return members.into();
        }
        if self.accept("[") {
            let element = self.union();
            assert!(self.accept("]"));
            return json!([element]);
        }
        let is_text = self.0.trim_start().starts_with('"');
        let word = self.word();
        match word {
            _ if is_text => json!(word),
            "any" => json!({}),
            "null" => Value::Null,
            "bool" => json!(true),
            "int" | "number" => json!(1),
            "time" => json!("2026-01-02T03:04:05Z"),
            "date" => json!("2026-01-02"),
            "uuid" => json!(UUID),
            "url" => json!("https://example.com/hook"),
            "string" | "binary" => json!("text"),
            other => panic!("no shape is `{other}`"),
        }
    }
}

//! `vars` of a query file, and the validation of their values.

use std::borrow::Cow;

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::json;
use crate::core::name;
use crate::core::time::{
    DURATION_EXAMPLE, Moment, TIME_EXAMPLE, parse_duration, parse_moment, parse_written,
};
use crate::project::query::{Bounds, Pattern, Var, VarType, seconds};
use crate::project::template::{Names, ValueTemplate};
use crate::project::{grammar, literal};
use crate::template::reserved;

/// Reads all declarations; each default can use the vars above it.
pub fn read(node: Option<&Node>, faults: &mut Diagnostics) -> Vec<Var> {
    let mut vars: Vec<Var> = Vec::new();
    let Some(node) = node else { return vars };
    let entries = node.entries("vars", faults);
    let mut names = Names::outside().with_vars([]);
    for entry in entries {
        if !check_name(entry, faults) {
            continue;
        }
        let is_declaration = matches!(&entry.value.content, Content::Map(_));
        let var = if is_declaration {
            declaration(entry, &names, faults)
        } else {
            short(entry, &names, faults)
        };
        names = names.with_var(&entry.key);
        vars.extend(var);
    }
    vars
}

/// Checks that a name can be used in templates.
pub fn check_name(entry: &Entry, faults: &mut Diagnostics) -> bool {
    if reserved::is_reserved(&entry.key) {
        let words = format!("`{}` is a reserved name in templates", entry.key);
        faults.push(Diagnostic::at(&entry.key_place, Code::ReservedName, words));
        return false;
    }
    if !name::is_identifier(&entry.key) {
        let near = entry.key.replace(['-', '.', ' '], "_");
        let words = format!("`{}` is not a valid name in templates", entry.key);
        faults.push(
            Diagnostic::at(&entry.key_place, Code::InvalidName, words)
                .maybe_help(name::is_identifier(&near).then(|| format!("write `{near}`"))),
        );
        return false;
    }
    true
}

/// Reads `name: value`, which only sets a default.
fn short(entry: &Entry, names: &Names, faults: &mut Diagnostics) -> Option<Var> {
    let kind = match &entry.value.content {
        Content::Bool(_) => VarType::Bool,
        Content::Number(number, _) if !json::number::is_whole(number) => VarType::Number,
        Content::Number(..) => VarType::Int,
        Content::List(_) => VarType::List,
        Content::Null | Content::Text(_) | Content::Map(_) => VarType::String,
    };
    Some(Var {
        name: entry.key.clone(),
        description: None,
        kind,
        default: Some(ValueTemplate::read(&entry.value, names, faults)?),
        required: false,
        choices: None,
        pattern: None,
        bounds: Bounds::default(),
        secret: false,
        example: None,
    })
}

fn declaration(entry: &Entry, names: &Names, faults: &mut Diagnostics) -> Option<Var> {
    let before = faults.len();
    let var = read_declaration(entry, names, faults);
    if entry.value.get("secret").is_some() {
        faults.conceal_since(before);
    }
    var
}

fn read_declaration(entry: &Entry, names: &Names, faults: &mut Diagnostics) -> Option<Var> {
    let before = faults.len();
    let mut fields = entry.value.fields_of(&entry.key, grammar::VAR, faults);
    let description = fields.text("description", faults);
    let type_names: Vec<&str> = VarType::ALL.iter().map(|(name, _)| *name).collect();
    let kind = fields
        .one_of("type", &type_names, faults)
        .and_then(|word| VarType::ALL.iter().find(|(name, _)| *name == word))
        .map_or(VarType::String, |(_, kind)| *kind);
    let default_entry = fields.entry("default");
    let required = fields.boolean("required", faults);
    let choices = fields.get("enum").and_then(|node| {
        let Content::List(items) = &node.content else {
            faults.push(node.mismatch("enum", "a list"));
            return None;
        };
        if items.is_empty() {
            faults.push(node.mismatch("enum", "a non-empty list"));
        }
        Some(items)
    });
    let pattern = fields.get("pattern").and_then(|node| pattern(node, faults));
    let bounds = [fields.get("min"), fields.get("max")];
    let secret = fields.boolean("secret", faults).unwrap_or(false);
    let example = fields.get("example").map(Node::to_json);
    fields.finish(faults);

    let mut var = Var {
        name: entry.key.clone(),
        description: description.map(|text| text.value.to_string()),
        kind,
        default: None,
        required: required.unwrap_or(default_entry.is_none()),
        choices: None,
        pattern,
        bounds: Bounds::default(),
        secret,
        example,
    };
    if let (Some(true), Some(default)) = (required, default_entry)
        && !default.value.is_null()
    {
        let words = format!("`{}` is required and has a default", entry.key);
        faults.push(Diagnostic::at(
            &default.key_place,
            Code::RequiredDefault,
            words,
        ));
    }
    // Bounds and choices come first, so that the default can be checked against them.
    var.bounds = Bounds::read(bounds, kind, &|value| var.typed(value, None), faults);
    if let Some(items) = choices {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let raw = item.to_json();
            match var.accept_choice(&raw) {
                // A time or a duration is chosen by its text, not by its value.
                Ok(_) if var.is_chosen_by_words() => values.push(raw),
                Ok(value) => values.push(value),
                Err(words) => faults.push(Diagnostic::at(&item.place, Code::VarType, words)),
            }
        }
        var.choices = Some(values);
    }
    if let Some(default) = default_entry {
        set_default(&mut var, &default.value, names, faults);
    }
    if let Some(example) = &var.example
        && let Err(words) = var.accept(example, None)
    {
        faults.push(Diagnostic::at(
            &entry.value.place,
            Code::VarType,
            format!("the example: {words}"),
        ));
    }
    (faults.len() == before).then_some(var)
}

/// Sets the default of a var, which can use `names`.
pub fn set_default(var: &mut Var, node: &Node, names: &Names, faults: &mut Diagnostics) {
    // `default: 1.10` of a string is `1.10`, as written.
    let node = match (&node.content, var.kind) {
        (Content::Number(_, raw), VarType::String) => Node {
            place: node.place.clone(),
            content: Content::Text(raw.clone()),
        },
        _ => node.clone(),
    };
    var.default = ValueTemplate::read(&node, names, faults);
    check_default(var, &node, faults);
}

/// Checks a constant default against the declaration.
fn check_default(var: &Var, node: &Node, faults: &mut Diagnostics) {
    let Some(default) = &var.default else { return };
    if node.is_null() {
        return;
    }
    if var.secret {
        if literal::is_literal(&default.templates()) {
            faults.push(literal::literal(node));
        }
        return;
    }
    if !default.is_constant() {
        return;
    }
    if let Err(words) = var.accept(&node.to_json(), None) {
        faults.push(Diagnostic::at(&node.place, Code::VarType, words));
    }
}

fn pattern(node: &Node, faults: &mut Diagnostics) -> Option<Pattern> {
    let text = node.text("pattern", faults)?;
    match Regex::new(&format!("^(?:{})$", text.value)) {
        Ok(regex) => Some(Pattern {
            source: text.value.to_string(),
            regex,
        }),
        Err(error) => {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or(&words);
            let last = last.strip_prefix("error: ").unwrap_or(last);
            faults.push(Diagnostic::at(
                &node.place,
                Code::Pattern,
                format!("`pattern` is not a regular expression: {last}"),
            ));
            None
        }
    }
}

impl Var {
    /// Parses a value typed by the user.
    ///
    /// # Errors
    ///
    /// A message, if the text does not match the declaration. It repeats the value unless it is
    /// secret.
    pub fn parse(&self, text: &str, now: Timestamp) -> Result<Value, String> {
        let wrong = |expected: &str| self.wrong(expected, &Value::from(text));
        let value = match self.kind {
            VarType::Int => {
                let text = text.trim();
                let negative = text.parse::<i64>().map(Value::from);
                negative
                    .ok()
                    .or_else(|| {
                        let number = json::number::from_text(text);
                        number.filter(json::number::is_whole).map(Value::Number)
                    })
                    .ok_or_else(|| wrong("an integer"))?
            }
            VarType::Number => {
                let number = json::number::from_text(text.trim());
                Value::Number(number.ok_or_else(|| wrong("a number"))?)
            }
            VarType::Bool => match text.trim() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return Err(wrong("`true` or `false`")),
            },
            VarType::List if text.trim_start().starts_with('[') => json::parse(text.as_bytes())
                .map_err(|_| wrong("a list such as `a,b` or `[\"a\"]`"))?,
            VarType::List if text.is_empty() => Value::Array(Vec::new()),
            VarType::List => text
                .split(',')
                .map(|item| Value::from(item.trim()))
                .collect(),
            VarType::String | VarType::Time | VarType::Duration => Value::from(text),
            VarType::Json => json::parse(text.as_bytes())
                .map_err(|error| format!("{} ({error})", wrong("JSON")))?,
        };
        self.accept(&value, Some(now))
    }

    /// Validates a JSON value against the declaration and converts it to its form in templates.
    ///
    /// Without `now`, a relative time is only validated.
    ///
    /// # Errors
    ///
    /// As [`Var::parse`].
    pub fn accept(&self, value: &Value, now: Option<Timestamp>) -> Result<Value, String> {
        if value.is_null() {
            return if self.required {
                Err(format!("`{}` is required, got null", self.name))
            } else {
                Ok(Value::Null)
            };
        }
        let raw = value;
        let value = self.typed(raw, now)?;
        if !self.bounds.hold(&value) {
            return Err(self.wrong(&self.bounds.expected(self.kind), raw));
        }
        match &value {
            // In a list, each item is a choice.
            Value::Array(items) if self.kind == VarType::List => {
                for item in items {
                    self.check_choice(item)?;
                }
            }
            _ if self.is_chosen_by_words() => self.check_choice(raw)?,
            _ => self.check_choice(&value)?,
        }
        Ok(value)
    }

    /// Reads one of the choices; for a list, one item.
    fn accept_choice(&self, value: &Value) -> Result<Value, String> {
        if self.kind != VarType::List {
            return self.accept(value, None);
        }
        if value.is_array() || value.is_object() || value.is_null() {
            return Err(format!(
                "`enum` of the list `{}` takes its allowed items, got {}",
                self.name,
                json::kind(value)
            ));
        }
        self.check_choice(value)?;
        Ok(value.clone())
    }

    /// Checks a value against the choices and the pattern.
    fn check_choice(&self, held: &Value) -> Result<(), String> {
        let of_list = if self.kind == VarType::List {
            "a list of "
        } else {
            ""
        };
        if let Some(choices) = &self.choices
            && !choices.iter().any(|choice| json::equal(choice, held))
        {
            let plain: Vec<String> = choices.iter().map(json::plain).collect();
            let words = self.wrong(&format!("{of_list}{}", name::one_of(&plain)), held);
            let near = held
                .as_str()
                .and_then(|text| name::nearest(text, plain.iter().map(String::as_str)));
            return Err(match near {
                Some(near) if !self.secret => format!("{words}; did you mean `{near}`?"),
                _ => words,
            });
        }
        if let Some(pattern) = &self.pattern
            && !pattern.regex.is_match(&json::plain(held))
        {
            let expected = if of_list.is_empty() {
                format!("a value that fully matches `{}`", pattern.source)
            } else {
                format!("a list of items that fully match `{}`", pattern.source)
            };
            return Err(self.wrong(&expected, held));
        }
        Ok(())
    }

    fn is_chosen_by_words(&self) -> bool {
        matches!(self.kind, VarType::Time | VarType::Duration)
    }

    fn typed(&self, value: &Value, now: Option<Timestamp>) -> Result<Value, String> {
        let wrong = |expected: &str| Err(self.wrong(expected, value));
        match (self.kind, value) {
            (VarType::String, Value::String(_))
            | (VarType::Number, Value::Number(_))
            | (VarType::Bool, Value::Bool(_))
            | (VarType::List, Value::Array(_))
            | (VarType::Json, _) => Ok(value.clone()),
            // A default may compute a number for a string.
            (VarType::String, Value::Number(number)) => Ok(Value::from(number.as_str())),
            (VarType::String, _) => wrong("a string"),
            (VarType::Int, Value::Number(number)) if json::number::is_whole(number) => {
                Ok(value.clone())
            }
            (VarType::Int, _) => wrong("an integer"),
            (VarType::Number, _) => wrong("a number"),
            (VarType::Bool, _) => wrong("`true` or `false`"),
            (VarType::List, _) => wrong("a list"),
            (VarType::Time, Value::String(text)) => {
                let base = now.unwrap_or(Timestamp::UNIX_EPOCH);
                match parse_moment(text, base) {
                    Some(time) if now.is_some() => Ok(Value::from(whole(time, text).to_string())),
                    Some(_) => Ok(value.clone()),
                    // Without a clock, a relative time may seem to be before 1970.
                    None if now.is_none() && parse_duration(text).is_some() => Ok(value.clone()),
                    None => wrong(TIME_EXAMPLE),
                }
            }
            (VarType::Time, _) => wrong(TIME_EXAMPLE),
            (VarType::Duration, Value::String(text)) => match parse_duration(text) {
                Some(duration) => Ok(seconds(duration)),
                None => wrong(DURATION_EXAMPLE),
            },
            // The value of a default that uses another duration.
            (VarType::Duration, Value::Number(number)) if number.as_f64() >= Some(0.0) => {
                if now.is_some() {
                    Ok(value.clone())
                } else {
                    wrong(DURATION_EXAMPLE)
                }
            }
            (VarType::Duration, _) => wrong(DURATION_EXAMPLE),
        }
    }

    fn wrong(&self, expected: &str, value: &Value) -> String {
        let got: Cow<'_, str> = if self.secret {
            "another value".into()
        } else {
            let text = json::plain(value);
            if text.chars().count() > 60 {
                json::kind(value).into()
            } else {
                format!("`{text}`").into()
            }
        };
        format!("`{}` takes {expected}, got {got}", self.name)
    }
}

/// Truncates a relative time to seconds, since nobody means its fraction.
fn whole(moment: Moment, text: &str) -> Moment {
    if parse_written(text).is_some() {
        return moment;
    }
    let seconds = moment.since_1970().as_secs();
    Moment::from_milliseconds(seconds * 1000).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::source::SourceFile;
    use crate::project::yaml;

    fn var(declaration: &str) -> Var {
        let file = SourceFile::new("q.yaml", "q.yaml", format!("x: {declaration}\n"));
        let mut faults = Diagnostics::new();
        let node = yaml::parse(&file, &mut faults).expect("YAML");
        let mut vars = read(Some(&node), &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        vars.remove(0)
    }

    fn parse(declaration: &str, text: &str) -> Result<Value, String> {
        let now = "2026-11-02T09:30:00Z".parse().expect("a fixed time");
        var(declaration).parse(text, now)
    }

    #[test]
    fn what_is_typed_becomes_what_is_declared() {
        for (declaration, text, value) in [
            ("{}", "007", json!("007")),
            ("{}", "", json!("")),
            ("{type: int}", "25", json!(25)),
            ("{type: int}", "-9223372036854775808", json!(i64::MIN)),
            ("{type: number}", "0.5", json!(0.5)),
            ("{type: bool}", "true", json!(true)),
            ("{type: list}", "a, b", json!(["a", "b"])),
            ("{type: list}", "[1, \"a,b\"]", json!([1, "a,b"])),
            ("{type: list}", "", json!([])),
            ("{type: time}", "7d", json!("2026-10-26T09:30:00Z")),
            ("{type: duration}", "1h30m", json!(5400)),
            ("{type: json}", "{\"a\": null}", json!({"a": null})),
            ("5", "7", json!(7)),
            ("{enum: [a, b]}", "b", json!("b")),
            ("{pattern: '[a-z]+'}", "abc", json!("abc")),
        ] {
            assert_eq!(parse(declaration, text), Ok(value), "{declaration} {text}");
        }
    }

    #[test]
    fn what_does_not_suit_is_refused_with_what_would() {
        for (declaration, text, words) in [
            ("{type: int}", "1.5", "`x` takes an integer, got `1.5`"),
            (
                "{type: bool}",
                "yes",
                "`x` takes `true` or `false`, got `yes`",
            ),
            (
                "{enum: [main, dev]}",
                "mian",
                "`x` takes `main` or `dev`, got `mian`; did you mean `main`?",
            ),
            (
                "{pattern: '[a-z]+'}",
                "abc1",
                "`x` takes a value that fully matches `[a-z]+`, got `abc1`",
            ),
            (
                "{type: int, secret: true}",
                "abc",
                "`x` takes an integer, got another value",
            ),
        ] {
            assert_eq!(parse(declaration, text), Err(words.to_owned()));
        }
        parse("{type: time}", "someday").expect_err("not a time");
        parse("{type: duration}", "30").expect_err("no unit");
    }

    #[test]
    fn a_var_without_a_default_is_required() {
        assert!(var("{}").required);
        assert!(!var("{default: null}").required);
        assert!(!var("~").required);
        assert!(!var("{required: false}").required);
        assert!(!var("main").required);
    }
}

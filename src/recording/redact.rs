//! Hides values in recordings, by value.
//!
//! A rule selects values in JSON bodies. Such a value is replaced wherever it occurs: in bodies, in
//! the paths and parameters of requests, in header fields. So a replayed query, which reads the
//! replacement, asks for what was recorded under it.
//!
//! | value | hidden | alias |
//! | --- | --- | --- |
//! | text | `hidden` | `alias-1`, `alias-2`, … in the order of their first occurrence |
//! | number | `0` | `1000001`, `1000002`, … |
//! | boolean | `false`, only where selected | unchanged |
//! | null, empty text | unchanged | unchanged |
//! | address with a query | `hidden` | the address with `?alias-1` as its query, so that it can be followed |
//!
//! Of an object or a list, all scalars are replaced. A text is replaced as a whole value; from six
//! characters on, also inside of longer ones. Numbers below 1000 are too common to be replaced
//! wherever they occur: only where they are selected, and as segments of a path.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Number, Value};
use url::Url;

use crate::core::json::number;
use crate::core::percent;
use crate::recording::needles::Needles;
use crate::recording::{Content, Recorded, Redaction};
use crate::template::selector::Selector;

/// The replacement of a hidden text.
pub const HIDDEN: &str = "hidden";

/// From this length on, a text is replaced inside of longer ones.
const LONG: usize = 6;

/// Numbers with fewer digits are only replaced where they are selected.
const DIGITS: usize = 4;

/// The number before the first alias of a number.
pub(super) const BEFORE_FIRST: u64 = 1_000_000;

/// A rule of a resource: `redact: [{path: $..email, as: alias}]`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The values.
    pub selector: Selector,
    /// Their replacement.
    pub action: Redaction,
}

/// The rules of a recording with the values found so far. The same value has the same replacement
/// in all exchanges.
#[derive(Debug, Default)]
pub struct Redactions {
    rules: Vec<Rule>,
    /// Text of a value → replacement.
    known: HashMap<String, Replacement>,
    /// Parameters of aliased addresses → address before them, alias.
    queries: HashMap<String, Vec<(String, String)>>,
    needles: Needles,
    aliases: u64,
    numbers: u64,
}

#[derive(Debug, Clone)]
struct Replacement {
    text: String,
    /// Of a value that was found as a number.
    number: Option<Number>,
    /// True for numbers that are replaced only where they are selected.
    is_common: bool,
}

/// A value found by a rule, before it has a replacement.
struct FoundValue {
    text: String,
    is_number: bool,
    action: Redaction,
}

impl Redactions {
    /// Creates the redactions of some rules, without values.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Returns true if a value was found, and so replaced.
    pub fn is_used(&self) -> bool {
        !self.known.is_empty() || !self.queries.is_empty()
    }

    /// Finds the values of the rules in all exchanges, and replaces them.
    pub fn apply(&mut self, exchanges: &mut [Recorded]) {
        if self.rules.is_empty() {
            return;
        }
        self.learn(exchanges);
        for recorded in exchanges {
            self.exchange(recorded);
        }
    }

    /// Finds the values in all bodies and chooses their replacements.
    fn learn(&mut self, exchanges: &[Recorded]) {
        let mut found: Vec<FoundValue> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for recorded in exchanges {
            for content in [&recorded.ask.sent, &recorded.answer.body] {
                let Content::Json(body) = content else {
                    continue;
                };
                for rule in &self.rules {
                    for node in rule.selector.select(body) {
                        collect(node, rule.action, &mut found, &mut places);
                    }
                }
            }
        }
        let mut addresses = Vec::new();
        for value in found {
            if self.known.contains_key(&value.text) {
                continue;
            }
            let is_address = value.action == Redaction::Alias && address(&value.text).is_some();
            let text = value.text.clone();
            let replacement = self.choose(&value);
            if is_address {
                addresses.push((text, replacement));
            } else {
                self.add(&text, &replacement, value.is_number);
            }
        }
        self.needles.build();
        // The path of an address may contain another value.
        for (text, replacement) in addresses {
            let Some((before, query)) = address(&text) else {
                continue;
            };
            let name = replacement.text;
            let text_with_name = format!("{}?{name}", self.path(before));
            let queries = self.queries.entry(query.to_owned()).or_default();
            queries.push((before.to_owned(), name));
            let replacement = Replacement {
                text: text_with_name,
                ..replacement
            };
            for spelling in spellings(&text) {
                self.add(&spelling, &replacement, false);
            }
        }
        self.needles.build();
    }

    /// Chooses the replacement of a new value.
    fn choose(&mut self, value: &FoundValue) -> Replacement {
        let is_common = value.is_number && value.text.trim_start_matches('-').len() < DIGITS;
        let text = match (value.action, value.is_number) {
            (Redaction::Hide, false) => HIDDEN.to_owned(),
            (Redaction::Hide, true) => "0".to_owned(),
            (Redaction::Alias, true) => {
                self.numbers += 1;
                (BEFORE_FIRST + self.numbers).to_string()
            }
            (Redaction::Alias, false) => {
                self.aliases += 1;
                format!("alias-{}", self.aliases)
            }
        };
        let number = value.is_number.then(|| number::from_text(&text)).flatten();
        Replacement {
            text,
            number,
            is_common,
        }
    }

    fn add(&mut self, text: &str, replacement: &Replacement, is_number: bool) {
        if text.len() >= LONG {
            self.needles.add(text, &replacement.text, is_number);
        }
        self.known.insert(text.to_owned(), replacement.clone());
    }

    fn exchange(&self, recorded: &mut Recorded) {
        recorded.ask.target = self.target(&recorded.ask.target);
        self.content(&mut recorded.ask.sent);
        self.content(&mut recorded.answer.body);
        for (name, value) in &mut recorded.answer.headers {
            *value = if name.eq_ignore_ascii_case("link") {
                self.links(value)
            } else {
                self.text(value)
            };
        }
        if let Some(item) = &mut recorded.of.item {
            let words: Vec<String> = item.split(' ').map(|word| self.text(word)).collect();
            *item = self.text(&words.join(" "));
        }
    }

    fn content(&self, content: &mut Content) {
        match content {
            Content::Json(body) => {
                let mut selected = HashMap::new();
                for rule in &self.rules {
                    for node in rule.selector.select(body) {
                        let action = selected.entry(address_of(node)).or_insert(rule.action);
                        *action = action.or(rule.action);
                    }
                }
                self.replace(body, &selected, None);
            }
            Content::Text(text) => {
                // The data of a form is that of a query.
                let is_form = text.contains('=') && !text.contains(char::is_whitespace);
                *text = if is_form {
                    self.query(text)
                } else {
                    self.needles.replace(text)
                };
            }
            Content::Empty | Content::Bytes(_) => {}
        }
    }

    /// Replaces the known values in a JSON value, such as a var of a replayed run.
    pub fn value(&self, value: &mut Value) {
        self.replace(value, &HashMap::new(), None);
    }

    fn replace(
        &self,
        value: &mut Value,
        selected: &HashMap<usize, Redaction>,
        around: Option<Redaction>,
    ) {
        let own = selected.get(&address_of(value)).copied();
        let action = around.map_or(own, |around| Some(around.or(own.unwrap_or(around))));
        match value {
            Value::Null => {}
            Value::Bool(flag) => *flag &= action != Some(Redaction::Hide),
            Value::Number(number) => {
                let known = self.known.get(number::canonical(number).as_ref());
                if let Some(known) = known
                    && (action.is_some() || !known.is_common)
                    && let Some(replacement) = &known.number
                {
                    *number = replacement.clone();
                }
            }
            Value::String(text) => {
                *text = match self.known.get(text.as_str()) {
                    Some(known) if action.is_some() => known.text.clone(),
                    _ => self.text(text),
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.replace(item, selected, action);
                }
            }
            Value::Object(members) => {
                for member in members.values_mut() {
                    self.replace(member, selected, action);
                }
                if members.keys().any(|key| self.text(key) != *key) {
                    let renamed = std::mem::take(members);
                    for (key, member) in renamed {
                        let mut name = self.text(&key);
                        let mut number = 2;
                        // Two hidden names must not become one member.
                        while members.contains_key(&name) {
                            name = format!("{}-{number}", self.text(&key));
                            number += 1;
                        }
                        members.insert(name, member);
                    }
                }
            }
        }
    }

    /// Replaces the known values in a text: the whole text, or long values inside of it.
    pub fn text(&self, text: &str) -> String {
        match self.known.get(text) {
            Some(known) if !known.is_common => known.text.clone(),
            // A query may follow it.
            _ if is_path(text) => self.target(text),
            _ => self.needles.replace(text),
        }
    }

    /// Replaces the known values in the target of a request, percent-encoded or not.
    pub fn target(&self, target: &str) -> String {
        if let Some(known) = self.known.get(target) {
            return known.text.clone();
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let new_path = self.path(path);
        let Some(query) = query else {
            return new_path;
        };
        // The target may be an aliased address below the base URL.
        let same_query = self.queries.get(query).into_iter().flatten();
        if let Some((_, name)) = same_query
            .into_iter()
            .find(|(before, _)| before.ends_with(path))
        {
            return format!("{new_path}?{name}");
        }
        format!("{new_path}?{}", self.query(query))
    }

    fn path(&self, path: &str) -> String {
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| self.part(segment, false))
            .collect();
        self.needles.replace(&segments.join("/"))
    }

    fn query(&self, query: &str) -> String {
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => {
                    format!("{}={}", self.part(name, true), self.part(value, true))
                }
                None => self.part(pair, true),
            })
            .collect();
        pairs.join("&")
    }

    /// Replaces the known values in a segment or parameter; without one, it stays as it is.
    fn part(&self, part: &str, is_param: bool) -> String {
        let decoded = if is_param {
            percent::decode(&part.replace('+', " "))
        } else {
            percent::decode(part)
        };
        let new = match self.known.get(&decoded) {
            Some(known) if !known.is_common || !is_param => known.text.clone(),
            _ => self.needles.replace(&decoded),
        };
        if new == decoded {
            part.to_owned()
        } else {
            percent::encode(&new)
        }
    }

    /// Replaces the known values in the targets of a `Link` field.
    fn links(&self, field: &str) -> String {
        let mut text = String::with_capacity(field.len());
        let mut rest = field;
        while let Some(Range { start, end }) = link(rest) {
            text.push_str(&self.needles.replace(&rest[..start]));
            text.push_str(&self.target(&rest[start..end]));
            rest = &rest[end..];
        }
        text.push_str(&self.needles.replace(rest));
        text
    }
}

/// Returns the bytes of the first target between `<` and `>`.
fn link(field: &str) -> Option<Range<usize>> {
    let start = field.find('<')? + 1;
    let end = start + field[start..].find('>')?;
    Some(start..end)
}

/// Returns a number that identifies a value as long as it is not moved.
fn address_of(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

/// Adds all scalars of a value. Hiding is stronger than an alias.
fn collect(
    value: &Value,
    action: Redaction,
    found: &mut Vec<FoundValue>,
    places: &mut HashMap<String, usize>,
) {
    let (text, is_number) = match value {
        Value::Null | Value::Bool(_) => return,
        Value::Array(items) => {
            for item in items {
                collect(item, action, found, places);
            }
            return;
        }
        Value::Object(members) => {
            for member in members.values() {
                collect(member, action, found, places);
            }
            return;
        }
        Value::String(text) if text.is_empty() => return,
        Value::String(text) => (text.clone(), false),
        Value::Number(number) => (number::canonical(number).into_owned(), true),
    };
    let place = *places.entry(text.clone()).or_insert(found.len());
    match found.get_mut(place) {
        Some(known) => {
            known.is_number |= is_number;
            if action == Redaction::Hide {
                known.action = action;
            }
        }
        None => found.push(FoundValue {
            text,
            is_number,
            action,
        }),
    }
}

/// Returns the address without its query, and the query, of an address that has one.
fn address(text: &str) -> Option<(&str, &str)> {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    let (before, query) = text.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    (is_address && !query.is_empty() && !before.contains('#')).then_some((before, query))
}

/// Returns true for a text that may be an address or a path.
fn is_path(text: &str) -> bool {
    let is_start = ["/", "http://", "https://"]
        .iter()
        .any(|start| text.starts_with(start));
    is_start && !text.contains(char::is_whitespace)
}

/// Returns the spellings of a value: an address is normalized before it is followed.
fn spellings(text: &str) -> Vec<String> {
    let mut spellings = vec![text.to_owned()];
    if address(text).is_some()
        && let Ok(mut url) = Url::parse(text)
    {
        url.set_fragment(None);
        spellings.push(url.into());
        spellings.dedup();
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::recording::tests::reading;
    use crate::recording::write::text;

    fn rules(rules: &[(&str, Redaction)]) -> Redactions {
        let rule = |(path, action): &(&str, Redaction)| Rule {
            selector: Selector::parse(path).expect("a path"),
            action: *action,
        };
        Redactions::new(rules.iter().map(rule).collect())
    }

    fn redacted(source: &str, redactions: &mut Redactions) -> String {
        let mut recording = reading(&format!("--- # runner answers 1\n{source}"));
        redactions.apply(&mut recording.exchanges);
        text(&Recording {
            exchanges: recording.exchanges,
            ..Recording::default()
        })
    }

    #[test]
    fn values_are_replaced_wherever_they_occur() {
        let source = r#"ask: GET /users?mail=jo%2bx%40acme.example&sort=jo
of: { query: users, item: user jo }
headers: { link: "</users/jo?mail=jo%2Bx@acme.example&page=2>; rel=\"next\"" }
body: { "items": [{ "login": "jo", "email": "jo+x@acme.example", "id": 1233672, "seat": 7, "admin": true }, { "login": "amelie", "email": null, "id": 5, "seat": 7, "admin": true }] }
---
ask: GET /users/jo/jobs/1233672/7/5?page=7
body: { "login": "jo", "number": 1233672, "size": 7, "text": "by jo+x@acme.example, #1233672, not 12336720", "jo+x@acme.example": 1, "url": "https://x.example/jo%2Bx%40acme.example" }
---
ask: POST /notes
sent: { "to": "jo+x@acme.example", "login": "amelie" }
text: "id,mail\n1233672,jo+x@acme.example\n"
---
ask: POST /form
sent_text: "login=jo&mail=jo%2Bx%40acme.example"
"#;
        let mut redactions = rules(&[
            ("$..email", Redaction::Hide),
            ("$..login", Redaction::Alias),
            ("$..id", Redaction::Alias),
            ("$..['seat','admin']", Redaction::Hide),
        ]);
        insta::assert_snapshot!(redacted(source, &mut redactions), @r#"
        --- # runner answers 1
        ask: GET /users?mail=hidden&sort=alias-1
        of: { query: users, item: user alias-1 }
        status: 200
        headers: { link: "</users/alias-1?mail=hidden&page=2>; rel=\"next\"" }
        body:
          { "items": [
              { "login": "alias-1", "email": "hidden", "id": 1000001, "seat": 0, "admin": false },
              { "login": "alias-2", "email": null, "id": 1000002, "seat": 0, "admin": false }
            ]
          }
        ---
        ask: GET /users/alias-1/jobs/1000001/0/1000002?page=7
        status: 200
        body:
          { "login": "alias-1",
            "number": 1000001,
            "size": 7,
            "text": "by hidden, #1000001, not 12336720",
            "hidden": 1,
            "url": "https://x.example/hidden"
          }
        ---
        ask: POST /notes
        sent: { "to": "hidden", "login": "alias-2" }
        status: 200
        text: |
          id,mail
          1000001,hidden
        ---
        ask: POST /form
        sent_text: "login=alias-1&mail=hidden"
        status: 200
        "#);
        assert_eq!(redactions.text("amelie"), "alias-2");
        assert_eq!(redactions.target("/users/amelie"), "/users/alias-2");
        let mut var = serde_json::json!({ "login": "jo", "seat": 7 });
        redactions.value(&mut var);
        assert_eq!(var.to_string(), r#"{"login":"alias-1","seat":7}"#);
    }

    #[test]
    fn an_aliased_address_can_still_be_followed() {
        let source = r#"ask: GET /job/1/artifacts
body: { "items": [{ "path": "jo.smith/log.txt", "url": "https://S3.example/b/jo.smith/log.txt?X-Amz-Signature=abc&x=1" }, { "path": "b", "url": "https://api.example/v2/raw/b?sig=xyz" }, { "path": "c", "url": "https://api.example/v2/raw/c" }] }
---
ask: GET https://s3.example/b/jo.smith/log.txt?X-Amz-Signature=abc&x=1
text: "log"
---
ask: GET /raw/b?sig=xyz
text: "log"
---
ask: GET /raw/alias?sig=xyz
"#;
        let mut redactions = rules(&[("$..url", Redaction::Alias), ("$..path", Redaction::Alias)]);
        insta::assert_snapshot!(redacted(source, &mut redactions), @r#"
        --- # runner answers 1
        ask: GET /job/1/artifacts
        status: 200
        body:
          { "items": [
              { "path": "alias-4", "url": "https://S3.example/alias-5/alias-4?alias-1" },
              { "path": "alias-5", "url": "https://api.example/v2/raw/alias-5?alias-2" },
              { "path": "alias-6", "url": "alias-3" }
            ]
          }
        ---
        ask: GET https://S3.example/alias-5/alias-4?alias-1
        status: 200
        text: "log"
        ---
        ask: GET /raw/alias-5?alias-2
        status: 200
        text: "log"
        ---
        ask: GET /raw/alias?sig=xyz
        status: 200
        "#);
    }

    #[test]
    fn scalars_inside_of_a_selected_value_are_replaced() {
        let source = "ask: GET /a\nbody: { \"actor\": { \"name\": \"Jo\", \"tags\": [\"x\", 1.50, false, null, \"\"] } }\n";
        let mut redactions = rules(&[("$.actor", Redaction::Hide)]);
        let expected =
            r#"{ "actor": { "name": "hidden", "tags": ["hidden", 0, false, null, ""] } }"#;
        assert!(redacted(source, &mut redactions).contains(expected));
        let mut redactions = rules(&[
            ("$.actor", Redaction::Alias),
            ("$.actor.name", Redaction::Hide),
        ]);
        let expected =
            r#"{ "actor": { "name": "hidden", "tags": ["alias-1", 1000001, false, null, ""] } }"#;
        let text = redacted(source, &mut redactions);
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn later_exchanges_have_the_same_aliases() {
        let mut redactions = rules(&[("$.name", Redaction::Alias)]);
        redacted(
            "ask: GET /a\nbody: { \"name\": \"first\" }\n",
            &mut redactions,
        );
        let text = redacted(
            "ask: GET /first/second\nbody: { \"name\": \"second\", \"by\": \"first\" }\n",
            &mut redactions,
        );
        assert!(text.contains("/alias-1/alias-2"), "{text}");
        assert!(
            text.contains(r#"{ "name": "alias-2", "by": "alias-1" }"#),
            "{text}"
        );
    }
}

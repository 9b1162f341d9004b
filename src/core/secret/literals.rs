//! Finds values in a user's file that look like secrets, so that no diagnostic repeats them.
//!
//! The text is read line by line and not as YAML: it may not be valid YAML, and an unknown key
//! (`token:` at the top of a resource) has a value all the same.

use std::collections::BTreeSet;

use crate::core::secret::mixed::{holds_template, template_length, words_beside_templates};
use crate::core::secret::{Scrubber, Secret, holds_token, is_secret_param};

/// Keys whose values are secret although their names do not suggest it.
const SECRET_KEYS: [&str; 1] = ["basic"];

/// Keys below a secret key whose values are not secret: those of `auth` and of var declarations.
const OPEN_KEYS: [&str; 25] = [
    "algorithm",
    "client_id",
    "command",
    "description",
    "encoding",
    "enum",
    "form",
    "header",
    "headers",
    "in",
    "key_encoding",
    "max",
    "min",
    "name",
    "over",
    "pattern",
    "prefix",
    "query",
    "required",
    "scheme",
    "scope",
    "secret",
    "token_url",
    "type",
    "username",
];

/// Values with another meaning.
const WORDS: [&str; 8] = ["none", "null", "~", "true", "false", "yes", "no", "|"];

/// From this length on, a run of letters and digits is not a word.
const RANDOM: usize = 20;

/// Values in a text that look like secrets.
#[derive(Debug, Clone, Default)]
pub struct Literals {
    /// The lines that contain one, from 0.
    lines: BTreeSet<usize>,
    values: Scrubber,
}

impl Literals {
    /// Searches a text.
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        // The indentation of each enclosing key, with true if the key is secret.
        let mut above: Vec<(usize, bool)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let content = line.trim_start_matches([' ', '-']);
            if content.trim().is_empty() {
                continue;
            }
            let indent = line.len() - content.len();
            above.retain(|(key, _)| *key < indent);
            let is_below_secret = above.iter().any(|(_, is_secret)| *is_secret);
            for value in values(content, is_below_secret) {
                found.add(number, value);
            }
            if let Some((key, rest)) = pair(content)
                && goes_on(rest.trim())
            {
                above.push((indent, is_secret_key(key)));
            }
        }
        found
    }

    /// Searches a message, which has no keys, for tokens.
    pub fn of_message(words: &str) -> Self {
        let mut found = Self::default();
        for token in tokens(words) {
            found.add(0, token);
        }
        found
    }

    /// Returns true if a line, counted from 0, contains such a value.
    pub fn is_in_line(&self, line: usize) -> bool {
        self.lines.contains(&line)
    }

    /// Returns true if no such value was found.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns a scrubber for the values.
    pub fn values(&self) -> &Scrubber {
        &self.values
    }

    fn add(&mut self, line: usize, value: &str) {
        self.lines.insert(line);
        self.values.add(&Secret::new(value));
        // `Bearer abcdef`: a message may show either part.
        for word in value.split_whitespace().filter(|word| word.len() >= 8) {
            self.values.add(&Secret::new(word));
        }
    }
}

/// Returns the values in a line that look like secrets.
fn values(line: &str, is_below_secret: bool) -> Vec<&str> {
    let mut found: Vec<&str> = tokens(line)
        .chain(words(line).filter_map(param_of))
        .collect();
    if is_below_secret && pair(line).is_none() {
        found.extend(literals(line));
    }
    let mut rest = line;
    // The length of what follows the braces of a secret key: its members are secret, too.
    let mut after_secret = line.len();
    while let Some((key, after)) = pair(rest) {
        let is_below = is_below_secret || after.len() > after_secret;
        let is_secret = is_secret_key(key) || (is_below && !OPEN_KEYS.contains(&key.trim()));
        if is_secret {
            found.extend(literals(after));
            if after.trim_start().starts_with('{') {
                after_secret = after_secret.min(after_braces(after).len());
            }
        }
        rest = after;
    }
    found
}

/// Returns true if the value after a key continues on the next lines.
fn goes_on(value: &str) -> bool {
    let is_open = |open: char, close: char| {
        value.starts_with(open) && value.matches(open).count() > value.matches(close).count()
    };
    value.is_empty()
        || value.starts_with(['|', '>', '&', '#'])
        || is_open('[', ']')
        || is_open('{', '}')
        || ['"', '\'']
            .iter()
            .any(|quote| value.starts_with(*quote) && value.matches(*quote).count() == 1)
}

/// Returns the text after the braces at its start.
fn after_braces(text: &str) -> &str {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return &text[at + 1..],
            '}' => depth -= 1,
            _ => {}
        }
    }
    ""
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "\"'`,;{}[]()<>".contains(c))
}

/// Returns the words that look like tokens, whatever their keys.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    words(line)
        .flat_map(|word| word.split(['=', '&']))
        .map(|part| part.trim_end_matches(':'))
        .filter(|part| holds_token(part) || is_random(part) || holds_password(part))
}

/// Returns the first `key: value` of a line.
fn pair(line: &str) -> Option<(&str, &str)> {
    let is_end = |(at, _): &(usize, &str)| {
        let after = line[at + 1..].chars().next();
        after.is_none_or(|next| next.is_whitespace() || "\"'".contains(next))
    };
    let (at, _) = line.match_indices(':').find(is_end)?;
    let key = line[..at].trim_end_matches(['"', '\'', ' ']);
    let start = key
        .rfind(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))
        .map_or(0, |before| {
            before + key[before..].chars().next().map_or(1, char::len_utf8)
        });
    Some((&key[start..], &line[at + 1..]))
}

fn is_secret_key(key: &str) -> bool {
    is_secret_param(key) || SECRET_KEYS.contains(&key)
}

/// Returns the literal texts of the value after a key: one, those of a list, or those beside
/// templates; none if it is a path or a map.
fn literals(value: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = value.trim();
    if rest.starts_with('&') {
        // An anchor, before the value.
        rest = rest.split_once(' ').map_or("", |(_, value)| value.trim());
    }
    if !rest.starts_with('[') {
        add_scalar(scalar(rest).0, &mut found);
        return found;
    }
    loop {
        rest = rest.trim_start_matches(['[', ',', ' ']);
        if rest.is_empty() || rest.starts_with([']', '{', '#']) && template_length(rest).is_none() {
            return found;
        }
        let (item, after) = scalar(rest);
        add_scalar(item, &mut found);
        // A mark that no scalar begins with, in a text that is no YAML.
        let stays = after.len() == rest.len();
        rest = after.get(usize::from(stays)..).unwrap_or_default();
    }
}

fn add_scalar<'a>(value: &'a str, found: &mut Vec<&'a str>) {
    if holds_template(value) {
        found.extend(words_beside_templates(value));
    } else if !value.is_empty() && !WORDS.contains(&value) {
        found.push(value);
    }
}

/// Returns the scalar at the start of a text, without quotes, and the rest. It is empty for a path,
/// a variable of a shell, or no scalar.
fn scalar(text: &str) -> (&str, &str) {
    if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        return text[1..].split_once(quote).unwrap_or((&text[1..], ""));
    }
    let is_map = text.starts_with('{') && template_length(text).is_none();
    if is_map || text.starts_with(['*', '|', '>', '#']) || is_path(text) {
        return ("", "");
    }
    let mut end = 0;
    while let Some(character) = text[end..].chars().next() {
        let rest = &text[end..];
        if ",}]\"'".contains(character) || rest.starts_with(" #") {
            break;
        }
        end += template_length(rest).unwrap_or(character.len_utf8());
    }
    (text[..end].trim(), &text[end..])
}

/// Returns true for a JSONPath or a variable of a shell.
fn is_path(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(|c: char| ".[{(_".contains(c) || c.is_ascii_uppercase())
    })
}

/// Returns true if a text has a long run of letters and digits, unlike words and grouped ids.
fn is_random(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        run.len() >= RANDOM
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// Returns true for `https://user:password@host`.
fn holds_password(text: &str) -> bool {
    text.split_once("://")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
}

/// Returns the value of a URL parameter, or of `NAME=VALUE`, with a secret name.
fn param_of(text: &str) -> Option<&str> {
    text.split(['?', '&', '#'])
        .filter_map(|part| part.split_once('='))
        .find(|(name, value)| {
            is_secret_param(name.trim_start_matches('-').trim_end_matches(':')) && !value.is_empty()
        })
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_out_of_place_come_to_an_end() {
        for text in [
            "bearer: [}}}",
            "token: [ }, hunter2-x",
            "key: [\"a\" } ]",
            "token: [,}",
        ] {
            let found = literals(text.split_once(':').expect("a key").1);
            assert_eq!(found.contains(&"hunter2-x"), text.contains("hunter2-x"));
        }
    }

    #[test]
    fn values_of_secret_keys_are_found_wherever_they_stand() {
        for text in [
            "token: hunter2-x",
            "  password: \"hunter2-x\"   # a note",
            "auth: hunter2-x",
            "auth: { token: hunter2-x }",
            "auth: { bearer: 'hunter2-x', more: 1 }",
            "basic: hunter2-x",
            "headers: { X: y, Authorization: hunter2-x }",
            "headers: \"Authorization: hunter2-x\"",
            "\"api_key\": \"hunter2-x\"",
            "- webhook: hunter2-x",
            "auth:\n  valeu: hunter2-x",
            "auth:\n  header:\n    value: hunter2-x",
            "token: |\n  hunter2-x",
            "tokens:\n  - hunter2-x",
            "endpoint: /x?api_key=hunter2-x&page=1",
            "token=hunter2-x",
            "--token=hunter2-x",
            "token:=hunter2-x",
            "environments: { staging: { auth: { token: hunter2-x } } }",
            "auth: { valeu: hunter2-x, more: 1 }",
            "auth: { header: { name: X-Key, valeu: hunter2-x } }",
            "auth: { header: { name: X-Key,\n    valeu: hunter2-x } }",
            "access_token: [hunter2-x, 1]",
            "access_token: [\"{{ nope }}\", hunter2-x]",
            "access_token: [ 'hunter2-x'",
            "access_token: [\n  hunter2-x ]",
            "access_token: \"\n  hunter2-x {{ nope }}\"",
            "token: &anchor hunter2-x",
            "token: !!str hunter2-x",
            "password: hunter2-x{{ nope }}",
            "password: '{{ nope }}hunter2-x'",
            "password: hunter2-x {% if x %}",
            "password: {{ nope }}hunter2-x, other: 1",
            "password: \"hunter2-x{{ nope\"",
            "headers: { Authorization: \"Bearer hunter2-x {{ nope }}\" }",
            "headers: { Authorization: Bearer hunter2-x {{ nope }}, X: 1 }",
            "tokens:\n  - hunter2-x {{ nope }}",
        ] {
            let found = Literals::of(text);
            let line = text.lines().count() - 1;
            assert!(found.is_in_line(line), "{text}");
            assert_eq!(
                found.values().text("got `hunter2-x`"),
                "got `***`",
                "{text}"
            );
        }
    }

    #[test]
    fn what_looks_like_a_token_is_found_under_any_key() {
        for word in [
            "CCIPAT_abcdef123456",
            "https://ci:hunter2@x.example/y",
            "3f2a9c4b5d6e7f8091a2b3c4d5e6f708192a3b4c",
        ] {
            for text in [
                word.to_owned(),
                format!("name: {word}"),
                format!("{word}: x"),
                format!("count={word}"),
                format!("- '{word}'"),
            ] {
                let found = Literals::of(&text);
                assert!(found.is_in_line(0), "{text}");
                assert_eq!(found.values().text(word), "***", "{text}");
            }
        }
    }

    #[test]
    fn ordinary_lines_are_shown() {
        for text in [
            "auth: { token: \"{{ env.CIRCLE_TOKEN }}\" }",
            "auth: none",
            "auth:",
            "auth:\n  header: { name: X-Key, value: \"{{ env.KEY }}\" }",
            "auth: { command: [op, read, x] }",
            "auth: { token: \"{{ env.CIRCLE_TOKEN }}\" }   # {{ the token }}",
            "headers: { Authorization: \"Bearer {{ env.CIRCLE_TOKEN }}\", Accept: text/plain }",
            "params: { token: {{ env.T }}, page: 1 }",
            "auth: { header: { name: X-Key, value: \"{{ env.KEY }}\" } }",
            "auth: none, more: something",
            "token: $TOKEN",
            "access_token: [\"{{ env.A }}\", \"{{ env.B }}\"]",
            "auth: { basic: { username: ci, password: \"{{ env.P }}\" } }, timeout: 20s",
            "next_page_token: $.next_page_token",
            "params: { page-token: abc }",
            "token: $.token",
            "token: $",
            "workflow: 5034460f-c7c4-4c43-9457-5034460fc7c4",
            "endpoint: /insights/{{ project_slug }}/workflows",
            "base_url: https://circleci.com/api/v2",
            "vars: { since: { type: time, default: 7d } }",
            "author: somebody",
            "vars:\n  api_token:\n    description: Token of it\n    type: strng\n    secret: true",
            "x: 12345678901234567890123",
            "rows: $.items[?@.status == 'failed']",
        ] {
            let found = Literals::of(text);
            assert!(found.lines.is_empty(), "{text}: {:?}", found.lines);
        }
    }
}

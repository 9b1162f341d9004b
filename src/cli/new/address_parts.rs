//! The path and the parameters of an address, with vars in place of what only names one thing.

use serde_json::Value;
use url::form_urlencoded;

use crate::cli::new::text::template;
use crate::core::secret::{holds_token, is_secret_param};
use crate::core::{name, percent};
use crate::project::draft::DraftVar;
use crate::template::reserved;

/// The systems in slugs of CircleCI.
const SYSTEMS: [&str; 5] = ["gh", "github", "bb", "bitbucket", "circleci"];

/// The segments of CircleCI before a slug of a project.
const BEFORE_SLUGS: [&str; 2] = ["project", "insights"];

/// The position of a page in a listing: a query begins with the first one.
const POSITIONS: [&str; 4] = ["page-token", "page_token", "page[cursor]", "cursor"];

/// The parts of an address.
#[derive(Debug, Default)]
pub struct AddressParts {
    /// The path, as a template.
    pub endpoint: String,
    /// The vars in it.
    pub vars: Vec<DraftVar>,
    /// The parameters.
    pub params: Vec<(String, Value)>,
    /// Parameters with a credential, which are left out.
    pub secret: Vec<(String, String)>,
    /// Notes for the user.
    pub notes: Vec<String>,
}

impl AddressParts {
    /// Takes a path and a query string apart.
    pub fn of(target: &str, is_circleci: bool) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut parts = Self::default();
        parts.read_path(path, is_circleci);
        parts.read_query(query);
        parts
    }

    fn read_path(&mut self, path: &str, is_circleci: bool) {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let mut at = 0;
        while let Some(segment) = segments.get(at) {
            self.endpoint.push('/');
            let before = at.checked_sub(1).and_then(|before| segments.get(before));
            let length = before
                .filter(|before| is_circleci && BEFORE_SLUGS.contains(before))
                .map_or(0, |_| slug_length(&segments[at..]));
            if length > 0 {
                let slug = segments[at..at + length].join("/");
                self.push_var(DraftVar {
                    description: Some("Slug of the project, as shown in its settings".to_owned()),
                    default: Some(percent::decode(&slug).into()),
                    ..DraftVar::required("project_slug")
                });
                at += length;
                continue;
            }
            let plain = percent::decode(segment);
            if is_uuid(segment) {
                self.push_var(DraftVar {
                    example: Some(plain.into()),
                    ..DraftVar::required(&id_name(before.copied()))
                });
            } else if holds_token(segment) || looks_random(segment) {
                self.push_var(DraftVar {
                    secret: true,
                    ..DraftVar::required("token")
                });
            } else {
                let text = template(&plain);
                // Only a variable of the shell changes what is sent.
                let is_changed = text.contains("{{ env.");
                self.endpoint
                    .push_str(if is_changed { &text } else { segment });
            }
            at += 1;
        }
    }

    /// Adds a var under a name of its own, and puts it into the path.
    fn push_var(&mut self, mut var: DraftVar) {
        let wanted = var.name.clone();
        let mut number = 1;
        while self.vars.iter().any(|known| known.name == var.name)
            || reserved::is_reserved(&var.name)
        {
            number += 1;
            var.name = format!("{wanted}_{number}");
        }
        self.endpoint.push_str(&format!("{{{{ {} }}}}", var.name));
        self.vars.push(var);
    }

    fn read_query(&mut self, query: &str) {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name.is_empty() {
                continue;
            }
            if POSITIONS.contains(&&*name) {
                self.notes
                    .push(format!("left out: `{name}`, a position in the listing"));
                continue;
            }
            if is_secret_param(&name) || holds_token(&value) {
                self.secret.push((name.into_owned(), value.into_owned()));
                continue;
            }
            let value = param(&value);
            match self.params.iter_mut().find(|(known, _)| *known == name) {
                None => self.params.push((name.into_owned(), value)),
                Some((_, Value::Array(values))) => values.push(value),
                Some((_, first)) => *first = Value::Array(vec![first.take(), value]),
            }
        }
    }
}

/// Returns a parameter's value: a number, if it is sent in the same spelling.
fn param(value: &str) -> Value {
    let number = value.parse::<u32>().ok();
    match number.filter(|number| number.to_string() == value) {
        Some(number) => number.into(),
        None => template(value).into(),
    }
}

/// Returns the number of segments of a project's slug: three, or one that is encoded.
fn slug_length(segments: &[&str]) -> usize {
    let is_slug = |parts: &[&str]| {
        matches!(parts, [system, org, repo]
            if SYSTEMS.contains(system) && !org.is_empty() && !repo.is_empty())
    };
    let decoded = segments
        .first()
        .map_or_else(String::new, |first| percent::decode(first));
    if is_slug(&decoded.split('/').collect::<Vec<_>>()) {
        return 1;
    }
    let first = segments.get(..3).unwrap_or_default();
    if is_slug(first) { 3 } else { 0 }
}

fn is_uuid(segment: &str) -> bool {
    let lengths = segment.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && segment
            .chars()
            .all(|character| character == '-' || character.is_ascii_hexdigit())
}

/// Returns true for what is probably a secret, as in the addresses of webhooks: long, and with
/// letters of both cases and digits. A hash of git has only small ones.
fn looks_random(segment: &str) -> bool {
    let has = |of: fn(&char) -> bool| segment.chars().any(|character| of(&character));
    segment.len() >= 20
        && segment
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "-_".contains(character))
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
}

/// Returns the name of an id: `workflow_id` after `workflow` or `workflows`.
fn id_name(before: Option<&str>) -> String {
    let word = before.unwrap_or_default().replace(['-', '.'], "_");
    let word = word.strip_suffix('s').unwrap_or(&word);
    let named = format!("{word}_id");
    if word.is_empty() || !name::is_identifier(&named) {
        "id".to_owned()
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(path: &str) -> (String, Vec<String>) {
        let parts = AddressParts::of(path, true);
        let vars = parts.vars.iter().map(|var| var.name.clone()).collect();
        (parts.endpoint, vars)
    }

    #[test]
    fn only_ids_and_slugs_become_vars() {
        let id = "5034460f-c7c4-4c43-9457-0123456789ab";
        for (path, expected, vars) in [
            ("/me".to_owned(), "/me", &[][..]),
            (
                format!("/workflow/{id}/job"),
                "/workflow/{{ workflow_id }}/job",
                &["workflow_id"],
            ),
            (format!("/{id}"), "/{{ id }}", &["id"]),
            (
                format!("/a/{id}/a/{id}"),
                "/a/{{ a_id }}/a/{{ a_id_2 }}",
                &["a_id", "a_id_2"],
            ),
            (
                "/project/gh/acme/web/job/12".to_owned(),
                "/project/{{ project_slug }}/job/12",
                &["project_slug"],
            ),
            (
                "/insights/gh%2Facme%2Fweb/branches".to_owned(),
                "/insights/{{ project_slug }}/branches",
                &["project_slug"],
            ),
            ("/project/gh/acme".to_owned(), "/project/gh/acme", &[]),
            ("/repos/acme/web%20x".to_owned(), "/repos/acme/web%20x", &[]),
        ] {
            let (endpoint, names) = endpoint(&path);
            assert_eq!(
                (endpoint.as_str(), names),
                (
                    expected,
                    vars.iter().map(|name| (*name).to_owned()).collect()
                ),
                "{path}"
            );
        }
    }

    #[test]
    fn parameters_keep_their_values() {
        let parts = AddressParts::of(
            "/a?x=1&x=02&y=a%20b%2Bc&empty=&page-token=z&api_key=k&t={{",
            false,
        );
        let expected = [
            ("x", serde_json::json!([1, "02"])),
            ("y", "a b+c".into()),
            ("empty", "".into()),
            ("t", "{{ '{{' }}".into()),
        ];
        assert_eq!(
            parts.params,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
        assert_eq!(parts.secret, [("api_key".to_owned(), "k".to_owned())]);
        assert_eq!(parts.notes.len(), 1);
    }
}

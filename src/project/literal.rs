//! Finds secrets that stand in a file as they are.

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};

/// How tokens of services that people use together with CircleCI begin, and how long the rest is
/// at least.
const TOKENS: [(&str, usize); 11] = [
    ("CCIPAT_", 8),
    ("CCIPRJ_", 8),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("github_pat_", 16),
    ("glpat-", 12),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("hooks.slack.com/services/T", 8),
    ("-----BEGIN ", 8),
];

/// Points at every text of a file that looks like a token. The token is not repeated.
pub fn check(node: &Node, faults: &mut Diagnostics) {
    match &node.content {
        Content::Text(text) => {
            if is_token(text) {
                faults.push(literal(node));
            }
        }
        Content::List(items) => items.iter().for_each(|item| check(item, faults)),
        Content::Map(entries) => entries.iter().for_each(|entry| check(&entry.value, faults)),
        Content::Null | Content::Bool(_) | Content::Number(..) => {}
    }
}

/// The fault.
pub fn literal(node: &Node) -> Diagnostic {
    Diagnostic::at(
        &node.place,
        "literal-secret",
        "a secret stands in the file as it is, where everybody can read it",
    )
    .help("take it from the environment: `\"{{ env.NAME }}\"`")
    .concealed()
}

fn is_token(text: &str) -> bool {
    TOKENS.iter().any(|(prefix, least)| {
        text.match_indices(prefix).any(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            let length = rest
                .chars()
                .take_while(|c| {
                    // Only the first line of a key in PEM has blanks.
                    c.is_ascii_alphanumeric()
                        || "_-/".contains(*c)
                        || (*c == ' ' && prefix.ends_with(' '))
                })
                .count();
            length >= *least
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_recognised_and_templates_are_not() {
        assert!(is_token("CCIPAT_FERZRjN3xzzzzzz_1234567890abcdef"));
        assert!(is_token("Bearer ghp_0123456789abcdefghij0123456789abcd"));
        assert!(is_token(
            "https://hooks.slack.com/services/T000/B000/XXXXXXXX"
        ));
        assert!(!is_token("CCIPAT_{{ env.TOKEN }}"));
        assert!(!is_token("https://hooks.slack.com/services/{{ env.PATH }}"));
        assert!(!is_token("the prefix xoxb- is Slack's"));
        assert!(!is_token("a token such as CCIPAT_ followed by letters"));
        assert!(is_token("-----BEGIN RSA PRIVATE KEY-----"));
    }
}

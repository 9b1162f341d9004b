//! Texts that look like tokens.

/// Token prefixes of services commonly used with CircleCI, with the minimum length of the rest.
const PREFIXES: [(&str, usize); 11] = [
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

/// Returns true if a text contains a token of a known service.
pub fn holds_token(text: &str) -> bool {
    PREFIXES.iter().any(|(prefix, least)| {
        text.match_indices(prefix).any(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            let length = rest
                .chars()
                .take_while(|c| {
                    // Only the first line of a PEM key contains spaces.
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
        assert!(holds_token("CCIPAT_FERZRjN3xzzzzzz_1234567890abcdef"));
        assert!(holds_token("Bearer ghp_0123456789abcdefghij0123456789abcd"));
        assert!(holds_token(
            "https://hooks.slack.com/services/T000/B000/XXXXXXXX"
        ));
        assert!(!holds_token("CCIPAT_{{ env.TOKEN }}"));
        assert!(!holds_token(
            "https://hooks.slack.com/services/{{ env.PATH }}"
        ));
        assert!(!holds_token("the prefix xoxb- is Slack's"));
        assert!(!holds_token("a token such as CCIPAT_ followed by letters"));
        assert!(holds_token("-----BEGIN RSA PRIVATE KEY-----"));
    }
}

//! Quoting for a POSIX shell.

/// Returns a word for a POSIX shell, quoted only if it must be.
pub fn word(text: &str) -> std::borrow::Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into()
    } else {
        quoted(text).into()
    }
}

/// Quotes a text as one literal word.
pub fn quoted(text: &str) -> String {
    format!("'{}'", within_quotes(text))
}

/// Escapes a text for use between single quotes: only the quote itself is special there; it is
/// replaced by `'\''`.
pub fn within_quotes(text: &str) -> String {
    text.replace('\'', r"'\''")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_where_the_text_ends() {
        for (text, word) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("$HOME `x` \"y\" \\", "'$HOME `x` \"y\" \\'"),
            ("it's", r"'it'\''s'"),
            ("'", r"''\'''"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }
}

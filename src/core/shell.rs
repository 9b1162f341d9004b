//! Words of a POSIX shell.

/// Returns a text as one word that means nothing but itself.
pub fn quoted(text: &str) -> String {
    format!("'{}'", within_quotes(text))
}

/// Returns a text as it is written between single quotes: no character but the quote itself has a
/// meaning there, and that one ends them, stands by itself, and begins them anew.
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

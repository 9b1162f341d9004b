//! The command line up to the cursor.

/// The words of a command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The words after the program, without the last one.
    pub words: Vec<String>,
    /// The word at the cursor, as far as it is written.
    pub current: String,
    /// The quote that is open at the cursor.
    quote: Option<char>,
}

impl Line {
    /// Takes the words of a shell, with the program first and the incomplete word last.
    pub fn of(words: &[String]) -> Self {
        let mut words: Vec<String> = words.iter().skip(1).cloned().collect();
        let current = words.pop().unwrap_or_default();
        Self {
            words,
            current,
            quote: None,
        }
    }

    /// Splits a line as a POSIX shell does, without expansions. Only the command at the cursor counts:
    /// what precedes `|`, `;` or `&` is left out, and so are assignments before the program.
    pub fn split(line: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (Some(open), _) if character == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                (None | Some('"'), '\\') => {
                    word.get_or_insert_default().extend(characters.next());
                }
                (None, ' ' | '\t' | '\n') => words.extend(word.take()),
                (None, '|' | ';' | '&' | '(') => {
                    words.clear();
                    word = None;
                }
                _ => word.get_or_insert_default().push(character),
            }
        }
        let is_assignment = |word: &String| {
            let name = word.split_once('=').map(|(name, _)| name);
            name.is_some_and(crate::core::name::is_identifier)
        };
        let program = words.iter().position(|word| !is_assignment(word));
        words.drain(..program.map_or(words.len(), |at| at + 1));
        Self {
            words,
            current: word.unwrap_or_default(),
            quote,
        }
    }

    /// Returns the length of the part of the last word that bash keeps: up to its last break.
    pub fn kept(&self, breaks: &str) -> usize {
        if self.quote.is_some() {
            // A quoted word is not broken.
            return 0;
        }
        let is_break = |c: char| matches!(c, '=' | ':' | '@') && breaks.contains(c);
        self.current.rfind(is_break).map_or(0, |at| at + 1)
    }

    /// Quotes a candidate for bash.
    pub fn quoted(&self, word: &str) -> String {
        if self.quote.is_some() {
            return word.to_owned();
        }
        let mut text = String::new();
        for character in word.chars() {
            if character.is_ascii()
                && !character.is_ascii_alphanumeric()
                && !"-_./:=,@%+".contains(character)
            {
                text.push('\\');
            }
            text.push(character);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> (Vec<String>, String) {
        let line = Line::split(line);
        (line.words, line.current)
    }

    #[test]
    fn lines_are_split_as_by_a_shell() {
        for (line, words, current) in [
            ("runner", &[][..], "runner"),
            ("runner ", &[], ""),
            ("runner run fail", &["run"], "fail"),
            ("runner run 'a b' status=fa", &["run", "a b"], "status=fa"),
            (r"runner run a\ b c\", &["run", "a b"], "c"),
            ("runner run \"a\\\"b\" ", &["run", "a\"b"], ""),
            ("x | A=1 runner run ", &["run"], ""),
            ("runner run '' ", &["run", ""], ""),
            ("runner run 'open w", &["run"], "open w"),
        ] {
            let (found, last) = split(line);
            assert_eq!(
                (found.as_slice(), last.as_str()),
                (
                    &words.iter().map(ToString::to_string).collect::<Vec<_>>()[..],
                    current
                ),
                "{line}"
            );
        }
    }

    #[test]
    fn bash_keeps_what_precedes_the_last_break() {
        let kept = |line: &str, breaks: &str| Line::split(line).kept(breaks);
        let breaks = " \t\n\"'><=;|&(:";
        assert_eq!(kept("runner run status=fa", breaks), "status=".len());
        assert_eq!(kept("runner run circleci:li", breaks), "circleci:".len());
        assert_eq!(kept("runner run status=fa", " \t\n"), 0);
        assert_eq!(kept("runner run 'status=fa", breaks), 0);
    }

    #[test]
    fn candidates_are_quoted_outside_of_quotes() {
        assert_eq!(Line::split("runner run ").quoted("a b$c"), r"a\ b\$c");
        assert_eq!(Line::split("runner run 'a").quoted("a b$c"), "a b$c");
    }
}

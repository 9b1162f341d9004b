//! The words of a command line that was copied from somewhere: in the quoting of a POSIX shell with
//! `$'…'`, or of Windows' `cmd`.

use std::iter::Peekable;
use std::str::Chars;

/// Begins the name of a shell variable in a word; [`END`] ends it.
pub const BEGIN: char = '\u{f0000}';

/// Ends the name of a shell variable in a word.
pub const END: char = '\u{f0001}';

/// A line in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The words. A variable such as `$TOKEN` stands between [`BEGIN`] and [`END`].
    pub words: Vec<String>,
    /// The rest of the line after the command: `| jq .`.
    pub rest: String,
}

/// Splits a line into words.
///
/// # Errors
///
/// A message, if a quote is not closed, or a part would have to be run.
pub fn words(text: &str) -> Result<Line, String> {
    // A mark that is already there would be taken for a variable.
    let text = text.replace([BEGIN, END], "");
    let text = text.replace("\r\n", "\n");
    let is_cmd = text.contains("^\"") || text.lines().any(|line| line.trim_end().ends_with(" ^"));
    if is_cmd {
        return of_cmd(&text);
    }
    let mut reader = Reader {
        rest: text.chars().peekable(),
        word: None,
        line: Line::default(),
    };
    reader.read()?;
    Ok(reader.line)
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    word: Option<String>,
    line: Line,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(character) = self.rest.next() {
            match character {
                '\n' if self.word.is_none() && self.line.words.is_empty() => {}
                '\n' | ';' | '|' | '<' | '>' | '(' | ')' => {
                    self.end_word();
                    self.end(character);
                    return Ok(());
                }
                '&' if self.word.is_none()
                    || self.rest.peek().is_none_or(|c| *c == '&' || *c == ' ') =>
                {
                    self.end_word();
                    self.end(character);
                    return Ok(());
                }
                ' ' | '\t' => self.end_word(),
                '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(escaped) => self.push(escaped),
                },
                '\'' => self.single()?,
                '"' => self.double()?,
                '$' if self.rest.peek() == Some(&'\'') => {
                    self.rest.next();
                    self.ansi()?;
                }
                '$' if self.rest.peek() == Some(&'"') => {}
                '$' => self.variable()?,
                '`' => return Err(substitution()),
                other => self.push(other),
            }
        }
        self.end_word();
        Ok(())
    }

    fn push(&mut self, character: char) {
        self.word.get_or_insert_default().push(character);
    }

    fn end_word(&mut self) {
        self.line.words.extend(self.word.take());
    }

    /// Ends the command. Only what could be another command is kept.
    fn end(&mut self, first: char) {
        let rest: String = std::iter::once(first).chain(self.rest.by_ref()).collect();
        rest.trim().clone_into(&mut self.line.rest);
    }

    fn single(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                Some('\'') => return Ok(()),
                Some(other) => self.push(other),
                None => return Err(unclosed('\'')),
            }
        }
    }

    fn double(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                Some('"') => return Ok(()),
                Some('\\') => match self.rest.next() {
                    Some('\n') => {}
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => self.push(escaped),
                    Some(other) => {
                        self.push('\\');
                        self.push(other);
                    }
                    None => return Err(unclosed('"')),
                },
                Some('$') => self.variable()?,
                Some('`') => return Err(substitution()),
                Some(other) => self.push(other),
                None => return Err(unclosed('"')),
            }
        }
    }

    /// Reads the rest of `$'…'`.
    fn ansi(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        // Browsers write characters beyond 16 bits as two units of UTF-16.
        let mut high = None;
        loop {
            match self.rest.next() {
                Some('\'') => return Ok(()),
                Some('\\') => {
                    let Some(kind) = self.rest.next() else {
                        return Err(unclosed('\''));
                    };
                    let code = match kind {
                        'n' => 0x0a,
                        't' => 0x09,
                        'r' => 0x0d,
                        'a' => 0x07,
                        'b' => 0x08,
                        'e' | 'E' => 0x1b,
                        'f' => 0x0c,
                        'v' => 0x0b,
                        'x' => self.number(16, 2, 0),
                        'u' => self.number(16, 4, 0),
                        'U' => self.number(16, 8, 0),
                        '0'..='7' => self.number(8, 2, kind.to_digit(8).unwrap_or(0)),
                        other => u32::from(other),
                    };
                    match (high.take(), code) {
                        (_, 0xd800..=0xdbff) => high = Some(code),
                        (Some(high), 0xdc00..=0xdfff) => {
                            let code = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                            self.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                        }
                        _ => self.push(char::from_u32(code).unwrap_or('\u{fffd}')),
                    }
                }
                Some(other) => self.push(other),
                None => return Err(unclosed('\'')),
            }
        }
    }

    fn number(&mut self, base: u32, most: usize, first: u32) -> u32 {
        let mut value = first;
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(base)) else {
                break;
            };
            self.rest.next();
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        value
    }

    /// Reads a variable after its `$`; a `$` before anything else is one.
    fn variable(&mut self) -> Result<(), String> {
        let is_braced = match self.rest.peek() {
            Some('(') => return Err(substitution()),
            Some('{') => {
                self.rest.next();
                true
            }
            _ => false,
        };
        let mut name = String::new();
        while let Some(letter) = self
            .rest
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(letter);
        }
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if is_braced && (self.rest.next() != Some('}') || !is_name) {
            return Err("`${…}` is only understood with the name of a variable".to_owned());
        }
        if is_name {
            self.push(BEGIN);
            name.chars().for_each(|letter| self.push(letter));
            self.push(END);
        } else {
            self.push('$');
            name.chars().for_each(|letter| self.push(letter));
        }
        Ok(())
    }
}

fn unclosed(quote: char) -> String {
    format!("a quote `{quote}` is not closed: is the whole command there?")
}

fn substitution() -> String {
    "the command has a part that a shell would run (`$(…)`), which is not run here".to_owned()
}

/// Splits a line in the quoting of `cmd`: `^` escapes the next character, then quotes are those of
/// Windows programs.
fn of_cmd(text: &str) -> Result<Line, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '^' => match rest.next() {
                Some('\n') | None => {}
                Some(escaped) => plain.push(escaped),
            },
            other => plain.push(other),
        }
    }
    let mut line = Line::default();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut rest = plain.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' if matches!(rest.peek(), Some('"' | '\\')) => {
                let next = rest.next().unwrap_or('\\');
                word.get_or_insert_default().push(next);
            }
            '"' if is_quoted && rest.peek() == Some(&'"') => {
                rest.next();
                word.get_or_insert_default().push('"');
            }
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' | '\n' if !is_quoted => line.words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    if is_quoted {
        return Err(unclosed('"'));
    }
    line.words.extend(word);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        words(text).expect("it is understood").words
    }

    #[test]
    fn quotes_are_those_of_a_shell() {
        assert_eq!(
            split("curl 'a b' \"c \\\" \\d\" e\\ f g''h '' x=\\\n  y"),
            ["curl", "a b", "c \" \\d", "e f", "gh", "", "x=", "y"]
        );
        assert_eq!(
            split("curl -d $'a\\'b\\n\\u00e9\\u0021\\x41\\101'"),
            ["curl", "-d", "a'b\né!AA"]
        );
        assert_eq!(split("curl $'\\ud83d\\ude00'"), ["curl", "😀"]);
        assert_eq!(
            split("curl http://x/?a=1&b=2"),
            ["curl", "http://x/?a=1&b=2"]
        );
        assert_eq!(split("curl a # no more"), ["curl", "a"]);
        assert_eq!(split("\n\n  curl a\n"), ["curl", "a"]);
    }

    #[test]
    fn variables_are_kept_apart() {
        let marked = format!("x {BEGIN}TOKEN{END}!");
        assert_eq!(split("curl \"x $TOKEN!\""), ["curl", marked.as_str()]);
        assert_eq!(split("curl x\\ ${TOKEN}!"), ["curl", marked.as_str()]);
        assert_eq!(
            split("curl 'x $TOKEN' \"$5 $\""),
            ["curl", "x $TOKEN", "$5 $"]
        );
        for run in ["curl $(pass x)", "curl \"`pass x`\"", "curl \"${x:-y}\""] {
            words(run).expect_err(run);
        }
    }

    #[test]
    fn what_follows_is_told() {
        for (text, rest) in [
            ("curl a | jq .", "| jq ."),
            ("curl a && echo", "&& echo"),
            ("curl a > out.json", "> out.json"),
            ("curl a\ncurl b", "curl b"),
            ("curl a &", "&"),
        ] {
            let line = words(text).expect("it is understood");
            assert_eq!(line.words, ["curl", "a"], "{text}");
            assert_eq!(line.rest, rest, "{text}");
        }
        for open in ["curl 'a", "curl \"a", "curl $'a"] {
            words(open).expect_err(open);
        }
    }

    #[test]
    fn the_quoting_of_cmd_is_understood() {
        let text = "curl ^\"https://x.example/a?b=1^&c=%^20d^\" ^\r\n  -H ^\"accept: */*^\" ^\r\n  --data-raw ^\"^{^\\^\"a^\\^\":^\\^\"b\\\\\\\\n^\\^\"^}^\"";
        assert_eq!(
            split(text),
            [
                "curl",
                "https://x.example/a?b=1&c=%20d",
                "-H",
                "accept: */*",
                "--data-raw",
                "{\"a\":\"b\\\\n\"}",
            ]
        );
        words("curl ^\"a").expect_err("open");
    }
}

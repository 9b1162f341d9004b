//! The role of the word at the cursor: an option, the value of one, or an argument.

use clap::{Arg, Command};

/// The role of a word.
#[derive(Debug)]
pub enum Position<'c> {
    /// The name of an option.
    Option,
    /// The value of an option, after a part of the word such as `--env=`.
    Value {
        /// The option.
        option: &'c Arg,
        /// The part of the word before the value.
        before: String,
    },
    /// The argument with this index, from 0.
    Argument(usize),
}

impl<'c> Position<'c> {
    /// Finds the role of the last word of a command.
    pub fn of(command: &'c Command, words: &[String], current: &str) -> Self {
        let mut arguments = 0;
        let mut waiting: Option<&Arg> = None;
        let mut is_escaped = false;
        for word in words {
            if waiting.take().is_some() {
                continue;
            }
            match word.as_str() {
                "--" if !is_escaped => is_escaped = true,
                word if !is_escaped && word.len() > 1 && word.starts_with('-') => {
                    waiting = option_of(command, word).filter(|_| !word.contains('='));
                }
                _ => arguments += 1,
            }
        }
        if let Some(option) = waiting {
            return Self::Value {
                option,
                before: String::new(),
            };
        }
        if is_escaped || !current.starts_with('-') {
            return Self::Argument(arguments);
        }
        let value = current
            .find('=')
            .and_then(|at| Some((option_of(command, &current[..at])?, at)));
        match value {
            Some((option, at)) => Self::Value {
                option,
                before: current[..=at].to_owned(),
            },
            None => Self::Option,
        }
    }
}

/// Returns the option of a word, if a value must follow: `--env`, `-o`, `-vo`.
fn option_of<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    let word = word.split('=').next().unwrap_or(word);
    let mut all = command.get_arguments().filter(|option| needs_value(option));
    if let Some(long) = word.strip_prefix("--") {
        return all.find(|option| {
            let aliases = option.get_all_aliases().unwrap_or_default();
            option.get_long() == Some(long) || aliases.contains(&long)
        });
    }
    let last = word.chars().last()?;
    all.find(|option| option.get_short() == Some(last))
}

fn needs_value(option: &Arg) -> bool {
    let is_optional = option
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    !option.is_positional() && option.get_action().takes_values() && !is_optional
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn role(line: &str) -> String {
        let mut root = crate::cli::Cli::command();
        root.build();
        let command = root.find_subcommand("run").expect("a verb");
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let current = words.pop().expect("a word");
        match Position::of(command, &words, &current) {
            Position::Option => "option".to_owned(),
            Position::Value { option, before } => format!("{} after `{before}`", option.get_id()),
            Position::Argument(index) => format!("argument {index}"),
        }
    }

    #[test]
    fn the_role_of_a_word_depends_on_those_before() {
        for (line, expected) in [
            ("", "argument 0"),
            ("jobs ", "argument 1"),
            ("--demo j", "argument 0"),
            ("--env ", "env after ``"),
            ("--env staging ", "argument 0"),
            ("--env=st", "env after `--env=`"),
            ("-o ", "output after ``"),
            ("-qo ", "output after ``"),
            ("--de", "option"),
            ("-", "option"),
            ("-- -x", "argument 0"),
        ] {
            assert_eq!(role(line), expected, "{line}");
        }
    }
}

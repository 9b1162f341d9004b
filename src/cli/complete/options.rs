//! Names of options.

use clap::{Arg, ArgAction, Command};

use crate::cli::complete::candidate::{Candidate, Completions};

/// Returns the options of a command, without those that were given and cannot be repeated.
pub fn names(command: &Command, words: &[String]) -> Completions {
    let options = command
        .get_arguments()
        .filter(|option| !option.is_positional() && !option.is_hide_set())
        .filter(|option| may_follow(option, words));
    let mut candidates = Vec::new();
    for option in options {
        let help = option.get_help().map(ToString::to_string);
        if let Some(long) = option.get_long() {
            candidates.push(Candidate::described(format!("--{long}"), help.clone()));
        }
        if let Some(short) = option.get_short() {
            candidates.push(Candidate::described(format!("-{short}"), help));
        }
    }
    Completions::words(candidates)
}

fn may_follow(option: &Arg, words: &[String]) -> bool {
    let repeats = matches!(option.get_action(), ArgAction::Append | ArgAction::Count);
    let names = [
        option.get_long().map(|long| format!("--{long}")),
        option.get_short().map(|short| format!("-{short}")),
    ];
    let is_given = |name: &String| {
        words.iter().any(|word| {
            let rest = word.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    repeats || !names.iter().flatten().any(is_given)
}

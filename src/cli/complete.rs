//! `runner complete`: the completions of a command line, for the scripts of `runner completions`.
//!
//! The first line of the output says what the shell does: `words` if the other lines are all there is,
//! `files` if it adds the names of files. Each other line is a candidate, with a tab and its description
//! where the shell shows it. Nothing is sent, and no error is shown: without a project, or with one that
//! cannot be read, there are fewer candidates.

mod candidate;
mod line;
mod operations;
mod options;
mod position;
mod values;

use std::rc::Rc;

use clap::CommandFactory as _;

use crate::cli::app::App;
use crate::cli::complete::candidate::{Candidate, CompletingShell, Completions};
use crate::cli::complete::line::Line;
use crate::cli::complete::position::Position;
use crate::cli::complete::values::CommandLine;
use crate::cli::exit::Exit;
use crate::cli::failure::Stopped;

/// Options of `complete`.
#[derive(Debug, clap::Args)]
pub struct CompleteArgs {
    /// Shell of the command line
    #[arg(long, value_enum)]
    pub shell: CompletingShell,

    /// Characters at which the shell breaks words (bash: `COMP_WORDBREAKS`)
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub breaks: String,

    /// Words up to the cursor, the last one incomplete; for bash, the line as one word
    #[arg(last = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn run(args: &CompleteArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let line = match args.shell {
        CompletingShell::Bash => Line::split(args.words.first().map_or("", String::as_str)),
        CompletingShell::Zsh | CompletingShell::Fish => Line::of(&args.words),
    };
    let describes = args.shell != CompletingShell::Bash;
    let found = completions(&line, describes, app);
    app.print(&found.text(args.shell, &args.breaks, &line))?;
    Ok(Exit::Done)
}

/// Returns the completions of the last word.
fn completions(line: &Line, describes: bool, app: &App) -> Completions {
    let mut root = crate::cli::Cli::command();
    root.build();
    let Some((verb, words)) = line.words.split_first() else {
        return verbs(&root);
    };
    let Some(command) = root.find_subcommand(verb) else {
        return Completions::default();
    };
    if verb == "help" {
        return verbs(&root);
    }
    match Position::of(command, words, &line.current) {
        Position::Option => options::names(command, words),
        Position::Value { option, before } => {
            let call = CommandLine {
                verb,
                before: words,
                describes,
            };
            let found = values::of_option(option, &line.current[before.len()..], &call, app);
            found.after(&before)
        }
        Position::Argument(index) => {
            let call = CommandLine {
                verb,
                before: words,
                describes,
            };
            values::of_argument(command, index, &line.current, &call, app)
        }
    }
}

/// Returns the names of the verbs.
fn verbs(root: &clap::Command) -> Completions {
    let verbs = root.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.map(|verb| {
        let about = verb.get_about().map(ToString::to_string);
        Candidate::described(verb.get_name(), about)
    });
    Completions::words(verbs.collect())
}

//! Errors of the command line, and the help.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::{inputs, run};
use crate::core::code::Code;
use crate::core::name;
use crate::project::query::assignment;

/// Shows an error or help from clap, and returns the exit code.
pub fn report(mut error: clap::Error, words: &[String]) -> ExitCode {
    if !error.use_stderr() {
        // Help and version go to standard output.
        let printed = error.print().and_then(|()| std::io::stdout().flush());
        let exit = match printed.map_err(|error| Stopped::from_output(&error)) {
            Ok(()) | Err(Stopped::Closed) => Exit::Done,
            Err(Stopped::Failed(failure)) => {
                failure.show(&App::new(Arc::default()), ErrorFormat::Text);
                failure.exit
            }
        };
        return ExitCode::from(exit.code());
    }
    let app = App::new(Arc::default());
    let hint = hint(&error, words, &app);
    // No query, value or name begins with a dash: clap's `-- --branch` is never right.
    error.remove(ContextKind::Suggested);
    if wants_json(words) {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or("");
        let failure = Failure::usage(Code::Usage, message.trim_start_matches("error: "));
        let failure = failure.helps(hint.into_iter().collect());
        failure.show(&app, ErrorFormat::Json);
    } else {
        if let Some(hint) = hint {
            // clap's own suggestion is wrong then.
            error.remove(ContextKind::SuggestedArg);
            error.remove(ContextKind::SuggestedSubcommand);
            error.insert(
                ContextKind::Suggested,
                ContextValue::StyledStrs(vec![hint.into()]),
            );
        }
        if app.typed.is_empty() {
            let _ = error.print();
        } else {
            // Not printed by clap, which would bypass the scrubber.
            let text = error.to_string();
            app.eprintln(app.typed.values().text(&text).trim_end());
        }
    }
    ExitCode::from(Exit::Usage.code())
}

fn wants_json(words: &[String]) -> bool {
    words.iter().any(|word| word == "--error-format=json")
        || words
            .windows(2)
            .any(|pair| pair[0] == "--error-format" && pair[1] == "json")
}

/// Returns a hint if the project knows the name: a var written as an option, or a query without its
/// verb.
fn hint(error: &clap::Error, words: &[String], app: &App) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let (var, hint) = var_hint(text(ContextKind::InvalidArg)?, words, app)?;
            // An almost correct option takes precedence over an almost correct var.
            let is_exact = words.iter().any(|word| is_option(word, &var));
            (is_exact || error.get(ContextKind::SuggestedArg).is_none()).then_some(hint)
        }
        ErrorKind::InvalidSubcommand => {
            let word = text(ContextKind::InvalidSubcommand)?;
            let (_, query) = run::find(word, app).ok()?;
            query.ok()?;
            Some(format!("run a query with `runner run {word}`"))
        }
        _ => None,
    }
}

/// Returns true for `--branch` and `--branch=main`, given `branch`.
fn is_option(word: &str, var: &str) -> bool {
    let name = word
        .strip_prefix("--")
        .and_then(|word| word.split('=').next());
    name.is_some_and(|name| name.replace('-', "_") == var)
}

/// Returns the var meant by `--branch main`, and the correct syntax.
fn var_hint(argument: &str, words: &[String], app: &App) -> Option<(String, String)> {
    if words.first()? != "run" {
        return None;
    }
    let var = argument.strip_prefix("--")?.split('=').next()?;
    let var = var.replace('-', "_");
    let mut queries = inputs::sort_out(words).queries.into_iter().skip(1);
    let declared = queries.find_map(|word| {
        let (_, query) = run::find(&word, app).ok()?;
        let query = query.ok()?;
        let names = query.vars.iter().map(|known| known.name.as_str());
        query.var(name::nearest(&var, names)?).cloned()
    })?;
    let value = value_of(argument, words).filter(|_| !declared.secret);
    let assignment = assignment(&declared.name, value.as_deref().unwrap_or("…"));
    Some((declared.name, format!("write `{assignment}`")))
}

/// Returns the value after an option, or after its `=`.
fn value_of(argument: &str, words: &[String]) -> Option<String> {
    let option = argument.split('=').next()?;
    words.iter().enumerate().find_map(|(at, word)| {
        if let Some(value) = word.strip_prefix(option)?.strip_prefix('=') {
            return Some(value.to_owned());
        }
        let next = words.get(at + 1)?;
        (word == option && !next.starts_with('-')).then(|| next.clone())
    })
}

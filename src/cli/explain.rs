//! `runner explain`: prints the page of an error code.

mod page;

use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::explain::page::Page;
use crate::cli::failure::{Failure, Stopped};
use crate::core::code::Code;
use crate::core::name;
use crate::core::text::{display_width, truncate_to_width};

pub use crate::cli::explain::page::summaries;

const EXAMPLES: &str = "\
Examples:
  runner explain                   all codes
  runner explain unknown-key
  runner explain http-404          a status of the API";

/// Options of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// Code, as in `error[unknown-key]` (default: list all codes)
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// The widest line of a page, as in the help.
const WIDEST: usize = 100;

/// Runs the verb.
///
/// # Errors
///
/// If there is no such code, or standard output cannot be written.
pub fn run(args: &ExplainArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let text = match &args.code {
        None => list(app),
        Some(word) => {
            let page = find(word)?;
            page.rendered(app.stdout.width.min(WIDEST), app.stdout.color)
        }
    };
    app.print(&text)?;
    Ok(Exit::Done)
}

/// Finds the page of a code, which may be pasted with its brackets: `error[unknown-key]`.
fn find(word: &str) -> Result<Page, Failure> {
    let code = word.trim().trim_end_matches(':').trim_end_matches(']');
    let code = code.rsplit('[').next().unwrap_or(code);
    let code = code.trim().to_lowercase();
    Page::of(&code).ok_or_else(|| {
        let known = summaries().map(|(code, _)| code);
        let failure = Failure::usage(Code::Usage, format!("no code `{code}`"));
        match name::nearest(&code, known) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help("list all codes with `runner explain`"),
        }
    })
}

/// Lists all codes, each with the first sentence of its page.
fn list(app: &App) -> String {
    let width = summaries().map(|(code, _)| display_width(code)).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (code, summary) in summaries() {
        let line = format!("{code:width$}  {summary}");
        let line = if app.stdout.is_terminal {
            truncate_to_width(&line, app.stdout.width)
        } else {
            line.as_str().into()
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

//! `runner completions`: prints shell completions.

use std::rc::Rc;

use clap::CommandFactory as _;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Stopped;

const EXAMPLES: &str = "\
Examples:
  runner completions bash > ~/.local/share/bash-completion/completions/runner
  runner completions zsh > ~/.zfunc/_runner
  runner completions fish > ~/.config/fish/completions/runner.fish";

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Runs the verb.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn run(args: &CompletionsArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::cli::Cli::command(),
        "runner",
        &mut script,
    );
    app.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

//! `runner completions`: prints the script that completes `runner` in a shell.
//!
//! In bash, zsh and fish, the script asks `runner complete`, which knows the names of the project. In
//! other shells, it completes commands and options only.

use std::rc::Rc;

use clap::CommandFactory as _;
use clap_complete::Shell;

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
    pub shell: Shell,
}

/// Runs the verb.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn run(args: &CompletionsArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let script = match args.shell {
        Shell::Bash => include_str!("completions/runner.bash").to_owned(),
        Shell::Zsh => include_str!("completions/runner.zsh").to_owned(),
        Shell::Fish => include_str!("completions/runner.fish").to_owned(),
        other => fixed(other),
    };
    app.print(&script)?;
    Ok(Exit::Done)
}

/// Returns a script with the commands and options of this version.
fn fixed(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut crate::cli::Cli::command(),
        "runner",
        &mut script,
    );
    String::from_utf8_lossy(&script).into_owned()
}

//! Options of `runner mcp`, of which some also apply to its commands.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::options::{ConnectArgs, MessageArgs, duration};
use crate::core::code::Code;
use crate::core::name;
use crate::core::time::format_duration;
use crate::project::Project;

/// The time limit of a call whose client shows no progress: most clients wait for 60 s.
const TIMEOUT: Duration = Duration::from_secs(50);

/// The usual maximum number of records in an answer, and of bytes.
pub const MAX_RECORDS: u16 = 100;
pub const MAX_BYTES: u32 = 24_000;

/// Options of the tools that are served.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Folder of the project (default: the working directory, which clients choose)
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,

    /// Serve only the queries whose names match: `failed-*,project-jobs`
    #[arg(long, global = true, value_name = "PATTERN", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Serve a query that writes too, by its name; it shows what it would send, and sends that when
    /// it is called again
    #[arg(long, global = true, value_name = "NAME")]
    pub allow_write: Vec<String>,

    /// Name of the server, if a client has several
    #[arg(long, global = true, value_name = "NAME", default_value = "runner", value_parser = server_name)]
    pub name: String,

    /// Maximum number of records in an answer
    #[arg(long, global = true, value_name = "N", default_value_t = MAX_RECORDS,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub max_records: u16,

    /// Maximum size of an answer, in bytes of its text and of its JSON (2000 to 1000000)
    #[arg(long, global = true, value_name = "BYTES", default_value_t = MAX_BYTES,
        value_parser = clap::value_parser!(u32).range(2_000..=1_000_000))]
    pub max_bytes: u32,

    /// Time limit of a call, six times as long if the client shows progress (default: 50s)
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// Environment to use, from `environments` in the resource files
    #[arg(long, global = true, value_name = "NAME", env = "RUNNER_ENV")]
    pub env: Option<String>,

    /// Use an embedded CircleCI with synthetic data, without a token or a network
    #[arg(long, global = true)]
    pub demo: bool,

    /// Run as of a past time: RFC 3339, a date, or an age (`7d`)
    #[arg(long, global = true, value_name = "TIME")]
    pub now: Option<String>,

    /// Trust the operating system's certificates too
    #[arg(long, global = true)]
    pub system_certs: bool,

    /// Print each request attempt to standard error (-vv: with header fields)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Parses the name of a server: clients make prefixes of tools from it.
fn server_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.len() <= 32 && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("expected at most 32 letters, digits, `-` and `_`".to_owned())
}

impl ServeArgs {
    /// Returns the options of connections. Time limits are those of calls.
    pub fn connect(&self) -> ConnectArgs {
        ConnectArgs {
            env: self.env.clone(),
            demo: self.demo,
            timeout: None,
            system_certs: self.system_certs,
            share: None,
        }
    }

    /// Returns the options of messages on standard error.
    pub fn messages(&self) -> MessageArgs {
        MessageArgs {
            verbose: self.verbose,
            ..MessageArgs::default()
        }
    }

    /// Returns the time limit of a call.
    pub fn call_limit(&self, shows_progress: bool) -> Duration {
        let limit = self.timeout.unwrap_or(TIMEOUT);
        if shows_progress { limit * 6 } else { limit }
    }

    /// Describes the time limit of a call.
    pub fn limit_words(&self, shows_progress: bool) -> String {
        format_duration(self.call_limit(shows_progress))
    }

    /// Checks that the folder of `--project` has a project: the built-in queries are not what was
    /// asked for.
    ///
    /// # Errors
    ///
    /// If it has none.
    pub fn check_project(&self, project: &Project) -> Result<(), Failure> {
        let Some(folder) = self.project.as_ref().filter(|_| project.is_built_in()) else {
            return Ok(());
        };
        let words = format!("no project found in `{}`", folder.display());
        let failure = Failure::usage(Code::NoProject, words);
        Err(failure.help("a project is a folder with `queries/`, `resources/` or a `runner.yaml`"))
    }

    /// Checks that the environment exists.
    ///
    /// # Errors
    ///
    /// If no resource has it.
    pub fn check_environment(&self, project: &Project) -> Result<(), Failure> {
        let Some(wanted) = self.env.as_ref().filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        let known = project.environment_names();
        if known.contains(wanted) {
            return Ok(());
        }
        let words = format!("no resource has an environment `{wanted}`");
        let hint = name::hint(wanted, known.iter().map(String::as_str));
        let failure = Failure::usage(Code::UnknownEnvironment, words);
        Err(failure.helps(hint.into_iter().collect()))
    }

    /// Returns the outside, in the folder of the project.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn place(&self, app: &Rc<App>) -> Result<Rc<App>, Failure> {
        let Some(folder) = &self.project else {
            return Ok(Rc::clone(app));
        };
        let path = app.working_directory.join(folder);
        if !path.is_dir() {
            let words = format!("`--project {}` is not a folder", folder.display());
            return Err(Failure::usage(Code::NoProject, words));
        }
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        Ok(Rc::new(app.in_folder(path)))
    }
}

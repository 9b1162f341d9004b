//! Options that verbs share.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::app::App;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::core::code::Code;
use crate::core::name;
use crate::core::time::{DURATION_EXAMPLE, parse_duration};
use crate::engine::Shard;
use crate::format::{self, CsvOptions, FORMATS, Format, by_name};

/// Options of a run, for all verbs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, Default)]
pub struct RunOptions {
    /// The format.
    pub output: Option<&'static Format>,
    /// Options of the written results.
    pub results: ResultArgs,
    /// The folder of the state.
    pub state: Option<PathBuf>,
    /// The store that queries read, if the command line names one.
    pub store: Option<String>,
    /// True to write without confirmation.
    pub yes: bool,
    /// True to stop at the first failed item.
    pub fail_fast: bool,
    /// True to write records as they arrive.
    pub unordered: bool,
    /// True to print the writing requests instead of sending them.
    pub preview: bool,
    /// Options of the cache.
    pub cache: CacheArgs,
    /// Options of connections.
    pub connect: ConnectArgs,
    /// Options of messages.
    pub messages: MessageArgs,
    /// The share of the items that is walked, if it is not all of them.
    pub shard: Option<Shard>,
}

/// The format of text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TextFormat {
    /// Human-readable text
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// Options of verbs that write results.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ResultArgs {
    /// Write to a file atomically; its extension selects the format
    ///
    /// `.db`, `.sqlite` and `.sqlite3` write a table in an SQLite database. For a query with
    /// `download`, it is the folder of the files.
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,

    /// Write only these columns, in this order
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Set CSV options for spreadsheets, comma-separated: `bom`, `separator=;`, `formulas=escape`
    #[arg(long, value_name = "OPTIONS")]
    pub csv: Option<CsvOptions>,
}

/// Options of verbs that use the cache.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct CacheArgs {
    /// Ignore cached responses, and cache the new ones
    #[arg(long, conflicts_with = "no_cache")]
    pub refresh: bool,

    /// Ignore the cache: read nothing from it and write nothing to it
    #[arg(long)]
    pub no_cache: bool,
}

/// Options of every verb.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct MessageArgs {
    /// Print each request attempt to standard error (-vv: with header fields)
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,

    /// Format of errors
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub error_format: ErrorFormat,
}

/// Options of verbs that ask a server.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConnectArgs {
    /// Environment to use, from `environments` in the resource files
    #[arg(long, value_name = "NAME", env = "RUNNER_ENV")]
    pub env: Option<String>,

    /// Use an embedded CircleCI with synthetic data, without a token or a network
    #[arg(long)]
    pub demo: bool,

    /// Time limit of the whole run, for example `90s`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// Trust the operating system's certificates too
    #[arg(long)]
    pub system_certs: bool,

    /// The number of processes among which the limits of resources are divided, unless
    /// `RUNNER_SHARE` is set.
    #[arg(skip)]
    pub share: Option<NonZeroU32>,
}

/// Parses a duration on the command line.
pub fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if duration.is_zero() => Err("expected a time longer than 0".to_owned()),
        Some(duration) => Ok(duration),
        None => Err(format!("expected {DURATION_EXAMPLE}")),
    }
}

impl ConnectArgs {
    /// Explains faults in choosing a resource, with the origin of the environment's name.
    pub fn explain(&self, faults: crate::core::diagnostic::Diagnostics, app: &App) -> Failure {
        let mut failure = Failure::from_diagnostics(faults);
        let chosen = self.environment();
        let from_variable =
            chosen.is_some() && app.env.get("RUNNER_ENV").map(String::as_str) == chosen;
        for diagnostic in &mut failure.diagnostics {
            if diagnostic.code == Code::UnknownEnvironment && from_variable {
                diagnostic
                    .help
                    .push("the name is from `RUNNER_ENV`".to_owned());
            }
        }
        failure
    }

    /// Returns the chosen environment; an empty `RUNNER_ENV` chooses none.
    pub fn environment(&self) -> Option<&str> {
        self.env.as_deref().filter(|name| !name.is_empty())
    }
}

/// Parses the name of a format.
pub fn format_name(text: &str) -> Result<&'static Format, String> {
    by_name(text).ok_or_else(|| {
        let names = format_names();
        let hint = name::nearest(text, names.iter().copied())
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!("expected {}{hint}", name::one_of(&names))
    })
}

/// Parses the name of a format for rows that no query describes, and which therefore have no metrics.
pub fn row_format_name(text: &str) -> Result<&'static Format, String> {
    let format = format_name(text)?;
    if format.writes_metrics() {
        return Err("only a query has columns with `metric`: use `runner run`".to_owned());
    }
    Ok(format)
}

/// Returns the help of an option that takes [`row_format_name`].
pub fn row_format_help() -> String {
    format_help(|format| !format.writes_metrics())
}

/// Returns the help of an option that takes some of the formats.
pub fn format_help(takes: impl Fn(&Format) -> bool) -> String {
    let formats = FORMATS.iter().filter(|format| takes(format));
    let names: Vec<&str> = formats.map(|format| format.name).collect();
    format!(
        "Format: {} (default: {} on a terminal, {} elsewhere)",
        name::one_of(&names).replace('`', ""),
        format::usual(true).name,
        format::usual(false).name
    )
}

/// Returns the names of all formats.
pub fn format_names() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

//! The command line: verbs, streams, failures and exit codes.
//!
//! [`main`] parses the command line, runs the verb, and converts its result to text and an exit code.
//! Each verb is one file with its options (whose comments are the help) and its `run`.

mod again;
mod annotation;
mod api;
mod app;
mod base_urls;
mod cache;
mod carry_out;
mod check;
mod choose;
mod columns;
mod complete;
mod completions;
mod confirm;
mod connect;
mod demo;
mod describe;
mod drift;
mod dry_run;
mod error_hints;
mod execute;
mod exit;
mod explain;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod git;
mod in_memory;
mod init;
mod inputs;
#[cfg(test)]
mod kinds;
mod list;
mod man;
mod mcp;
mod merge;
mod metrics;
mod new;
mod new_query;
mod options;
mod outcome;
mod output;
mod part;
mod part_files;
mod ping;
mod plan;
mod plan_document;
mod progress;
mod record;
mod request_text;
mod run;
mod schema;
mod setup;
mod shard;
mod show;
mod show_failure;
mod shown_columns;
mod shutdown;
#[cfg_attr(not(unix), path = "signal_none.rs")]
mod signal;
#[cfg(test)]
mod simulation;
mod sql;
mod state;
mod store;
mod store_export;
mod store_place;
mod sync;
mod test;
mod usage;
mod watch;
mod watcher;

use std::process::ExitCode;
use std::rc::Rc;

use clap::{Parser, Subcommand};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Stopped};

/// Query CircleCI and any other REST API with queries defined in YAML files.
#[derive(Debug, Parser)]
#[command(name = "runner", version, long_version = LONG_VERSION, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The version with its commit and features; `build.rs` writes it.
const LONG_VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/version.txt"));

const AFTER_HELP: &str = "\
Try it in any folder, without a token or a network:
  runner run weekly-report --demo    # a built-in query
  runner api /me --demo              # one request
  runner init                        # a project of your own

With a personal API token of CircleCI in CIRCLE_TOKEN, leave out --demo.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run queries and print their results
    Run(Box<run::RunArgs>),
    /// Divide a walk into parts that several machines run
    Plan(Box<plan::PlanArgs>),
    /// Complete a walk from the files of its parts
    Merge(Box<merge::MergeArgs>),
    /// Run one SELECT over queries and saved files
    Sql(Box<sql::SqlArgs>),
    /// Send one request without a query file, and show the answer
    Api(Box<api::ApiArgs>),
    /// Write a starter project: a connection, queries, a report, tests
    Init(init::InitArgs),
    /// Write a query file from an operation, a curl command or a HAR file
    New(new::NewArgs),
    /// Check files without sending a request
    Check(check::CheckArgs),
    /// Run test cases of queries, without a network
    Test(Box<test::TestArgs>),
    /// Record the answers that a test case needs
    Record(Box<record::RecordArgs>),
    /// List resources and queries
    List(list::ListArgs),
    /// Show a query or resource
    Show(show::ShowArgs),
    /// Keep the records of queries in a store, with few requests
    Sync(Box<sync::SyncArgs>),
    /// Show, export, shrink or clear what is kept
    Store(store::StoreArgs),
    /// Check connections and tokens
    Ping(ping::PingArgs),
    /// Serve queries as tools of an assistant (Model Context Protocol)
    Mcp(Box<mcp::McpArgs>),
    /// Serve an embedded CircleCI with synthetic data
    Demo(demo::DemoArgs),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::SchemaArgs),
    /// Explain an error code
    Explain(explain::ExplainArgs),
    /// Show a manual page, or write all of them
    Man(man::ManArgs),
    /// Print a script that completes commands, names and values in a shell
    Completions(completions::CompletionsArgs),
    /// Print the completions of a command line
    #[command(hide = true)]
    Complete(complete::CompleteArgs),
}

impl Command {
    fn run(&self, app: &Rc<App>) -> Result<Exit, Stopped> {
        match self {
            Self::Run(args) => run::run(args, app),
            Self::Plan(args) => plan::run(args, app),
            Self::Merge(args) => merge::run(args, app),
            Self::Sql(args) => sql::run(args, app),
            Self::Api(args) => api::run(args, app),
            Self::Init(args) => init::run(args, app),
            Self::New(args) => new::run(args, app),
            Self::Check(args) => Ok(check::run(args, app)?),
            Self::Test(args) if args.drift => drift::run(args, app),
            Self::Test(args) => test::run(args, app),
            Self::Record(args) => record::run(args, app),
            Self::List(args) => Ok(list::run(args, app)?),
            Self::Show(args) => show::run(args, app),
            Self::Sync(args) => sync::run(args, app),
            Self::Store(args) => store::run(args, app),
            Self::Ping(args) => Ok(ping::run(args, app)?),
            Self::Mcp(args) => Ok(mcp::run(args, app)?),
            Self::Demo(args) => Ok(demo::run(args, app)?),
            Self::Schema(args) => schema::run(args, app),
            Self::Explain(args) => explain::run(args, app),
            Self::Man(args) => man::run(args, app),
            Self::Completions(args) => completions::run(args, app),
            Self::Complete(args) => complete::run(args, app),
        }
    }

    fn error_format(&self) -> ErrorFormat {
        match self {
            Self::Run(args) => args.error_format(),
            Self::Plan(args) => args.messages.error_format,
            Self::Merge(args) => args.messages.error_format,
            Self::Sql(args) => args.error_format(),
            Self::Api(args) => args.error_format(),
            Self::Check(args) => args.error_format(),
            Self::Ping(args) => args.error_format(),
            Self::Sync(args) => args.messages.error_format,
            Self::Store(args) => args.error_format(),
            Self::Record(args) => args.messages.error_format,
            Self::Test(_)
            | Self::Init(_)
            | Self::New(_)
            | Self::List(_)
            | Self::Show(_)
            | Self::Mcp(_)
            | Self::Demo(_)
            | Self::Schema(_)
            | Self::Explain(_)
            | Self::Man(_)
            | Self::Completions(_)
            | Self::Complete(_) => ErrorFormat::Text,
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    app::report_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let words = std::env::args_os().skip(1);
            let words = words.map(|word| word.to_string_lossy().into_owned());
            return usage::report(error, &words.collect::<Vec<_>>());
        }
    };
    let error_format = cli.command.error_format();
    watcher::watched(error_format, move |shutdown| {
        let app = Rc::new(App::new(shutdown));
        let exit = match cli.command.run(&app) {
            Ok(exit) => exit,
            Err(Stopped::Closed) => Exit::Done,
            Err(Stopped::Failed(failure)) => {
                failure.show(&app, error_format);
                failure.exit
            }
        };
        ExitCode::from(exit.code())
    })
}

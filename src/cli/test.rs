//! `runner test`: runs the cases of queries without a network.
//!
//! Nothing that this file reaches can open a connection (`tests/architecture.rs` checks it): a case
//! runs with a recording as its only exchange.

mod age;
pub mod case;
mod choose;
mod compare;
mod coverage;
pub mod judge;
pub mod show;
mod stray;
mod used;
mod xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::options::duration;
use crate::cli::setup;
use crate::core::code::Code;
use crate::project::testing::{Case, TestFile, Tests};
use crate::project::{Project, load};
use crate::recording::har::{self, Exchanged};
use crate::resource::Resource;
use crate::sink;

pub use choose::{below, resources, tasks};
use coverage::Coverage;
use judge::{Verdict, Wants, judge};
use show::{Results, TestFormat};

const EXAMPLES: &str = "\
Examples:
  runner test                               all cases, without a network
  runner test failed-jobs                   the cases of one file
  runner test failed-jobs/usual --update    accept the result as the new snapshot
  runner test --format junit --out results.xml
  runner test --coverage --min 90           the parts of queries that no case uses
  runner test --drift                       compare the recordings with the API";

/// Options of `test`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct TestArgs {
    /// Folders or files of tests (`failed-jobs`), or single cases (`failed-jobs/usual`) (default: all)
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Run only cases whose full name contains this text; `*` matches anything
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,

    /// Accept the results as the new snapshots
    #[arg(long)]
    pub update: bool,

    /// List the cases without running them
    #[arg(long)]
    pub list: bool,

    /// Send recorded requests again, and compare the shapes of the answers
    ///
    /// This needs a network and a token. Only safe requests are sent, the first page of at most
    /// three of each query, and nothing is written.
    #[arg(long, conflicts_with_all = ["update", "list"])]
    pub drift: bool,

    /// Report the parts of queries that no case uses
    #[arg(long, conflicts_with_all = ["drift", "list"])]
    pub coverage: bool,

    /// Fail if less than this percentage of the parts is used
    #[arg(long, value_name = "PERCENT", requires = "coverage",
        value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min: Option<u8>,

    /// Environment to use with `--drift`, from `environments` in the resource files
    #[arg(long, value_name = "NAME", requires = "drift")]
    pub env: Option<String>,

    /// Use an embedded CircleCI with `--drift`
    #[arg(long, requires = "drift")]
    pub demo: bool,

    /// Time limit of `--drift`, for example `90s`
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "drift")]
    pub timeout: Option<Duration>,

    /// Trust the operating system's certificates too, with `--drift`
    #[arg(long, requires = "drift")]
    pub system_certs: bool,

    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: TestFormat,

    /// Write the results to a file atomically
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Write the requests and answers of the cases as an HTTP archive (HAR 1.2)
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,

    /// List passed cases too
    #[arg(short, long)]
    pub verbose: bool,

    /// Print failures only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all cases passed
  1  a case failed, a recording or snapshot has no case, the coverage is below `--min`, or the API changed what a query reads (`--drift`)
  2  invalid usage or files; the cases of the other files are run
  3  `--drift` could check nothing: the API refused; 4: credentials; 5: network";

/// A case and everything it needs to run.
pub struct Task<'t> {
    /// The file.
    pub file: &'t TestFile,
    /// The case.
    pub case: &'t Case,
    resources: BTreeMap<String, Arc<Resource>>,
}

/// Runs the verb.
///
/// # Errors
///
/// If files have faults, or nothing matches.
pub fn run(args: &TestArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let started = Instant::now();
    let project = open(app)?;
    let Tests {
        files,
        faults,
        orphans,
        ..
    } = project.tests(&below(&project, &args.names, app));
    let is_all = args.names.is_empty() && args.filter.is_none();
    let faults = faults.into_sorted();
    let tasks = match tasks(&project, &files, args, app) {
        // Nothing else is known of the names in these files.
        Err(_) if !faults.is_empty() => return Err(Failure::from_list(faults).into()),
        tasks => tasks?,
    };
    if !faults.is_empty() {
        // The other files are run nevertheless.
        Failure::from_list(faults.clone()).show(app, ErrorFormat::Text);
    }
    if args.list {
        list(&tasks, args, app)?;
        return Ok(if faults.is_empty() {
            Exit::Done
        } else {
            Exit::Usage
        });
    }
    let orphans = orphans.into_sorted();
    let strays = stray::of(&faults, if is_all { &orphans } else { &[] });
    let wants = Wants {
        updates: args.update,
        exchanges: args.har.is_some(),
        coverage: args.coverage,
    };
    let mut verdicts = play_all(&project, &tasks, wants);
    if args.update {
        for verdict in &mut verdicts {
            accept(verdict, project.root(), app)?;
        }
    }
    if let Some(path) = &args.har {
        write(path, archive(&verdicts).as_bytes(), app)?;
    }
    let coverage = args
        .coverage
        .then(|| Coverage::of(&project, &verdicts, is_all));
    let results = Results {
        verdicts: &verdicts,
        strays: &strays,
        coverage: coverage.as_ref(),
        elapsed: started.elapsed(),
    };
    let text = show::render(&results, args, app);
    put(&text, args, app)?;
    if args.out.is_some() && !args.quiet {
        app.eprintln(&show::summary(&results));
    }
    if !args.quiet {
        for line in age::warnings(&verdicts, project.tests_max_age(), app.now) {
            app.eprintln(&line);
        }
    }
    let is_uncovered =
        coverage.is_some_and(|coverage| args.min.is_some_and(|least| coverage.is_below(least)));
    let failed = verdicts.iter().any(|verdict| !verdict.problems.is_empty());
    Ok(if !faults.is_empty() {
        Exit::Usage
    } else if failed || is_uncovered || !strays.is_empty() {
        Exit::Expectation
    } else {
        Exit::Done
    })
}

/// Prints the full names of the cases.
fn list(tasks: &[Task<'_>], args: &TestArgs, app: &App) -> Result<(), Stopped> {
    let names: Vec<String> = tasks.iter().map(Task::name).collect();
    let text = match args.format {
        TestFormat::Json => format!("{:#}\n", Value::from(names)),
        _ => names.join("\n") + "\n",
    };
    app.print(&text)
}

/// Prints a text, or writes it to the file of `--out`.
///
/// # Errors
///
/// If it cannot be written.
pub fn put(text: &str, args: &TestArgs, app: &App) -> Result<(), Stopped> {
    match &args.out {
        None => app.print(text),
        Some(path) => Ok(write(path, text.as_bytes(), app)?),
    }
}

/// Opens the project. Places in messages are relative to its root, wherever one stands, so that
/// results do not depend on it.
///
/// # Errors
///
/// If there is none.
pub fn open(app: &App) -> Result<Project, Failure> {
    setup::project_at_root(&setup::project_with_tests(app)?, app)
}

impl Task<'_> {
    /// Returns the full name: `failed-jobs/usual`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.file.name, self.case.name)
    }
}

/// Runs all cases, as many at a time as there are processors.
fn play_all<'t>(project: &Project, tasks: &'t [Task<'t>], wants: Wants) -> Vec<Verdict<'t>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let root = project.root();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(tasks.len()) {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = judge(task, root, wants);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push(verdict);
                }
            });
        }
    });
    let mut verdicts = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let order = |verdict: &Verdict<'_>| {
        let place = tasks
            .iter()
            .position(|task| std::ptr::eq(task, verdict.task));
        place.unwrap_or(usize::MAX)
    };
    verdicts.sort_by_cached_key(order);
    verdicts
}

/// Returns the exchanges of all cases as an HTTP archive.
fn archive(verdicts: &[Verdict<'_>]) -> String {
    let exchanges = verdicts.iter().flat_map(|verdict| {
        let exchanges = verdict.exchanges.iter();
        exchanges.map(|(recorded, base)| Exchanged {
            recorded,
            base,
            now: verdict.now,
        })
    });
    format!("{:#}\n", har::to_har(exchanges))
}

/// Refuses to write a file of tests through a link.
///
/// # Errors
///
/// If there is a link on the way.
pub fn refuse_links(root: &Path, path: &Path) -> Result<(), Failure> {
    if load::goes_through_link(root, path) {
        let words = format!(
            "`{}` goes through a link, and is not written",
            path.display()
        );
        return Err(Failure::usage(Code::Outside, words));
    }
    Ok(())
}

/// Writes the new snapshots of a case without other problems.
fn accept(verdict: &mut Verdict<'_>, root: &Path, app: &App) -> Result<(), Failure> {
    for snapshot in std::mem::take(&mut verdict.fresh) {
        refuse_links(root, &snapshot.path)?;
        write(&snapshot.path, &snapshot.bytes, app)?;
        verdict.written.push(snapshot.shown);
    }
    for (path, shown) in std::mem::take(&mut verdict.stale) {
        let removed = sink::remove_file(&path);
        removed.map_err(|error| not_writable(&path, &error))?;
        verdict.removed.push(shown);
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], app: &App) -> Result<(), Failure> {
    let path = app.working_directory.join(path);
    sink::write_file(&path, bytes).map_err(|error| not_writable(&path, &error))
}

fn not_writable(path: &Path, error: &std::io::Error) -> Failure {
    let why = load::plain(error);
    Failure::usage(
        Code::Out,
        format!("cannot write `{}`: {why}", path.display()),
    )
}

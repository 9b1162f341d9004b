//! `runner test`: runs the cases of queries without a network.
//!
//! Nothing that this file reaches can open a connection (`tests/architecture.rs` checks it): a case
//! runs with a recording as its only exchange.

mod age;
pub mod case;
mod compare;
mod coverage;
pub mod judge;
pub mod show;
mod used;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::duration;
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::name;
use crate::project::testing::{Case, TestFile, Tests};
use crate::project::{Project, Query, load};
use crate::recording::har::{self, Exchanged};
use crate::resource::Resource;
use crate::sink;

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
    /// Files of tests (`failed-jobs`) or single cases (`failed-jobs/usual`) (default: all)
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
  1  a case failed, the coverage is below `--min`, or the API changed what a query reads (`--drift`)
  2  invalid usage or files
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
    let Tests { files, faults, .. } = project.tests(&below(&project, &args.names));
    if !faults.is_empty() {
        return Err(Failure::from_diagnostics(faults).into());
    }
    let tasks = tasks(&project, &files, args)?;
    if args.list {
        return list(&tasks, args, app);
    }
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
    let is_all = args.names.is_empty() && args.filter.is_none();
    let coverage = args
        .coverage
        .then(|| Coverage::of(&project, &verdicts, is_all));
    let results = Results {
        verdicts: &verdicts,
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
    Ok(if failed || is_uncovered {
        Exit::Expectation
    } else {
        Exit::Done
    })
}

/// Prints the full names of the cases.
fn list(tasks: &[Task<'_>], args: &TestArgs, app: &App) -> Result<Exit, Stopped> {
    let names: Vec<String> = tasks.iter().map(Task::name).collect();
    let text = match args.format {
        TestFormat::Json => format!("{:#}\n", Value::from(names)),
        _ => names.join("\n") + "\n",
    };
    app.print(&text)?;
    Ok(Exit::Done)
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

/// Returns the files that the names are about, so that faults of others do not matter. All, if one of
/// them is no file.
fn below(project: &Project, names: &[String]) -> Vec<PathBuf> {
    let folder = project.tests_folder();
    let file_of = |name: &String| {
        let name = name.strip_suffix(".yaml").unwrap_or(name);
        let case_of = name.rsplit_once('/').map(|(file, _)| file);
        let mut files = [Some(name), case_of].into_iter().flatten();
        files.find_map(|file| {
            let path = folder.join(format!("{file}.yaml"));
            path.is_file().then_some(path)
        })
    };
    let files: Option<Vec<PathBuf>> = names.iter().map(file_of).collect();
    files.unwrap_or_default()
}

/// Chooses the cases.
///
/// # Errors
///
/// If a name is unknown, or nothing is left.
pub fn tasks<'t>(
    project: &Project,
    files: &'t [TestFile],
    args: &TestArgs,
) -> Result<Vec<Task<'t>>, Failure> {
    let all = files
        .iter()
        .flat_map(|file| file.cases.iter().map(move |case| (file, case)));
    let all: Vec<(&TestFile, &Case, String)> = all
        .map(|(file, case)| (file, case, format!("{}/{}", file.name, case.name)))
        .collect();
    if all.is_empty() {
        return Err(
            Failure::usage(Code::NoTest, "the project has no tests").help(
                "write cases to `tests/QUERY.yaml`, or record one: `runner record QUERY/usual`",
            ),
        );
    }
    let is_named = |wanted: &str, file: &TestFile, case: &Case| {
        let wanted = wanted.strip_suffix(".yaml").unwrap_or(wanted);
        let rest = wanted.strip_prefix(&file.name);
        let of_case = rest.and_then(|rest| rest.strip_prefix('/'));
        wanted == file.name
            || of_case.is_some_and(|wanted| wanted == case.name || wanted == case.slug)
            || file.source.name().strip_suffix(".yaml") == Some(wanted)
    };
    for wanted in &args.names {
        if !all
            .iter()
            .any(|(file, case, _)| is_named(wanted, file, case))
        {
            let files = files.iter().map(|file| file.name.as_str());
            let names = all.iter().map(|(_, _, name)| name.as_str());
            let near = name::nearest(wanted, files.chain(names));
            let failure = Failure::usage(Code::NoTest, format!("no test `{wanted}`"));
            return Err(match near {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("list them with `runner test --list`"),
            });
        }
    }
    let chosen = all.into_iter().filter(|(file, case, name)| {
        let names = &args.names;
        (names.is_empty() || names.iter().any(|wanted| is_named(wanted, file, case)))
            && args
                .filter
                .as_ref()
                .is_none_or(|filter| matches(filter, name))
    });
    let mut tasks = Vec::new();
    for (file, case, _) in chosen {
        let resources = resources(project, &file.query, case)?;
        tasks.push(Task {
            file,
            case,
            resources,
        });
    }
    if tasks.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        let words = format!("no case matches `{filter}`");
        return Err(Failure::usage(Code::NoTest, words).help("list them with `runner test --list`"));
    }
    Ok(tasks)
}

/// Returns the resources of a query and those it uses, in the environment of a case.
///
/// # Errors
///
/// If one of them cannot be read.
pub fn resources(
    project: &Project,
    query: &Query,
    case: &Case,
) -> Result<BTreeMap<String, Arc<Resource>>, Failure> {
    let mut resources = BTreeMap::new();
    for query in query.with_fed_by() {
        let found = project.resource_of(query, case.environment.as_deref());
        if let Some(resource) = found.map_err(Failure::from_diagnostics)? {
            resources.insert(resource.name.clone(), Arc::new(resource));
        }
    }
    Ok(resources)
}

/// Returns true if a name contains a pattern, whose `*` matches anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut rest = name;
    for part in pattern.split('*') {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
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

//! `runner record`: records the answers that a test case needs.

mod case_text;
mod checks;
mod order;
mod settings;
mod take;
mod target;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::inputs::Words;
use crate::cli::options::{ConnectArgs, MessageArgs};
use crate::cli::test;
use crate::cli::test::case::{Played, Setting};
use crate::cli::{error_hints, setup};
use crate::core::code::Code;
use crate::core::json::{self, plain};
use crate::core::text::counted;
use crate::plan::{Inputs, Plan};
use crate::project::{Project, Query};
use crate::recording::Recording;
use crate::recording::redact::{Redactions, Rule};
use crate::template::Clock;

use case_text::Settings;
use settings::Facts;
use take::Taken;
use target::Target;
use write::Done;

const EXAMPLES: &str = "\
Examples:
  runner record failed-jobs project_slug=gh/acme/web since=2d
  runner record failed-jobs/quiet-week since=7d --keep 20
  runner record failed-jobs/usual                   record a known case again
  runner record weekly-report --demo";

/// Options of `record`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct RecordArgs {
    #[command(flatten)]
    pub words: Words,

    /// Read vars from a YAML file (overridden by the command line)
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<PathBuf>,

    /// Run as of a past time: RFC 3339, a date, or an age (`7d`)
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    /// Keep at most this many elements of each list in an answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub keep: Option<u64>,

    /// Return at most this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Take the answers from an HTTP archive (HAR) of a browser, and send nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keep", "yes", "demo"])]
    pub from_har: Option<PathBuf>,

    /// Send requests that write, and record their answers too
    #[arg(short, long)]
    pub yes: bool,

    #[command(flatten)]
    pub connect: ConnectArgs,

    #[command(flatten)]
    pub messages: MessageArgs,
}

/// Runs the verb.
///
/// # Errors
///
/// If the run fails, or its answers must not or cannot be kept.
pub fn run(args: &RecordArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    app.shutdown.limit(args.connect.timeout);
    let [word] = args.words.queries.as_slice() else {
        let words = "`record` takes a single case";
        return Err(Failure::usage(Code::NoQuery, words)
            .help("for example `runner record failed-jobs/usual`")
            .into());
    };
    let project = setup::project_with_tests(app)?;
    let target = Target::find(word, &project, app)?;
    let mut around = World::new(app, &args.connect, args.messages, args.now.as_deref())?;
    // The case has the time of the run, and people read it.
    around.outside.clock = whole_second(around.outside.clock);
    let taking = Taking {
        args,
        app,
        project: &project,
        world: &around,
        target: &target,
    };
    taking.run()
}

fn whole_second(clock: Clock) -> Clock {
    let second = Timestamp::from_second(clock.0.as_second());
    second.map_or(clock, Clock)
}

/// The recording of one case.
struct Taking<'t> {
    args: &'t RecordArgs,
    app: &'t Rc<App>,
    project: &'t Project,
    world: &'t World,
    target: &'t Target,
}

impl Taking<'_> {
    fn run(&self) -> Result<Exit, Stopped> {
        let inputs = self.inputs()?;
        let used = Arc::new(Mutex::new(BTreeMap::new()));
        let plan = self.plan(&inputs, &used)?;
        self.refuse_replacements(&plan)?;
        // Nothing is sent for a case that cannot be written.
        self.refuse_unwritable()?;
        self.case_file(&Settings::default())?;
        let mut taken = if let Some(path) = &self.args.from_har {
            self.import(path, &plan)?
        } else {
            self.refuse_writes(&plan)?;
            self.take(&plan)?
        };
        self.replace_stand_ins(&mut taken);
        // Aliases are numbered in the order of the file.
        let exchanges = std::mem::take(&mut taken.exchanges);
        let mut exchanges = order::sort(exchanges, &queries(&self.target.query));
        let mut redactions = Redactions::new(rules(&plan));
        redactions.apply(&mut exchanges);
        let mut settings = self.settings(&plan, &inputs, &used, &redactions, taken.exit);
        if let Some(started) = taken.started.filter(|_| self.args.now.is_none()) {
            settings.now = whole_second(Clock(started)).0;
        }
        let mut resources: Vec<String> = Vec::new();
        for part in plan.with_fed_by().into_iter().filter_map(Plan::requests) {
            let name = &part.resource().name;
            if !resources.contains(name) {
                resources.push(name.clone());
            }
        }
        let mut recording = Recording {
            recorded: Some(settings.now),
            resources,
            exchanges,
        };
        checks::refuse_secrets(&recording, &self.target.query, &self.app.scrubber)?;
        checks::refuse_size(&recording)?;
        let mut text = self.case_file(&settings)?;
        let mut played = self.replay(&text, &recording)?;
        if self.args.from_har.is_some() && played.exit != 0 {
            settings.exit = played.exit;
            text = self.case_file(&settings)?;
            played = self.replay(&text, &recording)?;
        }
        if played.misses.is_empty() && !played.library.unused().is_empty() {
            // What a run asked in vain before it failed need not be kept.
            let used: BTreeSet<usize> = played.library.used().into_iter().collect();
            let mut index = 0..;
            let exchanges = &mut recording.exchanges;
            exchanges.retain(|_| index.next().is_some_and(|index| used.contains(&index)));
            played = self.replay(&text, &recording)?;
        }
        let is_same = Self::compare(&taken, &played, &redactions)?;
        let done = Done {
            text,
            recording,
            played,
            is_same,
        };
        self.write(done, &settings)?;
        Ok(Exit::Done)
    }

    /// Returns the maximum number of elements of each list in an answer.
    fn keep(&self) -> Option<u64> {
        let known = || self.target.case().and_then(|case| case.keep);
        self.args.keep.or_else(known)
    }

    fn plan(&self, inputs: &Inputs, used: &Facts) -> Result<Rc<Plan>, Failure> {
        let known = self.target.case();
        let mut connect = self.args.connect.clone();
        if connect.env.is_none() {
            connect.env = known.and_then(|case| case.environment.clone());
        }
        let outside = &self.world.outside;
        let (git, used) = (Arc::clone(&outside.git), Arc::clone(used));
        let world = self.world.with_git(Arc::new(move |name| {
            let fact = git(name)?;
            let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
            used.insert(name.to_owned(), plain(&fact));
            Some(fact)
        }));
        let binding = world.binding(self.project, &self.target.query, &connect, self.app)?;
        let plan = Plan::bind(Arc::clone(&self.target.query), &binding, inputs);
        let mut plan =
            plan.map_err(|error| error_hints::plan_error_in(&error, &binding, self.app))?;
        if let Some(limit) = self.args.limit.or(known.and_then(|case| case.limit)) {
            plan.limit_to(limit);
        }
        Ok(Rc::new(plan))
    }

    fn refuse_writes(&self, plan: &Plan) -> Result<(), Failure> {
        let parts = plan.with_fed_by().into_iter();
        let writes = parts.filter(|part| part.requests().is_some() && !part.is_safe());
        let mut names = writes.map(|part| &part.query.name);
        let Some(name) = names.next().filter(|_| !self.args.yes) else {
            return Ok(());
        };
        let words = format!("`{name}` writes, and recording it sends its requests");
        Err(Failure::new(Exit::Forbidden, Code::NeedsYes, words)
            .help("record it with `--yes`, or write its answers to the test file"))
    }

    /// Returns the text of the test file with the case.
    fn case_file(&self, settings: &Settings) -> Result<String, Failure> {
        let target = self.target;
        let Some(file) = &target.file else {
            return Ok(case_text::new_file(&target.name, settings));
        };
        let text = match target.case() {
            Some(case) => case_text::renewed(file, case, settings),
            None => case_text::with_case(file, &target.name, settings),
        };
        text.ok_or_else(|| {
            let words = format!(
                "cannot add to `{}`: its cases are not on lines of their own",
                file.source.name()
            );
            Failure::usage(Code::Case, words).help("write the cases without braces")
        })
    }

    /// Runs the new case before anything is written.
    fn replay(&self, text: &str, recording: &Recording) -> Result<Played, Failure> {
        let tests = self.project.tests_from(&self.target.path, text);
        let Some(file) = tests.files.first() else {
            return Err(Failure::from_diagnostics(tests.faults));
        };
        let Some(case) = file.case(&self.target.name) else {
            let words = format!("no case `{}`", self.target.name);
            return Err(Failure::usage(Code::NoTest, words));
        };
        let resources = test::resources(self.project, &file.query, case)?;
        let setting = Setting {
            query: &file.query,
            case,
            resources,
            recording: recording.clone(),
            root: self.project.root(),
            keeps_exchanges: false,
            covers: false,
        };
        setting.play()
    }

    /// Compares the replay with the run. Returns true if the results are equal, apart from redacted
    /// values. What was computed from such a value may differ.
    fn compare(taken: &Taken, played: &Played, redactions: &Redactions) -> Result<bool, Failure> {
        let differs = |words: String| {
            let failure = Failure::new(Exit::Expectation, Code::Replay, words);
            let messages = played.messages.trim().lines().next().map(str::to_owned);
            let failure = match messages {
                Some(line) => failure.fact("replay", line),
                None => failure,
            };
            failure
                .help("nothing was written; the query may depend on something that is not recorded")
        };
        if let Some(miss) = played.misses.first() {
            return Err(differs(format!("the replay differs from the run: {miss}")));
        }
        if let Some(records) = taken
            .records
            .filter(|records| played.rows.len() != *records)
        {
            let words = format!(
                "the replay differs from the run: it has {}, not {records}",
                counted(played.rows.len() as u64, "record")
            );
            return Err(differs(words));
        }
        for ((extension, live), (_, replayed)) in taken.outputs.iter().zip(&played.outputs) {
            if live == replayed {
                continue;
            }
            if !redactions.is_used() {
                return Err(differs(format!(
                    "the replay differs from the run in its result (`.{extension}`)"
                )));
            }
            if redacted(live, redactions) != redacted(replayed, redactions) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the names of a query and those it uses, with those that feed others first.
fn queries(query: &Query) -> Vec<&str> {
    let mut names: Vec<&str> = query
        .with_fed_by()
        .into_iter()
        .map(|query| query.name.as_str())
        .collect();
    names.reverse();
    names
}

/// Returns a result without the redacted values: those of JSON by value, others as text.
fn redacted(bytes: &[u8], redactions: &Redactions) -> String {
    match json::parse(bytes) {
        Ok(mut value) => {
            redactions.value(&mut value);
            value.to_string()
        }
        Err(_) => redactions.text(&String::from_utf8_lossy(bytes)),
    }
}

/// Returns the rules of all resources of a plan.
fn rules(plan: &Plan) -> Vec<Rule> {
    let parts = plan.with_fed_by().into_iter().filter_map(Plan::requests);
    let rules = parts.flat_map(|part| part.resource().redact.clone());
    rules
        .map(|(selector, action)| Rule { selector, action })
        .collect()
}

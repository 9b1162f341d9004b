//! `runner record`: records the answers that a test case needs.

mod case_text;
mod checks;
mod order;
mod take;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::inputs::{self, Words};
use crate::cli::options::{ConnectArgs, MessageArgs};
use crate::cli::test;
use crate::cli::test::case::{self, Played, Setting};
use crate::cli::{explain, setup};
use crate::core::code::Code;
use crate::core::json::plain;
use crate::core::secret::is_secret_name;
use crate::core::text::counted;
use crate::plan::{Input, Inputs, Plan, variable_of};
use crate::project::template::ValueTemplate;
use crate::project::testing::{ANSWERS, slug};
use crate::project::{Project, Query, load};
use crate::recording::redact::{Redactions, Rule};
use crate::recording::{Recording, write};
use crate::sink::{self};

use case_text::Settings;
use take::Taken;
use target::Target;

const EXAMPLES: &str = "\
Examples:
  runner record failed-jobs project_slug=gh/acme/web since=2d
  runner record failed-jobs/quiet-week since=7d --keep 20
  runner record failed-jobs/usual                   record a known case anew
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
    let project = setup::project_here(app)?;
    if project.is_built_in() {
        let words = "no project found, and the built-in queries have no tests";
        return Err(Failure::usage(Code::NoProject, words).into());
    }
    let target = Target::find(word, &project, app)?;
    let world = World::new(app, &args.connect, args.messages, args.now.as_deref())?;
    let taking = Taking {
        args,
        app,
        project: &project,
        world: &world,
        target: &target,
    };
    taking.run()
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
        let mut taken = match &self.args.from_har {
            Some(path) => self.import(path, &plan)?,
            None => {
                self.refuse_writes(&plan)?;
                self.take(&plan)?
            }
        };
        self.replace_stand_ins(&mut taken);
        let mut settings = self.settings(&inputs, &used, taken.exit);
        let mut redactions = Redactions::new(rules(&plan));
        redactions.apply(&mut taken.exchanges);
        for (_, value) in &mut settings.vars {
            redactions.value(value);
        }
        let queries: Vec<&str> = queries(&self.target.query);
        let mut resources: Vec<String> = Vec::new();
        for part in plan.with_fed_by().into_iter().filter_map(Plan::requests) {
            let name = &part.resource().name;
            if !resources.contains(name) {
                resources.push(name.clone());
            }
        }
        let mut recording = Recording {
            recorded: Some(self.world.outside.clock.0),
            resources,
            exchanges: order::sort(std::mem::take(&mut taken.exchanges), &queries),
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
        self.compare(&taken, &played, &redactions)?;
        self.write(&text, &recording, &played)?;
        Ok(Exit::Done)
    }

    /// Returns the values of the known case, overridden by those of the call.
    fn inputs(&self) -> Result<Inputs, Failure> {
        let args = self.args;
        let mut inputs = Inputs::new();
        for (name, value, _) in self.target.case().map_or(&[][..], |case| &case.vars) {
            inputs.insert(name.clone(), case::input(value));
        }
        let given = inputs::read(
            &args.vars_files,
            &args.words.assignments,
            &self.app.working_directory,
        )?;
        inputs.extend(given);
        Ok(inputs)
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
        let mut plan = plan.map_err(|error| explain::plan_error_in(&error, &binding, self.app))?;
        if let Some(limit) = self.args.limit.or(known.and_then(|case| case.limit)) {
            plan.limit_to(limit);
        }
        Ok(Rc::new(plan))
    }

    fn refuse_writes(&self, plan: &Plan) -> Result<(), Failure> {
        let parts = plan.with_fed_by().into_iter();
        let writes = parts.filter(|part| part.requests().is_some() && !part.is_safe());
        let Some(writer) = writes
            .filter(|_| !self.args.yes)
            .map(|part| &part.query.name)
            .next()
        else {
            return Ok(());
        };
        let words = format!("`{writer}` writes, and recording it sends its requests");
        Err(Failure::new(Exit::Forbidden, Code::NeedsYes, words)
            .help("record it with `--yes`, or write its answers to the test file"))
    }

    fn settings(&self, inputs: &Inputs, used: &Facts, exit: Exit) -> Settings {
        let known = self.target.case();
        let mut vars: Vec<(String, Value)> = Vec::new();
        for var in &self.target.query.vars {
            let input = inputs.get(&var.name);
            let variable = self.app.env.get(&variable_of(&var.name));
            let value = match input {
                Some(Input::Text(text) | Input::Environment(text)) => Value::from(text.as_str()),
                Some(Input::Json(value) | Input::Number(value, _) | Input::Secret(value)) => {
                    value.clone()
                }
                None => match variable.filter(|text| !text.is_empty()) {
                    Some(text) => Value::from(text.as_str()),
                    None => continue,
                },
            };
            vars.push((var.name.clone(), value));
        }
        let used = used.lock().unwrap_or_else(PoisonError::into_inner);
        let names = self.variables();
        let env = names.into_iter().filter_map(|name| {
            let value = self.app.env.get(&name)?;
            Some((name, value.clone()))
        });
        Settings {
            vars,
            now: self.world.outside.clock.0,
            git: used.clone(),
            env: env.collect(),
            environment: self.args.connect.environment().map(str::to_owned),
            limit: self.args.limit.or(known.and_then(|case| case.limit)),
            exit: exit.code(),
        }
    }

    /// Returns the environment variables that the files read, except secrets: a case needs none.
    fn variables(&self) -> BTreeSet<String> {
        let query = &self.target.query;
        let mut names: BTreeSet<String> = BTreeSet::new();
        for query in query.with_fed_by() {
            for var in &query.vars {
                let default = var.default.iter().flat_map(ValueTemplate::templates);
                for template in default {
                    let read = template.mentions().attributes("env");
                    names.extend(read.map(str::to_owned));
                }
            }
        }
        for sent in self.project.sends(query) {
            names.extend(sent.variables);
        }
        names.retain(|name| !is_secret_name(name));
        names
    }

    /// Returns the text of the test file with the case.
    fn case_file(&self, settings: &Settings) -> Result<String, Failure> {
        let target = self.target;
        let Some(file) = &target.file else {
            return Ok(case_text::new_file(&target.name, settings));
        };
        let text = match target.case() {
            Some(case) => case_text::with_now(file, case, settings.now),
            None => case_text::with_case(file, &target.name, settings),
        };
        text.ok_or_else(|| {
            let words = format!(
                "cannot add to `{}`: its cases are not on lines of their own",
                file.source.name()
            );
            Failure::usage(Code::Case, words)
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
        };
        setting.play()
    }

    fn compare(
        &self,
        taken: &Taken,
        played: &Played,
        redactions: &Redactions,
    ) -> Result<(), Failure> {
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
        let is_changed = redactions.is_used();
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
            if live != replayed && !is_changed {
                return Err(differs(format!(
                    "the replay differs from the run in its result (`.{extension}`)"
                )));
            }
        }
        Ok(())
    }

    fn write(&self, text: &str, recording: &Recording, played: &Played) -> Result<(), Stopped> {
        let root = self.project.root();
        let folder = self.target.path.with_extension("");
        let slug = slug(&self.target.name);
        let mut files = vec![
            (self.target.path.clone(), text.as_bytes().to_vec()),
            (
                folder.join(format!("{slug}{ANSWERS}")),
                write::text(recording).into_bytes(),
            ),
        ];
        for (extension, bytes) in &played.outputs {
            files.push((folder.join(format!("{slug}.{extension}")), bytes.clone()));
        }
        let mut lines = String::new();
        for (path, bytes) in &files {
            sink::write_file(path, bytes).map_err(|error| {
                let why = load::plain(&error);
                let words = format!("cannot write `{}`: {why}", path.display());
                Failure::usage(Code::Out, words)
            })?;
            lines.push_str(&format!("wrote {}\n", load::shown(path, root)));
        }
        if !self.args.messages.quiet {
            self.app.print(&lines)?;
            let requests = counted(recording.exchanges.len() as u64, "request");
            let records = counted(played.rows.len() as u64, "record");
            self.app.eprintln(&format!(
                "{requests}, {records}; replayed with the same result"
            ));
        }
        Ok(())
    }
}

/// Facts that a run looked up, by name.
type Facts = Arc<Mutex<BTreeMap<String, String>>>;

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

/// Returns the rules of all resources of a plan.
fn rules(plan: &Plan) -> Vec<Rule> {
    let parts = plan.with_fed_by().into_iter().filter_map(Plan::requests);
    let rules = parts.flat_map(|part| part.resource().redact.clone());
    rules
        .map(|(selector, action)| Rule { selector, action })
        .collect()
}

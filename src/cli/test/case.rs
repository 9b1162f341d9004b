//! Runs one case: the same engine as a run, with a recording in place of the servers.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error_hints;
use crate::cli::execute::{self, Execution};
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::in_memory::Collecting;
use crate::cli::options::RunOptions;
use crate::cli::test::used::{Notes, Used};
use crate::cli::watch::Watch;
use crate::core::code::Code;
use crate::core::json::plain;
use crate::core::text::{one_line, truncate_to_width};
use crate::engine::{Cover, Downloads, Exchange, ExecutionOptions, Replay, Session, Shelf};
use crate::http::Observe;
use crate::plan::{Binding, Input, Outside, Plan, SharedPlans};
use crate::project::Query;
use crate::project::requirement::Requirement;
use crate::project::testing::Case;
use crate::recording::matching::{Library, Miss};
use crate::recording::{Ask, Content, Recorded, Recording};
use crate::resource::Resource;
use crate::sink::{Folder, TemporaryFolder};
use crate::template::{Absences, Clock, Mention, Scope};

/// The maximum width of a value in terminal columns.
const SHOWN: usize = 60;

/// The time of cases without `now` and recording. Never that of the machine, so that a case has one result.
pub const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// A case with everything it needs.
pub struct Setting<'s> {
    /// The query.
    pub query: &'s Arc<Query>,
    /// The case.
    pub case: &'s Case,
    /// The resources by name, in the environment of the case.
    pub resources: BTreeMap<String, Arc<Resource>>,
    /// The recorded answers.
    pub recording: Recording,
    /// The project's folder.
    pub root: &'s Path,
    /// True to keep the exchanges.
    pub keeps_exchanges: bool,
    /// True to take note of the used parts of queries.
    pub covers: bool,
}

/// The result of a case.
pub struct Played {
    /// The result in each form, with its file extension.
    pub outputs: Vec<(&'static str, Vec<u8>)>,
    /// The records.
    pub rows: Vec<Value>,
    /// The messages on standard error.
    pub messages: String,
    /// The exit code.
    pub exit: u8,
    /// The time of the run.
    pub now: Timestamp,
    /// The requests.
    pub asked: Vec<Ask>,
    /// The requests without an answer.
    pub misses: Vec<Miss>,
    /// The answers.
    pub library: Rc<Library>,
    /// The conditions of `expect` that do not hold.
    pub unmet: Vec<UnmetCondition>,
    /// The exchanges with the base URLs of their resources, if they were kept.
    pub exchanges: Vec<(Recorded, String)>,
    /// The used parts of queries.
    pub used: Used,
}

/// Wraps an exchange.
pub type Around<'a> = dyn Fn(Rc<dyn Exchange>) -> Rc<dyn Exchange> + 'a;

impl Setting<'_> {
    /// Runs the case in paused time.
    ///
    /// # Errors
    ///
    /// If the case cannot be run; a query that fails is a result.
    pub fn play(self) -> Result<Played, Failure> {
        self.play_through(&|replay| replay)
    }

    /// As [`Setting::play`], with an exchange around the recording.
    ///
    /// # Errors
    ///
    /// As [`Setting::play`].
    pub fn play_through(self, around: &Around<'_>) -> Result<Played, Failure> {
        let now = self.case.now.or(self.recording.recorded).unwrap_or(NOW);
        let env = Arc::new(self.case.env.clone());
        let app = Rc::new(App::of_case(env, self.root.to_path_buf(), now));
        let recorded = self.recording.exchanges.clone();
        let library = Rc::new(Library::new(self.case.overrides.clone(), recorded));
        let replay = Replay::new(Rc::clone(&library), now);
        let replay = Rc::new(if self.keeps_exchanges {
            replay.keeping_exchanges()
        } else {
            replay
        });
        let mut played = Played {
            outputs: Vec::new(),
            rows: Vec::new(),
            messages: String::new(),
            exit: 0,
            now,
            asked: Vec::new(),
            misses: Vec::new(),
            library,
            unmet: Vec::new(),
            exchanges: Vec::new(),
            used: Used::default(),
        };
        let bound = self.plan(&app);
        let exit = match &bound {
            Err(failure) => {
                failure.show(&app, ErrorFormat::Text);
                failure.exit
            }
            Ok(plan) => {
                let exchange = around(Rc::clone(&replay) as Rc<dyn Exchange>);
                self.run(plan, exchange, &app, &mut played)?
            }
        };
        played.exit = exit.code();
        let lines = app.messages().into_iter();
        played.messages = lines.map(|line| line + "\n").collect();
        played.asked = replay.asked();
        played.misses = replay.take_misses();
        played.exchanges = replay.take_exchanges();
        self.check(&mut played, bound.ok().as_deref());
        Ok(played)
    }

    fn plan(&self, app: &App) -> Result<Rc<Plan>, Failure> {
        let facts = self.case.git.clone();
        let binding = Rc::new(Binding {
            resources: self.resources.clone(),
            outside: Outside {
                clock: Clock(app.now),
                env: Arc::clone(&app.env),
                git: Arc::new(move |name| facts.get(name).map(|fact| Value::from(fact.as_str()))),
            },
            root: self.root.to_path_buf(),
            scrubber: app.scrubber.clone(),
            plans: SharedPlans::default(),
            since: None,
        });
        let inputs = self.case.vars.iter();
        let inputs = inputs.map(|(name, value, _)| (name.clone(), input(value)));
        let plan = Plan::bind(Arc::clone(self.query), &binding, &inputs.collect());
        let mut plan = plan.map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
        if let Some(limit) = self.case.limit {
            plan.limit_to(limit);
        }
        Ok(Rc::new(plan))
    }

    fn run(
        &self,
        plan: &Rc<Plan>,
        exchange: Rc<dyn Exchange>,
        app: &Rc<App>,
        played: &mut Played,
    ) -> Result<Exit, Failure> {
        let options = RunOptions {
            yes: true,
            ..RunOptions::default()
        };
        let plans = [Rc::clone(plan)];
        if let Err(failure) = execute::admit(&plans, &options, &|_| Ok(()), app) {
            failure.show(app, ErrorFormat::Text);
            return Ok(failure.exit);
        }
        let (collecting, writers) = Collecting::new(plan, &self.case.show, app)?;
        let folder = TemporaryFolder::default();
        let cover = self.covers.then(|| Rc::new(Notes::default()));
        let execution = ExecutionOptions {
            remembers: execute::remembers(&plans),
            downloads: downloads(plan, &folder)?,
            is_steady: true,
            given: given(self.case),
            cover: cover.clone().map(|cover| cover as Rc<dyn Cover>),
            ..ExecutionOptions::default()
        };
        let observer: Rc<dyn Observe> = Rc::new(Watch::new(Rc::clone(app), 0, false));
        let session = Rc::new(Session::new(
            exchange,
            observer,
            execution,
            Box::new(NoShelf),
        ));
        let run = Execution::new(&plans, &options, app).with_previous(self.case.previous.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| Failure::usage(Code::Runtime, format!("cannot start: {error}")))?;
        let result = runtime.block_on(run.run(&session, vec![writers], &[None]));
        if let Some(notes) = &cover {
            played.used = notes.take();
        }
        let exit = match result {
            Ok(exit) => exit,
            Err(Stopped::Closed) => Exit::Done,
            Err(Stopped::Failed(failure)) => {
                failure.show(app, ErrorFormat::Text);
                failure.exit
            }
        };
        (played.rows, played.outputs) = collecting.finish(exit);
        Ok(exit)
    }

    /// Evaluates `expect`. A run that did not start has messages and an exit code, too.
    fn check(&self, played: &mut Played, plan: Option<&Plan>) {
        if self.case.expect.is_empty() {
            return;
        }
        let absences = Absences::default();
        let scope = self.result_scope(played, plan, &absences);
        for requirement in &self.case.expect {
            let mentions = requirement.that.mentions();
            let is_member = |mention: &Mention| mention.root() == "row" && mention.path.len() > 1;
            let scope = if played.rows.is_empty()
                && mentions
                    .iter()
                    .all(|mention| is_member(mention) || mention.root() != "row")
            {
                &scope.with_no_record("row", &absences)
            } else {
                &scope
            };
            absences.take();
            let holds = requirement.that.holds(scope);
            let mut absent = absences.take();
            absent.retain(|absence| !mentions.expects_absence_of(&absence.path));
            let absent = absent.into_iter().next().map(|absence| absence.words);
            let words = match holds {
                Ok(true) if absent.is_none() => continue,
                Ok(true) => absent,
                Ok(false) => requirement.words(scope).or(absent),
                Err(error) => absent.or(Some(error.message)),
            };
            played.unmet.push(UnmetCondition {
                that: requirement.source(),
                words,
                values: values_of(requirement, scope),
            });
        }
    }

    /// Returns the names of `expect`.
    fn result_scope(&self, played: &Played, plan: Option<&Plan>, absences: &Absences) -> Scope {
        let rows = Value::Array(played.rows.clone());
        let row = played.rows.first().cloned().unwrap_or_default();
        let text = played.outputs.first();
        let text = text.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
        let requests: Vec<Value> = played.asked.iter().map(request_facts).collect();
        let lines: Vec<&str> = played.messages.lines().collect();
        let (exit, text) = (json!(played.exit), json!(text.unwrap_or_default()));
        let bare = Scope::new(Clock(NOW), []);
        let columns = self.query.columns();
        let facts = REQUEST.map(str::to_owned);
        plan.map_or(&bare, Plan::scope)
            .with_all([("exit", &exit), ("text", &text)])
            .with_watched("rows", &rows, columns.as_deref(), absences)
            .with_watched("row", &row, None, absences)
            .with_watched("messages", &json!(lines), None, absences)
            .with_watched("requests", &Value::Array(requests), Some(&facts), absences)
    }
}

/// A condition of `expect` that does not hold.
pub struct UnmetCondition {
    /// The condition.
    pub that: String,
    /// The author's message, or the reason why it cannot be evaluated.
    pub words: Option<String>,
    /// The values that it uses, as far as they are short: `row.minutes: 12`.
    pub values: Vec<String>,
}

/// Returns the values of single names that a condition uses.
fn values_of(requirement: &Requirement, scope: &Scope) -> Vec<String> {
    let mut values = Vec::new();
    for mention in requirement.that.mentions().iter() {
        let path = mention.path.join(".");
        let mut value = scope.json(mention.root());
        for name in &mention.path[1..] {
            value = value.and_then(|value| value.get(name).cloned());
        }
        let shown = match value {
            Some(value) if !value.is_array() && !value.is_object() => plain(&value),
            _ => continue,
        };
        let shown = one_line(&shown);
        let line = format!("{path}: {}", truncate_to_width(&shown, SHOWN));
        if !values.contains(&line) {
            values.push(line);
        }
    }
    values
}

/// Returns the records that stand in for queries, by name.
pub fn given(case: &Case) -> BTreeMap<String, Arc<Vec<Value>>> {
    let given = case.given.iter();
    let given = given.map(|given| (given.query.clone(), Arc::new(given.rows.clone())));
    given.collect()
}

/// Returns the folder for downloads, if the query has them: a temporary one.
///
/// # Errors
///
/// If it cannot be created.
pub fn downloads(plan: &Plan, folder: &TemporaryFolder) -> Result<Option<Downloads>, Failure> {
    if !plan.query.is_download() {
        return Ok(None);
    }
    let path = folder.path().map_err(|error| Failure::of_output(&error))?;
    Ok(Some(Downloads {
        folder: Rc::new(Folder::new(path, None, Vec::new())),
        refreshes: false,
    }))
}

/// Returns the input of a var: a string is read as on the command line.
pub fn input(value: &Value) -> Input {
    match value {
        Value::String(text) => Input::Text(text.clone()),
        other => Input::Json(other.clone()),
    }
}

/// The members of a request in `expect`.
const REQUEST: [&str; 3] = ["method", "target", "sent"];

fn request_facts(ask: &Ask) -> Value {
    json!({
        "method": ask.method,
        "target": ask.target,
        "sent": match &ask.sent {
            Content::Empty => Value::Null,
            Content::Json(value) => value.clone(),
            Content::Text(text) => json!(text),
            Content::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        },
    })
}

/// Stores nothing: recordings fit in memory.
pub struct NoShelf;

impl Shelf for NoShelf {
    fn push(&mut self, _: &[u8]) -> Option<u64> {
        None
    }

    fn read(&mut self, _: u64) -> Option<Vec<u8>> {
        None
    }
}

//! Binds the query of a plan document: the same query, vars, time and facts on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::columns::listed;
use crate::cli::connect::World;
use crate::cli::error_hints;
use crate::cli::failure::Failure;
use crate::cli::options::{ConnectArgs, MessageArgs, format_names};
use crate::core::code::Code;
use crate::core::secret::MASK;
use crate::engine::{self, Split};
use crate::parts::{DataOf, PlanOf};
use crate::plan::{DataValue, DataValues, Input, Inputs, Plan, variable_of};
use crate::project::load::{self, bounded};
use crate::project::{Project, Query, Trust};
use crate::template::Records;

/// The maximum size of a plan, in bytes.
const LONGEST: u64 = 1 << 30;

/// The prefix of the variables that give vars their values.
const VARIABLES: &str = "RUNNER_VAR_";

/// A plan document whose query is bound.
pub struct Opened {
    /// The plan.
    pub plan: Rc<Plan>,
    /// The level at which the walk is divided.
    pub level: Split,
    /// The results of `data`.
    pub data: Arc<DataValues>,
    /// The outside, which has the demo.
    _world: World,
}

/// Reads a plan document from a file, or from standard input for `-`.
///
/// # Errors
///
/// If it is not one, or its owner is not trusted: it says which requests get a token.
pub fn read(path: &Path, app: &App) -> Result<PlanOf, Failure> {
    let shown = path.display();
    let fault = |words: String| Failure::usage(Code::PlanFile, words);
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| fault(format!("cannot read the part: {}", load::plain(&error))))?;
        bytes
    } else {
        let full = app.working_directory.join(path);
        let root = full.parent().unwrap_or(Path::new("/"));
        Trust::new(&app.env)
            .check(&full, root)
            .map_err(Failure::from)?;
        bounded::anything(&full, LONGEST).map_err(|words| fault(format!("`{shown}` {words}")))?
    };
    PlanOf::read(&bytes).map_err(|words| {
        if path.as_os_str() == "-" {
            return fault(format!("the part on standard input {words}"));
        }
        fault(format!("`{shown}` {words}")).help("make one with `runner plan QUERY --out FILE`")
    })
}

/// Reads a plan with all of its parts, which does not plan the failed items of another one again.
///
/// # Errors
///
/// As [`read`], and if it is another document.
pub fn read_whole(path: &Path, app: &App) -> Result<PlanOf, Failure> {
    let document = read(path, app)?;
    let shown = path.display();
    if document.parts.is_none() {
        let words = format!("`{shown}` is one part, not a plan");
        return Err(Failure::usage(Code::PlanFile, words));
    }
    if let Some(of) = &document.of {
        let of = short(of);
        let words = format!("`{shown}` plans the failed items of another plan ({of}) again");
        return Err(
            Failure::usage(Code::PlanFile, words).help("give that plan, with the files of both")
        );
    }
    Ok(document)
}

/// Returns the first digits of a plan's identity, for people.
pub fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// The use of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Its parts are run.
    Part,
    /// The records of its parts are merged, without requests.
    Merge,
}

/// Binds the query of a document.
///
/// # Errors
///
/// If a file of the project here differs from the document's, or the query cannot be bound.
pub fn open(
    document: &PlanOf,
    purpose: Use,
    connect: &ConnectArgs,
    messages: MessageArgs,
    app: &App,
) -> Result<Opened, Failure> {
    let here = match purpose {
        Use::Part => refuse_changes(document, app)?,
        // The plan's own files are used in any case.
        Use::Merge => None,
    };
    if connect.demo && !document.demo {
        let words =
            "the plan was not made with `--demo`: its records would be mixed with invented ones";
        return Err(Failure::usage(Code::Demo, words));
    }
    let files = document.files.iter();
    let files = files.map(|(path, file)| (PathBuf::from(path), file.text.clone()));
    let trust = Trust::new(&app.env);
    let project = Project::carried(files, &app.working_directory, &format_names(), &trust);
    let query = query(&project, document)?;
    let unset = unset_secrets(document, &query, app);
    if let (Use::Part, Some(name)) = (purpose, unset.first()) {
        let words = format!("`{name}` is secret, and a plan has no secrets");
        return Err(Failure::usage(Code::MissingVar, words)
            .help(format!("set `{}` for each part", variable_of(name))));
    }
    let connect = ConnectArgs {
        env: document.environment.clone(),
        demo: document.demo,
        ..connect.clone()
    };
    let mut world = World::new(app, &connect, messages, Some(&document.now))?;
    world.outside.env = Arc::new(environment(document, app));
    let git = document.git.clone();
    world.outside.git = Arc::new(move |name| git.get(name)?.as_deref().map(Value::from));
    let root = here.unwrap_or_else(|| app.working_directory.clone());
    let binding = world.binding_at(root, &project, &query, &connect, app)?;
    let given = document.vars.iter();
    let given = given.map(|(name, value)| (name.clone(), value.clone()));
    // A merge sends nothing, and shows no secret.
    let own = unset.into_iter().filter(|name| query.var(name).is_some());
    let masked = own.map(|name| (name, Value::from(MASK)));
    let given: Inputs = given
        .chain(masked)
        .map(|(name, value)| (name, Input::Json(value)))
        .collect();
    let plan = Plan::bind(query, &binding, &given)
        .map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
    if document.masked {
        app.scrubber.note_mask();
    }
    let plan = Rc::new(plan);
    let level = level(&plan, document)?;
    Ok(Opened {
        plan,
        level,
        data: Arc::new(data(document)),
        _world: world,
    })
}

/// Returns the secret vars that had a value for the plan, or need one, and have none here.
fn unset_secrets(document: &PlanOf, query: &Query, app: &App) -> Vec<String> {
    let required = query.vars.iter().filter(|var| var.secret && var.required);
    let required = required.map(|var| &var.name);
    let names: BTreeSet<&String> = document.secret_vars.iter().chain(required).collect();
    let is_unset = |name: &&String| {
        let value = app.env.get(&variable_of(name));
        value.is_none_or(String::is_empty)
    };
    names.into_iter().filter(is_unset).cloned().collect()
}

/// Returns the query of a document.
fn query(project: &Project, document: &PlanOf) -> Result<Arc<Query>, Failure> {
    let query = match &document.file {
        Some(file) => project.query_at(&Path::new(load::CARRIED).join(file)),
        None => project.query_named(&document.query),
    };
    query.map_err(Failure::from_diagnostics)
}

/// Refuses a project here whose files are not those of the plan. Returns its folder, if it has the
/// query's file.
fn refuse_changes(document: &PlanOf, app: &App) -> Result<Option<PathBuf>, Failure> {
    let Some(root) = load::root_of(&app.working_directory) else {
        return Ok(None);
    };
    let own = document
        .file
        .as_ref()
        .filter(|file| root.join(file).exists());
    if own.is_none() {
        return Ok(None);
    }
    let is_changed = |path: &String| {
        let text = load::source(&root.join(path), &root);
        let file = &document.files[path];
        text.map_or(true, |source| source.text() != file.text)
    };
    let mut changed: Vec<String> = document.files.keys().cloned().collect();
    changed.retain(is_changed);
    if changed.is_empty() {
        return Ok(Some(root));
    }
    let words = format!(
        "the project has changed since the plan was made: {}",
        listed(&changed)
    );
    Err(Failure::usage(Code::PlanChanged, words)
        .help("make a new plan, or use the plan's own files in a folder outside of the project"))
}

/// Returns the environment in which vars have the values that they had for the plan; only secret
/// ones are taken from this process.
fn environment(document: &PlanOf, app: &App) -> BTreeMap<String, String> {
    let secret: Vec<String> = document
        .secret_vars
        .iter()
        .map(|name| variable_of(name))
        .collect();
    let own = app.env.iter();
    let own = own.filter(|(name, _)| !name.starts_with(VARIABLES) || secret.contains(name));
    let own = own.filter(|(name, _)| !document.env.contains_key(*name));
    let frozen = document.env.iter();
    let frozen = frozen.filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let inner = document.inner_vars.iter();
    let inner = inner.filter(|(name, _)| name.starts_with(VARIABLES));
    own.chain(inner)
        .chain(frozen)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Returns the level at which the walk is divided.
fn level(plan: &Rc<Plan>, document: &PlanOf) -> Result<Split, Failure> {
    let wanted = &document.split;
    let mut levels = engine::levels(plan).into_iter();
    let found =
        levels.find(|level| level.plan.trail == wanted.trail && level.known == wanted.known);
    found.ok_or_else(|| {
        let words = format!(
            "the walk of `{}` has no level as in its plan",
            plan.query.name
        );
        Failure::usage(Code::PlanFile, words).help("make a new plan with this version of `runner`")
    })
}

fn data(document: &PlanOf) -> DataValues {
    let values = document.data.iter().map(|(name, value)| {
        let value = match value {
            DataOf::Text(text) => DataValue::Text(text.as_str().into()),
            DataOf::Records { list, columns } => DataValue::Records(Records {
                list: list.clone().into(),
                columns: columns.clone(),
            }),
        };
        (name.clone(), value)
    });
    values.collect()
}

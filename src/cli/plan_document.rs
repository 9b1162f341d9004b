//! Writes the plan of a divided walk.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::cli::app::App;
use crate::cli::columns::listed;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::ConnectArgs;
use crate::cli::output::named;
use crate::core::code::Code;
use crate::core::column::ColumnType;
use crate::core::json::MOST_VALUES;
use crate::core::secret::is_secret_param;
use crate::core::text::counted;
use crate::core::time::{format_duration, format_time};
use crate::engine::{FoundItems, Split};
use crate::parts::{self, ColumnOf, DataOf, FileOf, IndexedItem, Level, PlanOf};
use crate::plan::{DataValue, DataValues, Inputs, Plan, Site, variable_of};
use crate::project::template::GIT_FACTS;
use crate::project::variables_read_by;
use crate::sink;

/// The contents of a plan.
pub struct Planned<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// The level at which the walk is divided.
    pub level: &'p Split,
    /// Its items, and the results of `data`.
    pub found: FoundItems,
    /// Descriptions of failures and cuts in listing them.
    pub missing: Vec<String>,
    /// The values that were given.
    pub given: &'p Inputs,
    /// The files that the query depends on.
    pub files: BTreeMap<PathBuf, String>,
    /// The project's folder.
    pub root: &'p Path,
    /// The facts about the repository that were read.
    pub git: BTreeMap<String, Option<String>>,
    /// The environment, and the demo if it was used.
    pub connect: &'p ConnectArgs,
    /// The division.
    pub division: Division,
}

/// The number of parts.
#[derive(Debug, Clone, Copy)]
pub struct Division {
    /// The maximum number of parts.
    pub parts: u32,
    /// The number of parts that run at the same time, if it is not all of them.
    pub at_once: Option<NonZeroU32>,
}

impl Division {
    /// Returns the number of parts that run at the same time, of those that there are.
    pub fn at_once(self, parts: usize) -> u32 {
        let all = u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
        self.at_once.map_or(all, NonZeroU32::get)
    }
}

/// Returns the facts about the repository that files may read: a part has no other ones.
pub fn facts_read(
    world: &World,
    files: &BTreeMap<PathBuf, String>,
) -> BTreeMap<String, Option<String>> {
    // A name may be computed, so all are taken.
    if !files.values().any(|text| text.contains("git")) {
        return BTreeMap::new();
    }
    let facts = GIT_FACTS.iter().map(|name| {
        let fact = (world.outside.git)(name);
        let text = fact.as_ref().and_then(Value::as_str).map(str::to_owned);
        ((*name).to_owned(), text)
    });
    facts.collect()
}

/// Creates the document.
///
/// # Errors
///
/// If it would hold a secret.
pub fn document(planned: Planned<'_>, app: &App) -> Result<PlanOf, Failure> {
    let Planned {
        plan,
        level,
        connect,
        division,
        ..
    } = planned;
    let items = items(plan, &planned.found)?;
    refuse_many_values(plan, &items)?;
    let count = items.len() as u64;
    let parts = parts::divide(items, division.parts as usize);
    let secret: Vec<String> = plan.secret_vars().cloned().collect();
    let files = planned.files.into_iter().map(|(path, text)| {
        let path = path.to_string_lossy().replace('\\', "/");
        (path, FileOf::new(text))
    });
    let file = plan.query.source.path().strip_prefix(planned.root).ok();
    let mut document = PlanOf {
        plan: parts::VERSION,
        id: String::new(),
        of: None,
        runner: env!("CARGO_PKG_VERSION").to_owned(),
        query: plan.query.name.clone(),
        file: file.map(|file| file.to_string_lossy().replace('\\', "/")),
        environment: connect.environment().map(str::to_owned),
        demo: connect.demo,
        now: format_time(plan.now()),
        vars: plan
            .vars
            .iter()
            .filter(|(name, _)| !secret.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        secret_vars: given_secrets(plan, planned.given, app),
        inner_vars: inner_vars(plan, app),
        env: variables(plan, app),
        git: planned.git,
        data: data_of(&planned.found.data, app)?,
        masked: app.scrubber.has_masked(),
        columns: columns(plan),
        split: Level {
            query: level.plan.query.name.clone(),
            for_each: level.name().map(str::to_owned),
            trail: level.plan.trail.clone(),
            known: level.known,
        },
        items: count,
        requests: count,
        seconds: seconds(plan, count),
        at_once: division.at_once(parts.len()),
        complete: planned.missing.is_empty(),
        missing: planned.missing,
        files: files.collect(),
        parts: Some(parts),
        part: None,
    };
    document.seal();
    Ok(document)
}

/// Returns the items with their indices.
fn items(plan: &Plan, found: &FoundItems) -> Result<Vec<IndexedItem>, Failure> {
    let items = (0..).zip(&found.sites).map(|(index, site)| {
        let names = site
            .plain_items()
            .ok_or_else(|| secret(&format!("the items of `{}` are secret", plan.query.name)))?;
        Ok((index, names.into_iter().collect()))
    });
    items.collect()
}

/// Returns true if an address in an item has a parameter that is named like a credential.
pub fn has_signed_address(found: &FoundItems) -> bool {
    let items = found.sites.iter().filter_map(Site::plain_items);
    items.flatten().any(|(_, item)| is_signed(&item))
}

fn is_signed(value: &Value) -> bool {
    match value {
        Value::String(text) if text.contains("://") && text.contains('?') => Url::parse(text)
            .is_ok_and(|url| url.query_pairs().any(|(name, _)| is_secret_param(&name))),
        Value::Array(list) => list.iter().any(is_signed),
        Value::Object(members) => members.values().any(is_signed),
        _ => false,
    }
}

/// Refuses more values than a process reads in one document.
fn refuse_many_values(plan: &Plan, items: &[IndexedItem]) -> Result<(), Failure> {
    let count: usize = items
        .iter()
        .map(|(_, names)| values_of(names.values()))
        .sum();
    // The rest of a plan has few.
    if count < MOST_VALUES / 10 * 9 {
        return Ok(());
    }
    let words = format!(
        "the {} of `{}` have {count} values, and a plan has at most {MOST_VALUES}",
        counted(items.len() as u64, "item"),
        plan.query.name
    );
    Err(Failure::usage(Code::NotInParts, words)
        .help("keep only what is needed under `extract` of the query that lists them")
        .help("or let each process list them: `runner run --shard K/N`"))
}

fn values_of<'v>(values: impl Iterator<Item = &'v Value>) -> usize {
    let count = |value: &Value| match value {
        Value::Array(list) => 1 + values_of(list.iter()),
        Value::Object(members) => 1 + values_of(members.values()),
        _ => 1,
    };
    values.map(count).sum()
}

fn secret(why: &str) -> Failure {
    let words = format!("{why}, and a plan holds no secrets: the walk is not run in parts");
    Failure::new(Exit::Forbidden, Code::NotInParts, words)
}

/// Returns the secret vars whose value each process must be given, as this one was.
fn given_secrets(plan: &Plan, given: &Inputs, app: &App) -> Vec<String> {
    let own = plan.query.vars.iter();
    let own = own.filter(|var| var.secret && given.contains_key(&var.name));
    let queries = plan.query.with_fed_by();
    let all = queries.iter().flat_map(|query| &query.vars);
    let is_set = |name: &str| {
        app.env
            .get(&variable_of(name))
            .is_some_and(|value| !value.is_empty())
    };
    let set = all.filter(|var| var.secret && is_set(&var.name));
    let names: BTreeSet<&String> = own.chain(set).map(|var| &var.name).collect();
    names.into_iter().cloned().collect()
}

/// Returns the variables that give vars of other queries their values.
fn inner_vars(plan: &Plan, app: &App) -> BTreeMap<String, String> {
    let queries = plan.query.with_fed_by();
    let vars = queries.iter().flat_map(|query| &query.vars);
    let named = vars.filter(|var| !var.secret).filter_map(|var| {
        let name = variable_of(&var.name);
        let value = app.env.get(&name).filter(|value| !value.is_empty())?;
        Some((name, value.clone()))
    });
    named.collect()
}

/// Returns the variables that the templates of a plan's queries and resources read, without secret
/// ones: these are those of each process.
fn variables(plan: &Plan, app: &App) -> BTreeMap<String, Option<String>> {
    let mut names = BTreeSet::new();
    for part in plan.query.with_fed_by() {
        names.extend(variables_read_by(part));
    }
    for part in plan.with_fed_by().into_iter().filter_map(Plan::requests) {
        let templates = part.resource().templates_beside_auth();
        let read = templates.flat_map(|template| template.mentions().attributes("env"));
        names.extend(read.map(str::to_owned));
    }
    names.retain(|name| !plan.is_secret_variable(name));
    let value = |name: &String| app.env.get(name).cloned();
    let values = names.into_iter().map(|name| (name.clone(), value(&name)));
    values.collect()
}

/// Returns the results of `data`.
fn data_of(data: &DataValues, app: &App) -> Result<BTreeMap<String, DataOf>, Failure> {
    let values = data.iter().map(|(name, value)| {
        let value = match value {
            DataValue::Text(text) => DataOf::Text(text.to_string()),
            DataValue::Records(records) => {
                let mut list = records
                    .list
                    .to_vec()
                    .map_err(|error| Failure::of_output(&error))?;
                for record in &mut list {
                    app.scrubber.json(record);
                }
                DataOf::Records {
                    list,
                    columns: records.columns.clone(),
                }
            }
        };
        Ok((name.clone(), value))
    });
    values.collect()
}

/// Returns the columns with their declared types.
fn columns(plan: &Plan) -> Option<Vec<ColumnOf>> {
    let extract = &plan.query.shape.extract;
    let columns = extract.iter().map(|column| {
        let kind = if column.is_list() {
            Some(ColumnType::Json)
        } else {
            column.declared
        };
        ColumnOf {
            name: column.name.clone(),
            kind: kind.map(|kind| kind.name().to_owned()),
        }
    });
    (!extract.is_empty()).then(|| columns.collect())
}

/// Returns the time that requests take at the declared limit of the resource.
fn seconds(plan: &Plan, requests: u64) -> Option<u64> {
    let rate = plan.requests()?.resource().rate_limit?;
    let millis = u128::from(requests) * rate.per.as_millis();
    let seconds = millis.div_ceil(u128::from(rate.requests.max(1)) * 1_000);
    u64::try_from(seconds).ok()
}

/// Writes a document to a file, or to standard output.
///
/// # Errors
///
/// If it holds a secret, is too large, or cannot be written.
pub fn write(document: &PlanOf, out: Option<&Path>, app: &App) -> Result<Exit, Stopped> {
    let text = serde_json::to_string(document).map_err(|error| {
        Failure::usage(Code::CannotWrite, format!("cannot write the plan: {error}"))
    })?;
    if app.scrubber.text(&text) != text {
        return Err(secret("a value that is secret is in the plan").into());
    }
    PlanOf::read(text.as_bytes())
        .map_err(|words| Failure::usage(Code::PlanFile, format!("the plan {words}")))?;
    let text = format!("{text}\n");
    let Some(path) = out.filter(|path| path.as_os_str() != "-") else {
        app.print(&text)?;
        return Ok(Exit::Done);
    };
    let written = sink::write_file(&app.working_directory.join(path), text.as_bytes());
    written.map_err(|error| Failure::of_output(&named(Some(&path.to_path_buf()), error)))?;
    Ok(Exit::Done)
}

/// Returns notes about a plan.
pub fn notes(document: &PlanOf) -> Vec<String> {
    let mut notes = Vec::new();
    if document.split.known == 0 {
        let words = "has no items to divide: one part reads all of it";
        notes.push(format!("note: `{}` {words}", document.query));
    }
    if !document.secret_vars.is_empty() {
        let names: Vec<String> = document
            .secret_vars
            .iter()
            .map(|name| variable_of(name))
            .collect();
        let words = "secrets are not in the plan: each part needs";
        notes.push(format!("note: {words} {}", listed(&names)));
    }
    notes
}

/// Describes a plan in one line.
pub fn summary(document: &PlanOf) -> String {
    if document.count() == 0 {
        let why = match document.of {
            Some(_) => "nothing failed",
            None => "there are no items",
        };
        return format!("{why}: the plan has no parts");
    }
    let parts = counted(document.count() as u64, "part");
    let items = counted(document.items, "item");
    let of = match &document.split.for_each {
        Some(name) if document.split.query == document.query => format!(" (`{name}`)"),
        Some(name) => format!(" (`{name}` of `{}`)", document.split.query),
        None => String::new(),
    };
    let requests = counted(document.requests, "request");
    let time = document.seconds.map_or_else(String::new, |seconds| {
        let time = format_duration(Duration::from_secs(seconds));
        format!("; at the resource's limit {time}")
    });
    let partial = if document.complete {
        ""
    } else {
        "; the listing is incomplete"
    };
    format!("{parts}, {items}{of}, at least {requests}{time}{partial}")
}

//! The state that `--state` stores between runs, and the lock against concurrent runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::core::code::Code;
use crate::core::time::format_time;
use crate::engine::RunReport;
use crate::plan::{DataValue, Plan};
use crate::project::load;
use crate::project::query::VarType;
use crate::sink::{FileSink, Lock, Sink as _};

/// The version of the file's layout. Others are not read.
const VERSION: u64 = 1;

/// The maximum size of a state file.
const LONGEST: u64 = 1024 * 1024 * 1024;

/// The state of a query, locked until it is dropped.
pub struct State {
    path: PathBuf,
    _lock: Lock,
    /// The result of the last run; empty on the first.
    pub previous: Value,
}

impl State {
    /// Opens and locks the state of a query.
    ///
    /// # Errors
    ///
    /// If another run holds it, or the folder cannot be written. An unreadable state is reported and
    /// replaced.
    pub fn open(folder: &Path, plan: &Plan, app: &App) -> Result<Self, Failure> {
        let folder = app.working_directory.join(folder);
        let name = match fingerprint(plan) {
            None => plan.query.name.clone(),
            Some(hash) => format!("{}-{hash}", plan.query.name),
        };
        let fault = |path: &Path, error: &std::io::Error| {
            let why = load::plain(error);
            let words = format!("cannot use `{}` for state: {why}", path.display());
            Failure::usage(Code::State, words)
        };
        crate::sink::private_folder(&folder).map_err(|error| fault(&folder, &error))?;
        let lock_path = folder.join(format!("{name}.lock"));
        let lock = Lock::take(&lock_path).map_err(|error| fault(&lock_path, &error))?;
        let Some(lock) = lock else {
            let words = format!("another run of `{}` is using its state", plan.query.name);
            return Err(Failure::new(Exit::Forbidden, Code::Locked, words)
                .fact("file", lock_path.display().to_string())
                .help("wait until it is done, or use another `--state` folder"));
        };
        let path = folder.join(format!("{name}.json"));
        if path.is_symlink() {
            let link = std::io::Error::other("it is a symbolic link");
            return Err(fault(&path, &link));
        }
        let previous = match previous(&path) {
            Ok(previous) => previous,
            Err(words) => {
                app.eprintln(&format!(
                    "note: the state `{}` {words}: starting with an empty one",
                    path.display()
                ));
                json!({})
            }
        };
        Ok(Self {
            path,
            _lock: lock,
            previous,
        })
    }

    /// Stores the result of a run for the next one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn keep(&self, plan: &Plan, report: &RunReport, rows: &[Value]) -> Result<(), Failure> {
        let mut data = Map::new();
        for (name, value) in &*report.data {
            let value = match value {
                DataValue::Records(records) => {
                    let records = records.list.to_vec();
                    Value::Array(records.map_err(|error| Failure::of_output(&error))?)
                }
                DataValue::Text(text) => Value::from(&**text),
            };
            data.insert(name.clone(), value);
        }
        data.insert("rows".to_owned(), Value::Array(rows.to_vec()));
        let mut state = json!({
            "version": VERSION,
            "query": plan.query.name,
            "started": format_time(plan.now()),
        });
        // Not within `json!`, which would reformat numbers.
        state["data"] = Value::Object(data);
        plan.scrubber.json(&mut state);
        let write = || {
            let mut sink = FileSink::private(&self.path)?;
            sink.write(state.to_string().as_bytes())?;
            Box::new(sink).finish()
        };
        write().map_err(|error| {
            let why = load::plain(&error);
            let words = format!("cannot write the state `{}`: {why}", self.path.display());
            Failure::usage(Code::State, words)
        })
    }
}

/// Returns a hash that distinguishes the states of one query: its vars and hosts. Times are
/// excluded, since they change in every run. A query without vars has one state.
fn fingerprint(plan: &Plan) -> Option<String> {
    let vars: Map<String, Value> = plan
        .query
        .vars
        .iter()
        .filter(|var| var.kind != VarType::Time && !var.secret)
        .filter_map(|var| Some((var.name.clone(), plan.vars.get(&var.name)?.clone())))
        .collect();
    if vars.is_empty() {
        return None;
    }
    let places: BTreeSet<&str> = plan
        .with_fed_by()
        .into_iter()
        .filter_map(Plan::requests)
        // The demo has a different port each time.
        .map(|part| part.base_url().host_str().unwrap_or_default())
        .collect();
    // FNV-1a, which is stable across versions, as a file name must be.
    let hash = json!([vars, places])
        .to_string()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Some(format!("{hash:016x}"))
}

/// Returns the result of the last run: the names of `data`, `rows`, and `started`.
fn previous(path: &Path) -> Result<Value, String> {
    if !path.exists() {
        return Ok(json!({}));
    }
    let bytes = load::bounded::regular(path, LONGEST)?;
    let state: Value = crate::core::json::parse(&bytes).map_err(|_| "is damaged".to_owned())?;
    if state["version"] != json!(VERSION) {
        return Err("has another version".to_owned());
    }
    let Value::Object(mut members) = state["data"].clone() else {
        return Err("is damaged".to_owned());
    };
    members.insert("started".to_owned(), state["started"].clone());
    Ok(Value::Object(members))
}

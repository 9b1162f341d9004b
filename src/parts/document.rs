//! The plan of a divided walk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::core::json;
use crate::parts::hash;

/// The version of the documents.
pub const VERSION: u32 = 1;

/// A plan with all of its parts, or with one of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanOf {
    /// The version.
    pub plan: u32,
    /// The identity: a hash of everything that the records depend on.
    pub id: String,
    /// The plan whose failed items this one asks for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The version of the program.
    pub runner: String,
    /// The query's name.
    pub query: String,
    /// The query's file in the project; `None` for an operation.
    pub file: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// True if it was made with the embedded CircleCI.
    #[serde(default)]
    pub demo: bool,
    /// The time as of which all parts run.
    pub now: String,
    /// The values of the query's vars, without secret ones.
    pub vars: BTreeMap<String, Value>,
    /// The secret vars, whose values each process gets from its environment.
    pub secret_vars: Vec<String>,
    /// The variables `RUNNER_VAR_…` of the queries that the query depends on.
    #[serde(default)]
    pub inner_vars: BTreeMap<String, String>,
    /// Facts about the repository.
    #[serde(default)]
    pub git: BTreeMap<String, Option<String>>,
    /// The results of `data`.
    #[serde(default)]
    pub data: BTreeMap<String, DataOf>,
    /// The columns in order, if the query has `extract`.
    pub columns: Option<Vec<ColumnOf>>,
    /// The level at which the walk is divided.
    pub split: Level,
    /// The number of items.
    pub items: u64,
    /// A lower bound of the number of requests that all parts send.
    pub requests: u64,
    /// The time that these take at the declared rate limit, in seconds, if there is one.
    pub seconds: Option<u64>,
    /// The number of parts that run at the same time, each with its share of the rate limit.
    pub at_once: u32,
    /// True if nothing that feeds the walk failed or was cut.
    pub complete: bool,
    /// Descriptions of failures and cuts in listing the items.
    pub missing: Vec<String>,
    /// The files of the project that the records depend on, by path.
    pub files: BTreeMap<String, FileOf>,
    /// All parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<PartOf>>,
    /// One part, for a process that gets nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartOf>,
}

/// A column of the records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnOf {
    /// Its name.
    pub name: String,
    /// The name of its type, if it is declared.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A level of a walk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Level {
    /// The query whose loop it is.
    pub query: String,
    /// The name of its items; `None` if the query has no loop.
    pub for_each: Option<String>,
    /// The loops that the query provides items for, outermost first: see `Plan::trail`.
    pub trail: String,
    /// The number of the query's loops whose items are known.
    pub known: usize,
}

/// The result of a query of `data`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataOf {
    /// Records, with their columns if they are known.
    Records {
        /// The records.
        list: Vec<Value>,
        /// The columns.
        columns: Option<Vec<String>>,
    },
    /// A document.
    Text(String),
}

/// A file of the project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileOf {
    /// The SHA-256 of its text.
    pub sha256: String,
    /// Its text.
    pub text: String,
}

/// A part of the items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartOf {
    /// Its number, from 0.
    pub part: u32,
    /// The number of its items.
    pub items: u64,
    /// Its items in the order of the walk.
    pub runs: Vec<Items>,
}

/// Items that are neighbours in the order of the walk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Items {
    /// The index of the first of them among all items.
    pub first: u32,
    /// The items of each loop by name, outermost first.
    pub items: Vec<Map<String, Value>>,
}

impl FileOf {
    /// Creates a file from its text.
    pub fn new(text: String) -> Self {
        Self {
            sha256: hash(text.as_bytes()),
            text,
        }
    }
}

impl PartOf {
    /// Creates a part without items.
    pub(super) fn new(number: usize) -> Self {
        Self {
            part: u32::try_from(number).unwrap_or(u32::MAX),
            items: 0,
            runs: Vec::new(),
        }
    }

    /// Returns the items with their indices.
    pub fn indexed(&self) -> impl Iterator<Item = (u32, &Map<String, Value>)> {
        let runs = self.runs.iter();
        runs.flat_map(|run| (run.first..).zip(&run.items))
    }
}

impl Items {
    /// Returns the index after the last item.
    pub fn end(&self) -> u32 {
        let count = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.first.saturating_add(count)
    }
}

impl PlanOf {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// A message, if it is not a plan of a known version.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let value = json::parse(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!(
                "is not JSON: {} at line {line}, column {column}",
                error.message()
            )
        })?;
        match value.get("plan").map(Value::as_u64) {
            Some(Some(version)) if version == u64::from(VERSION) => {}
            Some(Some(version)) => {
                let words = "this program reads version";
                return Err(format!("is a plan of version {version}: {words} {VERSION}"));
            }
            _ => return Err("is not a plan: it has no `plan` with a version".to_owned()),
        }
        let read: Self = serde_json::from_value(value)
            .map_err(|error| format!("is not a plan of version {VERSION}: {error}"))?;
        read.check().map(|()| read)
    }

    /// Refuses a document that contradicts itself.
    fn check(&self) -> Result<(), String> {
        for (path, file) in &self.files {
            if hash(file.text.as_bytes()) != file.sha256 {
                return Err(format!(
                    "is damaged: the text of `{path}` is not the one of its hash"
                ));
            }
        }
        let all = self.parts.iter().flatten().chain(&self.part);
        for part in all {
            let number = part.part;
            if part.indexed().count() as u64 != part.items {
                return Err(format!(
                    "is damaged: part {number} has not the number of items that it says"
                ));
            }
        }
        let parts = self.parts.as_deref().unwrap_or_default();
        let are_numbered = (0..).zip(parts).all(|(number, part)| part.part == number);
        if !are_numbered {
            return Err("is damaged: its parts are not numbered from 0".to_owned());
        }
        if self.parts.is_some() && self.identity() != self.id {
            return Err("is damaged: its `id` is not the one of its content".to_owned());
        }
        Ok(())
    }

    /// Returns the identity of the content: what does not change the records is left out.
    pub fn identity(&self) -> String {
        let named = Self {
            id: String::new(),
            runner: String::new(),
            requests: 0,
            seconds: None,
            at_once: 0,
            ..self.clone()
        };
        let text = serde_json::to_string(&named).unwrap_or_default();
        hash(text.as_bytes())[..32].to_owned()
    }

    /// Returns the number of parts.
    pub fn count(&self) -> usize {
        self.parts.as_ref().map_or(0, Vec::len)
    }
}

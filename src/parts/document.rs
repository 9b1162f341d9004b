//! The plan of a divided walk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::core::json;
use crate::parts::digest::{Hash, hash};

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
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// The secret vars, whose values each process gets from its environment.
    pub secret_vars: Vec<String>,
    /// The variables `RUNNER_VAR_…` of the queries that the query depends on.
    #[serde(default)]
    pub inner_vars: BTreeMap<String, String>,
    /// The variables that templates read, without secret ones.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// Facts about the repository.
    #[serde(default)]
    pub git: BTreeMap<String, Option<String>>,
    /// The results of `data`.
    #[serde(default)]
    pub data: BTreeMap<String, DataOf>,
    /// True if secrets were masked in what was listed: a mask in it must not be sent.
    #[serde(default)]
    pub masked: bool,
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

/// The members with any values. The derived reader would write their numbers anew: `1e5` is not
/// `100000.0`.
struct Free {
    vars: BTreeMap<String, Value>,
    data: BTreeMap<String, DataOf>,
    parts: Option<Vec<PartOf>>,
    part: Option<PartOf>,
}

impl Free {
    fn taken_from(document: &mut Value) -> Result<Self, String> {
        let document = document.as_object_mut().ok_or("it is no object")?;
        let mut take = |name: &str| document.swap_remove(name).filter(|value| !value.is_null());
        let parts = take("parts").map(|parts| list(parts)?.into_iter().map(part).collect());
        Ok(Self {
            vars: take("vars")
                .map_or(Ok(Map::new()), members)?
                .into_iter()
                .collect(),
            data: match take("data") {
                None => BTreeMap::new(),
                Some(data) => members(data)?
                    .into_iter()
                    .map(|(name, value)| Ok((name, data_of(value)?)))
                    .collect::<Result<_, String>>()?,
            },
            parts: parts.transpose()?,
            part: take("part").map(part).transpose()?,
        })
    }
}

fn members(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("expected an object, got {}", json::kind(&other))),
    }
}

fn list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(list) => Ok(list),
        other => Err(format!("expected a list, got {}", json::kind(&other))),
    }
}

fn number(members: &Map<String, Value>, name: &str) -> Result<u32, String> {
    let number = members.get(name).and_then(Value::as_u64);
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("`{name}` is not a number"))
}

fn taken(members: &mut Map<String, Value>, name: &str) -> Result<Value, String> {
    let taken = members.swap_remove(name);
    taken.ok_or_else(|| format!("`{name}` is missing"))
}

fn part(value: Value) -> Result<PartOf, String> {
    let mut own = members(value)?;
    let runs = list(taken(&mut own, "runs")?)?.into_iter().map(|run| {
        let mut run = members(run)?;
        let items = list(taken(&mut run, "items")?)?;
        Ok(Items {
            first: number(&run, "first")?,
            items: items
                .into_iter()
                .map(members)
                .collect::<Result<_, String>>()?,
        })
    });
    let runs = runs.collect::<Result<_, String>>()?;
    Ok(PartOf {
        part: number(&own, "part")?,
        items: number(&own, "items")?.into(),
        sha256: own
            .get("sha256")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        runs,
    })
}

fn data_of(value: Value) -> Result<DataOf, String> {
    let mut own = members(value)?;
    if let Some(Value::String(text)) = own.get("text") {
        return Ok(DataOf::Text(text.clone()));
    }
    let mut records = members(taken(&mut own, "records")?)?;
    let columns = records.swap_remove("columns").unwrap_or_default();
    Ok(DataOf::Records {
        list: list(taken(&mut records, "list")?)?,
        columns: serde_json::from_value(columns).map_err(|error| error.to_string())?,
    })
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
    /// A hash of the part, and of all of the plan that its records depend on.
    pub sha256: String,
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
            sha256: String::new(),
            runs: Vec::new(),
        }
    }

    fn hash(&self, head: &str) -> String {
        Hash::of(&(head, self.part, self.items, &self.runs))
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
        let mut value = json::parse(text).map_err(|error| {
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
        let odd = |error: String| format!("is not a plan of version {VERSION}: {error}");
        let free = Free::taken_from(&mut value).map_err(odd)?;
        let head = serde_json::from_value::<Self>(value);
        let head = head.map_err(|error| odd(error.to_string()))?;
        let read = Self {
            vars: free.vars,
            data: free.data,
            parts: free.parts,
            part: free.part,
            ..head
        };
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
        let head = self.head();
        for part in self.parts.iter().flatten().chain(&self.part) {
            if part.hash(&head) != part.sha256 {
                let number = part.part;
                return Err(format!(
                    "is damaged: part {number} is not the one of its hash (some programs write \
                     numbers anew: pass its text on unchanged)"
                ));
            }
        }
        let Some(parts) = &self.parts else {
            return Ok(());
        };
        let items: u64 = parts.iter().map(|part| part.items).sum();
        let are_numbered = (0..).zip(parts).all(|(number, part)| part.part == number);
        if !are_numbered || items != self.items || self.identity(&head) != self.id {
            return Err("is damaged: its `id` is not the one of its content".to_owned());
        }
        Ok(())
    }

    /// Sets the hashes and the identity, after which nothing may change.
    pub fn seal(&mut self) {
        let head = self.head();
        for part in self.parts.iter_mut().flatten() {
            part.sha256 = part.hash(&head);
        }
        self.id = self.identity(&head);
    }

    /// Returns the hash of everything but the parts. What does not change the records is left out.
    fn head(&self) -> String {
        Hash::of(&(
            (self.plan, &self.of, &self.query, &self.file),
            (&self.environment, self.demo, &self.now, &self.vars),
            (&self.secret_vars, &self.inner_vars, &self.env, &self.git),
            (&self.data, self.masked, &self.columns, &self.split),
            (self.complete, &self.missing, &self.files),
        ))
    }

    fn identity(&self, head: &str) -> String {
        let parts = self.parts.iter().flatten().map(|part| &part.sha256);
        Hash::of(&(head, parts.collect::<Vec<_>>()))[..32].to_owned()
    }

    /// Returns the number of parts.
    pub fn count(&self) -> usize {
        self.parts.as_ref().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::divide;

    #[test]
    fn values_stay_as_they_are_written() {
        let odd = r#"{"a":1e5,"b":-0,"c":1e400,"d":123456789012345678901.50,"$serde_json::private::Number":"x"}"#;
        let item = json::parse(odd.as_bytes()).expect("JSON");
        let items = vec![(0, [("i".to_owned(), item.clone())].into_iter().collect())];
        let records = DataOf::Records {
            list: vec![item.clone()],
            columns: None,
        };
        let mut plan = PlanOf {
            plan: VERSION,
            id: String::new(),
            of: None,
            runner: String::new(),
            query: "q".to_owned(),
            file: None,
            environment: None,
            demo: false,
            now: String::new(),
            vars: [("v".to_owned(), item)].into(),
            secret_vars: Vec::new(),
            inner_vars: BTreeMap::new(),
            env: BTreeMap::new(),
            git: BTreeMap::new(),
            data: [
                ("r".to_owned(), records),
                ("t".to_owned(), DataOf::Text("x".to_owned())),
            ]
            .into(),
            masked: false,
            columns: None,
            split: Level {
                query: "q".to_owned(),
                for_each: None,
                trail: String::new(),
                known: 1,
            },
            items: 1,
            requests: 1,
            seconds: None,
            at_once: 1,
            complete: true,
            missing: Vec::new(),
            files: BTreeMap::new(),
            parts: Some(divide(items, 3)),
            part: None,
        };
        plan.seal();
        let text = serde_json::to_string(&plan).expect("it can be written");
        assert_eq!(text.matches(odd).count(), 3);
        let read = PlanOf::read(text.as_bytes()).expect("it is a plan");
        assert_eq!(serde_json::to_string(&read).expect("the same"), text);
    }
}

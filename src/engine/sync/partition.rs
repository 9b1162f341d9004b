//! The table and the partition of a bound query.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::core::column::ColumnType;
use crate::plan::{Feed, Input, Inputs, Plan, Site, identifying_member};
use crate::project::Query;
use crate::project::query::{Call, Items, Keeping, VarType};
use crate::project::template::ValueTemplate;
use crate::store::cell::micros;
use crate::store::{FoundItem, TableDefinition, bounded_key, table_name};

/// Returns the table of a query, with the types of its columns as far as they are known.
pub fn table_definition(
    query: &Query,
    keeping: &Keeping,
    columns: Vec<(String, Option<ColumnType>)>,
) -> TableDefinition {
    TableDefinition {
        name: table_name(&query.name),
        query: query.name.clone(),
        columns,
        key: keeping
            .key
            .iter()
            .map(|text| text.value.to_string())
            .collect(),
        at: keeping.at.as_ref().map(|text| text.value.to_string()),
        history: keeping.history,
    }
}

/// Returns the text that identifies a partition: the resources and the vars that bring its rows, except
/// secrets. `given` are the vars that the call gives.
pub fn vars(plan: &Plan, given: &BTreeSet<String>, environment: Option<&str>) -> String {
    let mut queries: BTreeMap<&str, Value> = BTreeMap::new();
    for part in plan.with_fed_by() {
        let secret: Vec<&String> = part.secret_vars().collect();
        let is_kept = |name: &String| !secret.contains(&name) && chooses_rows(part, name, given);
        let vars = part.vars.iter().filter(|(name, _)| is_kept(name));
        let vars = vars.map(|(name, value)| (name.clone(), value.clone()));
        let resource = part.requests().map(|part| &part.resource().name);
        let resource = resource.map(|name| ("(resource)".to_owned(), Value::from(name.as_str())));
        let vars: Map<String, Value> = resource.into_iter().chain(vars).collect();
        if !vars.is_empty() {
            queries.insert(&part.query.name, Value::Object(vars));
        }
    }
    let mut text = String::new();
    let all: Map<String, Value> = queries
        .into_iter()
        .map(|(name, vars)| (name.to_owned(), vars))
        .chain(environment.map(|name| ("(environment)".to_owned(), Value::from(name))))
        .collect();
    crate::core::json::write_identity(&Value::Object(all), &mut text);
    bounded_key(text)
}

/// Returns true if a var chooses the rows of a query. Times usually bound a listing and are others in
/// every sync: of them, only those that the call gives do.
fn chooses_rows(plan: &Plan, name: &str, given: &BTreeSet<String>) -> bool {
    match plan.query.var(name) {
        Some(var) if var.kind == VarType::Time => !var.is_since() && given.contains(name),
        _ => true,
    }
}

/// The other table that a plan's items come from, if they do.
pub struct StoredFeed<'p> {
    /// The name under which requests see an item.
    pub name: &'p str,
    /// The vars that the query passes on by name.
    passed: &'p [(String, ValueTemplate)],
    /// The plan of the query of that table.
    pub plan: &'p Plan,
}

/// Returns the other table that the items of a plan come from: its only loop is over a kept query.
pub fn stored_feed(plan: &Plan) -> Option<StoredFeed<'_>> {
    let ([one], [Feed::Plan(fed_by)]) = (plan.loops(), plan.feeds.as_slice()) else {
        return None;
    };
    fed_by.query.keeping.as_ref()?;
    let Items::Query { vars, .. } = &one.items else {
        return None;
    };
    Some(StoredFeed {
        name: &one.name,
        passed: vars,
        plan: fed_by,
    })
}

impl StoredFeed<'_> {
    /// Returns the names of the vars that the call gives to that query, if it gives these to the other.
    pub fn given(&self, given: &BTreeSet<String>) -> BTreeSet<String> {
        let passed = self.passed.iter().map(|(name, _)| name);
        let known = passed
            .chain(given)
            .filter(|name| self.plan.query.var(name).is_some());
        known.cloned().collect()
    }

    /// Returns the values with which that query has the rows that are the items.
    pub fn inputs(&self, given: &BTreeSet<String>) -> Inputs {
        let given = self.given(given);
        let secret: Vec<&String> = self.plan.secret_vars().collect();
        let vars = self.plan.vars.iter();
        let vars =
            vars.filter(|(name, value)| !value.is_null() && chooses_rows(self.plan, name, &given));
        vars.map(|(name, value)| {
            let input = if secret.contains(&name) {
                Input::Secret(value.clone())
            } else {
                Input::Json(value.clone())
            };
            (name.clone(), input)
        })
        .collect()
    }
}

/// Returns a site as an item of the store; `None` if an item is secret.
pub fn found_item(plan: &Plan, site: &Site) -> Option<FoundItem> {
    let items = site.plain_items()?;
    let mut key = String::new();
    for (position, (name, item)) in items.iter().enumerate() {
        if position > 0 {
            key.push('\n');
        }
        let key_columns = key_columns(plan, name);
        key.push_str(&identity(
            key_columns.as_deref(),
            &requested(plan, name),
            item,
        ));
    }
    let at = items
        .last()
        .and_then(|(name, item)| time_of(plan, name, item));
    let json: Map<String, Value> = items.into_iter().collect();
    Some(FoundItem {
        key: bounded_key(key),
        json: Value::Object(json).to_string(),
        at,
    })
}

/// Returns the site of an item of the store; `None` if the query now has other loops.
pub fn site(plan: &Plan, json: &str) -> Option<Site> {
    let Value::Object(items) = crate::core::json::parse(json.as_bytes()).ok()? else {
        return None;
    };
    // Names may have changed since; the order says what is what.
    if items.len() != plan.loops().len() {
        return None;
    }
    let mut site = plan.site();
    for (feed, item) in plan.loops().iter().zip(items.values()) {
        site = plan.site_with(&site, &feed.name, item);
    }
    Some(site)
}

/// Returns the members of an item that the requests read: what they ask for differs with these.
fn requested<'p>(plan: &'p Plan, name: &'p str) -> BTreeSet<&'p str> {
    let templates = plan.query.call().map(Call::request_templates);
    let templates = templates.into_iter().flatten();
    templates
        .flat_map(|template| template.mentions().attributes(name))
        .collect()
}

fn feed_query<'p>(plan: &'p Plan, name: &str) -> Option<&'p Arc<Query>> {
    let position = plan.loops().iter().position(|feed| feed.name == name)?;
    match plan.feeds.get(position)? {
        Feed::Plan(fed_by) => Some(&fed_by.query),
        Feed::Dependent | Feed::List => None,
    }
}

fn key_columns(plan: &Plan, name: &str) -> Option<Vec<String>> {
    let keeping = feed_query(plan, name)?.keeping.as_ref()?;
    Some(
        keeping
            .key
            .iter()
            .map(|text| text.value.to_string())
            .collect(),
    )
}

/// Returns the text that identifies an item, whatever else of it changes: by its key, or by what
/// usually identifies a thing and the members that requests read.
fn identity(key: Option<&[String]>, requested: &BTreeSet<&str>, item: &Value) -> String {
    /// Members that together identify an item without an `id`.
    const MEMBERS: [&str; 7] = [
        "project_slug",
        "slug",
        "number",
        "job_number",
        "name",
        "key",
        "branch",
    ];
    let mut text = String::new();
    let Value::Object(members) = item else {
        crate::core::json::write_identity(item, &mut text);
        return text;
    };
    let usual: &[&str] = match key {
        Some(_) => &[],
        None if members.get("id").is_some_and(|id| !id.is_null()) => &["id"],
        None if identifying_member(members).is_some() => &MEMBERS,
        // Nothing says what stays the same.
        None => {
            crate::core::json::write_identity(item, &mut text);
            return text;
        }
    };
    let mut names: Vec<&str> = usual.to_vec();
    match key {
        Some(key) => names.extend(key.iter().map(String::as_str)),
        None => names.extend(requested.iter().filter(|name| !usual.contains(name))),
    }
    let found = names.iter().filter_map(|name| members.get(*name));
    let mut values: Vec<Value> = found.filter(|value| !value.is_null()).cloned().collect();
    match values.as_mut_slice() {
        // Text as it is, unless it reads like another value.
        [Value::String(text)] if serde_json::from_str::<Value>(text).is_err() => {
            return std::mem::take(text);
        }
        [one] => crate::core::json::write_identity(one, &mut text),
        _ => crate::core::json::write_identity(&Value::Array(values), &mut text),
    }
    text
}

/// Returns the time of an item: that of its table, or a member that says when it came to be.
fn time_of(plan: &Plan, name: &str, item: &Value) -> Option<i64> {
    const MEMBERS: [&str; 5] = ["created_at", "queued_at", "started_at", "at", "date"];
    let at = feed_query(plan, name)
        .and_then(|query| query.keeping.as_ref())
        .and_then(|keeping| keeping.at.as_ref());
    let read = |member: &str| item.get(member).and_then(Value::as_str).and_then(micros);
    match (at, item) {
        (Some(at), _) => read(&at.value),
        (None, Value::String(text)) => micros(text),
        (None, _) => MEMBERS.into_iter().find_map(read),
    }
}

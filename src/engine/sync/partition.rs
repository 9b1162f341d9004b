//! The table and the partition of a bound query.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::core::column::ColumnType;
use crate::plan::{Feed, Plan, Site, identifying_member};
use crate::project::Query;
use crate::project::query::{Keeping, VarType};
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

/// Returns the text that identifies a partition: the resources and the vars that bring its rows,
/// except secrets and times, which bound a listing.
pub fn vars(plan: &Plan, environment: Option<&str>) -> String {
    let mut queries: BTreeMap<&str, Value> = BTreeMap::new();
    for part in plan.with_fed_by() {
        let secret: Vec<&String> = part.secret_vars().collect();
        let is_kept = |name: &String| {
            let is_time = |kind| matches!(kind, VarType::Time);
            !secret.contains(&name) && !part.query.var(name).is_some_and(|var| is_time(var.kind))
        };
        let vars = part.vars.iter().filter(|(name, _)| is_kept(name));
        let vars: Map<String, Value> = vars
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
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
    text
}

/// The other table that a plan's items come from, if they do.
pub struct StoredFeed<'p> {
    /// The name under which requests see an item.
    pub name: &'p str,
    /// The plan of the query of that table.
    pub plan: &'p Plan,
}

/// Returns the other table that the items of a plan come from: its only loop is over a kept query.
pub fn stored_feed(plan: &Plan) -> Option<StoredFeed<'_>> {
    let ([one], [Feed::Plan(fed_by)]) = (plan.loops(), plan.feeds.as_slice()) else {
        return None;
    };
    fed_by.query.keeping.as_ref()?;
    Some(StoredFeed {
        name: &one.name,
        plan: fed_by,
    })
}

/// Returns a site as an item of the store; `None` if an item is secret.
pub fn found_item(plan: &Plan, site: &Site) -> Option<FoundItem> {
    let items = site.plain_items()?;
    let mut key = String::new();
    for (position, (name, item)) in items.iter().enumerate() {
        if position > 0 {
            key.push('\n');
        }
        key.push_str(&identity(key_columns(plan, name).as_deref(), item));
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
    let items = crate::core::json::parse(json.as_bytes()).ok()?;
    let mut site = plan.site();
    for feed in plan.loops() {
        site = plan.site_with(&site, &feed.name, items.get(&feed.name)?);
    }
    Some(site)
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

/// Returns the text that identifies an item, whatever else of it changes.
fn identity(key: Option<&[String]>, item: &Value) -> String {
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
    let values_of = |names: &[&str]| {
        let found = names.iter().filter_map(|name| members.get(*name));
        Value::Array(found.filter(|value| !value.is_null()).cloned().collect())
    };
    let own: Vec<&str>;
    let names: &[&str] = match key {
        Some(key) => {
            own = key.iter().map(String::as_str).collect();
            &own
        }
        None if members.get("id").is_some_and(|id| !id.is_null()) => &["id"],
        None if identifying_member(members).is_some() => &MEMBERS,
        // Nothing says what stays the same.
        None => {
            crate::core::json::write_identity(item, &mut text);
            return text;
        }
    };
    match values_of(names) {
        Value::Array(values) if values.len() == 1 => crate::core::json::plain(&values[0]),
        values => {
            crate::core::json::write_identity(&values, &mut text);
            text
        }
    }
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

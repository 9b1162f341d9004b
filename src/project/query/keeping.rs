//! The rule by which `runner sync` keeps the records of a query.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::source::{Place, Text};
use crate::project::query::{Query, Var};
use crate::project::template::ValueTemplate;
use crate::template::{Expression, Mentions, Template};

/// The rule of `store`.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The place of the rule.
    pub place: Place,
    /// The columns that identify a row.
    pub key: Vec<Text>,
    /// The column with the time of a row.
    pub at: Option<Text>,
    /// The condition under which a row does not change any more; without it, none does.
    pub done: Option<Expression>,
    /// The age up to which items are asked again.
    pub revisit: Option<Duration>,
    /// True to keep former versions of rows.
    pub history: bool,
    /// True to mark rows that a whole listing no longer has.
    pub marks_gone: bool,
}

impl Query {
    /// Returns true if the requests of its items go back to the time `since`, so that an answer has
    /// only a part of the rows of an item, and a later one has others.
    pub fn bounds_items(&self) -> bool {
        let Some(call) = self.call().filter(|_| self.is_walk()) else {
            return false;
        };
        let Some(since) = self.vars.iter().find(|var| var.is_since()) else {
            return false;
        };
        let names = self.vars_over(&since.name);
        let is_named = |mentions: &Mentions| names.iter().any(|name| mentions.has(name));
        let templates = call.request_templates();
        let choosing = self.shape.stop_when.iter().chain(&self.shape.filter);
        templates
            .iter()
            .any(|template| is_named(template.mentions()))
            || choosing
                .into_iter()
                .any(|condition| is_named(condition.mentions()))
    }

    /// Returns true if its listings end at a condition that is not about the time `since`.
    pub fn stops_elsewhere(&self) -> bool {
        let Some(condition) = &self.shape.stop_when else {
            return false;
        };
        let names = self.vars_over("since");
        !names.iter().any(|name| condition.mentions().has(name))
    }

    /// Returns the name of a var, and of those whose usual value is over it.
    fn vars_over<'q>(&'q self, name: &'q str) -> BTreeSet<&'q str> {
        let mut names = BTreeSet::from([name]);
        // A default sees the vars before it.
        for Var { name, default, .. } in &self.vars {
            let templates = default.iter().flat_map(ValueTemplate::templates);
            let mut mentions = templates.map(Template::mentions);
            if mentions.any(|mentions| names.iter().any(|name| mentions.has(name))) {
                names.insert(name);
            }
        }
        names
    }
}

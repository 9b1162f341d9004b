//! What a plan stands on: the items of its `for_each`, and the names that a request sees of them.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::core::diagnostic::Diagnostic;
use crate::core::graph::parents_first;
use crate::plan::bind::{at_most, note_secret};
use crate::plan::disguise::{COMPUTED, mark};
use crate::plan::shared::PlanKey;
use crate::plan::{DataValues, Input, Inputs, Plan, PlanError};
use crate::project::Query;
use crate::project::query::{Items, Limit, Loop};
use crate::project::template::ValueTemplate;
use crate::template::{Hides, RenderError, Scope};

/// Where the items of one name come from, as far as it is known before the first request.
pub enum Feed {
    /// The records of another plan.
    Plan(Rc<Plan>),
    /// The records of a query that is bound anew for every item before it.
    Dependent,
    /// A list.
    List,
}

/// The names that one request of a plan sees: those of its query, and the items that it stands on.
#[derive(Clone)]
pub struct Site {
    pub(super) scope: Scope,
    /// The same with marks in place of secrets.
    pub(super) shown: Scope,
    /// What the items are, for messages.
    about: Option<Arc<str>>,
    /// The names that have their item.
    names: Vec<Arc<str>>,
}

impl Site {
    /// The names for templates.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Which item this is, for messages: `workflow 5034460f-…`.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// The items by name, outermost first, with marks in place of secrets.
    pub fn items(&self) -> Vec<(String, Value)> {
        let item = |name: &Arc<str>| Some((name.to_string(), self.shown.json(name)?));
        self.names.iter().filter_map(item).collect()
    }

    /// With what the queries of `data` gave.
    #[must_use]
    pub fn with_data(&self, plan: &Plan, data: &DataValues) -> Self {
        Self {
            scope: plan.scope_with_data(&self.scope, data),
            shown: plan.scope_with_data(&self.shown, data),
            about: self.about.clone(),
            names: self.names.clone(),
        }
    }

    /// With the answer to a request, for what is asked after it.
    #[must_use]
    pub(super) fn with_row(&self, answer: &Value) -> Self {
        Self {
            scope: self.scope.with_row(answer),
            shown: self.shown.with_row(answer),
            about: self.about.clone(),
            names: self.names.clone(),
        }
    }

    /// With an answer that is not known yet: what comes of it is shown as `{row.id}`.
    #[must_use]
    pub(super) fn with_unknown_row(&self) -> Self {
        let names = vec!["row".to_owned()];
        let nothing = Value::Object(Map::new());
        let scope = self.shown.also_veiled(unknown(names)).with_row(&nothing);
        Self {
            scope: scope.clone(),
            shown: scope,
            about: self.about.clone(),
            names: self.names.clone(),
        }
    }

    fn with_item(&self, name: &str, item: &Value, shown: &Value, own: String) -> Self {
        let about = match &self.about {
            None => own,
            Some(outer) => format!("{outer}, {own}"),
        };
        let [scope, shown] = if std::ptr::eq(item, shown) {
            Scope::both_with_record([&self.scope, &self.shown], name, item)
        } else {
            let shown = self.shown.with_record(name, shown);
            [self.scope.with_record(name, item), shown]
        };
        Self {
            scope,
            shown,
            about: Some(about.into()),
            names: self.names.iter().cloned().chain([name.into()]).collect(),
        }
    }
}

/// Shows what comes of these names as what is written in the file.
fn unknown(names: Vec<String>) -> Hides {
    Arc::new(move |source, mentions| {
        names.iter().any(|name| mentions.has(name)).then(|| {
            let is_long = source.contains(['\n', '%']);
            let what = if is_long { "…" } else { source.trim() };
            mark(&format!("{{{what}}}"))
        })
    })
}

/// The value with a mark in place of everything that could be secret.
fn marked(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Array(items) => items.iter().map(marked).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), marked(member)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Number(_) | Value::String(_) => Value::from(mark(COMPUTED)),
    }
}

/// What tells an item from others: its id, number or name; a scalar itself.
fn about(name: &str, item: &Value) -> String {
    let telling = match item {
        Value::Object(members) => telling_member(members)
            .and_then(|key| members.get(key))
            .map(crate::core::json::plain),
        Value::Array(_) | Value::Null => None,
        scalar => Some(crate::core::json::plain(scalar)),
    };
    match telling {
        None => name.to_owned(),
        Some(text) => {
            let text: String = text.chars().take(100).collect();
            format!("{name} {text}")
        }
    }
}

/// The member that tells an item from others.
pub fn telling_member(members: &Map<String, Value>) -> Option<&'static str> {
    const TELLING: [&str; 6] = ["slug", "id", "number", "job_number", "name", "key"];
    let has = |key: &&str| members.get(*key).is_some_and(|value| !value.is_null());
    TELLING.into_iter().find(has)
}

impl Plan {
    /// The names that a request sees which stands on no item.
    pub fn site(&self) -> Site {
        Site {
            scope: self.scope.clone(),
            shown: self.shown_scope.clone(),
            about: None,
            names: Vec::new(),
        }
    }

    /// The names that a request sees which stands on one item more.
    pub fn site_with(&self, site: &Site, name: &str, item: &Value) -> Site {
        if self.secrecy.has_var(name) {
            note_secret(&self.scrubber, item);
            site.with_item(name, item, &marked(item), name.to_owned())
        } else {
            site.with_item(name, item, item, about(name, item))
        }
    }

    /// The names that a request sees which is only shown, its items not yet known: what comes of
    /// them is shown as `{workflow.id}`.
    pub(super) fn unknown_site(&self) -> Site {
        let mut names: Vec<String> = self.loops().iter().map(|feed| feed.name.clone()).collect();
        names.extend((!self.data.is_empty()).then(|| "data".to_owned()));
        let hides = unknown(names);
        let nothing = Value::Object(Map::new());
        let mut scope = self.shown_scope.also_veiled(hides);
        for feed in self.loops() {
            scope = scope.with_record(&feed.name, &nothing);
        }
        scope = scope.with_record("data", &nothing);
        Site {
            scope: scope.clone(),
            shown: scope,
            about: None,
            names: Vec::new(),
        }
    }

    /// The names of its items, with where they come from.
    pub fn loops(&self) -> &[Loop] {
        &self.query.for_each
    }

    /// This plan and those that it stands on, as far as they are bound: each once, before those
    /// that it stands on itself.
    pub fn with_fed_by(&self) -> Vec<&Plan> {
        parents_first(self, |plan| {
            let feeds = plan.feeds.iter().filter_map(|feed| match feed {
                Feed::Plan(plan) => Some(&**plan),
                Feed::Dependent | Feed::List => None,
            });
            feeds.chain(plan.data.iter().map(|plan| &**plan)).collect()
        })
    }

    /// The names of every request, if all items stand in lists.
    ///
    /// # Errors
    ///
    /// As [`Plan::list`].
    pub fn listed_sites(&self) -> Result<Option<Vec<Site>>, PlanError> {
        let mut sites = vec![self.site()];
        for feed in self.loops() {
            if matches!(feed.items, Items::Query { .. }) {
                return Ok(None);
            }
            let mut more = Vec::new();
            for site in &sites {
                let most = self.most_items(feed, site)?.unwrap_or(usize::MAX);
                let end = more.len().saturating_add(most);
                for item in &self.list(feed, site)? {
                    let site = self.site_with(site, &feed.name, item);
                    if more.len() < end && Self::takes(feed, &site)? {
                        more.push(site);
                    }
                }
            }
            sites = more;
        }
        Ok(Some(sites))
    }

    /// Returns true if the item that a site ends in meets the condition of its name.
    ///
    /// # Errors
    ///
    /// If the condition cannot be evaluated.
    pub fn takes(feed: &Loop, site: &Site) -> Result<bool, RenderError> {
        let keep = feed.keep.as_ref();
        keep.map_or(Ok(true), |condition| condition.holds(&site.scope))
    }

    /// The number of items at most that a name takes beside the items before it.
    ///
    /// # Errors
    ///
    /// If the template cannot be rendered, or gives no number above 0.
    pub fn most_items(&self, feed: &Loop, site: &Site) -> Result<Option<usize>, PlanError> {
        at_most(feed.limit.as_ref(), &site.scope)
    }

    /// The items of a list.
    ///
    /// # Errors
    ///
    /// If the template cannot be rendered or gives no list.
    pub fn list(&self, feed: &Loop, site: &Site) -> Result<Vec<Value>, RenderError> {
        let Items::List(value) = &feed.items else {
            return Ok(Vec::new());
        };
        match value.render(site.scope())? {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => {
                let templates = value.templates();
                let place = templates.first().map_or(&feed.place, |first| first.place());
                let got = crate::core::json::kind(&other);
                let words = format!("`in` of `{}` takes a list, got {got}", feed.name);
                Err(RenderError::new(place, words))
            }
        }
    }

    /// Binds what this plan stands on, but for what stands on items itself.
    pub(super) fn bind_feeds(&self) -> Result<Vec<Feed>, PlanError> {
        let mut earlier: Vec<&str> = Vec::new();
        let mut feeds = Vec::new();
        for feed in self.loops() {
            let stands_on_item = feed
                .items
                .templates()
                .iter()
                .any(|template| earlier.iter().any(|name| template.mentions().has(name)));
            feeds.push(match &feed.items {
                Items::List(_) => Feed::List,
                Items::Query { .. } if stands_on_item => Feed::Dependent,
                Items::Query { query, vars } => {
                    let inputs = self.inputs_of(query, vars, &self.site())?;
                    Feed::Plan(self.bind_shared(query, &inputs, &feed.name)?)
                }
            });
            // A limit that no item decides is refused before anything is sent.
            if let Some(Limit::Template(template)) = &feed.limit
                && !earlier.iter().any(|name| template.mentions().has(name))
            {
                self.most_items(feed, &self.site())?;
            }
            earlier.push(&feed.name);
        }
        Ok(feeds)
    }

    /// Binds the query that the items of a name come from.
    ///
    /// # Errors
    ///
    /// As [`Plan::bind`].
    pub fn fed_by(&self, feed: &Loop, site: &Site) -> Result<Plan, PlanError> {
        let Items::Query { query, vars } = &feed.items else {
            let words = format!("`{}` is a list", feed.name);
            return Err(RenderError::new(&feed.place, words).into());
        };
        let inputs = self.inputs_of(query, vars, site)?;
        self.bind_other(query, &inputs, &feed.name)
    }

    /// Binds the queries of `data`.
    pub(super) fn bind_data(&self) -> Result<Vec<Rc<Plan>>, PlanError> {
        let site = self.site();
        let bound = self.query.data.iter().map(|data| {
            let name = format!("data.{}", data.name);
            let inputs = self.inputs_of(&data.query, &data.vars, &site)?;
            self.bind_shared(&data.query, &inputs, &name)
        });
        bound.collect()
    }

    /// Binds a query, unless one with the same inputs is bound already: a query that several
    /// others stand on is bound and run once.
    fn bind_shared(
        &self,
        query: &Arc<Query>,
        inputs: &Inputs,
        name: &str,
    ) -> Result<Rc<Plan>, PlanError> {
        let key = PlanKey::new(query, inputs);
        if let Some(plan) = self.binding.plans.find(&key) {
            return Ok(plan);
        }
        let plan = Rc::new(self.bind_other(query, inputs, name)?);
        self.binding.plans.insert(key, &plan);
        Ok(plan)
    }

    fn bind_other(
        &self,
        query: &Arc<Query>,
        inputs: &Inputs,
        name: &str,
    ) -> Result<Plan, PlanError> {
        let trail = format!("{}/{name}", self.trail);
        Self::bind_at(Arc::clone(query), &self.binding, inputs, trail).map_err(
            |error| match error {
                PlanError::Call(faults) => PlanError::Call(
                    faults
                        .into_iter()
                        .map(|fault| about_query(fault, query))
                        .collect(),
                ),
                other => other,
            },
        )
    }

    /// What another query is given: what `vars` says, and otherwise the var of the same name. Null
    /// leaves it to its default.
    fn inputs_of(
        &self,
        query: &Query,
        vars: &[(String, ValueTemplate)],
        site: &Site,
    ) -> Result<Inputs, RenderError> {
        let mut inputs = Inputs::new();
        for var in &query.vars {
            let (value, is_secret) = match vars.iter().find(|(name, _)| *name == var.name) {
                Some((_, template)) => (
                    template.render(site.scope())?.unwrap_or(Value::Null),
                    template
                        .templates()
                        .iter()
                        .any(|part| self.secrecy.taints(part.mentions())),
                ),
                None => match self.vars.get(&var.name) {
                    Some(value) => (value.clone(), self.secrecy.has_var(&var.name)),
                    None => continue,
                },
            };
            if value.is_null() {
                continue;
            }
            let input = if is_secret {
                Input::Secret(value)
            } else {
                Input::Json(value)
            };
            inputs.insert(var.name.clone(), input);
        }
        Ok(inputs)
    }
}

/// A fault of a call that no person made: it says which query was called.
fn about_query(mut fault: Diagnostic, query: &Query) -> Diagnostic {
    let fact = format!("query: {}", query.name);
    if !fault.facts.contains(&fact) {
        fault.facts.push(fact);
    }
    fault
}

//! The inputs of a plan: the items of its `for_each`, and the names available to each request.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::core::diagnostic::Diagnostic;
use crate::core::graph::parents_first;
use crate::core::secret::Scrubber;
use crate::http::masked_addresses;
use crate::plan::bind::{at_most, note_secret};
use crate::plan::disguise::{COMPUTED, mark};
use crate::plan::shared::PlanKey;
use crate::plan::{DataValues, Input, Inputs, Plan, PlanError};
use crate::project::Query;
use crate::project::query::{Items, Limit, Loop};
use crate::project::template::ValueTemplate;
use crate::template::{RenderError, Scope, Veil};

/// The source of a loop's items, as far as it is known before the first request.
pub enum Feed {
    /// The records of another plan.
    Plan(Rc<Plan>),
    /// The records of a query that is bound anew for every item of the loops before it.
    Dependent,
    /// A list.
    List,
}

/// The names available to one request: those of its query, and its items.
#[derive(Clone)]
pub struct Site {
    pub(super) scope: Scope,
    /// Hides expressions over secrets, and over items that are not known.
    veil: Veil,
    /// A description of the items, for messages.
    about: Option<Arc<str>>,
    /// The names that have an item, with true for a secret one.
    names: Vec<(Arc<str>, bool)>,
}

impl Site {
    /// Returns the scope for templates.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns the description of the item for messages: `workflow 5034460f-…`.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// Returns the scope with marks in place of hidden expressions.
    pub(super) fn shown(&self) -> Scope {
        self.scope.veiled(&self.veil)
    }

    /// Returns the items by name, outermost first, with marks in place of secrets.
    pub fn items(&self) -> Vec<(String, Value)> {
        let item = |(name, is_secret): &(Arc<str>, bool)| {
            let item = self.scope.json(name)?;
            let item = if *is_secret { marked(&item) } else { item };
            Some((name.to_string(), item))
        };
        self.names.iter().filter_map(item).collect()
    }

    /// Returns the items by name, outermost first; `None` if one of them is secret.
    pub fn plain_items(&self) -> Option<Vec<(String, Value)>> {
        let item = |(name, is_secret): &(Arc<str>, bool)| {
            let item = self.scope.json(name).filter(|_| !is_secret)?;
            Some((name.to_string(), item))
        };
        self.names.iter().map(item).collect()
    }

    /// Adds the results of `data`.
    #[must_use]
    pub fn with_data(&self, plan: &Plan, data: &DataValues) -> Self {
        Self {
            scope: plan.scope_with_data(&self.scope, data),
            ..self.clone()
        }
    }

    /// Adds the response of a first request as `row`.
    #[must_use]
    pub(super) fn with_row(&self, answer: &Value) -> Self {
        Self {
            scope: self.scope.with_row(answer),
            ..self.clone()
        }
    }

    /// Adds a `row` that is not known yet and is shown as `{row.id}`.
    #[must_use]
    pub(super) fn with_unknown_row(&self) -> Self {
        let veil = self.veil.clone().or(unknown(vec!["row".to_owned()]));
        let nothing = Value::Object(Map::new());
        Self {
            scope: self.scope.veiled(&veil).with_row(&nothing),
            veil,
            ..self.clone()
        }
    }

    fn with_item(&self, name: &str, item: &Value, own: String, is_secret: bool) -> Self {
        let about = match &self.about {
            None => own,
            Some(outer) => format!("{outer}, {own}"),
        };
        let names = self.names.iter().cloned();
        Self {
            scope: self.scope.with_record(name, item),
            veil: self.veil.clone(),
            about: Some(about.into()),
            names: names.chain([(name.into(), is_secret)]).collect(),
        }
    }
}

/// Shows values of these names as the expression in the file.
fn unknown(names: Vec<String>) -> Veil {
    Veil::new(move |source, mentions| {
        names.iter().any(|name| mentions.has(name)).then(|| {
            let is_long = source.contains(['\n', '%']);
            let what = if is_long { "…" } else { source.trim() };
            mark(&format!("{{{what}}}"))
        })
    })
}

/// Replaces every part of a value that could be secret with a mark.
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

/// Describes an item by its id, number or name, or the scalar itself.
fn about(name: &str, item: &Value, scrubber: &Scrubber) -> String {
    let identity = match item {
        Value::Object(members) => identifying_member(members).and_then(|key| members.get(key)),
        Value::Array(_) | Value::Null => None,
        scalar => Some(scalar),
    };
    let Some(identity) = identity else {
        return name.to_owned();
    };
    // Masked before it is truncated: half of a secret is not recognized.
    let text = crate::core::json::plain(identity);
    let text = scrubber.text(&text);
    let text: String = masked_addresses(&text).chars().take(100).collect();
    format!("{name} {text}")
}

/// Returns the member that identifies an item.
pub fn identifying_member(members: &Map<String, Value>) -> Option<&'static str> {
    const IDENTIFIERS: [&str; 6] = ["slug", "id", "number", "job_number", "name", "key"];
    let has = |key: &&str| members.get(*key).is_some_and(|value| !value.is_null());
    IDENTIFIERS.into_iter().find(has)
}

impl Plan {
    /// Returns the names available to a request without items.
    pub fn site(&self) -> Site {
        Site {
            scope: self.scope.clone(),
            veil: self.veil.clone(),
            about: None,
            names: Vec::new(),
        }
    }

    /// Returns the names of a site with one more item.
    pub fn site_with(&self, site: &Site, name: &str, item: &Value) -> Site {
        if self.secrecy.has_var(name) {
            note_secret(&self.scrubber, item);
            site.with_item(name, item, name.to_owned(), true)
        } else {
            site.with_item(name, item, about(name, item, &self.scrubber), false)
        }
    }

    /// Returns the names available to a shown request whose items are not known yet and are shown
    /// as `{workflow.id}`.
    pub(super) fn unknown_site(&self) -> Site {
        let mut names: Vec<String> = self.loops().iter().map(|feed| feed.name.clone()).collect();
        names.extend((!self.data.is_empty()).then(|| "data".to_owned()));
        let veil = self.veil.clone().or(unknown(names));
        let nothing = Value::Object(Map::new());
        let mut scope = self.scope.veiled(&veil);
        for feed in self.loops() {
            scope = scope.with_record(&feed.name, &nothing);
        }
        scope = scope.with_record("data", &nothing);
        Site {
            scope,
            veil,
            about: None,
            names: Vec::new(),
        }
    }

    /// Returns the loops of the query.
    pub fn loops(&self) -> &[Loop] {
        self.query.loops()
    }

    /// Returns this plan and all bound plans it depends on, each once, before its own dependencies.
    pub fn with_fed_by(&self) -> Vec<&Plan> {
        parents_first(self, |plan| {
            let feeds = plan.feeds.iter().filter_map(|feed| match feed {
                Feed::Plan(plan) => Some(&**plan),
                Feed::Dependent | Feed::List => None,
            });
            feeds.chain(plan.data.iter().map(|plan| &**plan)).collect()
        })
    }

    /// Returns the names for every request, if all items come from lists.
    ///
    /// # Errors
    ///
    /// As [`Plan::list`].
    pub fn listed_sites(&self) -> Result<Option<Vec<Site>>, PlanError> {
        self.listed_sites_of(self.loops())
    }

    /// Returns the names for every combination of the items of the first loops, if these come from
    /// lists.
    fn listed_sites_of(&self, loops: &[Loop]) -> Result<Option<Vec<Site>>, PlanError> {
        let mut sites = vec![self.site()];
        for feed in loops {
            if matches!(feed.items, Items::Query { .. }) {
                return Ok(None);
            }
            let mut more = Vec::new();
            for site in &sites {
                let most = Self::most_items(feed, site)?.unwrap_or(usize::MAX);
                let end = more.len().saturating_add(most);
                for item in &Self::list(feed, site)? {
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

    /// Returns true if the last item of a site meets the condition of its loop.
    ///
    /// # Errors
    ///
    /// If the condition cannot be evaluated.
    pub fn takes(feed: &Loop, site: &Site) -> Result<bool, RenderError> {
        let filter = feed.filter.as_ref();
        filter.map_or(Ok(true), |condition| condition.holds(&site.scope))
    }

    /// Returns the maximum number of items of a loop for each item of the loops before it.
    ///
    /// # Errors
    ///
    /// If the template cannot be rendered, or is not a number above 0.
    pub fn most_items(feed: &Loop, site: &Site) -> Result<Option<usize>, PlanError> {
        at_most(feed.limit.as_ref(), &site.scope)
    }

    /// Returns the items of a list.
    ///
    /// # Errors
    ///
    /// If the template cannot be rendered or is not a list.
    pub fn list(feed: &Loop, site: &Site) -> Result<Vec<Value>, RenderError> {
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

    /// Binds the queries of `for_each`, except those that depend on items.
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
            // A limit that does not depend on items is checked before the first request.
            if let Some(Limit::Template(template)) = &feed.limit
                && !earlier.iter().any(|name| template.mentions().has(name))
            {
                Self::most_items(feed, &self.site())?;
            }
            earlier.push(&feed.name);
        }
        Ok(feeds)
    }

    /// Binds the query that a loop's items come from.
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

    /// Binds the query of the loop at a position for display: once for each combination of the items
    /// before it if these come from lists, otherwise once with names in place of items.
    ///
    /// # Errors
    ///
    /// As [`Plan::bind`]. A name in place of an item is not a value of every type.
    pub fn fed_by_for_display(&self, position: usize) -> Result<Vec<Plan>, PlanError> {
        let feed = &self.loops()[position];
        let listed = self.listed_sites_of(&self.loops()[..position]);
        let sites = listed.ok().flatten();
        let sites = sites.unwrap_or_else(|| vec![self.unknown_site()]);
        sites.iter().map(|site| self.fed_by(feed, site)).collect()
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

    /// Binds a query, or returns the plan bound before with the same inputs, so that a shared
    /// dependency runs once.
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

    /// Returns the inputs for another query: those in `vars`, and otherwise the var of the same
    /// name. Null selects the default.
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
                    None => match self.binding.since.clone().filter(|_| var.is_since()) {
                        Some(since) => (since, false),
                        None => continue,
                    },
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

/// Adds the name of the called query to a fault of an implicit call.
fn about_query(mut fault: Diagnostic, query: &Query) -> Diagnostic {
    let fact = format!("query: {}", query.name);
    if !fault.facts.contains(&fact) {
        fault.facts.push(fact);
    }
    fault
}

//! Tracks secret names in a run, and values derived from them.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::name::is_identifier;
use crate::core::secret::{is_secret_name, is_secret_param};
use crate::plan::disguise::{self, COMPUTED, Segment, mark};
use crate::project::Query;
use crate::project::query::{Call, Items, Var};
use crate::project::template::ValueTemplate;
use crate::resource::Resource;
use crate::template::{Mentions, Template};

/// The names with secret values.
#[derive(Debug, Clone, Default)]
pub struct Secrecy {
    /// Secret environment variables, in addition to those named like credentials.
    env: BTreeSet<String>,
    /// Secret vars and items: declared `secret`, or derived from a secret; each with the text that
    /// shows it.
    vars: BTreeMap<String, String>,
    /// The environment variables that secret vars come from, by var name.
    origins: BTreeMap<String, BTreeSet<String>>,
}

impl Secrecy {
    /// Collects the variables used by `auth`, by defaults of secret vars, by credential headers or
    /// parameters, and by the proxy.
    pub fn of(query: &Query, resource: Option<&Resource>) -> Self {
        let secret_defaults = query
            .vars
            .iter()
            .filter(|var| var.secret)
            .filter_map(|var| var.default.as_ref())
            .flat_map(ValueTemplate::templates);
        let of_call = query.call().into_iter().flat_map(credentials_of_call);
        let env = secret_defaults
            .chain(of_call)
            .chain(resource.into_iter().flat_map(credentials_of_resource))
            .flat_map(|template: &Template| template.mentions().attributes("env"))
            .map(str::to_owned)
            .collect();
        Self {
            env,
            vars: BTreeMap::new(),
            origins: BTreeMap::new(),
        }
    }

    /// Adds the items of lists that use a secret.
    pub fn add_items(&mut self, query: &Query) {
        for feed in query.loops() {
            let is_secret = matches!(feed.items, Items::List(_))
                && feed
                    .items
                    .templates()
                    .iter()
                    .any(|template| self.taints(template.mentions()));
            if is_secret {
                self.vars.insert(feed.name.clone(), mark(COMPUTED));
            }
        }
    }

    /// Adds the secret variables of another plan.
    pub fn add_env_of(&mut self, other: &Self) {
        self.env.extend(other.env.iter().cloned());
    }

    /// Adds a secret var with the text that shows it. If that consists of marks of environment
    /// variables, the var comes from them.
    pub fn add_var(&mut self, var: &Var, shown: String) {
        let marks = disguise::segments(&shown);
        let default = var.default.iter().flat_map(ValueTemplate::templates);
        let names = default.flat_map(|template| template.mentions().attributes("env"));
        let is_marked = |name: &&str| marks.contains(&Segment::Secret((*name).to_owned()));
        let names = names.filter(is_marked).map(str::to_owned).collect();
        self.origins.insert(var.name.clone(), names);
        self.vars.insert(var.name.clone(), shown);
    }

    /// Returns the text that shows a secret expression: that of a variable or a var, or the mark of a
    /// computed value.
    pub fn shown(&self, source: &str) -> String {
        let shown = match source.split_once('.') {
            Some(("env", name)) if is_identifier(name) => Some(mark(name)),
            Some(("vars", name)) => self.vars.get(name).cloned(),
            _ => self.vars.get(source).cloned(),
        };
        shown.unwrap_or_else(|| mark(COMPUTED))
    }

    /// Returns the secret variables behind the mentions: those of `env`, and those that secret vars
    /// come from.
    pub fn variables_of(&self, mentions: &Mentions) -> BTreeSet<String> {
        let env = mentions.attributes("env").filter(|name| self.has_env(name));
        let vars = mentions
            .iter()
            .filter_map(|mention| self.origins.get(mention.root()));
        env.map(str::to_owned)
            .chain(vars.flatten().cloned())
            .collect()
    }

    /// Returns true if a var is secret.
    pub fn has_var(&self, name: &str) -> bool {
        self.vars.contains_key(name)
    }

    /// Returns true if an environment variable is secret.
    pub fn has_env(&self, name: &str) -> bool {
        self.env.contains(name) || is_secret_name(name)
    }

    /// Returns true if a template with these mentions is secret.
    pub fn taints(&self, mentions: &Mentions) -> bool {
        mentions.iter_all().any(|mention| match mention.root() {
            // `env[…]` with a computed name may be any of them.
            "env" => mention.path.get(1).is_none_or(|name| self.has_env(name)),
            // So may `vars[…]`; and `vars` alone contains all of them.
            "vars" => match mention.path.get(1) {
                Some(name) => self.vars.contains_key(name),
                None => !self.vars.is_empty(),
            },
            name => self.vars.contains_key(name),
        })
    }
}

/// Returns the templates of header fields and parameters named like credentials.
fn credentials_of_call(call: &Call) -> impl Iterator<Item = &Template> {
    let headers = call.headers.iter();
    let headers = headers.filter(|(name, _)| is_secret_name(name.as_str()));
    let params = call.params.iter();
    params
        .filter(|(name, _)| is_secret_param(name))
        .filter_map(|(_, value)| value.as_ref())
        .flat_map(ValueTemplate::templates)
        .chain(headers.filter_map(|(_, value)| value.as_ref()))
}

/// As `credentials_of_call`, for a resource with its `auth`, its proxy and its budget.
fn credentials_of_resource(resource: &Resource) -> impl Iterator<Item = &Template> {
    let headers = resource.headers.iter();
    let headers = headers.filter(|(name, _)| is_secret_name(name.as_str()));
    let params = resource.params.iter();
    params
        .filter(|(name, _)| is_secret_param(name))
        .map(|(_, value)| value)
        .chain(headers.map(|(_, value)| value))
        .chain(resource.auth.templates())
        .chain(&resource.proxy)
        .chain(&resource.budget)
}

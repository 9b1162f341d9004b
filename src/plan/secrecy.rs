//! What is secret in a run, and what becomes secret since it is made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::core::secret::{is_secret_name, is_secret_param};
use crate::plan::disguise::{self, Segment};
use crate::project::Query;
use crate::project::query::{Items, Var};
use crate::project::template::ValueTemplate;
use crate::resource::Resource;
use crate::template::{Mentions, Template};

/// The names whose values are secret.
#[derive(Debug, Clone, Default)]
pub struct Secrecy {
    /// Environment variables, besides those that are named like credentials.
    env: BTreeSet<String>,
    /// Vars and items: those declared `secret`, and those made of a secret.
    vars: BTreeSet<String>,
    /// The variables that secret vars come from, by their names.
    origins: BTreeMap<String, BTreeSet<String>>,
}

impl Secrecy {
    /// The variables that `auth`, a secret var, a credential's header or parameter, or a proxy is
    /// made of.
    pub fn of(query: &Query, resource: &Resource) -> Self {
        let secret_defaults = query
            .vars
            .iter()
            .filter(|var| var.secret)
            .filter_map(|var| var.default.as_ref())
            .flat_map(ValueTemplate::templates);
        let headers = resource
            .headers
            .iter()
            .map(|(name, value)| (name, Some(value)))
            .chain(
                query
                    .headers
                    .iter()
                    .map(|(name, value)| (name, value.as_ref())),
            )
            .filter(|(name, _)| is_secret_name(name.as_str()))
            .filter_map(|(_, value)| value);
        let resource_params = resource
            .params
            .iter()
            .filter(|(name, _)| is_secret_param(name))
            .map(|(_, value)| value);
        let query_params = query
            .params
            .iter()
            .filter(|(name, _)| is_secret_param(name))
            .filter_map(|(_, value)| value.as_ref())
            .flat_map(ValueTemplate::templates);
        let env = resource
            .auth
            .templates()
            .into_iter()
            .chain(secret_defaults)
            .chain(headers)
            .chain(resource_params)
            .chain(query_params)
            .chain(&resource.proxy)
            .flat_map(|template: &Template| template.mentions().attributes("env"))
            .map(str::to_owned)
            .collect();
        Self {
            env,
            vars: BTreeSet::new(),
            origins: BTreeMap::new(),
        }
    }

    /// Notes the items of lists that are made of a secret: they are as secret as that.
    pub fn add_items(&mut self, query: &Query) {
        for feed in &query.for_each {
            let is_secret = matches!(feed.items, Items::List(_))
                && feed
                    .items
                    .templates()
                    .iter()
                    .any(|template| self.taints(template.mentions()));
            if is_secret {
                self.vars.insert(feed.name.clone());
            }
        }
    }

    /// Notes the variables that are secret elsewhere in the run.
    pub fn add_env_of(&mut self, other: &Self) {
        self.env.extend(other.env.iter().cloned());
    }

    /// Notes a var whose value is secret.
    pub fn add_var(&mut self, name: &str) {
        self.vars.insert(name.to_owned());
    }

    /// Notes the variables of the environment that a var comes from, if what is shown of it are
    /// their marks.
    pub fn add_origins(&mut self, var: &Var, shown: &Value) {
        let marks = shown.as_str().map(disguise::segments).unwrap_or_default();
        let default = var.default.iter().flat_map(ValueTemplate::templates);
        let names = default.flat_map(|template| template.mentions().attributes("env"));
        let is_marked = |name: &&str| marks.contains(&Segment::Secret((*name).to_owned()));
        let names = names.filter(is_marked).map(str::to_owned).collect();
        self.origins.insert(var.name.clone(), names);
    }

    /// The variables that stand behind a name: itself in `env`, those that a secret var comes from.
    pub fn variables_of(&self, mentions: &Mentions) -> BTreeSet<String> {
        let env = mentions.attributes("env").filter(|name| self.has_env(name));
        let vars = mentions
            .iter()
            .filter_map(|mention| self.origins.get(mention.root()));
        env.map(str::to_owned)
            .chain(vars.flatten().cloned())
            .collect()
    }

    /// Whether a var is secret.
    pub fn has_var(&self, name: &str) -> bool {
        self.vars.contains(name)
    }

    /// Whether an environment variable is secret.
    pub fn has_env(&self, name: &str) -> bool {
        self.env.contains(name) || is_secret_name(name)
    }

    /// Returns true if what mentions these names is secret.
    pub fn taints(&self, mentions: &Mentions) -> bool {
        mentions.iter().any(|mention| match mention.root() {
            // `env[…]` with a name that is computed may be any of them.
            "env" => mention.path.get(1).is_none_or(|name| self.has_env(name)),
            // So may `vars[…]`; and `vars` as a whole holds all of them.
            "vars" => match mention.path.get(1) {
                Some(name) => self.vars.contains(name),
                None => !self.vars.is_empty(),
            },
            name => self.vars.contains(name),
        })
    }
}

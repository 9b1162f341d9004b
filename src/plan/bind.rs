//! Inputs → values, held against the declarations of a query.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::auth::{Auth, CredentialError};
use crate::core::diagnostic::Diagnostic;
use crate::core::name;
use crate::core::secret::{Scrubber, Secret, is_secret_name};
use crate::http::client::is_loopback;
use crate::plan::disguise::mark;
use crate::plan::{Outside, Plan, PlanError};
use crate::project::Query;
use crate::project::query::{Limit, Var};
use crate::resource::Resource;
use crate::template::{Lookup, RenderError, Scope};

/// A value that somebody gave.
#[derive(Debug, Clone)]
pub enum Input {
    /// `NAME=VALUE`, read as the var's type says.
    Text(String),
    /// `NAME:=JSON`, or a value of a vars file.
    Json(Value),
}

/// Values by name. The last one wins.
pub type Inputs = BTreeMap<String, Input>;

impl Plan {
    /// Settles what a query asks.
    ///
    /// # Errors
    ///
    /// All faults of the call at once; or the first template that cannot be rendered; or that
    /// there is no credential.
    pub fn bind(
        query: Query,
        resource: Resource,
        inputs: &Inputs,
        outside: &Outside,
        root: &Path,
        scrubber: &Scrubber,
    ) -> Result<Self, PlanError> {
        let secret_env = secret_variables(&query, &resource);
        for name in &secret_env {
            if let Some(value) = outside.env.get(name) {
                scrubber.add(&Secret::new(value.as_str()));
            }
        }
        let scope = Scope::new(outside.clock, lookups(outside, None));
        let shown_scope = Scope::new(outside.clock, lookups(outside, Some(secret_env)));
        let bound = Binder {
            query: &query,
            inputs,
            now: outside.clock.0,
            scrubber,
        }
        .bind(scope, shown_scope)?;
        let base_url = base_url(&resource, &bound.scope)?;
        refuse_plain_http(&resource, &base_url)?;
        let limit = limit(&query, &bound.scope)?;
        let plan = Self {
            limit,
            query,
            resource,
            root: root.to_path_buf(),
            vars: bound.vars,
            scrubber: scrubber.clone(),
            base_url,
            scope: bound.scope,
            shown_scope: bound.shown_scope,
        };
        plan.check_credential()?;
        Ok(plan)
    }

    /// That there is a credential is known before the first byte leaves, but for a command's.
    fn check_credential(&self) -> Result<(), PlanError> {
        if matches!(self.resource.auth, Auth::Command { .. }) {
            return Ok(());
        }
        for secret in self.resource.auth.secrets(&self.scope) {
            self.scrubber.add(&secret);
        }
        self.resource
            .auth
            .credential(&self.scope, None)
            .map(drop)
            .map_err(PlanError::Credential)
    }
}

/// The environment variables whose values are secret: those of `auth`, and those that are named
/// like credentials.
fn secret_variables(query: &Query, resource: &Resource) -> BTreeSet<String> {
    let of_auth = resource
        .auth
        .templates()
        .into_iter()
        .flat_map(|template| template.mentions().attributes("env"));
    let named = resource
        .templates()
        .map(crate::template::Template::mentions)
        .chain(query.mentions())
        .flat_map(|mentions| mentions.attributes("env"))
        .filter(|name| is_secret_name(name));
    let of_secret_vars = query
        .vars
        .iter()
        .filter(|var| var.secret)
        .filter_map(|var| var.default.as_ref())
        .flat_map(crate::project::template::ValueTemplate::templates)
        .flat_map(|template| template.mentions().attributes("env"));
    of_auth
        .chain(named)
        .chain(of_secret_vars)
        .map(str::to_owned)
        .collect()
}

/// `env` and `git`. With a list of secrets, those variables answer their mark.
fn lookups(outside: &Outside, marked: Option<BTreeSet<String>>) -> [(&'static str, Lookup); 2] {
    let env = Arc::clone(&outside.env);
    let env: Lookup = Arc::new(move |name| {
        let value = env.get(name)?;
        let is_marked = marked.as_ref().is_some_and(|marked| marked.contains(name));
        Some(Value::from(if is_marked {
            mark(name)
        } else {
            value.clone()
        }))
    });
    [("env", env), ("git", Arc::clone(&outside.git))]
}

fn base_url(resource: &Resource, scope: &Scope) -> Result<url::Url, PlanError> {
    let text = resource.base_url.text(scope)?;
    crate::project::base_url(&text).map_err(|words| {
        let place = resource.base_url.place();
        PlanError::Call(vec![Diagnostic::at(place, "base-url", words)])
    })
}

/// How many records the query wants at most.
fn limit(query: &Query, scope: &Scope) -> Result<Option<usize>, PlanError> {
    let number = match &query.limit {
        None => return Ok(None),
        Some(Limit::Number(number)) => *number,
        Some(Limit::Template(template)) => {
            let value = template.json(scope)?;
            let number = match &value {
                Value::Null => return Ok(None),
                Value::String(text) => text.trim().parse::<u64>().ok(),
                other => other.as_u64(),
            };
            number.filter(|number| *number > 0).ok_or_else(|| {
                let words = format!(
                    "`limit` takes a whole number above 0, got `{}`",
                    crate::core::json::plain(&value)
                );
                PlanError::Call(vec![Diagnostic::at(template.place(), "limit", words)])
            })?
        }
    };
    Ok(Some(usize::try_from(number).unwrap_or(usize::MAX)))
}

/// A token does not cross a network in the clear.
fn refuse_plain_http(resource: &Resource, base_url: &url::Url) -> Result<(), PlanError> {
    if base_url.scheme() == "https" || is_loopback(base_url) || resource.auth.is_none() {
        return Ok(());
    }
    let words = format!(
        "the token of `{}` would cross the network in the clear, to `{}`",
        resource.name,
        base_url.host_str().unwrap_or_default()
    );
    Err(PlanError::Call(vec![
        Diagnostic::at(resource.base_url.place(), "plain-http", words).help(
            "write `https://`; plain `http://` is only for this machine, or with `auth: none`",
        ),
    ]))
}

struct Binder<'b> {
    query: &'b Query,
    inputs: &'b Inputs,
    now: Timestamp,
    scrubber: &'b Scrubber,
}

struct Bound {
    vars: BTreeMap<String, Value>,
    scope: Scope,
    shown_scope: Scope,
}

impl Binder<'_> {
    fn bind(&self, scope: Scope, shown_scope: Scope) -> Result<Bound, PlanError> {
        let mut faults: Vec<Diagnostic> = self.unknown_names();
        let mut bound = Bound {
            vars: BTreeMap::new(),
            scope,
            shown_scope,
        };
        for var in &self.query.vars {
            match self.value(var, &bound.scope) {
                Ok(value) => {
                    let shown = self.shown_value(var, &value, &bound.shown_scope);
                    bound.scope = bound.scope.with(&var.name, &value);
                    bound.shown_scope = bound.shown_scope.with(&var.name, &shown);
                    bound.vars.insert(var.name.clone(), value);
                }
                Err(VarFault::Call(fault)) => {
                    faults.push(*fault);
                    // Later defaults may stand on it: they get null, and their own faults wait.
                    bound.scope = bound.scope.with(&var.name, &Value::Null);
                }
                Err(VarFault::Render(error)) if faults.is_empty() => {
                    return Err(PlanError::Render(*error));
                }
                Err(VarFault::Render(_)) => {}
            }
        }
        if faults.is_empty() {
            Ok(bound)
        } else {
            Err(PlanError::Call(faults))
        }
    }

    fn unknown_names(&self) -> Vec<Diagnostic> {
        let known: Vec<&str> = self
            .query
            .vars
            .iter()
            .map(|var| var.name.as_str())
            .collect();
        self.inputs
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|wanted| {
                let words = format!("`{}` has no var `{wanted}`", self.query.name);
                let hint = name::hint(wanted, known.iter().copied())
                    .unwrap_or_else(|| "it takes none".to_owned());
                Diagnostic::general("unknown-var", words).help(hint)
            })
            .collect()
    }

    fn value(&self, var: &Var, scope: &Scope) -> Result<Value, VarFault> {
        let fault = |words: String| {
            VarFault::Call(Box::new(
                Diagnostic::general("var", words).maybe_help(
                    (!var.secret)
                        .then_some(var.example.as_ref())
                        .flatten()
                        .map(|example| {
                            format!("for example `{}`", crate::core::json::plain(example))
                        }),
                ),
            ))
        };
        let value = match self.inputs.get(&var.name) {
            Some(Input::Text(text)) => {
                self.note_secret(var, &Value::from(text.as_str()));
                var.parse(text, self.now).map_err(fault)?
            }
            Some(Input::Json(value)) => {
                self.note_secret(var, value);
                var.accept(value, Some(self.now)).map_err(fault)?
            }
            None if var.required => {
                let about = var
                    .description
                    .as_ref()
                    .map_or_else(String::new, |words| format!(": {words}"));
                let words = format!("`{}` is missing{about}", var.name);
                return Err(VarFault::Call(Box::new(
                    Diagnostic::general("missing-var", words).help(self.example_call()),
                )));
            }
            None => match &var.default {
                None => Value::Null,
                Some(default) => {
                    let value = default
                        .render(scope)
                        .map_err(|error| VarFault::Render(Box::new(error)))?;
                    self.note_secret(var, &value);
                    match &value {
                        // A template over the environment gives text, whatever the type.
                        Value::String(text) => var.parse(text, self.now),
                        other => var.accept(other, Some(self.now)),
                    }
                    .map_err(|words| fault(format!("the default of {words}")))?
                }
            },
        };
        self.note_secret(var, &value);
        Ok(value)
    }

    /// The value for a request that is only shown: a secret's mark.
    fn shown_value(&self, var: &Var, value: &Value, scope: &Scope) -> Value {
        if var.secret && !value.is_null() {
            let from_default = !self.inputs.contains_key(&var.name);
            let rendered = var
                .default
                .as_ref()
                .filter(|_| from_default)
                .and_then(|default| default.render(scope).ok());
            return match rendered {
                Some(Value::String(text)) if crate::plan::disguise::is_marked(&text) => {
                    Value::from(text)
                }
                _ => Value::from(mark(&var.name.to_uppercase())),
            };
        }
        // A default over a secret variable is as secret as that.
        if !self.inputs.contains_key(&var.name)
            && let Some(default) = &var.default
            && let Ok(Value::String(text)) = default.render(scope)
            && crate::plan::disguise::is_marked(&text)
        {
            return Value::from(text);
        }
        value.clone()
    }

    fn note_secret(&self, var: &Var, value: &Value) {
        if !var.secret {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Array(items) => items.iter().for_each(|item| self.note_secret(var, item)),
            Value::Object(members) => members
                .values()
                .for_each(|member| self.note_secret(var, member)),
            scalar => self
                .scrubber
                .add(&Secret::new(crate::core::json::plain(scalar))),
        }
    }

    fn example_call(&self) -> String {
        let call = crate::project::query::example_call(self.query);
        format!("for example `runner run {call}`")
    }
}

enum VarFault {
    Call(Box<Diagnostic>),
    Render(Box<RenderError>),
}

impl From<CredentialError> for PlanError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}

//! Binds the inputs of a call to the vars of a query.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::auth::CredentialError;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::name;
use crate::core::secret::{Scrubber, Secret, is_secret_param};
use crate::plan::disguise::{COMPUTED, is_marked, mark, masked};
use crate::plan::requests::Target;
use crate::plan::scopes::{lookups, silenced, veil};
use crate::plan::secrecy::Secrecy;
use crate::plan::{Binding, Outside, Plan, PlanError, Uses};
use crate::project::Query;
use crate::project::query::{Call, Limit, Var, VarType};
use crate::resource::Resource;
use crate::template::{RenderError, Scope};

/// A value given to a var.
#[derive(Debug, Clone)]
pub enum Input {
    /// `NAME=VALUE`, parsed according to the var's type.
    Text(String),
    /// `NAME:=JSON`, or a value from a vars file.
    Json(Value),
    /// A number from a vars file, with its original spelling.
    Number(Value, String),
    /// A value derived from a secret, passed on by another plan.
    Secret(Value),
    /// The text of `RUNNER_VAR_NAME`, parsed according to the var's type.
    Environment(String),
}

/// Values by var name. The last one wins.
pub type Inputs = BTreeMap<String, Input>;

/// Returns the name of the environment variable that gives a var its value if the call does not.
pub fn variable_of(var: &str) -> String {
    format!("RUNNER_VAR_{}", var.to_uppercase())
}

/// Adds inputs from the environment. An empty variable counts as unset.
fn with_environment(mut inputs: Inputs, query: &Query, outside: &Outside) -> Inputs {
    for var in &query.vars {
        if let Some(text) = outside.env.get(&variable_of(&var.name))
            && !text.is_empty()
        {
            let input = Input::Environment(text.clone());
            inputs.entry(var.name.clone()).or_insert(input);
        }
    }
    inputs
}

impl Plan {
    /// Binds a query: checks its inputs and renders everything that is known before the first
    /// request.
    ///
    /// # Errors
    ///
    /// All faults of the call at once, or the first template that cannot be rendered, or a missing
    /// credential.
    pub fn bind(
        query: Arc<Query>,
        binding: &Rc<Binding>,
        inputs: &Inputs,
    ) -> Result<Self, PlanError> {
        Self::bind_at(query, binding, inputs, String::new())
    }

    /// As [`Plan::bind`], for a plan that another one depends on.
    pub(super) fn bind_at(
        query: Arc<Query>,
        binding: &Rc<Binding>,
        inputs: &Inputs,
        trail: String,
    ) -> Result<Self, PlanError> {
        let (outside, scrubber) = (&binding.outside, &binding.scrubber);
        let resource = query
            .call()
            .map(|call| resource_of(call, binding))
            .transpose()?;
        let mut secrecy = Secrecy::of(&query, resource.as_deref());
        for other in query.with_fed_by() {
            let name = other.call().map(|call| &*call.resource.value);
            if let Some(resource) = name.and_then(|name| binding.resources.get(name)) {
                secrecy.add_env_of(&Secrecy::of(other, Some(resource)));
            }
        }
        let lookups = lookups(outside, &secrecy, Some(scrubber));
        let scope = silenced(&Scope::new(outside.clock, lookups), &secrecy);
        let inputs = with_environment(inputs.clone(), &query, outside);
        let mut bound = Binder {
            query: &query,
            inputs: &inputs,
            now: outside.clock.0,
            scrubber,
        }
        .bind(&scope, secrecy)?;
        bound.secrecy.add_items(&query);
        bound.scope = silenced(&bound.scope, &bound.secrecy);
        let limit = at_most(query.shape.limit.as_ref(), &bound.scope)?;
        let uses = Uses::of(&query.shape);
        let target = match query.call().zip(resource) {
            Some((call, resource)) => Some(Target::new(
                call,
                resource,
                &bound.scope,
                &bound.secrecy,
                scrubber,
            )?),
            None => None,
        };
        let mut plan = Self {
            id: binding.plans.new_id(),
            limit,
            query,
            feeds: Vec::new(),
            data: Vec::new(),
            trail,
            root: binding.root.clone(),
            binding: Rc::clone(binding),
            vars: bound.vars,
            scrubber: scrubber.clone(),
            target,
            scope: bound.scope,
            veil: veil(&bound.secrecy),
            secrecy: bound.secrecy,
            uses,
        };
        plan.feeds = plan.bind_feeds()?;
        plan.data = plan.bind_data()?;
        Ok(plan)
    }
}

/// Returns the resource of a call, in the chosen environment.
fn resource_of(call: &Call, binding: &Binding) -> Result<Arc<Resource>, PlanError> {
    let name = &call.resource;
    let found = binding.resources.get(&*name.value).cloned();
    found.ok_or_else(|| {
        let words = format!("no resource `{}`", name.value);
        let fault = Diagnostic::at(&name.place, Code::UnknownResource, words);
        PlanError::Call(vec![fault])
    })
}

/// Renders a limit.
///
/// # Errors
///
/// If the template cannot be rendered, or is not a number above 0.
pub fn at_most(limit: Option<&Limit>, scope: &Scope) -> Result<Option<usize>, PlanError> {
    let number = match limit {
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
                    "`limit` takes an integer above 0, got `{}`",
                    crate::core::json::plain(&value)
                );
                PlanError::Call(vec![Diagnostic::at(template.place(), Code::Limit, words)])
            })?
        }
    };
    Ok(Some(usize::try_from(number).unwrap_or(usize::MAX)))
}

/// Returns the names of the vars that a call must give here: the required ones, and those whose
/// default needs a variable or a repository that is missing.
pub fn vars_to_give(query: &Query, outside: &Outside) -> Vec<String> {
    let inputs = with_environment(Inputs::new(), query, outside);
    let scrubber = Scrubber::new();
    let lookups = lookups(outside, &Secrecy::default(), Some(&scrubber));
    let mut scope = Scope::new(outside.clock, lookups);
    let mut names = Vec::new();
    for var in &query.vars {
        let default = var.default.as_ref().map(|default| default.render(&scope));
        let is_known = match default {
            None => !var.required,
            Some(Ok(_)) => true,
            Some(Err(error)) => !error
                .undefined
                .is_some_and(|name| ["env.", "git."].iter().any(|root| name.starts_with(root))),
        };
        if !is_known && !inputs.contains_key(&var.name) {
            names.push(var.name.clone());
        }
        // A default that only depends on other vars needs nothing itself.
        scope = scope.with_var(&var.name, &Value::Null);
    }
    names
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
    secrecy: Secrecy,
}

impl Binder<'_> {
    fn bind(&self, scope: &Scope, secrecy: Secrecy) -> Result<Bound, PlanError> {
        let mut faults: Vec<Diagnostic> = self.unknown_names();
        let mut bound = Bound {
            vars: BTreeMap::new(),
            scope: scope.with_no_vars(),
            secrecy,
        };
        for var in &self.query.vars {
            match self.value(var, &bound.scope) {
                Ok(value) => {
                    if self.is_secret(var, &bound.secrecy) {
                        note_secret(self.scrubber, &value);
                        let shown = self.shown_text(var, &bound);
                        bound.secrecy.add_var(var, shown);
                    }
                    bound.scope = bound.scope.with_var(&var.name, &value);
                    bound.vars.insert(var.name.clone(), value);
                }
                Err(VarFault::Call(fault)) => {
                    faults.push(*fault);
                    // Later defaults may depend on it: they get null, and their own faults are not
                    // reported yet.
                    bound.scope = bound.scope.with_var(&var.name, &Value::Null);
                }
                Err(VarFault::Render(error)) if faults.is_empty() => {
                    return Err(PlanError::Render(*error));
                }
                Err(VarFault::Render(_)) => {}
            }
        }
        if faults.is_empty() {
            faults = self.unmet(&bound)?;
        }
        if faults.is_empty() {
            Ok(bound)
        } else {
            Err(PlanError::Call(faults))
        }
    }

    /// Returns the requirements that the vars do not meet.
    fn unmet(&self, bound: &Bound) -> Result<Vec<Diagnostic>, RenderError> {
        let mut faults = Vec::new();
        for requirement in &self.query.require {
            if requirement.that.holds(&bound.scope)? {
                continue;
            }
            let source = requirement.source();
            let words = match requirement.words(&bound.scope.veiled(&veil(&bound.secrecy))) {
                Some(words) => masked(&words),
                None => format!("`{}` requires `{source}`", self.query.name),
            };
            let words = self.scrubber.text(&words).into_owned();
            let mut fault = Diagnostic::general(Code::Require, words);
            if requirement.message.is_some() {
                fault.facts.push(format!("requires: {source}"));
            }
            faults.push(fault);
        }
        Ok(faults)
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
                    .unwrap_or_else(|| "it has none".to_owned());
                Diagnostic::general(Code::UnknownVar, words).help(hint)
            })
            .collect()
    }

    fn value(&self, var: &Var, scope: &Scope) -> Result<Value, VarFault> {
        let input = self.inputs.get(&var.name);
        let fault = |words: String| {
            let example = var.example.as_ref().filter(|_| !var.secret);
            let example = example
                .map(|example| format!("for example `{}`", crate::core::json::plain(example)));
            let origin = matches!(input, Some(Input::Environment(_)))
                .then(|| format!("the value is from `{}`", variable_of(&var.name)));
            let fault = Diagnostic::general(Code::Var, words);
            VarFault::Call(Box::new(fault.maybe_help(example).maybe_help(origin)))
        };
        let value = match input {
            Some(Input::Text(text) | Input::Environment(text)) => {
                self.note_input(var, &Value::from(text.as_str()));
                var.parse(text, self.now)
                    .inspect_err(|_| self.note_refused(var, &Value::from(text.as_str())))
                    .map_err(fault)?
            }
            Some(Input::Json(value)) => {
                self.note_input(var, value);
                var.accept(value, Some(self.now))
                    .inspect_err(|_| self.note_refused(var, value))
                    .map_err(fault)?
            }
            Some(Input::Number(value, written)) => {
                let text = Value::from(written.as_str());
                let is_text = var.kind == VarType::String;
                let value = if is_text { &text } else { value };
                self.note_input(var, value);
                var.accept(value, Some(self.now)).map_err(fault)?
            }
            Some(Input::Secret(value)) => {
                note_secret(self.scrubber, value);
                var.accept(value, Some(self.now)).map_err(fault)?
            }
            None if var.required => {
                let about = var
                    .description
                    .as_ref()
                    .map_or_else(String::new, |words| format!(": {words}"));
                let words = format!("`{}` is missing{about}", var.name);
                return Err(VarFault::Call(Box::new(
                    Diagnostic::general(Code::MissingVar, words).help(self.example_call()),
                )));
            }
            None => match &var.default {
                None => Value::Null,
                Some(default) => {
                    let value = default
                        .render(scope)
                        .map_err(|error| VarFault::Render(Box::new(unknown_fact(error, var))))?
                        .unwrap_or(Value::Null);
                    self.note_input(var, &value);
                    match &value {
                        // A template over the environment yields text, whatever the type.
                        Value::String(text)
                            if !default.is_constant() && var.kind != VarType::Json =>
                        {
                            var.parse(text, self.now)
                        }
                        other => var.accept(other, Some(self.now)),
                    }
                    .map_err(|words| fault(format!("the default of {words}")))?
                }
            },
        };
        Ok(value)
    }

    /// Adds a secret to the scrubber before validation, so that no message shows it.
    fn note_input(&self, var: &Var, value: &Value) {
        if var.secret {
            note_secret(self.scrubber, value);
        }
    }

    /// Hides an invalid value of a var that is named like a credential.
    fn note_refused(&self, var: &Var, value: &Value) {
        if is_secret_param(&var.name) {
            note_secret(self.scrubber, value);
        }
    }

    /// Returns true if a var's value is secret: it is declared so, or its default uses a secret.
    fn is_secret(&self, var: &Var, secrecy: &Secrecy) -> bool {
        let input = self.inputs.get(&var.name);
        let is_default = input.is_none();
        var.secret
            || matches!(input, Some(Input::Secret(_)))
            || is_default
                && var.default.as_ref().is_some_and(|default| {
                    let templates = default.templates();
                    templates
                        .iter()
                        .any(|template| secrecy.taints(template.mentions()))
                })
    }

    /// Returns the text for a secret var in a shown request: the mark of the variable it comes from,
    /// or its own.
    fn shown_text(&self, var: &Var, bound: &Bound) -> String {
        let input = self.inputs.get(&var.name);
        let default = var.default.as_ref().filter(|_| input.is_none());
        let shown_scope = bound.scope.veiled(&veil(&bound.secrecy));
        match default.and_then(|default| default.render(&shown_scope).ok().flatten()) {
            Some(Value::String(text)) if is_marked(&text) && !text.contains(&mark(COMPUTED)) => {
                text
            }
            _ => mark(&match input {
                Some(Input::Environment(_)) => variable_of(&var.name),
                _ => var.name.to_uppercase(),
            }),
        }
    }

    fn example_call(&self) -> String {
        let call = crate::project::query::example_call(self.query, |var| var.required);
        format!("for example `runner run {call}`")
    }
}

/// Adds the other ways to set a var to an error about a missing repository.
fn unknown_fact(error: RenderError, var: &Var) -> RenderError {
    let is_of_git = |name: &String| name.starts_with("git.");
    if !error.undefined.as_ref().is_some_and(is_of_git) {
        return error;
    }
    let name = &var.name;
    error.help(format!(
        "set `{name}` in the call (`{name}=…`), in the environment (`{}`), or for all queries under `vars` in `runner.yaml`",
        variable_of(name)
    ))
}

/// Adds a value and all its parts to the scrubber.
pub(super) fn note_secret(scrubber: &Scrubber, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Array(items) => items.iter().for_each(|item| note_secret(scrubber, item)),
        Value::Object(members) => members
            .values()
            .for_each(|member| note_secret(scrubber, member)),
        scalar => scrubber.add(&Secret::new(crate::core::json::plain(scalar))),
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

//! The settings of a recorded case: what it needs to have the same result without the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::inputs;
use crate::cli::record::Taking;
use crate::cli::record::case_text::Settings;
use crate::cli::test::case;
use crate::core::code::Code;
use crate::core::secret::is_secret_name;
use crate::core::shell::word;
use crate::plan::{Input, Inputs, Plan, variable_of};
use crate::project::testing::Case;
use crate::project::variables_read_by;
use crate::recording::redact::Redactions;
use crate::recording::replacement;

/// The value of a secret in a test file.
const STAND_IN: &str = "not-recorded";

/// Facts that a run looked up, by name.
pub type Facts = Arc<Mutex<BTreeMap<String, String>>>;

impl Taking<'_> {
    /// Returns the values of the known case, and those of the call.
    ///
    /// # Errors
    ///
    /// If the call has other values than the known case, which stays as it is.
    pub(super) fn inputs(&self) -> Result<Inputs, Failure> {
        let given = self.given()?;
        let Some(case) = self.target.case() else {
            return Ok(given);
        };
        let mut inputs = Inputs::new();
        for (name, value, _) in &case.vars {
            if value != STAND_IN {
                inputs.insert(name.clone(), case::input(value));
            }
        }
        self.refuse_changes(case, &inputs, &given)?;
        inputs.extend(given);
        Ok(inputs)
    }

    /// Returns the values of the call.
    fn given(&self) -> Result<Inputs, Failure> {
        let args = self.args;
        inputs::read(
            &args.vars_files,
            &args.words.assignments,
            &self.app.working_directory,
        )
    }

    /// Refuses to ask with values that stand for redacted ones: no server knows them.
    ///
    /// # Errors
    ///
    /// If the known case has such a value, and the call does not replace it.
    pub(super) fn refuse_replacements(&self, plan: &Plan) -> Result<(), Failure> {
        let Some(case) = self.target.case().filter(|_| self.args.from_har.is_none()) else {
            return Ok(());
        };
        let given = self.given()?;
        let mut parts = plan.with_fed_by().into_iter().filter_map(Plan::requests);
        let is_redacted = parts.any(|part| !part.resource().redact.is_empty());
        let fault = |what: &str, found: &str, place: &str| {
            let words = format!(
                "{what} of the case `{}` has `{found}`, which stands for a redacted value, and the API does not know it",
                case.name
            );
            Failure::usage(Code::Case, words).fact("file", place.to_owned())
        };
        for (name, value, place) in &case.vars {
            let found = replacement::in_value(value, is_redacted);
            if let Some(found) = found.filter(|_| !given.contains_key(name)) {
                let call = format!("runner record {} {name}=VALUE", word(self.word()));
                return Err(
                    fault(&format!("`{name}`"), &found, &place.short()).help(format!(
                        "give the real value, which is redacted again: `{call}`"
                    )),
                );
            }
        }
        for stand_in in &case.given {
            let rows = stand_in.rows.iter();
            let found = rows
                .into_iter()
                .find_map(|row| replacement::in_value(row, is_redacted));
            if let Some(found) = found {
                let what = format!("`given` for `{}`", stand_in.query);
                return Err(fault(&what, &found, &case.place.short())
                    .help("record a case without `given`, or write the answers to the test file"));
            }
        }
        Ok(())
    }

    /// Returns the name of the case on the command line.
    pub(super) fn word(&self) -> &str {
        self.args.words.queries.first().map_or("", String::as_str)
    }

    fn refuse_changes(&self, case: &Case, known: &Inputs, given: &Inputs) -> Result<(), Failure> {
        let is_secret = |name: &str| {
            let mut vars = self.target.query.vars.iter();
            vars.any(|var| var.name == name && var.secret)
        };
        let text = |input: &Input| match written(input) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let var = given.iter().find(|(name, input)| {
            let same = known.get(*name).is_some_and(|known| {
                let is_replacement = replacement::in_value(&written(known), true).is_some();
                text(known) == text(input) || is_replacement
            });
            !same && !is_secret(name)
        });
        let environment = self.args.connect.environment();
        let is_known = |environment: &str| case.environment.as_deref() == Some(environment);
        let changed = match var {
            Some((name, _)) => format!("`{name}`"),
            None if self
                .args
                .limit
                .is_some_and(|limit| case.limit != Some(limit)) =>
            {
                "`limit`".to_owned()
            }
            None if environment.is_some_and(|environment| !is_known(environment)) => {
                "`environment`".to_owned()
            }
            None => return Ok(()),
        };
        let words = format!(
            "the case `{}` already exists with another {changed}",
            case.name
        );
        Err(Failure::usage(Code::Case, words)
            .help(format!("change it in `{}`", case.place.file.name()))
            .help("or record a case with another name"))
    }

    pub(super) fn settings(
        &self,
        plan: &Plan,
        inputs: &Inputs,
        used: &Facts,
        redactions: &Redactions,
        exit: Exit,
    ) -> Settings {
        let known = self.target.case();
        let used = used.lock().unwrap_or_else(PoisonError::into_inner);
        let names = self.variables();
        let env = names.into_iter().filter_map(|name| {
            let value = self.app.env.get(&name)?;
            let is_secret = self.app.scrubber.finds(value.as_bytes());
            let value = if is_secret { STAND_IN } else { value };
            Some((name, value.to_owned()))
        });
        Settings {
            vars: self.vars(plan, inputs, redactions),
            now: self.world.outside.clock.0,
            git: used.clone(),
            env: env.collect(),
            environment: self.args.connect.environment().map(str::to_owned),
            limit: self.args.limit.or(known.and_then(|case| case.limit)),
            keep: self.keep(),
            exit: exit.code(),
        }
    }

    /// Returns the values that the query's defaults do not give in a replay.
    fn vars(&self, plan: &Plan, inputs: &Inputs, redactions: &Redactions) -> Vec<(String, Value)> {
        let mut vars: Vec<(String, Value)> = Vec::new();
        for var in &self.target.query.vars {
            let Some(bound) = plan.vars.get(&var.name).filter(|bound| !bound.is_null()) else {
                continue;
            };
            if plan.secret_vars().any(|name| *name == var.name) {
                vars.push((var.name.clone(), STAND_IN.into()));
                continue;
            }
            let variable = self.app.env.get(&variable_of(&var.name));
            let variable = variable.filter(|text| !text.is_empty());
            let given = inputs.get(&var.name).map(written);
            let given = given.or_else(|| variable.map(|text| Value::from(text.as_str())));
            let is_given = given.is_some();
            let original = given.unwrap_or_else(|| bound.clone());
            let mut value = original.clone();
            redactions.value(&mut value);
            if is_given || value != original {
                vars.push((var.name.clone(), value));
            }
        }
        vars
    }

    /// Returns the environment variables that the files read, except secrets: a case needs none.
    fn variables(&self) -> BTreeSet<String> {
        let query = &self.target.query;
        let mut names: BTreeSet<String> = BTreeSet::new();
        for query in query.with_fed_by() {
            names.extend(variables_read_by(query));
        }
        for sent in self.project.sends(query) {
            names.extend(sent.variables);
        }
        names.retain(|name| !is_secret_name(name));
        names
    }
}

fn written(input: &Input) -> Value {
    match input {
        Input::Text(text) | Input::Environment(text) => Value::from(text.as_str()),
        Input::Json(value) | Input::Number(value, _) | Input::Secret(value) => value.clone(),
    }
}

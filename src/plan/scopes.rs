//! The scopes of a plan: with the values of secrets, with marks or with masks in their place.

use std::sync::Arc;

use serde_json::Value;

use crate::core::secret::{MASK, Scrubber, Secret};
use crate::plan::disguise::{COMPUTED, mark};
use crate::plan::secrecy::Secrecy;
use crate::plan::{Outside, Plan};
use crate::template::{Lookup, Scope};

/// The representation of secret variables in a scope.
#[derive(Clone, Copy)]
pub(super) enum Show<'s> {
    /// By value; the scrubber learns each value on lookup.
    Values(&'s Scrubber),
    /// By mark.
    Marks,
    /// By mask.
    Masks,
}

/// Adds masks in place of secrets to the scope of a document: a template could transform a mark
/// beyond recognition.
pub(super) fn masked_scope(plan: &Plan) -> Scope {
    let mask = Value::from(MASK);
    let vars = plan.secret_vars().map(|name| (name.as_str(), &mask));
    let lookups = lookups(&plan.binding.outside, &plan.secrecy, Show::Masks);
    plan.shown_scope.with_all(vars).with_lookups(lookups)
}

/// Returns the scope in which values computed from a secret are replaced by a mark.
pub(super) fn veiled(scope: &Scope, secrecy: &Secrecy) -> Scope {
    let secrecy = secrecy.clone();
    scope.veiled(Arc::new(move |source, mentions| {
        let is_name = source
            .trim()
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        // A bare name already has a mark as its value.
        (!is_name && secrecy.taints(mentions)).then(|| mark(COMPUTED))
    }))
}

/// Returns the scope in which no error shows a value computed from a secret.
pub(super) fn silenced(scope: &Scope, secrecy: &Secrecy) -> Scope {
    let secrecy = secrecy.clone();
    scope.silenced(Arc::new(move |mentions| secrecy.taints(mentions)))
}

/// Returns the lookups of `env` and `git`.
pub(super) fn lookups(
    outside: &Outside,
    secrecy: &Secrecy,
    show: Show<'_>,
) -> [(&'static str, Lookup); 2] {
    let env = Arc::clone(&outside.env);
    let secrecy = secrecy.clone();
    // A mark or a mask needs no value: a request can be shown even if the secret is unset.
    let instead: Result<Scrubber, fn(&str) -> String> = match show {
        Show::Values(scrubber) => Ok(scrubber.clone()),
        Show::Marks => Err(mark),
        Show::Masks => Err(|_| MASK.to_owned()),
    };
    let env: Lookup = Arc::new(move |name| {
        let value = env.get(name);
        if !secrecy.has_env(name) {
            return value.map(|value| Value::from(value.as_str()));
        }
        match &instead {
            Ok(scrubber) => {
                scrubber.add(&Secret::new(value?.as_str()));
                value.map(|value| Value::from(value.as_str()))
            }
            Err(instead) => Some(Value::from(instead(name))),
        }
    });
    [("env", env), ("git", Arc::clone(&outside.git))]
}

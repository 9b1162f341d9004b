//! Hides secrets in the scopes of a plan: by a veil over the expressions that use them, or by masks in
//! place of their values.

use std::sync::Arc;

use serde_json::Value;

use crate::core::secret::{MASK, Scrubber, Secret};
use crate::plan::secrecy::Secrecy;
use crate::plan::{Outside, Plan};
use crate::template::{Lookup, Scope, Veil};

/// Returns the scope of a document, with masks as the values of secrets: a template could transform
/// a mark beyond recognition.
pub(super) fn masked_scope(plan: &Plan) -> Scope {
    let mask = Value::from(MASK);
    let vars = plan.secret_vars().map(|name| (name.as_str(), &mask));
    let lookups = lookups(&plan.binding.outside, &plan.secrecy, None);
    plan.scope.with_all(vars).with_lookups(lookups)
}

impl Outside {
    /// Returns the scope of a template that belongs to no query and whose text may be a secret, such
    /// as a password. The scrubber learns each secret that is looked up.
    pub fn scope_with_secrets(&self, scrubber: &Scrubber) -> Scope {
        Scope::new(
            self.clock,
            lookups(self, &Secrecy::default(), Some(scrubber)),
        )
    }
}

/// Returns the veil that replaces every expression over a secret with a mark.
pub(super) fn veil(secrecy: &Secrecy) -> Veil {
    let secrecy = secrecy.clone();
    Veil::new(move |source, mentions| {
        let is_secret = secrecy.taints(mentions);
        is_secret.then(|| secrecy.shown(source.trim()))
    })
}

/// Returns the scope in which no error shows a value computed from a secret.
pub(super) fn silenced(scope: &Scope, secrecy: &Secrecy) -> Scope {
    let secrecy = secrecy.clone();
    scope.silenced(Arc::new(move |mentions| secrecy.taints(mentions)))
}

/// Returns the lookups of `env` and `git`. The scrubber learns each secret that is looked up;
/// without one, secrets are masks.
pub(super) fn lookups(
    outside: &Outside,
    secrecy: &Secrecy,
    scrubber: Option<&Scrubber>,
) -> [(&'static str, Lookup); 2] {
    let env = Arc::clone(&outside.env);
    let secrecy = secrecy.clone();
    let scrubber = scrubber.cloned();
    let env: Lookup = Arc::new(move |name| {
        let value = env.get(name).map(String::as_str);
        if secrecy.has_env(name) {
            let Some(scrubber) = &scrubber else {
                return Some(Value::from(MASK));
            };
            scrubber.add(&Secret::new(value?));
        }
        value.map(Value::from)
    });
    [("env", env), ("git", Arc::clone(&outside.git))]
}

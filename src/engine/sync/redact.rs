//! `redact` of resources: values of responses that a store does not keep.
//!
//! The values are replaced in a response before anything reads it: a hidden one becomes null, an
//! aliased one a pseudonym that is the same in every sync of the store. Addresses stay, since later
//! requests need them.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use serde_json::Value;

use crate::core::json;
use crate::core::secret::Secret;
use crate::engine::{Exchange, Pending};
use crate::http::{Request, Response};
use crate::plan::RequestPlan;
use crate::recording::Redaction;
use crate::store::Salt;
use crate::template::selector::Selector;

/// Redacts the JSON responses of another exchange.
pub struct Redactor {
    inner: Rc<dyn Exchange>,
    salt: Salt,
}

impl Redactor {
    /// Wraps an exchange.
    pub fn new(inner: Rc<dyn Exchange>, salt: Salt) -> Self {
        Self { inner, salt }
    }
}

impl Exchange for Redactor {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(async move {
            let mut response = self.inner.send(plan, request).await?;
            let rules = &plan.resource().redact;
            if !rules.is_empty()
                && let Ok(mut body) = json::parse(&response.body)
                && redact(&mut body, rules, self.salt)
            {
                response.body = Bytes::from(body.to_string());
            }
            Ok(response)
        })
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        self.inner.caller(plan)
    }
}

/// Nodes of a body by their addresses, which are compared and never followed.
type Selected = HashMap<*const Value, Redaction>;

/// Replaces the values of some rules. Returns true if there are any.
fn redact(body: &mut Value, rules: &[(Selector, Redaction)], salt: Salt) -> bool {
    let mut selected = Selected::new();
    for (path, redaction) in rules {
        for node in path.select(body) {
            let known = selected
                .entry(std::ptr::from_ref(node))
                .or_insert(*redaction);
            *known = known.or(*redaction);
        }
    }
    if selected.is_empty() {
        return false;
    }
    walk(body, None, &selected, salt);
    true
}

/// Replaces the scalars of a selected node, and looks for others below it.
fn walk(node: &mut Value, outer: Option<Redaction>, selected: &Selected, salt: Salt) {
    let own = selected.get(&std::ptr::from_ref(node)).copied();
    let redaction = match (outer, own) {
        (Some(outer), Some(own)) => Some(outer.or(own)),
        (outer, own) => outer.or(own),
    };
    match node {
        Value::Array(items) => {
            for item in items {
                walk(item, redaction, selected, salt);
            }
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                walk(member, redaction, selected, salt);
            }
        }
        scalar => {
            if let Some(redaction) = redaction {
                *scalar = replacement(scalar, redaction, salt);
            }
        }
    }
}

fn replacement(scalar: &Value, redaction: Redaction, salt: Salt) -> Value {
    match (redaction, scalar) {
        (_, Value::String(text)) if text.contains("://") => scalar.clone(),
        (Redaction::Hide, _) => Value::Null,
        (Redaction::Alias, Value::String(text)) if !text.is_empty() => salt.text(text).into(),
        (Redaction::Alias, Value::Number(number)) => salt.integer(number.as_str()).into(),
        (Redaction::Alias, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(path: &str, redaction: Redaction) -> (Selector, Redaction) {
        (Selector::parse(path).expect("a path"), redaction)
    }

    #[test]
    fn only_what_is_selected_is_replaced() {
        let salt = Salt::of(7);
        let mut body = json!({ "items": [
            { "name": "ann", "login": "ann", "email": "a@b.c", "number": 12, "url": "https://x/y?z" },
            { "name": "bob", "login": null, "email": "", "number": 13, "url": "" },
        ] });
        let rules = [
            rule("$..login", Redaction::Alias),
            rule("$..email", Redaction::Hide),
            rule("$.items[*].number", Redaction::Alias),
            rule("$..url", Redaction::Alias),
        ];
        assert!(redact(&mut body, &rules, salt));
        let expected = json!({ "items": [
            { "name": "ann", "login": salt.text("ann"), "email": null,
              "number": salt.integer("12"), "url": "https://x/y?z" },
            { "name": "bob", "login": null, "email": null,
              "number": salt.integer("13"), "url": "" },
        ] });
        assert_eq!(body, expected);
        assert!(!redact(&mut json!({ "a": 1 }), &rules, salt));
    }

    #[test]
    fn a_selected_object_is_replaced_with_all_its_parts() {
        let salt = Salt::of(7);
        let mut body = json!({ "actor": { "login": "ann", "ids": [1, true] } });
        let rules = [
            rule("$.actor", Redaction::Alias),
            rule("$.actor.login", Redaction::Hide),
        ];
        assert!(redact(&mut body, &rules, salt));
        let expected = json!({ "actor": { "login": null, "ids": [salt.integer("1"), true] } });
        assert_eq!(body, expected);
    }
}

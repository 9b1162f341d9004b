//! The conditions of a template: comparisons with words, and tests of presence.

use minijinja::machinery::ast::{Expr, Test};

use crate::template::inspect::{Walker, indexed};
use crate::template::{Comparison, Presence, PresenceKind};

impl Walker<'_> {
    /// Adds a comparison of a plain path with a word, or with the words of a list.
    pub(super) fn compared(&mut self, value: &Expr, with: &Expr) {
        let mut words = Vec::new();
        let items = match with {
            Expr::List(list) => list.items.as_slice(),
            Expr::Tuple(tuple) => tuple.items.as_slice(),
            other => std::slice::from_ref(other),
        };
        for item in items {
            if let Expr::Const(constant) = item
                && let Some(word) = constant.value.as_str()
            {
                words.push((word.to_owned(), self.word(constant.span(), word)));
            }
        }
        if let (Some(of), false) = (self.path(value), words.is_empty()) {
            self.comparisons.push(Comparison { of, words });
        }
    }

    /// Adds a `defined` test.
    pub(super) fn defined(&mut self, test: &Test) {
        if matches!(test.name, "defined" | "undefined") {
            self.tested.extend(indexed(&test.expr));
        }
        if matches!(test.name, "defined" | "undefined")
            && let Some(of) = self.path(&test.expr)
        {
            self.presences.push(Presence {
                of,
                kind: PresenceKind::Defined,
                is_positive: test.name == "defined",
            });
        }
    }

    /// Adds a test for a key of a mapping.
    pub(super) fn key(&mut self, key: &Expr, container: &Expr, is_positive: bool) {
        if let Some(container) = indexed(container) {
            let key = match key {
                Expr::Const(constant) => constant.value.as_str(),
                _ => None,
            };
            self.tested
                .push(format!("{container}.{}", key.unwrap_or("*")));
        }
        if let Some(of) = self.path(container) {
            let key = match key {
                Expr::Const(constant) => constant.value.as_str().map(str::to_owned),
                _ => None,
            };
            self.presences.push(Presence {
                of,
                kind: PresenceKind::Key(key),
                is_positive,
            });
        }
    }
}

//! How many rows a page has, where the request says so: `size_param` and `size`.

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::paginate::word;

/// The size of a page; nothing if the server decides it.
#[derive(Debug, Clone, Default)]
pub struct Size {
    asked: Option<(String, u64)>,
}

impl Size {
    /// Reads the two keys of `node`: both or none.
    pub fn check(
        node: &Node,
        param: Option<&Node>,
        size: Option<&Node>,
        faults: &mut Diagnostics,
    ) -> Option<Self> {
        match (param, size) {
            (None, None) => Some(Self::default()),
            (Some(param), Some(size)) => {
                let name = word(param, "size_param", faults)?;
                let size = size.integer("size", 1..=1_000_000, faults)?;
                Some(Self {
                    asked: Some((name, size)),
                })
            }
            _ => {
                let words = "`size_param` and `size` belong together";
                faults.push(Diagnostic::at(&node.place, "missing-key", words));
                None
            }
        }
    }

    /// The URL parameter that asks for it.
    pub fn param(&self) -> Option<(String, String)> {
        let (name, size) = self.asked.as_ref()?;
        Some((name.clone(), size.to_string()))
    }

    /// Whether a page of so many rows is the last one.
    pub fn is_last(&self, rows: u64) -> bool {
        rows == 0 || self.asked.as_ref().is_some_and(|(_, size)| rows < *size)
    }
}

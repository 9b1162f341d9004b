//! `paginate` of both files.

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::paginate::Pagination;

/// Reads `auto` or `false`. The forms with parameters are known and not yet supported.
pub fn read(node: &Node, faults: &mut Diagnostics) -> Option<Pagination> {
    const FORMS: [&str; 6] = ["cursor", "page", "offset", "link", "max_pages", "max_rows"];
    match &node.content {
        Content::Text(word) if word == "auto" => Some(Pagination::Auto),
        Content::Bool(false) => Some(Pagination::Off),
        Content::Text(word) if FORMS.contains(&word.as_str()) => {
            faults.push(not_yet(node, &format!("paginate: {word}")));
            None
        }
        Content::Map(entries)
            if entries
                .iter()
                .all(|entry| FORMS.contains(&entry.key.as_str())) =>
        {
            for entry in entries {
                let place = &entry.key_place;
                faults.push(not_yet_at(place, &format!("paginate.{}", entry.key)));
            }
            None
        }
        _ => {
            faults.push(node.mismatch("paginate", "`auto` or `false`"));
            None
        }
    }
}

/// The fault of a key that has a meaning which this version does not know.
pub fn not_yet(node: &Node, key: &str) -> Diagnostic {
    not_yet_at(&node.place, key)
}

/// The same at a place.
pub fn not_yet_at(place: &crate::core::source::Place, key: &str) -> Diagnostic {
    Diagnostic::at(
        place,
        "not-yet",
        format!("`{key}` is not supported by this version of runner yet"),
    )
}

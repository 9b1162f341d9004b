//! Keys that have a meaning which this version does not know.

use crate::core::diagnostic::Diagnostic;
use crate::core::source::Place;

/// The fault of such a key.
pub fn not_yet_at(place: &Place, key: &str) -> Diagnostic {
    Diagnostic::at(
        place,
        "not-yet",
        format!("`{key}` is not supported by this version of runner yet"),
    )
}

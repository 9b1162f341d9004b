//! Annotations in a log of GitHub Actions.

use crate::core::source::Place;
use crate::core::text::printable_lines;

/// Returns the workflow command for an error.
pub fn error(place: Option<&Place>, title: &str, message: &str) -> String {
    let properties = place.map_or_else(String::new, |place| placed(place, title));
    command("error", &properties, message)
}

/// Returns the workflow command for a warning.
pub fn warning(place: Option<&Place>, title: &str, message: &str) -> String {
    let properties = place.map_or_else(String::new, |place| placed(place, title));
    command("warning", &properties, message)
}

/// Returns the workflow command for a note.
pub fn notice(place: Option<&Place>, title: &str, message: &str) -> String {
    let bare = || format!(" title={}", property(title));
    let properties = place.map_or_else(bare, |place| placed(place, title));
    command("notice", &properties, message)
}

fn placed(place: &Place, title: &str) -> String {
    let at = place.file.line_column(place.span.start);
    format!(
        " file={},line={},col={},title={}",
        property(place.file.name()),
        at.line,
        at.column,
        property(title)
    )
}

fn command(level: &str, properties: &str, message: &str) -> String {
    format!(
        "::{level}{properties}::{}\n",
        data(&printable_lines(message))
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

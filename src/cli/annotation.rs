//! Annotations in a log of GitHub Actions.

use crate::core::source::Place;
use crate::core::text::printable_lines;

/// Returns the workflow command for an error.
pub fn error(place: Option<&Place>, title: &str, message: &str) -> String {
    let place = place.map_or_else(String::new, |place| {
        let at = place.file.line_column(place.span.start);
        format!(
            " file={},line={},col={},title={}",
            property(place.file.name()),
            at.line,
            at.column,
            property(title)
        )
    });
    format!("::error{place}::{}\n", data(&printable_lines(message)))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! Files in the folder of tests that belong to no case that is run: recordings and snapshots without a
//! case, and test files with faults.

use serde_json::{Value, json};

use crate::cli::annotation;
use crate::cli::test::xml::escaped;
use crate::core::diagnostic::Diagnostic;
use crate::core::source::Place;
use crate::core::text::printable_lines;

/// Such a file.
pub struct Stray<'d> {
    diagnostic: &'d Diagnostic,
    /// True for a file without a case, which is a failure; the faults of test files are reported on
    /// standard error, too.
    pub is_orphan: bool,
}

/// Returns all of them.
pub fn of<'d>(faults: &'d [Diagnostic], orphans: &'d [Diagnostic]) -> Vec<Stray<'d>> {
    let stray = |is_orphan| {
        move |diagnostic| Stray {
            diagnostic,
            is_orphan,
        }
    };
    let faults = faults.iter().map(stray(false));
    faults.chain(orphans.iter().map(stray(true))).collect()
}

impl Stray<'_> {
    fn file(&self) -> &str {
        let place = self.diagnostic.place.as_ref();
        place.map_or("", |place| place.file.name())
    }

    fn help(&self) -> Option<&String> {
        self.diagnostic.help.first()
    }

    /// Returns the message and the hint, a line each.
    pub fn details(&self) -> String {
        let mut text = format!("  {}\n", printable_lines(&self.diagnostic.message));
        if let Some(help) = self.help() {
            text.push_str(&format!("    help: {}\n", printable_lines(help)));
        }
        text
    }

    /// Returns the path, for people.
    pub fn name(&self) -> String {
        printable_lines(self.file()).into_owned()
    }

    /// Converts it to JSON, in the form of a case.
    pub fn json(&self) -> Value {
        let place = self.diagnostic.place.as_ref().map(Place::short);
        json!({
            "file": self.file(),
            "case": null,
            "query": null,
            "place": place,
            "passed": false,
            "requests": 0,
            "milliseconds": 0,
            "problems": [{
                "kind": self.diagnostic.code,
                "message": self.diagnostic.message,
                "place": place,
                "details": [],
                "help": self.help(),
            }],
            "updated": [],
            "removed": [],
        })
    }

    /// Formats it as a test case of `JUnit` XML.
    pub fn junit(&self) -> String {
        let place = self.diagnostic.place.as_ref();
        let line = place.map_or(1, |place| place.file.line_column(place.span.start).line);
        format!(
            "    <testcase classname=\"files\" name=\"{0}\" file=\"{0}\" line=\"{line}\" time=\"0.000\">\n      \
             <failure type=\"{1}\" message=\"{2}\">{3}</failure>\n    </testcase>\n",
            escaped(self.file()),
            self.diagnostic.code,
            escaped(&self.diagnostic.message),
            escaped(&self.details())
        )
    }

    /// Formats it as an annotation of GitHub Actions.
    pub fn github(&self) -> String {
        let title = format!("tests: {}", self.diagnostic.code);
        let place = self.diagnostic.place.as_ref();
        annotation::error(place, &title, self.details().trim())
    }
}

//! The result of a query in memory: its records, and each of its forms as bytes.

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::choose::{self, InMemory};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Writers;
use crate::ending::{Collected, Ending};
use crate::format;
use crate::plan::Plan;
use crate::sink::MemorySink;

/// A form of a result with its file extension.
pub type Form = (&'static str, Vec<u8>);

/// A result in memory.
pub struct Collecting {
    rows: Collected,
    forms: Vec<(&'static str, MemorySink)>,
}

impl Collecting {
    /// Creates the writers of a query's own forms and of further formats, by name.
    ///
    /// # Errors
    ///
    /// If a format does not match the query.
    pub fn new(plan: &Plan, show: &[&'static str], app: &App) -> Result<(Self, Writers), Failure> {
        let show: Vec<_> = show
            .iter()
            .filter_map(|name| format::by_name(name))
            .collect();
        let rows = Collected::default();
        let mut endings: Vec<Box<dyn Ending>> = Vec::new();
        if !choose::shows_body(plan) {
            endings.push(Box::new(rows.clone()));
        }
        let mut forms = Vec::new();
        for InMemory {
            ending,
            bytes,
            extension,
        } in choose::in_memory(plan, &show, app)?
        {
            endings.push(ending);
            forms.push((extension, bytes));
        }
        let writers = Writers::in_memory(plan, endings);
        Ok((Self { rows, forms }, writers))
    }

    /// Returns the records and the forms. A failed run has no form that it did not write.
    pub fn finish(self, exit: Exit) -> (Vec<Value>, Vec<Form>) {
        let forms = self.forms.into_iter();
        let mut forms: Vec<Form> = forms
            .map(|(extension, bytes)| (extension, bytes.take()))
            .collect();
        forms.retain(|(_, bytes)| exit == Exit::Done || !bytes.is_empty());
        (self.rows.take(), forms)
    }
}

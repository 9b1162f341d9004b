//! `check`: the faults of a text that is not a file yet.

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::mcp::given::Given;
use crate::cli::show_failure::render;
use crate::core::code::Code;
use crate::core::text::counted;
use crate::project::load::LONGEST_FILE;
use crate::project::{Project, check_resource_text};

/// Checks a text, and describes the result.
///
/// # Errors
///
/// If an argument is invalid.
pub fn check(given: &Given<'_>, project: &Project, app: &App) -> Result<String, Failure> {
    let yaml = given.text("yaml")?;
    if yaml.len() as u64 > LONGEST_FILE {
        let words = "`yaml` is larger than 1 MiB, which no file may be";
        return Err(Failure::usage(Code::CannotRead, words));
    }
    let kind = given.optional_text("kind")?.unwrap_or("query");
    let usual = format!("{kind}.yaml");
    let name = given.optional_text("name")?.unwrap_or(&usual);
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let faults = match kind {
        "query" => project.check_query_text(name, yaml).err(),
        "resource" => check_resource_text(name, yaml).err(),
        other => {
            let words = format!("`kind` takes `query` or `resource`, got `{other}`");
            return Err(Failure::usage(Code::Var, words));
        }
    };
    let Some(faults) = faults else {
        return Ok(format!("{name}: no faults"));
    };
    let failure = Failure::from_diagnostics(faults);
    let faults = failure.diagnostics.iter();
    let texts: Vec<String> = faults
        .map(|fault| match &fault.place {
            // A text may name any file of the project: what is in it is not shown.
            Some(place) if place.file.name() != name => {
                format!("error[{}]: a fault in `{}`", fault.code, place.short())
            }
            _ => render(fault, app),
        })
        .collect();
    let count = counted(texts.len() as u64, "fault");
    Ok(format!("{name}: {count}\n\n{}", texts.join("\n\n")))
}

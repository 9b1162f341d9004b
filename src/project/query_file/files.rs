//! `file` under `data` and `for_each`: files of records in place of a query.

use std::path::{Component, Path};
use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::name;
use crate::project::load::tables;
use crate::project::query::Query;
use crate::project::table::{self, TableFiles};

/// Reads the path or pattern of files. They are looked for when the query runs.
pub fn read(node: &Node, given: Option<&Node>, faults: &mut Diagnostics) -> Option<Arc<Query>> {
    if let Some(given) = given {
        let words = "`vars` needs a `query`, and this is a file";
        faults.push(Diagnostic::at(&given.place, Code::TableFile, words));
    }
    let text = node.text("file", faults)?;
    let path = Path::new(&*text.value);
    if text.value.contains("{{") {
        let words = "`file` takes a path, not a template";
        faults.push(
            Diagnostic::at(&text.place, Code::TableFile, words)
                .help("several files are read with a pattern such as `usage/*.csv`"),
        );
        return None;
    }
    if let Err(words) = tables::check_pattern(&text.value) {
        faults.push(Diagnostic::at(&text.place, Code::TableFile, words));
        return None;
    }
    let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_inside) {
        let words = format!("`{}` is outside the project's folder", text.value);
        faults.push(
            Diagnostic::at(&text.place, Code::Outside, words)
                .help("a path is relative to the project's folder"),
        );
        return None;
    }
    let Some(kind) = table::kind_of(path) else {
        let endings: Vec<String> = table::endings().map(|one| format!(".{one}")).collect();
        let words = format!("`{}` is not a file of records by its extension", text.value);
        faults.push(
            Diagnostic::at(&text.place, Code::TableFile, words).help(format!(
                "use the extension {}, optionally followed by `.gz` or `.zst`",
                name::one_of(&endings)
            )),
        );
        return None;
    };
    let files = TableFiles::of_project(&text.value, kind);
    Some(Arc::new(Query::of_files(files, &text.place)))
}

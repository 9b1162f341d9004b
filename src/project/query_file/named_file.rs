//! Files that a query file names.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::project::query_file::Surroundings;

/// Reads a file of the project; `code` is that of a file that cannot be read.
pub fn read(
    node: &Node,
    name: &str,
    code: Code,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Text> {
    let path = (around.file_path)(Some(name));
    let fault = match (around.files)(&path) {
        Ok(Some(content)) => {
            let file = SourceFile::new(path.clone(), path, content.clone());
            let span = Span::new(0, content.len());
            return Some(Text::new(content, &Place { file, span }));
        }
        Ok(None) => Diagnostic::at(&node.place, Code::NoFile, format!("no file `{name}`"))
            .help("a path is relative to the query, or to the project's folder"),
        Err(words) => Diagnostic::at(&node.place, code, words),
    };
    faults.push(fault);
    None
}

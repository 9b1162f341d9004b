//! The `output`, `csv` and `report` parts of a query file: the form of its result.

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Fields, Node};
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::format::CsvOptions;
use crate::project::grammar;
use crate::project::query::Report;
use crate::project::query_file::{RUN, Surroundings, named_file};
use crate::project::template::Names;
use crate::template::{Document, DocumentKind, SyntaxError};

/// The parts that could be read.
pub struct EndingParts {
    pub output: Option<&'static str>,
    pub csv: CsvOptions,
    pub report: Option<Report>,
}

/// Reads the parts. `names` is available to the query as a whole.
pub fn read(
    fields: &mut Fields<'_>,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> EndingParts {
    let names = report_names(names);
    EndingParts {
        output: fields.one_of("output", around.formats, faults),
        csv: fields
            .get("csv")
            .map(|node| csv(node, faults))
            .unwrap_or_default(),
        report: report(fields.get("report"), &names, around, faults),
    }
}

fn csv(node: &Node, faults: &mut Diagnostics) -> CsvOptions {
    let mut fields = node.fields_of("csv", grammar::CSV, faults);
    let bom = fields.boolean("bom", faults);
    let separator = fields.read("separator", separator, faults);
    let formulas = fields.one_of("formulas", &["keep", "escape"], faults);
    fields.finish(faults);
    CsvOptions {
        bom,
        separator,
        escapes_formulas: formulas.map(|word| word == "escape"),
    }
}

fn separator(node: &Node, faults: &mut Diagnostics) -> Option<u8> {
    let text = node.text("separator", faults)?;
    let separator = CsvOptions::separator_of(&text.value);
    if separator.is_none() {
        let expected = "one character such as `;`, not a letter, digit or quote";
        faults.push(node.mismatch("separator", expected));
    }
    separator
}

/// Returns the names available to a report.
fn report_names(names: &Names) -> Names {
    let own = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect());
    names
        .with("rows")
        .with_record("previous", None)
        .with_record("query", own(&["name", "folder", "description"]))
        .with_record("run", own(&RUN))
}

/// Reads `report`: an inline template, or files of the project.
fn report(
    node: Option<&Node>,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Report> {
    let node = node?;
    let mut fields = node.fields_of("report", grammar::REPORT, faults);
    let inline = fields.get("template");
    let files = fields.get("template_file");
    if !matches!(node.content, Content::Map(_)) {
        return None;
    }
    fields.finish(faults);
    let documents = match (inline, files) {
        (Some(node), None) => {
            let text = node.text("template", faults)?;
            let name = (around.file_path)(None);
            vec![document(
                &text,
                &name,
                DocumentKind::Text,
                names,
                around,
                faults,
            )?]
        }
        (None, Some(node)) if node.items().is_empty() => {
            let words = "`template_file` names no file";
            faults.push(Diagnostic::at(&node.place, Code::Report, words));
            return None;
        }
        (None, Some(node)) => {
            let read: Vec<Option<Document>> = node
                .items()
                .into_iter()
                .map(|node| template_file(node, names, around, faults))
                .collect();
            read.into_iter().collect::<Option<Vec<_>>>()?
        }
        (Some(_), Some(files)) => {
            let words = "`report` has both `template` and `template_file`";
            faults.push(Diagnostic::at(&files.place, Code::Report, words));
            return None;
        }
        (None, None) => {
            let words = "`report` needs `template` or `template_file`";
            faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
            return None;
        }
    };
    for (index, document) in documents.iter().enumerate() {
        let kind = document.kind();
        if documents[..index].iter().any(|other| other.kind() == kind) {
            let words = format!("`report` has two templates for {}", kind.format());
            faults.push(Diagnostic::at(&node.place, Code::Report, words));
            return None;
        }
    }
    Some(Report { documents })
}

fn template_file(
    node: &Node,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Document> {
    let text = node.text("template_file", faults)?;
    let Some(kind) = DocumentKind::of_file(&text.value) else {
        let words = format!(
            "the extension of `{}` does not determine its kind",
            text.value
        );
        faults.push(
            Diagnostic::at(&node.place, Code::TemplateFile, words).help(
                "use the extension `.md`, `.html` or `.txt`, optionally followed by `.jinja`",
            ),
        );
        return None;
    };
    let inner = named_file::read(node, &text.value, Code::TemplateFile, around, faults)?;
    let path = (around.file_path)(Some(&text.value));
    document(&inner, &path, kind, names, around, faults)
}

fn document(
    text: &Text,
    name: &str,
    kind: DocumentKind,
    names: &Names,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Document> {
    match Document::parse(text, name, kind, Arc::clone(&around.files)) {
        Ok(document) => {
            let mut is_good = names.check(document.mentions(), text, faults);
            let mut seen = Seen {
                all: vec![name.to_owned()],
                way: vec![name.to_owned()],
            };
            is_good &= used_files(&document, around, &mut seen, text, faults);
            is_good.then_some(document)
        }
        Err(errors) => {
            push_all(text, errors, faults);
            None
        }
    }
}

/// The template files visited so far.
struct Seen {
    all: Vec<String>,
    /// The chain of includes up to the current file.
    way: Vec<String>,
}

/// Checks the files that a document includes, recursively: they exist, can be parsed, and do not
/// include themselves.
fn used_files(
    document: &Document,
    around: &Surroundings<'_>,
    seen: &mut Seen,
    text: &Text,
    faults: &mut Diagnostics,
) -> bool {
    let mut is_good = true;
    for used in document.uses() {
        let exists = |path: &str| !matches!((around.files)(path), Ok(None));
        let own = seen.way.last().map_or("", String::as_str);
        let path = crate::template::join_path(used, own, &exists);
        if let Some(first) = seen.way.iter().position(|known| *known == path) {
            let way: Vec<String> = seen.way[first..]
                .iter()
                .chain([&path])
                .map(|name| format!("`{name}`"))
                .collect();
            let words = format!("the templates include each other: {}", way.join(" → "));
            faults.push(Diagnostic::at(&place_of(text, used), Code::Cycle, words));
            is_good = false;
            continue;
        }
        if seen.all.contains(&path) {
            continue;
        }
        seen.all.push(path.clone());
        let words = match (around.files)(&path) {
            Ok(Some(content)) => {
                let file = SourceFile::new(path.clone(), path.clone(), content.clone());
                let span = Span::new(0, content.len());
                let inner = Text::new(content, &Place { file, span });
                let files = Arc::clone(&around.files);
                match Document::parse(&inner, &path, document.kind(), files) {
                    Ok(inner_document) => {
                        seen.way.push(path);
                        is_good &= used_files(&inner_document, around, seen, &inner, faults);
                        seen.way.pop();
                    }
                    Err(errors) => {
                        push_all(&inner, errors, faults);
                        is_good = false;
                    }
                }
                continue;
            }
            Ok(None) => format!("no file `{used}`"),
            Err(words) => words,
        };
        is_good = false;
        faults.push(Diagnostic::at(&place_of(text, used), Code::NoFile, words));
    }
    is_good
}

/// Returns the place where a template names a file, or the whole template if the name is not found
/// literally.
fn place_of(text: &Text, used: &str) -> Place {
    let quoted = ['"', '\''].map(|quote| format!("{quote}{used}{quote}"));
    let found = quoted.iter().filter_map(|word| text.value.find(word)).min();
    found.map_or_else(
        || text.place.clone(),
        |at| text.locate(at + 1..at + 1 + used.len()),
    )
}

fn push_all(text: &Text, errors: Vec<SyntaxError>, faults: &mut Diagnostics) {
    for error in errors {
        let place = text.locate(error.range);
        faults.push(Diagnostic::at(&place, error.code, error.message).maybe_help(error.help));
    }
}

//! Faults of YAML syntax, with hints for common mistakes.

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::secret::is_secret_name;
use crate::core::source::{Place, SourceFile, Span, floor_boundary};

/// Creates a syntax fault, with a hint for the most common mistake.
pub fn syntax_fault(file: &Arc<SourceFile>, offset: usize, words: &str) -> Diagnostic {
    let text = file.text();
    let offset = floor_boundary(text, offset);
    // An error at the end of the file is reported after the last word.
    let offset = if text[offset..].trim().is_empty() {
        let end = text.trim_end();
        end.char_indices().next_back().map_or(0, |(at, _)| at)
    } else {
        offset
    };
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |at| offset + at);
    let span = if text[offset..end].trim().is_empty() {
        Span::new(start, end)
    } else {
        Span::new(
            offset,
            end.min(offset + text[offset..].chars().next().map_or(0, char::len_utf8)),
        )
    };
    let place = Place {
        file: Arc::clone(file),
        span,
    };
    // The parser fails after an unquoted template: on its line, or on the next one.
    if let Some(span) = unquoted_template(text, start, end) {
        let file = Arc::clone(file);
        let words = "the value begins with `{{`, which YAML reads as a mapping";
        return Diagnostic::at(&Place { file, span }, Code::YamlSyntax, words)
            .help("quote it: `\"{{ … }}\"`");
    }
    let line = &text[start..end];
    let words = match words {
        words if words.contains("more than one document") => {
            "the file contains more than one document"
        }
        words if words.contains("repetition limit") || words.contains("recursion limit") => {
            "its aliases expand to too many values"
        }
        words => words,
    };
    let hint = if text[..offset].ends_with('\t') || line.starts_with('\t') {
        Some("indent YAML with spaces, not tabs".to_owned())
    } else if words.contains("mapping values are not allowed") {
        Some("quote a string that contains `: `, and indent all keys of a mapping alike".to_owned())
    } else if words.contains("did not find expected ',' or '}'") {
        Some("quote a string that contains brackets, such as a JSONPath in `{ … }`".to_owned())
    } else {
        None
    };
    let diagnostic = Diagnostic::at(&place, Code::YamlSyntax, words.to_owned()).maybe_help(hint);
    if holds_secret(line) {
        diagnostic.concealed()
    } else {
        diagnostic
    }
}

/// Returns true if a line assigns something other than a template to a key that is usually secret.
pub fn holds_secret(line: &str) -> bool {
    const KEYS: [&str; 5] = ["basic", "bearer", "auth", "value", "default"];
    let mut keys = line.split(':').map(|part| {
        let word = part.trim_end_matches(['"', '\'', ' ']);
        let start = word
            .rfind(|c: char| !(c.is_alphanumeric() || "_-".contains(c)))
            .map_or(0, |at| at + 1);
        word.get(start..).unwrap_or(word)
    });
    keys.any(|key| KEYS.contains(&key) || is_secret_name(key)) && !line.contains("{{")
}

/// Returns the span of an unquoted `{{ … }}` value near a fault.
fn unquoted_template(text: &str, start: usize, end: usize) -> Option<Span> {
    let before = text[..start.saturating_sub(1)]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    for (line_start, line_end) in [(start, end), (before, start.saturating_sub(1).max(before))] {
        let line = &text[line_start..line_end];
        let value = line.find(": {{").map(|at| at + 2).or_else(|| {
            line.trim_start()
                .starts_with("- {{")
                .then(|| line.find("{{"))?
        });
        if let Some(at) = value {
            return Some(Span::new(
                line_start + at,
                line_start + line.trim_end().len(),
            ));
        }
    }
    None
}

/// Returns the line in which a place begins.
pub fn line_of(place: &Place) -> &str {
    let text = place.file.text();
    let start = text[..place.span.start]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let end = text[place.span.start..]
        .find('\n')
        .map_or(text.len(), |at| place.span.start + at);
    &text[start..end]
}

//! Source files and places in them.
//!
//! A template, a selector and a name carry their [`Place`] from the file to the error.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::core::secret::Literals;
use crate::core::text::one_line;

/// A text file with its display name.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    path: PathBuf,
    text: String,
    literals: OnceLock<Literals>,
}

impl SourceFile {
    /// Creates a source file; `name` is shown in messages.
    pub fn new(
        name: impl Into<String>,
        path: impl Into<PathBuf>,
        text: impl Into<String>,
    ) -> Arc<Self> {
        let name: String = name.into();
        Arc::new(Self {
            // A file name may contain anything, and it is shown on terminals.
            name: one_line(&name).into_owned(),
            path: path.into(),
            text: text.into(),
            literals: OnceLock::new(),
        })
    }

    /// Returns the display name, usually the path as the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the values in the text that look like secrets, computed on first use.
    pub fn literals(&self) -> &Literals {
        self.literals.get_or_init(|| Literals::of(&self.text))
    }

    /// Returns the line and column of a byte offset, both from 1, columns in characters.
    pub fn line_column(&self, offset: usize) -> LineColumn {
        let before = &self.text[..floor_boundary(&self.text, offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        LineColumn {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A line and a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The end, exclusive.
    pub end: usize,
}

impl Span {
    /// Creates the span `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A span in a file.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes in the file.
    pub span: Span,
}

impl Place {
    /// Formats the place as `name:line:column`.
    pub fn short(&self) -> String {
        let at = self.file.line_column(self.span.start);
        format!("{}:{}:{}", self.file.name(), at.line, at.column)
    }
}

/// A text from a file with its place: the decoded value of a YAML scalar.
#[derive(Debug, Clone)]
pub struct Text {
    /// The decoded value.
    pub value: Arc<str>,
    /// The place of the scalar, including quotes.
    pub place: Place,
}

impl Text {
    /// Creates a text.
    pub fn new(value: impl Into<Arc<str>>, place: &Place) -> Self {
        Self {
            value: value.into(),
            place: place.clone(),
        }
    }

    /// Returns the place of a part of the decoded value.
    ///
    /// The scalar's source is searched for the same occurrence of the same characters. This is right
    /// for every scalar style as long as the part contains no escape and is not folded over lines;
    /// otherwise the whole scalar is returned.
    pub fn locate(&self, range: std::ops::Range<usize>) -> Place {
        let start = floor_boundary(&self.value, range.start);
        let end = floor_boundary(&self.value, range.end.max(start));
        let source = &self.place.file.text()[self.place.span.start..self.place.span.end];
        let fragment = &self.value[start..end];
        if fragment.trim().is_empty() {
            return self.place.clone();
        }
        let nth = self.value[..start].matches(fragment).count();
        match source.match_indices(fragment).nth(nth) {
            Some((offset, _)) => Place {
                file: Arc::clone(&self.place.file),
                span: Span::new(
                    self.place.span.start + offset,
                    self.place.span.start + offset + fragment.len(),
                ),
            },
            None => self.place.clone(),
        }
    }
}

/// Returns the largest character boundary of `text` not after `offset`.
pub fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let file = SourceFile::new("a.yaml", "a.yaml", "a: é x\nb: ü\n");
        let at = file.line_column("a: é ".len());
        assert_eq!(at, LineColumn { line: 1, column: 6 });
        let at = file.line_column("a: é x\nb: ".len());
        assert_eq!(at, LineColumn { line: 2, column: 4 });
        assert_eq!(file.line_column(usize::MAX).line, 3);
    }

    #[test]
    fn a_part_of_a_value_is_found_in_its_source() {
        let source = "a: 'it''s {{ b }} and {{ b }}'\n";
        let file = SourceFile::new("a.yaml", "a.yaml", source);
        let span = Span::new(3, source.len() - 1);
        let text = Text::new("it's {{ b }} and {{ b }}", &Place { file, span });
        let second = text.value.rfind("{{ b }}").expect("it is there");
        let place = text.locate(second..second + 7);
        assert_eq!(place.span.start, source.rfind("{{ b }}").expect("there"));
        // The part contains an escape: the whole scalar is underlined.
        assert_eq!(text.locate(0..4).span, span);
        assert_eq!(text.locate(90..99).span, span);
    }
}

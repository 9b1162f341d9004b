//! Files of records as tables.
//!
//! [`TableFiles`] names one file, all files of a pattern, or a stream such as standard input;
//! [`TableFiles::open`] returns a [`TableReader`], which reads their records in batches. Nothing is
//! held in memory but a batch and what the decoder needs.

mod reader;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::core::file_ending;
use crate::decode::{BodyKind, ByteSource, Decoder, LONGEST_WHOLE};
use crate::project::load::tables;

use reader::NamedSource;
pub use reader::{TableError, TableReader};

/// The maximum length of an unpacked file, in bytes.
pub const LONGEST: u64 = 64 << 30;

/// A table of records in files, by its name in a statement.
#[derive(Debug, Clone)]
pub struct Table {
    /// The name.
    pub name: String,
    /// The columns, if the file has a header.
    pub columns: Option<Vec<String>>,
    /// The files.
    pub files: TableFiles,
}

/// All file extensions of tables with their content.
const KINDS: [(&[&str], BodyKind); 4] = [
    (file_ending::NDJSON, BodyKind::Ndjson),
    (file_ending::JSON, BodyKind::Json),
    (file_ending::CSV, BodyKind::Csv),
    (file_ending::TSV, BodyKind::Tsv),
];

/// Returns all file extensions.
pub fn endings() -> impl Iterator<Item = &'static str> {
    KINDS
        .iter()
        .flat_map(|(endings, _)| endings.iter().copied())
}

/// Returns the content of a file by its extension, which may be followed by that of a compression.
pub fn kind_of(path: &Path) -> Option<BodyKind> {
    let ending = |path: &Path| Some(path.extension()?.to_str()?.to_ascii_lowercase());
    let outer = ending(path)?;
    let ending = if file_ending::PACKED.contains(&outer.as_str()) {
        ending(Path::new(path.file_stem()?))?
    } else {
        outer
    };
    let mut kinds = KINDS.iter();
    kinds
        .find(|(known, _)| known.contains(&ending.as_str()))
        .map(|(_, kind)| *kind)
}

/// Returns the content with a name, if it can be a table.
pub fn kind_named(name: &str) -> Option<BodyKind> {
    let mut kinds = KINDS.iter().map(|(_, kind)| *kind);
    kinds.find(|kind| kind.name() == name)
}

/// Files that form one table.
#[derive(Debug, Clone)]
pub struct TableFiles {
    /// The path, pattern or description, for messages.
    shown: String,
    kind: BodyKind,
    origin: Origin,
}

#[derive(Debug, Clone)]
enum Origin {
    /// A path or pattern from the project's folder, and inside of it.
    Project,
    /// A path or pattern of the command line.
    Anywhere(PathBuf),
    /// A stream.
    Stream(Arc<dyn ByteSource>),
}

impl TableFiles {
    /// Creates the table of files named in a file of the project.
    pub fn of_project(pattern: &str, kind: BodyKind) -> Self {
        Self {
            shown: pattern.to_owned(),
            kind,
            origin: Origin::Project,
        }
    }

    /// Creates the table of files named on the command line, with their full path.
    pub fn anywhere(pattern: &str, path: PathBuf, kind: BodyKind) -> Self {
        Self {
            shown: pattern.to_owned(),
            kind,
            origin: Origin::Anywhere(path),
        }
    }

    /// Creates the table of a stream.
    pub fn stream(shown: &str, source: Arc<dyn ByteSource>, kind: BodyKind) -> Self {
        Self {
            shown: shown.to_owned(),
            kind,
            origin: Origin::Stream(source),
        }
    }

    /// Returns the path or pattern as it was written.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the columns in the header of the first file, if there is one and it can be read.
    pub fn header(&self, root: &Path) -> Option<Vec<String>> {
        if !self.has_header() {
            return None;
        }
        let source = match &self.origin {
            Origin::Stream(source) => Arc::clone(source),
            _ => tables::source(&self.paths(root).ok()?.first()?.path).ok()?,
        };
        let columns = self.decoder().header(&*source).ok()?.names();
        (!columns.is_empty()).then_some(columns)
    }

    /// Opens the files: finds them and reads the types of their columns.
    ///
    /// # Errors
    ///
    /// If there are none, one cannot be read or is damaged, their headers differ, or `is_over`
    /// returns true.
    pub fn open(&self, root: &Path, is_over: &dyn Fn() -> bool) -> Result<TableReader, TableError> {
        let sources = match &self.origin {
            Origin::Stream(source) => vec![(self.shown.clone(), Arc::clone(source))],
            _ => self.sources(root)?,
        };
        TableReader::open(self.decoder(), sources, is_over)
    }

    fn sources(&self, root: &Path) -> Result<Vec<NamedSource>, TableError> {
        let paths = self.paths(root)?;
        let sources = paths.into_iter().map(|found| {
            let shown = format!("`{}`", found.shown);
            let source = tables::source(&found.path);
            let source =
                source.map_err(|words| TableError::CannotRead(format!("{shown} {words}")))?;
            Ok((shown, source))
        });
        sources.collect()
    }

    fn paths(&self, root: &Path) -> Result<Vec<tables::Found>, TableError> {
        let found = match &self.origin {
            Origin::Anywhere(path) => tables::anywhere(&self.shown, path),
            _ => tables::in_project(root, &self.shown),
        };
        found.map_err(TableError::CannotRead)
    }

    fn has_header(&self) -> bool {
        matches!(self.kind, BodyKind::Csv | BodyKind::Tsv)
    }

    fn decoder(&self) -> Decoder {
        Decoder {
            kind: self.kind,
            last: None,
            limit: LONGEST,
            whole: LONGEST_WHOLE,
        }
    }
}

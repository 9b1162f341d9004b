//! Exports tables as files for other programs, one folder a table and one file a month.
//!
//! ```text
//! DIR/manifest.json
//! DIR/jobs/month=2026-11/part.parquet
//! ```
//!
//! The folders are named as Hive does, so that Spark, `DuckDB` and Arrow read them as a column. An
//! [`ExportPlan`] is written by [`write()`]: rows come ordered by time, so that one file is open at a
//! time. The files are written aside and renamed together, the manifest last; then those of months
//! that are no more are removed.

#[cfg(feature = "parquet")]
mod columnar;
mod encode;
mod manifest;
mod month;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::sink::{StagedFile, StagedFiles};
use crate::store::cell::Cell;
use crate::store::export::encode::Encode;
use crate::store::export::manifest::{FileExport, Manifest};
use crate::store::export::month::Month;
use crate::store::names::SHOWN_COLUMNS;
use crate::store::table::StoredTable;
use crate::store::{Selection, Store, StoreError, StoreErrorKind};

pub use encode::{ExportColumn, ExportFormat};
pub use manifest::{ExportFacts, TableExport};

/// The formats of this build.
pub static FORMATS: &[&ExportFormat] = &[
    #[cfg(feature = "parquet")]
    &columnar::FORMAT,
    &encode::CSV,
    &encode::NDJSON,
];

/// The number of bytes after which encoded rows are written.
const PIECE: usize = 256 << 10;

/// The tables and the target of an export.
pub struct ExportPlan<'p> {
    /// The tables.
    pub tables: Vec<StoredTable>,
    /// True if these are all tables of the store: what the folder has of others is removed.
    pub is_whole: bool,
    /// The rows. The earliest time does not apply to tables whose rows have none.
    pub selection: Selection,
    /// The format.
    pub format: &'static ExportFormat,
    /// The facts of the manifest about all tables.
    pub facts: ExportFacts,
    /// The working directory.
    pub working_directory: &'p Path,
    /// The folder, as it was given.
    pub folder: &'p Path,
    /// The projects whose own files are never written.
    pub projects: Vec<PathBuf>,
}

/// An error of an export.
#[derive(Debug)]
pub enum ExportError {
    /// Of the store.
    Store(StoreError),
    /// A file below the folder cannot be read or written; without a name, the folder.
    File(Option<String>, io::Error),
    /// A file cannot be part of the export.
    Refused(String, String),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Writes an export, which replaces the previous one in the folder. Calls `replacing` just before the
/// first file is replaced.
///
/// # Errors
///
/// Any error of the store or of files. Until all files are written aside, nothing has changed.
pub fn write(
    plan: &ExportPlan<'_>,
    store: &mut Store,
    replacing: impl FnOnce(),
) -> Result<Vec<TableExport>, ExportError> {
    let mut files = StagedFiles::open(
        plan.working_directory,
        plan.folder,
        manifest::NAME,
        plan.projects.clone(),
    )
    .map_err(|error| ExportError::File(None, error))?;
    let of_manifest = |error| ExportError::File(Some(manifest::NAME.to_owned()), error);
    let previous = match files
        .read(manifest::NAME, manifest::LONGEST)
        .map_err(of_manifest)?
    {
        None => Manifest::default(),
        Some(bytes) => Manifest::parse(&bytes)
            .map_err(|words| ExportError::Refused(manifest::NAME.to_owned(), words))?,
    };
    let mut tables = Vec::new();
    store.reading(|store| {
        for table in &plan.tables {
            tables.push(write_table(table, plan, store, &mut files)?);
        }
        Ok::<_, ExportError>(())
    })?;
    refuse_foreign(&tables, &previous, &files)?;
    let manifest = previous.followed_by(&tables, &plan.facts, |_| !plan.is_whole);
    let mut index = files.begin(manifest::NAME).map_err(of_manifest)?;
    index
        .write(manifest.to_text(&plan.facts).as_bytes())
        .map_err(of_manifest)?;
    files.end(index).map_err(of_manifest)?;
    replacing();
    files
        .commit(&previous.files_missing_in(&manifest))
        .map_err(|(name, error)| ExportError::File(Some(name), error))?;
    Ok(tables)
}

/// Refuses to replace files that no export has written.
fn refuse_foreign(
    tables: &[TableExport],
    previous: &Manifest,
    files: &StagedFiles,
) -> Result<(), ExportError> {
    // An export that was killed may have replaced files before its manifest.
    let left = files.left_index().map(Manifest::parse);
    let left = left.and_then(Result::ok).unwrap_or_default();
    let own: HashSet<&str> = previous.paths().chain(left.paths()).collect();
    let written = tables.iter().flat_map(|table| &table.files);
    let mut names = written.map(|file| file.written.name.as_str());
    match names.find(|name| !own.contains(name) && files.has(name)) {
        None => Ok(()),
        Some(name) => {
            let words = format!(
                "it is there, and `{}` does not name it as a file of an export",
                manifest::NAME
            );
            Err(ExportError::Refused(name.to_owned(), words))
        }
    }
}

/// Writes the files of a table aside.
fn write_table(
    table: &StoredTable,
    plan: &ExportPlan<'_>,
    store: &mut Store,
    files: &mut StagedFiles,
) -> Result<TableExport, ExportError> {
    let mut writer = TableWriter {
        format: plan.format,
        export: TableExport {
            name: table.name.clone(),
            columns: columns(table),
            partition: partition(table),
            rows: 0,
            files: Vec::new(),
        },
        open: None,
        buffer: Vec::new(),
        files,
    };
    let mut selection = plan.selection;
    if table.at.is_none() {
        selection.since = None;
    }
    let mut failed = None;
    let read = store.each_row_in_time(table, &selection, &mut |time, row| {
        writer.row(time, row).map_err(|error| {
            failed = Some(error);
            // Ends the statement; the other error says why.
            StoreError::new(StoreErrorKind::Storage, "the export failed")
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    read?;
    writer.end_file()?;
    Ok(writer.export)
}

/// Returns the columns of exported rows.
fn columns(table: &StoredTable) -> Vec<ExportColumn> {
    let own = table.columns.iter().map(|column| ExportColumn {
        name: column.name.clone(),
        kind: column.kind,
    });
    let shown = SHOWN_COLUMNS.iter().map(|(name, kind)| ExportColumn {
        name: (*name).to_owned(),
        kind: Some(*kind),
    });
    own.chain(shown).collect()
}

/// Returns the name of the column that folders are named by, which no column of the table has.
fn partition(table: &StoredTable) -> String {
    let is_taken = |name: &str| {
        let columns = table.columns.iter();
        columns
            .map(|column| &column.name)
            .any(|column| column.eq_ignore_ascii_case(name))
    };
    let names = ["month".to_owned(), "row_month".to_owned()].into_iter();
    let more = (2..).map(|number| format!("row_month_{number}"));
    let mut free = names.chain(more).filter(|name| !is_taken(name));
    free.next().unwrap_or_default()
}

/// Writes the rows of a table, ordered by time.
struct TableWriter<'w> {
    format: &'static ExportFormat,
    export: TableExport,
    open: Option<OpenFile>,
    buffer: Vec<u8>,
    files: &'w mut StagedFiles,
}

/// The file of a month.
struct OpenFile {
    month: Month,
    file: StagedFile,
    encoder: Box<dyn Encode>,
    rows: u64,
}

impl TableWriter<'_> {
    fn row(&mut self, time: Option<i64>, row: Vec<Cell>) -> Result<(), ExportError> {
        if self.open.as_ref().is_some_and(|open| !open.month.has(time)) {
            self.end_file()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin_file(Month::of(time))?,
        };
        let name = open.file.name();
        open.encoder
            .row(row, &mut self.buffer)
            .map_err(|words| ExportError::Refused(name.to_owned(), words))?;
        open.rows += 1;
        if self.buffer.len() >= PIECE {
            self.write_buffer(&mut open.file)?;
        }
        self.open = Some(open);
        Ok(())
    }

    fn begin_file(&self, month: Month) -> Result<OpenFile, ExportError> {
        let name = format!(
            "{}/{}={}/part.{}",
            self.export.name,
            self.export.partition,
            month.value(),
            self.format.name
        );
        let encoder = (self.format.encoder)(&self.export.columns);
        Ok(OpenFile {
            month,
            encoder: encoder.map_err(|words| ExportError::Refused(name.clone(), words))?,
            file: self
                .files
                .begin(&name)
                .map_err(|error| ExportError::File(Some(name), error))?,
            rows: 0,
        })
    }

    fn end_file(&mut self) -> Result<(), ExportError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let OpenFile {
            month,
            mut file,
            encoder,
            rows,
        } = open;
        let name = file.name().to_owned();
        encoder
            .finish(&mut self.buffer)
            .map_err(|words| ExportError::Refused(name.clone(), words))?;
        self.write_buffer(&mut file)?;
        let written = self.files.end(file);
        self.export.rows += rows;
        self.export.files.push(FileExport {
            written: written.map_err(|error| ExportError::File(Some(name), error))?,
            month: month.name().map(str::to_owned),
            rows,
        });
        Ok(())
    }

    fn write_buffer(&mut self, file: &mut StagedFile) -> Result<(), ExportError> {
        let written = file.write(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| ExportError::File(Some(file.name().to_owned()), error))
    }
}

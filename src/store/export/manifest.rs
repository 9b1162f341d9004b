//! The manifest of an export: which files it has written, and what is in them.
//!
//! Only files that a manifest names are ever replaced or removed.

use serde_json::{Map, Value, json};

use crate::core::column::ColumnType;
use crate::sink::StagedSummary;
use crate::store::export::encode::ExportColumn;

/// The name of the file.
pub const NAME: &str = "manifest.json";

/// The maximum size of a manifest that is read.
pub const LONGEST: u64 = 64 << 20;

/// Says who has written a manifest.
const GENERATOR: &str = "runner store export";

/// The version of the form of a manifest.
const VERSION: i64 = 1;

/// An exported table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableExport {
    /// The name in SQL.
    pub name: String,
    /// The columns, without the one that folders are named by.
    pub columns: Vec<ExportColumn>,
    /// The column that folders are named by.
    pub partition: String,
    /// The number of rows.
    pub rows: u64,
    /// Its files.
    pub files: Vec<FileExport>,
}

/// An exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileExport {
    /// The path, size and hash.
    pub written: StagedSummary,
    /// The month of its rows.
    pub month: Option<String>,
    /// The number of rows.
    pub rows: u64,
}

/// The facts that all tables of an export share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFacts {
    /// The name of the format.
    pub format: &'static str,
    /// The time of the export.
    pub time: String,
    /// The earliest time of a row.
    pub since: Option<String>,
    /// The time as of which rows were read.
    pub as_of: Option<String>,
}

impl TableExport {
    fn to_json(&self, facts: &ExportFacts) -> Value {
        let columns = self.columns.iter().map(
            |column| json!({ "name": column.name, "type": column.kind.map(ColumnType::name) }),
        );
        let files = self.files.iter().map(|file| {
            json!({
                "path": file.written.name,
                "month": file.month,
                "rows": file.rows,
                "bytes": file.written.bytes,
                "sha256": file.written.sha256,
            })
        });
        json!({
            "name": self.name,
            "format": facts.format,
            "exported_at": facts.time,
            "since": facts.since,
            "as_of": facts.as_of,
            "partition": self.partition,
            "columns": columns.collect::<Vec<_>>(),
            "rows": self.rows,
            "files": files.collect::<Vec<_>>(),
        })
    }
}

/// A manifest that was read.
#[derive(Debug, Default)]
pub struct Manifest {
    /// The tables by name, as they were written.
    tables: Vec<(String, Value)>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// If another program wrote it, or a later version of this one.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let foreign = || "it was not written by `runner store export`".to_owned();
        let value = crate::core::json::parse(bytes).map_err(|_| foreign())?;
        if value["generator"] != GENERATOR {
            return Err(foreign());
        }
        let version = value["version"].as_i64();
        if version != Some(VERSION) {
            return Err("it was written by a newer `runner`".to_owned());
        }
        let tables = value["tables"].as_array().ok_or_else(foreign)?;
        let tables = tables.iter().filter_map(|table| {
            let name = table["name"].as_str()?;
            Some((name.to_owned(), table.clone()))
        });
        Ok(Self {
            tables: tables.collect(),
        })
    }

    /// Returns the manifest after an export: `kept` says which other tables stay.
    pub fn followed_by(
        &self,
        tables: &[TableExport],
        facts: &ExportFacts,
        kept: impl Fn(&str) -> bool,
    ) -> Self {
        let is_new = |name: &str| tables.iter().any(|table| table.name == name);
        let others = self
            .tables
            .iter()
            .filter(|(name, _)| !is_new(name) && kept(name));
        let new = tables
            .iter()
            .map(|table| (table.name.clone(), table.to_json(facts)));
        let mut tables: Vec<(String, Value)> = others.cloned().chain(new).collect();
        tables.sort_by(|one, other| one.0.cmp(&other.0));
        Self { tables }
    }

    /// Returns the paths of files that another manifest does not name. Paths that an export cannot have
    /// written are left out.
    pub fn files_missing_in(&self, other: &Self) -> Vec<String> {
        let kept: std::collections::HashSet<&str> = other.paths().collect();
        let paths = self.paths().filter(|path| !kept.contains(path));
        paths.map(str::to_owned).collect()
    }

    /// Returns the paths of its files that an export can have written.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().flat_map(|(name, table)| {
            let files = table["files"].as_array().into_iter().flatten();
            let paths = files.filter_map(|file| file["path"].as_str());
            paths.filter(move |path| is_of_export(path, name))
        })
    }

    /// Returns the text of the file.
    pub fn to_text(&self, facts: &ExportFacts) -> String {
        let mut manifest = Map::new();
        manifest.insert("generator".to_owned(), GENERATOR.into());
        manifest.insert("version".to_owned(), VERSION.into());
        manifest.insert("exported_at".to_owned(), facts.time.as_str().into());
        let tables = self.tables.iter().map(|(_, table)| table.clone());
        manifest.insert("tables".to_owned(), tables.collect());
        format!("{:#}\n", Value::Object(manifest))
    }
}

/// Returns true for `TABLE/COLUMN=MONTH/part.EXTENSION`.
fn is_of_export(path: &str, table: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], [folder, month, file]
        if folder == table && month.contains('=') && file.starts_with("part."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, months: &[&str]) -> TableExport {
        let files = months.iter().map(|month| FileExport {
            written: StagedSummary {
                name: format!("{name}/month={month}/part.csv"),
                bytes: 1,
                sha256: "0".to_owned(),
            },
            month: Some((*month).to_owned()),
            rows: 1,
        });
        TableExport {
            name: name.to_owned(),
            columns: Vec::new(),
            partition: "month".to_owned(),
            rows: 1,
            files: files.collect(),
        }
    }

    fn facts() -> ExportFacts {
        ExportFacts {
            format: "csv",
            time: "2026-11-25T09:00:00Z".to_owned(),
            since: None,
            as_of: None,
        }
    }

    #[test]
    fn what_is_no_more_is_known() {
        let first = [
            table("jobs", &["2026-10", "2026-11"]),
            table("runs", &["2026-11"]),
        ];
        let first = Manifest::default().followed_by(&first, &facts(), |_| false);
        let read = Manifest::parse(first.to_text(&facts()).as_bytes()).expect("a manifest");
        let next = read.followed_by(&[table("jobs", &["2026-11"])], &facts(), |_| true);
        assert_eq!(
            read.files_missing_in(&next),
            ["jobs/month=2026-10/part.csv"]
        );
        let next = read.followed_by(&[table("jobs", &["2026-11"])], &facts(), |_| false);
        assert_eq!(
            read.files_missing_in(&next),
            ["jobs/month=2026-10/part.csv", "runs/month=2026-11/part.csv"]
        );
    }

    #[test]
    fn a_manifest_names_files_of_exports_only() {
        let paths = [
            "jobs/month=2026-11/part.csv",
            "../jobs/month=2026-11/part.csv",
            "runs/month=2026-11/part.csv",
            "jobs/part.csv",
            "jobs/month=2026-11/notes.csv",
            "/etc/passwd",
        ];
        let files: Vec<Value> = paths.iter().map(|path| json!({ "path": path })).collect();
        let text = json!({ "generator": GENERATOR, "version": 1,
            "tables": [{ "name": "jobs", "files": files }] });
        let manifest = Manifest::parse(text.to_string().as_bytes()).expect("a manifest");
        assert_eq!(manifest.files_missing_in(&Manifest::default()), [paths[0]]);
    }

    #[test]
    fn other_manifests_are_refused() {
        for (text, words) in [
            ("", "not written by"),
            ("{}", "not written by"),
            (
                r#"{"generator":"other","version":1,"tables":[]}"#,
                "not written by",
            ),
            (
                r#"{"generator":"runner store export","version":2}"#,
                "newer",
            ),
        ] {
            let refused = Manifest::parse(text.as_bytes()).expect_err(text);
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }
}

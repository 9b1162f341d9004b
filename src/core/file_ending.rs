//! File name extensions by content.
//!
//! Shared by formats, documents and tables of records, so that reading and writing agree.

/// A JSON document.
pub const JSON: &[&str] = &["json"];

/// One JSON document per line.
pub const NDJSON: &[&str] = &["ndjson", "jsonl"];

/// Comma-separated values.
pub const CSV: &[&str] = &["csv"];

/// Tab-separated values.
pub const TSV: &[&str] = &["tsv", "tab"];

/// YAML.
pub const YAML: &[&str] = &["yaml", "yml"];

/// Markdown.
pub const MARKDOWN: &[&str] = &["md", "markdown"];

/// HTML.
pub const HTML: &[&str] = &["html", "htm"];

/// Metrics, by the name that the textfile collector of a node exporter reads.
pub const OPENMETRICS: &[&str] = &["prom"];

/// Plain text.
pub const TEXT: &[&str] = &["txt"];

/// Suffixes of template files. The extension before them gives the content.
pub const TEMPLATE: &[&str] = &[".jinja2", ".jinja", ".j2"];

/// Compressed files. The extension before them gives the content.
pub const PACKED: &[&str] = &["gz", "gzip", "zst", "zstd"];

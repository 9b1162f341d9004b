//! The endings of files, by what they hold.
//!
//! Formats, documents and tables of records each know some of them; a format that is both read and
//! written has the same endings in both.

/// One JSON document.
pub const JSON: &[&str] = &["json"];

/// One JSON document a line.
pub const NDJSON: &[&str] = &["ndjson", "jsonl"];

/// Values with commas between them.
pub const CSV: &[&str] = &["csv"];

/// Values with tabs between them.
pub const TSV: &[&str] = &["tsv", "tab"];

/// YAML.
pub const YAML: &[&str] = &["yaml", "yml"];

/// Markdown.
pub const MARKDOWN: &[&str] = &["md", "markdown"];

/// HTML.
pub const HTML: &[&str] = &["html", "htm"];

/// Plain text.
pub const TEXT: &[&str] = &["txt"];

/// What may follow the ending of a template, and says nothing of its content.
pub const TEMPLATE: &[&str] = &[".jinja2", ".jinja", ".j2"];

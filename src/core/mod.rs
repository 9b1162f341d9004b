//! Shared types without dependencies: sources and places, diagnostics, names, secrets, times, and
//! helpers for text and JSON values.
//!
//! Nothing here reads a file, the environment or the time of day.

pub mod code;
pub mod column;
pub mod diagnostic;
pub mod document;
pub mod file_ending;
pub mod graph;
pub mod json;
pub mod key;
pub mod markdown;
pub mod metric;
pub mod name;
pub mod pattern;
pub mod percent;
pub mod records;
pub mod rows;
pub mod secret;
pub mod shell;
pub mod shutdown;
pub mod source;
#[cfg(test)]
pub mod testing;
pub mod text;
pub mod time;
pub mod yaml_text;

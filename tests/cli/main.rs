//! Tests the program's promises through the built binary: what it sends, what it prints, and how it
//! exits.
//!
//! A module is a topic, a test name is a sentence. [`case::Case`] runs a query; `support` contains
//! servers, terminals and secrets.
//!
//! Besides the binary, the tests run `sh`, `bash`, `git`, `curl`, `jq`, `tar` and, for a terminal, `script`.

mod addresses;
mod answers;
mod api;
mod auth;
mod budget;
mod built_in;
mod cache;
mod case;
mod choice;
mod columns;
mod complete;
mod conditions;
mod content;
mod coverage;
mod data;
mod database;
mod divided;
mod drift;
mod ends;
mod errors;
mod expectations;
mod explain;
mod export;
mod failures;
mod files;
mod graphql;
mod graphs;
mod hostile;
mod init;
mod installer;
mod limits;
mod listings;
mod man;
mod mcp;
mod metrics;
mod network;
mod new;
mod operations;
mod output;
mod pages;
mod parts;
mod poll;
mod real_answers;
mod recording;
mod report;
mod reports;
mod request;
mod safe;
mod schema;
mod secrets;
mod sending;
mod settings;
mod several;
mod shipped;
mod spill;
mod sql;
mod state;
mod story;
mod support;
mod sync;
mod testing;
mod tls;
mod trees;
mod types;
mod values;
mod vars;
mod verbs;
mod walk;
mod writing;

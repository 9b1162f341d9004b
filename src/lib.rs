//! `runner`: a declarative query runner driven by config files.
//!
//! A connection is a YAML *resource*, a question is a YAML *query*; `runner run` answers it. A run
//! is a chain of values, each created from the previous one:
//!
//! `SourceFile` → [`core::document::Node`] → [`project::Query`] → [`plan::Plan`] →
//! [`http::Request`] → [`http::Response`] → record → bytes → exit code
//!
//! The modules are floors; imports go down, never up or sideways (`tests/architecture.rs` checks the
//! code against this map):
//!
//! | Floor | Module | Job |
//! | --- | --- | --- |
//! | 7 | [`cli`] | verbs, streams, failures as text and exit codes |
//! | 6 | [`engine`] | runs a plan |
//! | 5 | [`plan`] | binds vars, builds scopes, renders requests |
//! | 4 | [`project`], [`budget`] | reads YAML documents into a checked project; a rate limit that several processes share |
//! | 3 | [`resource`], [`ending`], [`store`] | kinds of API; where records go; records kept over time |
//! | 2 | [`auth`], [`paginate`], [`parts`], [`mod@format`], [`sql`], [`sink`], [`recording`], [`description`] | authentication; pagination; walks in parts; output formats; records as tables; places to write; recorded answers; what an API says of itself |
//! | 1 | [`template`], [`http`], [`decode`], [`demo`] | templates and JSONPath; one request; bytes as records; the embedded CircleCI |
//! | 0 | [`core`] | sources, places, diagnostics, names, secrets, times |

#![expect(
    rustdoc::private_intra_doc_links,
    reason = "the map is for those who read the code; only the program is public"
)]

mod auth;
mod budget;
pub mod cli;
mod core;
mod decode;
mod demo;
mod description;
mod ending;
mod engine;
mod format;
mod http;
mod paginate;
mod parts;
mod plan;
mod project;
mod recording;
mod resource;
mod sink;
mod sql;
mod store;
mod template;

//! `runner`: a declarative query runner driven by config files.
pub mod auth;
pub mod core;
pub mod demo;
pub mod format;
pub mod http;
pub mod paginate;
pub mod project;
pub mod resource;
pub mod template;

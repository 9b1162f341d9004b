//! The embedded `CircleCI`: API v2 over real HTTP on loopback, with a fictitious organization.
//!
//! It lets people try the program without a token or a network, and is used by tests and benchmarks.
//! It is deterministic: the data follows from [`Options::seed`], the clock stands still, and
//! misbehaviour (latency, refusals, failures) is configured by request number. Writes affect later
//! requests. With a [`Story`], requests move the clock, and the data follows it.
//!
//! Artifacts, output of steps and usage exports are on a second port, see [`Demo::storage_origin`].
//!
//! A request passes through these steps; everything but the two ends is pure:
//!
//! `server` reads a `Call` → `gate` admits or refuses it → `route` finds the operation → `api` queries
//! the `world` and formats the response → `server` sends it.
//!
//! The module is independent of the rest of the program: pass a listener to [`serve`], or start a
//! [`Demo`].

mod api;
mod clock;
mod count;
mod gate;
mod message;
mod options;
mod page;
mod path;
mod route;
mod server;
mod sign;
mod storage;
mod story;
mod thread;
mod world;

#[cfg(test)]
mod tests;

pub use crate::demo::clock::CLOCK_PATH;
pub use crate::demo::options::{NOW, Options, PROJECT_SLUG, RateLimit, Shape, TOKEN};
pub use crate::demo::server::{Listeners, serve};
pub use crate::demo::story::Story;
pub use crate::demo::thread::Demo;

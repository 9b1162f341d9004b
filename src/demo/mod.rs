//! The embedded `CircleCI`: its API v2 over real HTTP on loopback, with an
//! organisation that does not exist.
//!
//! People try the program on it without a token or a network, and the tests and
//! benchmarks run on it. It is deterministic: [`Options::seed`] makes the data,
//! the clock stands still, and misbehaviour (latency, refusals, failures) is
//! ordered by number. Writing requests change what later ones see.
//!
//! A request goes down this chain; everything between the two ends is pure:
//!
//! `server` reads a `Call` → `gate` admits or refuses it → `route` finds the
//! operation → `api` asks the `world` and shapes the answer → `server` sends it.
//!
//! The module knows nothing of the rest of the program; whoever wants it gives
//! [`serve`] a listener, or starts a [`Demo`].

mod api;
mod count;
mod gate;
mod message;
mod options;
mod page;
mod path;
mod route;
mod server;
mod thread;
mod world;

#[cfg(test)]
mod tests;

pub use crate::demo::count::Counts;
pub use crate::demo::options::{
    NOW, ORG_SLUG, Options, PROJECT_SLUG, RateLimit, SECOND_SLUG, Shape, TOKEN,
};
pub use crate::demo::server::serve;
pub use crate::demo::thread::Demo;

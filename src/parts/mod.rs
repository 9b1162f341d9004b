//! A walk that is divided among several processes: its plan as a document, the division of its items, and
//! the facts that a part's records carry.
//!
//! The documents are an interface between machines, and between versions of this program: members are
//! added, never changed.

mod digest;
mod divide;
mod document;
mod facts;

pub use digest::Hash;
pub use divide::{IndexedItem, divide};
pub use document::{ColumnOf, DataOf, FileOf, Items, Level, PartOf, PlanOf, VERSION};
pub use facts::{FACTS, Facts, Group};

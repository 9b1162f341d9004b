//! Fingerprints of a page of a listing: its list, its rows, its request.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use crate::core::json::write_identity;
use crate::http::Request;
use crate::paginate::Style;
use crate::project::query::Call;

/// The fingerprint of a page's rows.
pub struct RowsPrint {
    pub print: u64,
    pub is_empty: bool,
    /// True if equal rows on another page would be the same objects: all rows differ, and a single
    /// row has an identity of its own.
    pub is_distinctive: bool,
    /// The first and the last of several rows.
    pub ends: Option<(u64, u64)>,
}

impl RowsPrint {
    /// Computes the fingerprint. With a style that follows the response (`knows_of_more`), a single
    /// row needs an identity; with a counter, which a server may ignore, it does not.
    pub fn of(rows: &[&Value], knows_of_more: bool) -> Self {
        const IDENTITIES: [&str; 6] = ["id", "uuid", "key", "slug", "number", "name"];
        let prints: Vec<u64> = rows.iter().map(|row| print_of(row)).collect();
        let distinct: HashSet<&u64> = prints.iter().collect();
        let has_identity = |row: &Value| IDENTITIES.iter().any(|key| row.get(key).is_some());
        let mut hasher = DefaultHasher::new();
        prints.hash(&mut hasher);
        let ends = prints.first().copied().zip(prints.last().copied());
        Self {
            ends: ends.filter(|_| prints.len() > 1),
            print: hasher.finish(),
            is_empty: rows.is_empty(),
            is_distinctive: match rows {
                [] => false,
                [row] => !knows_of_more || has_identity(row),
                _ => distinct.len() == prints.len(),
            },
        }
    }
}

fn print_of(row: &Value) -> u64 {
    let mut identity = String::new();
    write_identity(row, &mut identity);
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    hasher.finish()
}

/// The pages of a listing so far, to recognize repeated ones.
///
/// Only rows are compared: the rest of a response contains times and ids that always change. Equal
/// pages may both be valid if their rows have no identity; an endless listing is then recognized by
/// the number of such pages.
#[derive(Default)]
pub struct PagesSeen {
    /// The pages whose rows are distinctive enough to be recognized.
    distinctive: HashSet<u64>,
    /// The rows of the last page.
    last_page: Option<u64>,
    /// The last row of the last page, if it had several.
    last_row: Option<u64>,
    /// The number of consecutive pages without new rows.
    idle: u32,
}

impl PagesSeen {
    /// Returns true if a page begins with the last row of the previous page.
    pub fn overlap(&self, page: &RowsPrint) -> bool {
        let first = page.ends.map(|(first, _)| first);
        page.is_distinctive && first.is_some() && first == self.last_row
    }

    /// Adds a page. Returns the reason if it cannot be new.
    pub fn add(&mut self, page: &RowsPrint) -> Option<String> {
        /// The maximum number of consecutive pages without new rows.
        const MOST_IDLE: u32 = 1_000;
        self.last_row = page.ends.map(|(_, last)| last);
        let is_idle = page.is_empty || self.last_page == Some(page.print);
        self.idle = if is_idle { self.idle + 1 } else { 0 };
        self.last_page = Some(page.print);
        if page.is_distinctive && !self.distinctive.insert(page.print) {
            return Some(
                "the same rows were returned twice, so the listing would never end".to_owned(),
            );
        }
        (self.idle > MOST_IDLE)
            .then(|| format!("{MOST_IDLE} pages had no new rows, so the listing would never end"))
    }
}

/// The list of a page.
pub enum Listed<'b> {
    /// The members of the list that is paged.
    Members(Vec<&'b Value>),
    /// The matches of `rows`, if it does not name a list.
    Rows(Vec<&'b Value>),
}

/// Returns the list of a page.
pub fn listed<'b>(call: &Call, style: Option<&Style>, body: &'b Value) -> Listed<'b> {
    if let Some(list) = style.and_then(|style| style.list()) {
        return Listed::Members(match list.select(body).as_slice() {
            [Value::Array(members)] if list.is_singular() => members.iter().collect(),
            nodes => nodes.to_vec(),
        });
    }
    let Some(rows) = &call.rows else {
        return Listed::Members(Vec::new());
    };
    match rows.members(body) {
        Some(members) => Listed::Members(members),
        None => Listed::Rows(rows.select(body)),
    }
}

/// Returns a hash that is equal for equal requests of a listing.
pub fn fingerprint(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.identity().hash(&mut hasher);
    hasher.finish()
}

//! The levels at which a walk can be divided among several processes, and the share of one of them.
//!
//! A walk is a chain of loops: those of the queries that feed it, and its own. What is listed before a
//! level is listed once, and what follows an item of the level depends on that item only.

use std::collections::BTreeSet;
use std::rc::Rc;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::plan::{Feed, Plan, PlanId, Site, identifying_member};
use crate::project::query::{Items, Loop};

/// An item of the level at which a walk is divided.
#[derive(Clone)]
pub struct TaggedSite {
    /// Its index among all items.
    pub tag: Option<u32>,
    /// Its names.
    pub site: Site,
}

/// The items of a part whose records are incomplete.
#[derive(Debug, Clone, Default)]
pub struct Incomplete {
    /// True if all may be: what failed belongs to no item.
    pub all: bool,
    /// The others by their index.
    pub items: BTreeSet<u32>,
}

impl Incomplete {
    /// Adds an item; without one, all.
    pub fn add(&mut self, tag: Option<u32>) {
        match tag {
            Some(tag) => drop(self.items.insert(tag)),
            None => self.all = true,
        }
    }
}

/// A level of a walk.
#[derive(Clone)]
pub struct Split {
    /// The plan whose loop it is.
    pub plan: Rc<Plan>,
    /// The number of its loops whose items are known.
    pub known: usize,
}

impl Split {
    /// Returns the innermost loop whose items are known; `None` if the walk has none.
    fn last(&self) -> Option<&Loop> {
        self.plan.loops().get(self.known.checked_sub(1)?)
    }

    /// Returns the name of the level's items.
    pub fn name(&self) -> Option<&str> {
        self.last().map(|feed| feed.name.as_str())
    }

    /// Returns the identity of the level in a run.
    pub fn place(&self) -> (PlanId, usize) {
        (self.plan.id, self.known)
    }

    /// Returns true if its items are the records of a listing, of which there may be many.
    fn is_listed(&self) -> bool {
        let query = self.last().and_then(|feed| match &feed.items {
            Items::Query { query, .. } => Some(query),
            Items::List(_) => None,
        });
        query.is_some_and(|query| !query.yields_one())
    }
}

/// Returns the levels at which the walk of a plan can be divided, outermost first. The last one has all
/// loops of the plan itself.
pub fn levels(plan: &Rc<Plan>) -> Vec<Split> {
    let mut chain = vec![Rc::clone(plan)];
    while let Some(fed_by) = chain.last().and_then(divisible) {
        chain.push(fed_by);
    }
    let mut levels = Vec::new();
    for plan in chain.iter().rev() {
        for known in 1..=plan.feeds.len() {
            // A listing that depends on no item would be read again in each part.
            if !plan.feeds[known..].iter().any(is_listing) {
                let plan = Rc::clone(plan);
                levels.push(Split { plan, known });
            }
        }
    }
    if plan.feeds.is_empty() {
        let plan = Rc::clone(plan);
        levels.push(Split { plan, known: 0 });
    }
    levels
}

fn is_listing(feed: &Feed) -> bool {
    matches!(feed, Feed::Plan(_))
}

/// Returns the plan that feeds the first loop of a plan, if the records for each of its own items can be
/// found apart from the others.
fn divisible(plan: &Rc<Plan>) -> Option<Rc<Plan>> {
    let Some(Feed::Plan(fed_by)) = plan.feeds.first() else {
        return None;
    };
    let shape = &fed_by.query.shape;
    let is_whole = shape.depends_on_order()
        || shape.requires_values()
        || !shape.expect.is_empty()
        || !fed_by.data.is_empty()
        || fed_by.limit.is_some()
        || plan.loops()[0].limit.is_some()
        || plan.feeds[1..].iter().any(is_listing)
        || fed_by.feeds.is_empty();
    (!is_whole).then(|| Rc::clone(fed_by))
}

/// Returns the level at which each of several processes divides a walk in the same way, whatever it lists:
/// the outermost whose items are listed.
pub fn steady_level(plan: &Rc<Plan>) -> Option<Split> {
    let levels = levels(plan);
    let listed = levels.iter().find(|level| level.is_listed());
    listed.or(levels.last()).cloned()
}

/// One of several shares of a walk's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: u32,
    /// The number of shares, at least 1.
    pub count: u32,
}

impl Shard {
    /// Returns true if an item belongs to the share: by a hash of its key, which is the same on every
    /// machine.
    ///
    /// # Errors
    ///
    /// The name of an item without a key: the processes may see it with other values.
    pub fn has(self, site: &Site) -> Result<bool, String> {
        let items = site.items().into_iter();
        let key = items.map(|(name, item)| match key_of(item) {
            Some(key) => Ok((name, key)),
            None => Err(name),
        });
        let key: Map<String, Value> = key.collect::<Result<_, _>>()?;
        let hash = digest(&SHA256, Value::Object(key).to_string().as_bytes());
        let number = hash.as_ref().iter().take(8);
        let number = number.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        Ok(number % u64::from(self.count.max(1)) == u64::from(self.index))
    }
}

/// Returns the member of an item that identifies it, or the item if it has no members.
fn key_of(item: Value) -> Option<Value> {
    let Value::Object(mut members) = item else {
        return Some(item);
    };
    let key = identifying_member(&members)?;
    members.swap_remove(key)
}

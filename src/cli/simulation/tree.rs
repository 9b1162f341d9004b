//! A server with lists below the items of lists, and the result that a walk of it must have.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use crate::cli::simulation::chance::Chance;
use crate::cli::simulation::network::{Api, Attempt, Fate};

/// The path of the base URL.
const BASE: &str = "/api";

/// An item.
#[derive(Debug)]
struct Item {
    id: String,
    n: u64,
    children: Vec<Item>,
}

/// The lists of one level.
#[derive(Debug)]
struct Level {
    page: usize,
    /// True if the query of the level leaves out some items.
    is_filtered: bool,
}

/// The server.
#[derive(Debug)]
pub struct Tree {
    items: Vec<Item>,
    levels: Vec<Level>,
    /// The pages that always fail, by path and offset: with a status, or with a document that is no
    /// list (200).
    broken: BTreeMap<(String, usize), u16>,
}

/// A step of a walk in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A record, by its id.
    Record(String),
    /// A page that failed.
    Failed,
    /// A page that was not asked to the end.
    Unasked,
}

impl Tree {
    /// Grows a tree.
    pub fn grow(chance: &Chance) -> Self {
        let depth = chance.size(1..=3);
        let levels = (0..depth).map(|_| Level {
            page: chance.size(1..=10),
            is_filtered: chance.is(30),
        });
        let levels: Vec<Level> = levels.collect();
        let count = Cell::new(0);
        let most = if depth == 1 { 60 } else { 20 };
        let items = items(chance, depth, chance.size(0..=most), &count);
        let mut tree = Self {
            items,
            levels,
            broken: BTreeMap::new(),
        };
        if chance.is(40) {
            let percent = chance.number(1..=25);
            let mut places = Vec::new();
            tree.places("/l0", 0, &tree.items, &mut places);
            places.retain(|_| chance.is(percent));
            let status = |place: (String, usize)| {
                let status = chance.one_of(&[200, 400, 404, 500]);
                // A first page without a list may be an empty one: that is a note, and no failure.
                let is_first = place.1 == 0;
                (place, if is_first { status.max(400) } else { status })
            };
            tree.broken = places.into_iter().map(status).collect();
        }
        tree
    }

    /// Returns the queries, by name; the last one is the walk.
    pub fn queries(&self) -> Vec<(String, String)> {
        let query = |(number, level): (usize, &Level)| {
            let over = match number.checked_sub(1) {
                None => "endpoint: /l0".to_owned(),
                Some(above) => format!(
                    "for_each: {{ above: {{ query: q{above} }} }}\n\
                     endpoint: /l{above}/{{{{ above.id }}}}/l{number}"
                ),
            };
            let filter = if level.is_filtered {
                "\nwhere: row.n % 3 != 0"
            } else {
                ""
            };
            let text = format!(
                "resource: sim\n{over}\nrows: $.items[*]{filter}\nextract: {{ id: $.id, n: $.n }}\n"
            );
            (format!("q{number}"), text)
        };
        self.levels.iter().enumerate().map(query).collect()
    }

    /// Returns the steps of a walk, given the attempts that the network saw.
    pub fn course(&self, attempts: &[Attempt]) -> Vec<Step> {
        let received = attempts
            .iter()
            .filter(|attempt| matches!(attempt.fate, Fate::Received(_)))
            .map(|attempt| attempt.target.as_str())
            .collect();
        let asked = attempts
            .iter()
            .filter(|attempt| attempt.fate != Fate::Open)
            .map(|attempt| attempt.target.as_str())
            .collect();
        let seen = Seen { received, asked };
        let mut course = Vec::new();
        self.follow("/l0", 0, &self.items, &seen, &mut course);
        course
    }

    fn follow(
        &self,
        path: &str,
        level: usize,
        items: &[Item],
        seen: &Seen,
        course: &mut Vec<Step>,
    ) {
        let Level { page, is_filtered } = &self.levels[level];
        let mut offset = 0;
        loop {
            let target = match offset {
                0 => format!("{BASE}{path}"),
                offset => format!("{BASE}{path}?page-token={offset}"),
            };
            let is_broken = self.broken.contains_key(&(path.to_owned(), offset));
            if is_broken && seen.asked.contains(&*target) || seen.has_failed(&target) {
                return course.push(Step::Failed);
            }
            if !seen.received.contains(&*target) {
                return course.push(Step::Unasked);
            }
            let end = items.len().min(offset + page);
            for item in &items[offset..end] {
                if *is_filtered && item.n.is_multiple_of(3) {
                    continue;
                }
                if level + 1 == self.levels.len() {
                    course.push(Step::Record(item.id.clone()));
                } else {
                    let path = below(level, item);
                    self.follow(&path, level + 1, &item.children, seen, course);
                }
            }
            offset = end;
            if offset == items.len() {
                return;
            }
        }
    }

    /// Lists the pages below an item.
    fn places(&self, path: &str, level: usize, items: &[Item], places: &mut Vec<(String, usize)>) {
        let pages = (0..items.len().max(1)).step_by(self.levels[level].page);
        places.extend(pages.map(|offset| (path.to_owned(), offset)));
        for item in items.iter().filter(|_| level + 1 < self.levels.len()) {
            self.places(&below(level, item), level + 1, &item.children, places);
        }
    }
}

/// The pages that the network delivered, and those that it was asked for.
struct Seen<'a> {
    received: BTreeSet<&'a str>,
    asked: BTreeSet<&'a str>,
}

impl Seen<'_> {
    fn has_failed(&self, target: &str) -> bool {
        self.asked.contains(target) && !self.received.contains(target)
    }
}

fn below(level: usize, item: &Item) -> String {
    format!("/l{level}/{}/l{}", item.id, level + 1)
}

fn items(chance: &Chance, depth: usize, count: usize, total: &Cell<u64>) -> Vec<Item> {
    let item = |_| {
        let number = total.get();
        total.set(number + 1);
        let children = match depth {
            1 => Vec::new(),
            _ => items(chance, depth - 1, chance.size(0..=8), total),
        };
        Item {
            id: format!("i{number}"),
            n: chance.number(0..=99),
            children,
        }
    };
    (0..count).map(item).collect()
}

fn find<'i>(items: &'i [Item], id: &str) -> Option<&'i Item> {
    items.iter().find_map(|item| {
        let is_it = item.id == id;
        is_it.then_some(item).or_else(|| find(&item.children, id))
    })
}

impl Api for Tree {
    fn answer(&self, url: &Url, _: Timestamp) -> Result<Value, u16> {
        let path = url.path().strip_prefix(BASE).ok_or(404_u16)?;
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (level, items) = match parts[..] {
            [_] => (0, &self.items),
            [above, id, _] => {
                let above: usize = above.trim_start_matches('l').parse().map_err(|_| 404_u16)?;
                (above + 1, &find(&self.items, id).ok_or(404_u16)?.children)
            }
            _ => return Err(404),
        };
        let mut pairs = url.query_pairs();
        let token = pairs.find(|(name, _)| name == "page-token");
        let offset = token.map_or(Ok(0), |(_, token)| token.parse());
        let offset: usize = offset.map_err(|_| 400_u16)?;
        match self.broken.get(&(path.to_owned(), offset)) {
            Some(200) => return Ok(json!({ "message": "try again later" })),
            Some(status) => return Err(*status),
            None => {}
        }
        let end = items.len().min(offset + self.levels[level].page);
        let page = items.get(offset..end).ok_or(400_u16)?;
        let page: Vec<Value> = page
            .iter()
            .map(|item| json!({ "id": item.id, "n": item.n }))
            .collect();
        let next = (end < items.len()).then(|| end.to_string());
        Ok(json!({ "items": page, "next_page_token": next }))
    }
}

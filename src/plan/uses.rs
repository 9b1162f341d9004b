//! The record fields used by a query's templates and conditions. Only these are prepared, since a
//! walk reads many records.

use std::collections::BTreeSet;

use crate::project::query::Shape;
use crate::template::Mentions;

/// The fields in use.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    /// Columns by name.
    columns: BTreeSet<String>,
    row: RowUse,
    headers: bool,
}

/// The parts of `row` in use.
#[derive(Debug, Clone, Default)]
enum RowUse {
    #[default]
    Nothing,
    Members(BTreeSet<String>),
    Whole,
}

impl Uses {
    /// Collects the names read by columns, conditions and sort keys.
    pub fn of(shape: &Shape) -> Self {
        let mut uses = Self::default();
        for mentions in shape.record_mentions() {
            uses.add(shape, mentions);
        }
        uses
    }

    fn add(&mut self, shape: &Shape, mentions: &Mentions) {
        for mention in mentions.iter() {
            let root = mention.root();
            if root == "row" {
                self.row.add(mention.path.get(1));
            } else if root == "response" {
                let member = mention.path.get(1);
                self.headers |= member.is_none_or(|member| member == "headers");
            } else if shape.extract.is_empty()
                || shape.extract.iter().any(|column| column.name == root)
            {
                self.columns.insert(root.to_owned());
            }
        }
    }

    /// Returns true if a column is used by name.
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.contains(name)
    }

    /// Returns true if a member of `row` is used.
    pub fn has_member(&self, name: &str) -> bool {
        match &self.row {
            RowUse::Nothing => false,
            RowUse::Members(members) => members.contains(name),
            RowUse::Whole => true,
        }
    }

    /// Returns true if response headers are used.
    pub fn has_headers(&self) -> bool {
        self.headers
    }

    /// Returns true if `row` is used at all.
    pub fn has_row(&self) -> bool {
        !matches!(self.row, RowUse::Nothing)
    }
}

impl RowUse {
    fn add(&mut self, member: Option<&String>) {
        match (&mut *self, member) {
            (Self::Whole, _) => {}
            // `row` alone, or a member with a computed name.
            (_, None) => *self = Self::Whole,
            (Self::Members(members), Some(member)) => {
                members.insert(member.clone());
            }
            (Self::Nothing, Some(member)) => {
                *self = Self::Members(BTreeSet::from([member.clone()]));
            }
        }
    }
}

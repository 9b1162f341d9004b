//! A column as the places of an axis: times and numbers sorted, names in order of appearance.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::core::text::truncate_to_width;
use crate::core::time;
use crate::template::chart::data::{Axis, DataOptions};
use crate::template::chart::scale::{Unit, value_label};
use crate::template::chart::time_axis::{full_label, is_midnight};
use crate::template::environment::to_text;
use crate::template::value::{choice, is_null, to_number, wrong};

/// The key of a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Moment(Timestamp),
    /// The bits of a number; zero is always positive.
    Number(u64),
    Name(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Time,
    Number,
    Names,
}

/// Returns the text of a value used as a name.
pub fn name_of(value: &Value) -> Result<String, Error> {
    if is_null(value) {
        return Ok("–".to_owned());
    }
    to_text(value)
}

/// The places of an axis, and the place of each record.
pub struct Places {
    kind: Kind,
    keys: Vec<Key>,
    /// The place of each record, if it has one.
    pub of_record: Vec<Option<usize>>,
}

impl Places {
    /// Reads the column of an axis.
    ///
    /// # Errors
    ///
    /// If `kind` is unknown, or a value does not match it.
    pub fn read(values: &[Value], kind: Option<&str>, wanted: &DataOptions) -> Result<Self, Error> {
        let present = || values.iter().filter(|value| !is_null(value));
        let kind = match kind {
            Some(word) => match choice("x_type", word, &["time", "number", "category"])? {
                "time" => Kind::Time,
                "number" => Kind::Number,
                _ => Kind::Names,
            },
            None if present().next().is_none() => Kind::Names,
            None if present().all(|value| parse_moment(value, wanted.zone).is_some()) => Kind::Time,
            None if wanted.numbers_on_scale
                && present().all(|value| value.kind() == ValueKind::Number) =>
            {
                Kind::Number
            }
            None => Kind::Names,
        };
        let mut keys = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        let mut of_record = Vec::with_capacity(values.len());
        for value in values {
            let key = match kind {
                _ if is_null(value) && kind != Kind::Names => None,
                Kind::Names => Some(Key::Name(name_of(value)?)),
                // Adding 0 removes the sign of `-0`.
                Kind::Number => Some(Key::Number((to_number(value)? + 0.0).to_bits())),
                Kind::Time => Some(Key::Moment(
                    parse_moment(value, wanted.zone).ok_or_else(|| {
                        let text = value.to_string();
                        let text = truncate_to_width(&text, 40);
                        wrong(format!(
                            "column `{}` of `{}`: `{text}` is not a time such as `2026-11-02T09:00:00Z` or `2026-11-02`",
                            wanted.x, wanted.chart
                        ))
                    })?,
                )),
            };
            of_record.push(key.map(|key| {
                *known.entry(key.clone()).or_insert_with(|| {
                    keys.push(key);
                    keys.len() - 1
                })
            }));
        }
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|left, right| match (&keys[*left], &keys[*right]) {
            (Key::Moment(left), Key::Moment(right)) => left.cmp(right),
            (Key::Number(left), Key::Number(right)) => {
                f64::from_bits(*left).total_cmp(&f64::from_bits(*right))
            }
            _ => left.cmp(right),
        });
        let mut rank = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            rank[*old] = new;
        }
        Ok(Self {
            kind,
            keys: order.iter().map(|old| keys[*old].clone()).collect(),
            of_record: of_record
                .into_iter()
                .map(|at| at.map(|old| rank[old]))
                .collect(),
        })
    }

    /// Returns the full label of each place.
    pub fn labels(&self, zone: &TimeZone) -> Vec<String> {
        let zoned = |moment: &Timestamp| moment.to_zoned(zone.clone());
        let is_midnight = |key: &Key| match key {
            Key::Moment(moment) => is_midnight(&zoned(moment)),
            _ => false,
        };
        let are_days = self.keys.iter().all(is_midnight);
        self.keys
            .iter()
            .map(|key| match key {
                Key::Moment(moment) => full_label(&zoned(moment), are_days),
                Key::Number(bits) => value_label(f64::from_bits(*bits), &Unit::Text(String::new())),
                Key::Name(name) => name.clone(),
            })
            .collect()
    }

    /// Returns the number of places.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns the axis.
    pub fn axis(self) -> Axis {
        let keys = self.keys.into_iter();
        match self.kind {
            Kind::Time => Axis::Time(
                keys.filter_map(|key| match key {
                    Key::Moment(moment) => Some(moment),
                    _ => None,
                })
                .collect(),
            ),
            Kind::Number => Axis::Number(
                keys.filter_map(|key| match key {
                    Key::Number(bits) => Some(f64::from_bits(bits)),
                    _ => None,
                })
                .collect(),
            ),
            Kind::Names => Axis::Names,
        }
    }
}

/// Parses a time in a record: RFC 3339, or a date, which begins in the zone.
fn parse_moment(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    if text.len() == 10 {
        let day: Date = text.parse().ok()?;
        return day
            .to_zoned(zone.clone())
            .ok()
            .map(|zoned: Zoned| zoned.timestamp());
    }
    time::parse_timestamp(text)
}

//! The shape of JSON values, as a description of an API declares it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::template::selector::PathStep;

/// The maximum depth of a sample.
const DEEPEST_SAMPLE: usize = 8;

/// The maximum number of values in a sample.
const MOST_SAMPLED: usize = 10_000;

/// The shape of a value.
///
/// Shapes share their parts. Comparing is fast since equal parts are mostly the same one, which `Arc`
/// notices for types that are [`Eq`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// Any value: nothing is known.
    Any,
    /// Null.
    Null,
    /// `true` or `false`.
    Bool,
    /// An integer.
    Int,
    /// Any number.
    Number,
    /// A string.
    Text(TextKind),
    /// One word of an enumeration.
    Word(Arc<str>),
    /// A list.
    List(Arc<Schema>),
    /// An object.
    Object(Arc<Object>),
    /// One of several; at least two, none of them a union.
    Union(Arc<[Schema]>),
}

/// The content of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Any text.
    Plain,
    /// A moment (RFC 3339).
    Time,
    /// A date (RFC 3339).
    Date,
    /// A UUID (RFC 9562).
    Uuid,
    /// A URL.
    Url,
    /// Bytes, such as a file of a multipart body.
    Binary,
}

impl TextKind {
    /// All by name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("string", Self::Plain),
        ("time", Self::Time),
        ("date", Self::Date),
        ("uuid", Self::Uuid),
        ("url", Self::Url),
        ("binary", Self::Binary),
    ];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("string", |(name, _)| name)
    }
}

/// The shape of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    /// Its known members.
    pub members: Vec<Member>,
    /// Its other members.
    pub others: Others,
}

/// A known member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub name: Arc<str>,
    /// True if it is always present.
    pub is_required: bool,
    /// The shape of its value.
    pub schema: Schema,
    /// The meaning.
    pub description: Option<Arc<str>>,
}

/// The members of an object that are not known by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Others {
    /// There are none.
    #[default]
    None,
    /// There may be any.
    Any,
    /// Any, each with this shape: the names are data.
    Each(Schema),
}

/// The result of following a path through a shape.
#[derive(Debug, PartialEq)]
pub enum Found<'s> {
    /// The shapes at the end of the path, with null if it may be absent.
    Known(Vec<&'s Schema>),
    /// The description does not say.
    Unknown,
    /// No value has this member.
    Missing {
        /// The index of the step.
        step: usize,
        /// The members that exist there.
        known: Vec<&'s str>,
    },
    /// The step needs an object or a list, and the value is neither.
    Scalar {
        /// The index of the step.
        step: usize,
        /// The shape found instead.
        schema: &'s Schema,
    },
}

impl Schema {
    /// Joins alternatives.
    pub fn union(alternatives: impl IntoIterator<Item = Self>) -> Self {
        let mut list: Vec<Self> = Vec::new();
        let mut add = |schema: Self| {
            if !list.contains(&schema) {
                list.push(schema);
            }
        };
        for schema in alternatives {
            match schema {
                Self::Union(inner) => inner.iter().cloned().for_each(&mut add),
                other => add(other),
            }
        }
        if list.contains(&Self::Any) {
            return Self::Any;
        }
        match list.len() {
            0 => Self::Any,
            1 => list.remove(0),
            _ => Self::Union(list.into()),
        }
    }

    /// Returns the shape or null.
    #[must_use]
    pub fn or_null(self) -> Self {
        Self::union([self, Self::Null])
    }

    /// Returns the alternatives; a single one for all that is no union.
    pub fn alternatives(&self) -> &[Self] {
        match self {
            Self::Union(list) => list,
            other => std::slice::from_ref(other),
        }
    }

    /// Returns the words of an enumeration, if all alternatives are words or null.
    pub fn words(&self) -> Option<Vec<&str>> {
        let mut words = Vec::new();
        for schema in self.alternatives() {
            match schema {
                Self::Word(word) => words.push(&**word),
                Self::Null => {}
                _ => return None,
            }
        }
        (!words.is_empty()).then_some(words)
    }

    /// Returns true if null is allowed.
    pub fn takes_null(&self) -> bool {
        let mut alternatives = self.alternatives().iter();
        alternatives.any(|schema| matches!(schema, Self::Null | Self::Any))
    }

    /// Returns the only alternative apart from null.
    pub fn without_null(&self) -> Option<&Self> {
        let mut others = self
            .alternatives()
            .iter()
            .filter(|schema| **schema != Self::Null);
        let first = others.next()?;
        others.next().is_none().then_some(first)
    }

    /// Returns true if a value can have this shape. Formats of strings are not checked.
    pub fn allows(&self, value: &Value) -> bool {
        self.alternatives().iter().any(|schema| match schema {
            Self::Any => true,
            Self::Null => value.is_null(),
            Self::Bool => value.is_boolean(),
            Self::Int => value.as_number().is_some_and(|number| {
                number.is_i64() || number.is_u64() || number.as_str().ends_with(".0")
            }),
            Self::Number => value.is_number(),
            Self::Text(_) => value.is_string(),
            Self::Word(word) => value.as_str() == Some(&**word),
            Self::List(_) => value.is_array(),
            Self::Object(_) => value.is_object(),
            Self::Union(_) => false,
        })
    }

    /// Follows a path. With `is_loose`, `-` and `_` in names are equal.
    pub fn follow(&self, path: &[PathStep], is_loose: bool) -> Found<'_> {
        let mut current: Vec<&Self> = self.alternatives().iter().collect();
        for (step, wanted) in path.iter().enumerate() {
            current.retain(|schema| **schema != Self::Null);
            if current.is_empty() {
                // It is always null.
                return Found::Unknown;
            }
            if *wanted == PathStep::Deep || current.iter().any(|schema| **schema == Self::Any) {
                return Found::Unknown;
            }
            let mut next: Vec<&Self> = Vec::new();
            let mut known: Vec<&str> = Vec::new();
            let mut has_place = false;
            let mut is_open = false;
            for schema in &current {
                match schema.child(wanted, is_loose) {
                    Child::Found(schema) => {
                        has_place = true;
                        next.extend(schema.alternatives());
                    }
                    Child::Optional(schema) => {
                        has_place = true;
                        next.extend(schema.alternatives());
                        next.push(&Self::Null);
                    }
                    Child::Several(members) => {
                        has_place = true;
                        next.extend(
                            members
                                .iter()
                                .flat_map(|member| member.schema.alternatives()),
                        );
                    }
                    Child::Unknown => is_open = true,
                    Child::Missing(members) => {
                        has_place = true;
                        known.extend(members.iter().map(|member| &*member.name));
                    }
                    Child::Scalar => {}
                }
            }
            if is_open {
                return Found::Unknown;
            }
            if next.is_empty() {
                return match current.first() {
                    Some(schema) if !has_place => Found::Scalar { step, schema },
                    Some(_) => Found::Missing { step, known },
                    None => Found::Unknown,
                };
            }
            current = next;
        }
        Found::Known(current)
    }

    fn child(&self, step: &PathStep, is_loose: bool) -> Child<'_> {
        match (self, step) {
            (Self::Object(object), PathStep::Name(name)) => {
                match object.member(name, is_loose) {
                    Some(member) if member.is_required => return Child::Found(&member.schema),
                    Some(member) => return Child::Optional(&member.schema),
                    None => {}
                }
                match &object.others {
                    Others::None => Child::Missing(&object.members),
                    Others::Any => Child::Unknown,
                    Others::Each(schema) => Child::Found(schema),
                }
            }
            (Self::Object(object), PathStep::Each) => match &object.others {
                Others::None if !object.members.is_empty() => Child::Several(&object.members),
                Others::Each(schema) if object.members.is_empty() => Child::Found(schema),
                _ => Child::Unknown,
            },
            (Self::List(element), PathStep::Each) => Child::Found(element),
            (Self::Any, _) => Child::Unknown,
            _ => Child::Scalar,
        }
    }

    /// Returns a value of this shape, with one element in every list. What is nested deep is null, and
    /// so is what exceeds a maximum number of values: shared parts can be very many.
    pub fn sample(&self) -> Value {
        self.sample_within(0, &mut MOST_SAMPLED.clone())
    }

    fn sample_within(&self, depth: usize, room: &mut usize) -> Value {
        if depth > DEEPEST_SAMPLE || *room == 0 {
            return Value::Null;
        }
        *room -= 1;
        match self {
            Self::Any => Value::Object(Map::new()),
            Self::Null => Value::Null,
            Self::Bool => Value::Bool(true),
            Self::Int | Self::Number => Value::from(1),
            Self::Text(kind) => Value::from(match kind {
                TextKind::Plain | TextKind::Binary => "text",
                TextKind::Time => "2026-01-01T00:00:00Z",
                TextKind::Date => "2026-01-01",
                TextKind::Uuid => "5034460f-c7c4-4c43-9457-de07e2029e7b",
                TextKind::Url => "https://example.com/",
            }),
            Self::Word(word) => Value::from(&**word),
            Self::List(element) => Value::Array(vec![element.sample_within(depth + 1, room)]),
            Self::Object(object) => {
                let mut members = Map::with_capacity(object.members.len());
                for member in &object.members {
                    let value = member.schema.sample_within(depth + 1, room);
                    members.insert(member.name.to_string(), value);
                }
                Value::Object(members)
            }
            Self::Union(list) => list
                .iter()
                .find(|one| **one != Self::Null)
                .map_or(Value::Null, |one| one.sample_within(depth, room)),
        }
    }

    /// Returns the shape without the meanings of members.
    #[cfg(test)]
    #[must_use]
    pub fn without_meanings(&self) -> Self {
        match self {
            Self::List(element) => Self::List(Arc::new(element.without_meanings())),
            Self::Union(list) => Self::union(list.iter().map(Self::without_meanings)),
            Self::Object(object) => {
                let members = object.members.iter().map(|member| Member {
                    schema: member.schema.without_meanings(),
                    description: None,
                    ..member.clone()
                });
                let others = match &object.others {
                    Others::Each(each) => Others::Each(each.without_meanings()),
                    other => other.clone(),
                };
                Self::Object(Arc::new(Object {
                    members: members.collect(),
                    others,
                }))
            }
            other => other.clone(),
        }
    }

    /// Returns the kind of value, with its article.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Number => "a number",
            Self::Text(_) | Self::Word(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::Union(_) => "one of several types",
        }
    }
}

/// The result of one step.
enum Child<'s> {
    Found(&'s Schema),
    /// A member that may be absent.
    Optional(&'s Schema),
    Several(&'s [Member]),
    Unknown,
    Missing(&'s [Member]),
    Scalar,
}

impl Object {
    /// Returns the member with a name. With `is_loose`, `-` and `_` are equal.
    pub fn member(&self, name: &str, is_loose: bool) -> Option<&Member> {
        let fold = |text: &str| text.replace('-', "_");
        let exact = self.members.iter().find(|member| &*member.name == name);
        exact.or_else(|| {
            let mut members = self.members.iter();
            members.find(|member| is_loose && fold(&member.name) == fold(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::parse_schema;
    use crate::template::selector::Selector;

    fn follow<'s>(schema: &'s Schema, path: &str, is_loose: bool) -> Found<'s> {
        let selector = Selector::parse(path).expect("a path");
        let reads = selector.reads();
        schema.follow(reads.last().expect("its own path"), is_loose)
    }

    #[test]
    fn a_path_ends_at_a_shape_or_names_what_is_missing() {
        let text = r#"{items:[{id:uuid,status:"ok"|"bad",at?:time?,tags:{*:int}}],raw:{...}}"#;
        let schema = parse_schema(text).expect("a shape");
        let words = follow(&schema, "$.items[*].status", false);
        let Found::Known(found) = words else {
            panic!("{words:?}")
        };
        assert_eq!(found.len(), 2);
        assert_eq!(
            follow(&schema, "$.items[*].tags.any", false),
            Found::Known(vec![&Schema::Int])
        );
        assert_eq!(follow(&schema, "$.raw.a.b", false), Found::Unknown);
        assert_eq!(follow(&schema, "$..id", false), Found::Unknown);
        let missing = follow(&schema, "$.items[0].idd", false);
        let known = vec!["id", "status", "at", "tags"];
        assert_eq!(missing, Found::Missing { step: 2, known });
        assert!(matches!(
            follow(&schema, "$.items[0].id.name", false),
            Found::Scalar { step: 3, .. }
        ));
        assert!(matches!(
            follow(&schema, "$.items.id", false),
            Found::Scalar { step: 1, .. }
        ));
    }

    #[test]
    fn loose_names_are_equal_with_hyphens_and_underscores() {
        let schema = parse_schema("{total-flaky:number}").expect("a shape");
        assert!(matches!(
            follow(&schema, "$.total_flaky", false),
            Found::Missing { .. }
        ));
        assert!(matches!(
            follow(&schema, "$.total_flaky", true),
            Found::Known(_)
        ));
    }

    #[test]
    fn unions_are_flat_and_have_no_duplicates() {
        let words = Schema::union([
            Schema::Word("a".into()),
            Schema::union([Schema::Word("b".into()), Schema::Null]),
            Schema::Word("a".into()),
        ]);
        assert_eq!(words.words(), Some(vec!["a", "b"]));
        assert!(words.takes_null());
        assert_eq!(Schema::union([Schema::Int, Schema::Any]), Schema::Any);
        assert_eq!(Schema::union([Schema::Int]), Schema::Int);
    }
}

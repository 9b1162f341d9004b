//! Objects that are stored as they are shown: creating, reading, changing and deleting them.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::desk::{Sort, Thing};

/// A sort of objects and the members that clients may set.
pub struct Collection {
    /// The sort.
    pub sort: Sort,
    /// The name in messages.
    pub name: &'static str,
    /// The status for an object that does not exist.
    pub missing: StatusCode,
    /// The members of a body: required ones first.
    pub fields: &'static [(&'static str, Field)],
    /// The number of required members.
    pub required: usize,
}

/// The type of a member of a body.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    /// A string.
    Text,
    /// A string or null.
    TextOrNull,
    /// A string of which only the end is shown.
    Secret,
    /// A boolean.
    Flag,
    /// An object.
    Object,
    /// One of some strings.
    OneOf(&'static [&'static str]),
    /// A list of some strings.
    ListOf(&'static [&'static str]),
    /// One of some strings, which is not shown.
    Hidden(&'static [&'static str]),
    /// Anything, which is not shown.
    Ignored,
}

impl Field {
    fn fits(self, value: &Value) -> bool {
        let is_one = |words: &[&str], value: &Value| {
            value.as_str().is_some_and(|word| words.contains(&word))
        };
        let all = |fits: &dyn Fn(&Value) -> bool| {
            value.as_array().is_some_and(|list| list.iter().all(fits))
        };
        match self {
            Self::Text | Self::Secret => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::Flag => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::OneOf(words) | Self::Hidden(words) => is_one(words, value),
            Self::ListOf(words) => all(&|value| is_one(words, value)),
            Self::Ignored => true,
        }
    }

    /// Returns a member as it is shown.
    fn shown(self, value: &Value) -> Option<Value> {
        match self {
            Self::Hidden(_) | Self::Ignored => None,
            Self::Secret => Some(json!(hidden(value.as_str().unwrap_or_default()))),
            _ => Some(value.clone()),
        }
    }

    /// Returns what fits, for a message.
    fn expected(self) -> String {
        match self {
            Self::OneOf(words) | Self::Hidden(words) => format!("must be {}", words.join(" or ")),
            Self::Object => "must be an object".to_owned(),
            _ => "has the wrong type".to_owned(),
        }
    }
}

/// Masks a secret but for its end.
fn hidden(secret: &str) -> String {
    let length = secret.chars().count();
    let start = length.saturating_sub(4.min(length / 2));
    let tail: String = secret.chars().skip(start).collect();
    format!("****{tail}")
}

impl Collection {
    /// Returns the objects of an owner.
    pub fn of(&self, world: &World, owner: &str) -> Vec<Value> {
        let things = world.desk.things.iter();
        things
            .filter(|thing| thing.sort == self.sort && thing.owner == owner)
            .map(|thing| thing.shown.clone())
            .collect()
    }

    /// Returns the object with an id.
    pub fn get(&self, world: &World, id: &str) -> Outcome {
        let place = self.place(world, id)?;
        Ok(Answer::ok(world.desk.things[place].shown.clone()))
    }

    /// Creates an object from a body; `base` has the members that clients do not set.
    pub fn create(
        &self,
        world: &mut World,
        call: &Call,
        owner: &str,
        base: impl FnOnce(&mut World, String) -> Value,
    ) -> Result<Value, Fault> {
        let body = call.object()?;
        for (name, _) in &self.fields[..self.required] {
            if body.get(*name).is_none_or(Value::is_null) {
                return Err(Fault::bad(format!("{name}: is required")));
            }
        }
        let members = self.members(&body)?;
        let id = world.desk.new_id();
        let mut shown = base(world, id);
        for (name, value) in members {
            shown[name] = value;
        }
        world.desk.things.push(Thing {
            sort: self.sort,
            owner: owner.to_owned(),
            shown: shown.clone(),
        });
        Ok(shown)
    }

    /// Changes members of an object.
    pub fn update(&self, world: &mut World, call: &Call, id: &str) -> Outcome {
        let place = self.place(world, id)?;
        let members = self.members(&call.object()?)?;
        let now = json!(precise(world.moment_of_writing()));
        let shown = &mut world.desk.things[place].shown;
        for (name, value) in members {
            shown[name] = value;
        }
        if let Some(updated_at) = shown.get_mut("updated-at") {
            *updated_at = now;
        }
        Ok(Answer::ok(shown.clone()))
    }

    /// Deletes an object.
    pub fn delete(&self, world: &mut World, id: &str) -> Outcome {
        let place = self.place(world, id)?;
        world.desk.things.remove(place);
        let message = format!("{} deleted.", self.name);
        Ok(Answer::message(StatusCode::OK, &message))
    }

    fn place(&self, world: &World, id: &str) -> Result<usize, Fault> {
        let mut things = world.desk.things.iter();
        let place = things.position(|thing| thing.sort == self.sort && thing.shown["id"] == id);
        place.ok_or_else(|| Fault::with(self.missing, &format!("{} not found.", self.name)))
    }

    /// Checks the members of a body and returns those that are shown.
    fn members(&self, body: &Map<String, Value>) -> Result<Vec<(&'static str, Value)>, Fault> {
        let mut members = Vec::new();
        for (name, value) in body {
            let known = self.fields.iter().find(|(known, _)| known == name);
            let Some((name, field)) = known else {
                let kind = self.name.to_lowercase();
                return Err(Fault::bad(format!("{name}: is not a member of a {kind}")));
            };
            if !field.fits(value) {
                return Err(Fault::bad(format!("{name}: {}", field.expected())));
            }
            members.extend(field.shown(value).map(|value| (*name, value)));
        }
        Ok(members)
    }
}

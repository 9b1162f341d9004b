//! Bounds on what a template makes.
//!
//! Steps and bytes are bounded by the fuel. What fuel does not see is bounded here: how deep a value
//! is nested, and how long a text is that is made in one step. Time and memory are watched from
//! another thread, which asks for the template [`under_way`].

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::core::source::{Place, Text};
use crate::template::value::wrong;

/// No text that one step makes is longer.
pub const LONGEST_TEXT: usize = 64 * 1024 * 1024;

/// No value that is printed or converted is nested deeper.
const DEEPEST: usize = 128;

/// What an item of a list or mapping counts, beside its text.
const ITEM: usize = 4;

/// Refuses a text of this length.
///
/// # Errors
///
/// If it is longer than [`LONGEST_TEXT`].
pub fn check_length(length: usize) -> Result<(), Error> {
    if length > LONGEST_TEXT {
        let most = LONGEST_TEXT / (1024 * 1024);
        return Err(wrong(format!("the text would be longer than {most} MiB")));
    }
    Ok(())
}

/// Refuses a value that is nested too deep or that would be too long as a text. Lists that share
/// their items are small in memory and without end when they are written out.
///
/// # Errors
///
/// If it is.
pub fn check_value(value: &Value) -> Result<(), Error> {
    measure(value, 0, &mut 0)
}

fn measure(value: &Value, depth: usize, length: &mut usize) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(wrong(format!(
            "the value is nested more than {DEEPEST} levels deep"
        )));
    }
    *length += ITEM + value.as_str().map_or(0, str::len);
    check_length(*length)?;
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()? {
                measure(&item, depth + 1, length)?;
            }
        }
        ValueKind::Map => {
            for key in value.try_iter()? {
                measure(&key, depth + 1, length)?;
                measure(&value.get_item(&key)?, depth + 1, length)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The template that is being rendered. There is one thread that renders.
static UNDER_WAY: Mutex<Noted> = Mutex::new(Noted {
    number: 0,
    template: None,
});

struct Noted {
    /// Counts renderings.
    number: u64,
    template: Option<(Text, Range<usize>)>,
}

fn noted() -> MutexGuard<'static, Noted> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A rendering, until it is dropped.
#[must_use = "the rendering is over when this is dropped"]
pub struct Rendering(());

impl Rendering {
    /// Notes that a part of a text is being rendered.
    pub fn of(text: &Text, range: Range<usize>) -> Self {
        let mut noted = noted();
        noted.number += 1;
        noted.template = Some((text.clone(), range));
        Self(())
    }
}

impl Drop for Rendering {
    fn drop(&mut self) {
        noted().template = None;
    }
}

/// The template that is being rendered, with a number that no other rendering has.
pub fn under_way() -> Option<(u64, Place)> {
    let noted = noted();
    let (text, range) = noted.template.as_ref()?;
    Some((noted.number, text.locate(range.clone())))
}

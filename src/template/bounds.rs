//! Limits on the values a template produces.
//!
//! Fuel limits steps and output size. These limits cover the rest: the nesting depth of a value, and
//! the length of a text created in one step. Time and memory are watched by another thread, which
//! looks up the current template with [`under_way`].

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::core::source::{Place, Text};
use crate::template::value::wrong;

/// The maximum length of a text created in one step.
pub const LONGEST_TEXT: usize = 64 * 1024 * 1024;

/// The maximum nesting depth of a value that is printed or converted.
const DEEPEST: usize = 128;

/// The weight of an item of a list or mapping, in addition to its text.
const ITEM: usize = 4;

/// Checks the length of a text.
///
/// # Errors
///
/// If it is longer than [`LONGEST_TEXT`].
pub fn check_length(length: usize) -> Result<(), Error> {
    if length > LONGEST_TEXT {
        let most = LONGEST_TEXT / (1024 * 1024);
        return Err(wrong(format!("the text would be larger than {most} MiB")));
    }
    Ok(())
}

/// Checks the depth of a value and its length as text. Lists with shared items are small in memory
/// but may be huge when written out.
///
/// # Errors
///
/// If it is too deep or too long.
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

/// The template that is being rendered. Only one thread renders.
static UNDER_WAY: Mutex<Noted> = Mutex::new(Noted {
    number: 0,
    template: None,
});

struct Noted {
    /// The number of renderings so far.
    number: u64,
    template: Option<(Text, Range<usize>)>,
}

fn noted() -> MutexGuard<'static, Noted> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks a rendering in progress until it is dropped.
#[must_use = "the rendering is over when this is dropped"]
pub struct Rendering(());

impl Rendering {
    /// Marks a part of a text as being rendered.
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

/// Returns the place of the template that is being rendered, with a number unique to this
/// rendering.
pub fn under_way() -> Option<(u64, Place)> {
    let noted = noted();
    let (text, range) = noted.template.as_ref()?;
    Some((noted.number, text.locate(range.clone())))
}

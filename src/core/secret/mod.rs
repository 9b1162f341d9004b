//! Secret values, and a scrubber that masks known ones in output.
//!
//! A [`Secret`] has no `Display` and no `Deref`: its text is only available through
//! [`Secret::expose`], which is called in few places. A [`Scrubber`] masks known values, in the
//! encodings in which they could come back, in foreign texts: responses, error messages, traces.
//! [`is_secret_name`] is the one list of names whose values are secret.
//!
//! Scrub a text before truncating, changing or parsing it: afterwards, a partial secret is no
//! longer recognized.
//!
//! ```text
//! let scrubber = Scrubber::new();
//! scrubber.add(&Secret::new("open sesame"));
//! assert_eq!(scrubber.text("?key=open%20sesame&page=2"), "?key=***&page=2");
//! ```

mod decoded;
mod forms;
mod literals;
mod loosely;
mod mixed;
mod names;
mod scrubber;
mod shape;

use std::fmt;

pub use literals::Literals;
pub use loosely::LooseForms;
pub use mixed::holds_literal_secret;
pub use names::{is_secret_name, is_secret_param};
pub use scrubber::Scrubber;
pub use shape::holds_token;

/// The replacement for a secret.
pub const MASK: &str = "***";

/// The minimum length of values scrubbed from foreign text. A shorter one would mask ordinary words
/// (`a`, `1`, `yes`) and is too short to protect anything. Where `runner` itself places a secret,
/// it is masked whatever its length.
pub const SHORTEST: usize = 4;

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the place where it leaves the program.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "Secret(***)");
    }
}

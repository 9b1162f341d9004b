//! Values that must not be seen, and the scrubber that keeps known ones out of what is shown.
//!
//! A [`Secret`] has no `Display` and no `Deref`: whoever wants its text says [`Secret::expose`],
//! and those places are few. A [`Scrubber`] replaces known values, in the encodings in which they
//! could come back, in texts that others made: answers, error messages, traces. [`is_secret_name`]
//! is the one list of names whose values are secret.
//!
//! A text is scrubbed before it is cut, changed or looked at: what is left of a secret after that
//! is not recognised any more.
//!
//! ```
//! use runner::core::secret::{Scrubber, Secret};
//!
//! let scrubber = Scrubber::new();
//! scrubber.add(&Secret::new("open sesame"));
//! assert_eq!(scrubber.text("?key=open%20sesame&page=2"), "?key=***&page=2");
//! ```

mod forms;
mod literals;
mod names;
mod scrubber;
mod shape;

use std::fmt;

pub use literals::Literals;
pub use names::{is_secret_name, is_secret_param};
pub use scrubber::Scrubber;
pub use shape::holds_token;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// The shortest value that is scrubbed from foreign text. A shorter one would blot out ordinary
/// words (`a`, `1`, `yes`) and is too short to protect anything; where `runner` itself places a
/// secret it is masked whatever its length.
pub const SHORTEST: usize = 4;

/// A text that must not be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the place where it leaves the program.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns true if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

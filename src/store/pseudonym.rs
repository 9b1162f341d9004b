//! Values that stand in for others, the same in every sync of a store.

use ring::digest::{Context, SHA256};

use crate::store::error::StoreError;
use crate::store::format;
use crate::store::handle::Store;

/// The salt of a store: without it, a pseudonym could be compared with the hashes of guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(i64);

impl Salt {
    /// Creates a salt.
    #[cfg(test)]
    pub fn of(salt: i64) -> Self {
        Self(salt)
    }

    /// Returns a number that equal texts share, of 60 bits.
    fn number(self, text: &str) -> u64 {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.0.to_be_bytes());
        hash.update(text.as_bytes());
        let bytes = hash.finish();
        let first = bytes.as_ref().iter().take(8);
        first.fold(0, |number, byte| number << 8 | u64::from(*byte)) >> 4
    }

    /// Returns the text that stands in for another: `alias-0c1d2e3f4a5b6c7`.
    pub fn text(self, text: &str) -> String {
        format!("alias-{:015x}", self.number(text))
    }

    /// Returns the integer that stands in for a number, which a double holds too.
    pub fn integer(self, number: &str) -> u64 {
        self.number(number) >> 8
    }
}

impl Store {
    /// Returns the salt of the store; `fresh` becomes it if there is none.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn salt(&mut self, fresh: i64) -> Result<Salt, StoreError> {
        self.db.transaction(|db| {
            if let Some(salt) = format::get(db, "salt")? {
                return Ok(Salt(salt));
            }
            format::set(db, "salt", fresh)?;
            Ok(Salt(fresh))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_pseudonyms_in_one_store_only() {
        let (one, other) = (Salt(1), Salt(2));
        assert_eq!(one.text("ann"), one.text("ann"));
        assert_ne!(one.text("ann"), one.text("bob"));
        assert_ne!(one.text("ann"), other.text("ann"));
        assert_eq!(one.text("ann").len(), "alias-".len() + 15);
        assert!(one.integer("4711") < 1 << 53);
    }
}

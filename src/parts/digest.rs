//! Names of content.

use std::io;

use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::core::text::hex;

/// The SHA-256 of what is written to it.
pub struct Hash(Context);

impl Default for Hash {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Hash {
    /// Returns the hash of a value as JSON.
    pub fn of(value: &impl Serialize) -> String {
        let mut hash = Self::default();
        // Writing to a hash does not fail.
        let _ = serde_json::to_writer(&mut hash, value);
        hash.finish()
    }

    /// Returns the hexadecimal digits.
    pub fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the SHA-256 of bytes in hexadecimal digits.
pub fn hash(bytes: &[u8]) -> String {
    let mut hash = Hash::default();
    hash.0.update(bytes);
    hash.finish()
}

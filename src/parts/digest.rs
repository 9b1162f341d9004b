//! Names of content.

use ring::digest::{SHA256, digest};

use crate::core::text::hex;

/// Returns the SHA-256 of bytes in hexadecimal digits.
pub fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

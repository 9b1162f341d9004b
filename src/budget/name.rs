//! The name of a budget: an origin and the fingerprint of a credential.

use std::num::NonZeroU32;

use ring::digest::{SHA256, digest};
use ring::pbkdf2;

use crate::core::secret::Secret;
use crate::core::text::hex;

/// Makes guesses at a credential slow: anybody who reads the table could compare fingerprints.
const ROUNDS: NonZeroU32 = NonZeroU32::new(20_000).expect("not zero");

/// The length of a fingerprint in bytes: enough to tell credentials apart, and too few to prove a
/// guess at a long one.
const LENGTH: usize = 5;

/// Returns the name of the budget of a credential at an origin, equal in all processes.
pub fn budget_name(origin: &str, identity: &Secret) -> String {
    let salt = format!("runner budget\n{origin}");
    let mut fingerprint = [0; LENGTH];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ROUNDS,
        salt.as_bytes(),
        identity.expose().as_bytes(),
        &mut fingerprint,
    );
    format!("{origin}#{}", hex(&fingerprint))
}

/// Returns the key of a budget's advisory locks: a positive number, as PostgreSQL lists it.
pub fn lock_key(name: &str) -> i64 {
    let hash = digest(&SHA256, name.as_bytes());
    let first = hash.as_ref().iter().take(4);
    let number = first.fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
    number & i64::from(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_origins_and_credentials_apart_and_no_credential() {
        let name = |origin: &str, token: &str| budget_name(origin, &Secret::new(token));
        let own = name("https://a.example", "canary");
        assert_eq!(own, name("https://a.example", "canary"));
        assert_ne!(own, name("https://a.example", "canary2"));
        let elsewhere = name("https://b.example", "canary");
        assert_ne!(own.split('#').nth(1), elsewhere.split('#').nth(1));
        assert!(own.starts_with("https://a.example#"), "{own}");
        assert_eq!(own.len(), "https://a.example#".len() + 2 * LENGTH);
        assert!(!own.contains("canary"));
        assert!((0..=i64::from(i32::MAX)).contains(&lock_key(&own)));
    }
}

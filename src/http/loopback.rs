//! Addresses of this machine.

use url::{Host, Url};

/// Returns true if a host is this machine, so that requests cross no network. Names are enforced by
/// the client when connecting.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns true for `localhost` and names below it (RFC 6761, section 6.3).
pub fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_this_machine_are_known() {
        for (url, is_own) in [
            ("http://localhost:1", true),
            ("http://api.localhost", true),
            ("http://127.3.2.1", true),
            ("http://[::1]:80", true),
            ("http://localhost.example.com", false),
            ("http://mylocalhost", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&url.parse().expect("a URL")), is_own, "{url}");
        }
    }
}

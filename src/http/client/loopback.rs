//! Loopback addresses.
//!
//! `localhost` and every name below it mean this machine (RFC 6761, section 6.3), but resolvers need
//! not follow that. Over plain `http`, such a name is only used with loopback addresses, so that
//! secrets do not cross a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::http::loopback::is_loopback_name;

/// The system's resolver, restricted to loopback addresses for names that mean this machine.
#[derive(Debug, Default)]
pub struct Pinned;

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str();
            let found = tokio::net::lookup_host((name, 0)).await;
            let found = found.map(Iterator::collect);
            let addresses = if is_loopback_name(name) {
                own_addresses(name, found.unwrap_or_default())?
            } else {
                found?
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Returns the loopback addresses among those of a name that means this machine. If the resolver
/// knows none, as is common below `localhost`, returns the standard ones.
fn own_addresses(
    name: &str,
    mut found: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, NotThisMachine> {
    let Some(elsewhere) = found
        .iter()
        .map(SocketAddr::ip)
        .find(|ip| !ip.is_loopback())
    else {
        if found.is_empty() {
            let both = [
                IpAddr::from(Ipv4Addr::LOCALHOST),
                IpAddr::from(Ipv6Addr::LOCALHOST),
            ];
            found.extend(both.map(|ip| SocketAddr::new(ip, 0)));
        }
        return Ok(found);
    };
    found.retain(|address| address.ip().is_loopback());
    if found.is_empty() {
        return Err(NotThisMachine {
            name: name.to_owned(),
            address: elsewhere,
        });
    }
    Ok(found)
}

/// A name that means this machine resolves to another one.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` has the address {address}, which is not this machine: plain `http` is refused")]
pub struct NotThisMachine {
    name: String,
    address: IpAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(found: &[&str]) -> Result<Vec<String>, String> {
        let found = found
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().expect("an address"), 0));
        own_addresses("api.localhost", found.collect())
            .map(|own| own.iter().map(|address| address.ip().to_string()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_of_this_machine_is_held_to_it() {
        assert_eq!(own(&["127.0.0.1"]).unwrap(), ["127.0.0.1"]);
        assert_eq!(own(&["::1", "127.0.0.2"]).unwrap(), ["::1", "127.0.0.2"]);
        assert_eq!(own(&[]).unwrap(), ["127.0.0.1", "::1"]);
        assert_eq!(own(&["192.0.2.2", "127.0.0.1"]).unwrap(), ["127.0.0.1"]);
        assert_eq!(
            own(&["192.0.2.2"]).unwrap_err(),
            "`api.localhost` has the address 192.0.2.2, which is not this machine: plain `http` \
             is refused"
        );
    }
}

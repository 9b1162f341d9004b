//! The hosts that an address from a response may lead to, besides the resource's own origin.

use std::net::IpAddr;

use url::{Host, Origin, Url};

use crate::http::loopback::is_loopback;
use crate::http::masking::masked_addresses;

/// The hosts of a resource's `links`. Requests to them carry no credential.
#[derive(Debug, Clone, Default)]
pub struct Links(Vec<LinkHost>);

/// A host in `links`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkHost {
    /// The name in lower case, or the part after `*.`.
    name: String,
    /// True for any subdomain of the name.
    is_wildcard: bool,
    /// The port; without one, that of `https`.
    port: Option<u16>,
}

impl LinkHost {
    /// Reads `host`, `host:port` or `*.domain`.
    ///
    /// # Errors
    ///
    /// The reason why it is not a host.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("://") || text.contains('/') {
            return Err(format!("`{text}` is an address: write its host only"));
        }
        let bare = text.strip_prefix("*.");
        let host = bare.unwrap_or(text);
        if host.contains('*') {
            return Err(format!(
                "`{text}`: `*` is only allowed as `*.` at the start"
            ));
        }
        // A URL parser knows names, ports and addresses of all kinds.
        let url = Url::parse(&format!("https://{host}/"))
            .ok()
            .filter(|url| !host.contains(['@', '?', '#', '\\']) && url.path() == "/");
        let url = url.ok_or_else(|| format!("`{text}` is not a host"))?;
        let name = url.host_str().unwrap_or_default().to_owned();
        let is_name = matches!(url.host(), Some(Host::Domain(_)));
        if bare.is_some() && (!is_name || !name.contains('.')) {
            // `*.com` would be half of the internet, but `*.localhost` is nothing at all.
            return Err(format!(
                "`{text}` is too wide: `*.` takes a domain such as `*.example.com`"
            ));
        }
        // The parser drops 443, which is the default.
        let port = url.port();
        Ok(Self {
            name,
            is_wildcard: bare.is_some(),
            port,
        })
    }

    fn permits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = if self.is_wildcard {
            host.strip_suffix(&self.name)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.name
        };
        is_host && url.port_or_known_default() == Some(self.port.unwrap_or(443))
    }
}

/// The destination of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The resource's own origin, which receives the credential.
    Own,
    /// A host of `links`.
    Linked,
}

/// A refused address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAddress {
    /// The reason, without the query of the address.
    pub words: String,
    /// The entry of `links` that would allow it, if there is one.
    pub entry: Option<String>,
}

impl RefusedAddress {
    fn because(words: String) -> Self {
        Self { words, entry: None }
    }

    /// Returns the line to add to the resource's file.
    pub fn line(&self) -> Option<String> {
        let entry = self.entry.as_ref()?;
        Some(format!("`links: [\"{entry}\"]`"))
    }
}

impl Links {
    /// Adds a host.
    pub fn push(&mut self, host: LinkHost) {
        self.0.push(host);
    }

    /// Returns the destination of an address; `own` is the resource's origin.
    ///
    /// # Errors
    ///
    /// If the address must not be requested.
    pub fn destination(&self, url: &Url, own: &Origin) -> Result<Destination, RefusedAddress> {
        let shown = without_query(url);
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(RefusedAddress::because(format!(
                "`{scheme}:` is not a scheme that is followed, only `https:`"
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RefusedAddress::because(format!(
                "the address `{shown}` contains a user or password, which is never sent"
            )));
        }
        if url.origin() == *own {
            return Ok(Destination::Own);
        }
        if is_link_local(url) {
            return Err(RefusedAddress::because(format!(
                "`{shown}` is a link-local address, which is never followed"
            )));
        }
        if url.scheme() == "http" && !is_loopback(url) {
            return Err(RefusedAddress::because(format!(
                "`{shown}` is not encrypted: plain `http` is only followed on this machine"
            )));
        }
        if self.0.iter().any(|host| host.permits(url)) {
            return Ok(Destination::Linked);
        }
        Err(RefusedAddress {
            words: format!("`{shown}` is on a host that is not in `links`"),
            entry: Some(entry(url)),
        })
    }
}

/// Returns the entry of `links` that permits a URL.
fn entry(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) if port != 443 => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}

/// Returns true for an address that never leaves the local network segment (RFC 3927, RFC 4291
/// section 2.5.6): cloud providers serve the credentials of a machine there.
fn is_link_local(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => address.to_canonical(),
        _ => return false,
    };
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Returns an address for display, without its query, which may contain a signature.
pub fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    let has_query = shown.query().is_some_and(|query| !query.is_empty());
    shown.set_query(None);
    shown.set_fragment(None);
    let shown = crate::http::without_user(shown).to_string();
    if has_query {
        format!("{shown}?***")
    } else {
        shown
    }
}

/// Parses an address that must be sent exactly as it is: a signature covers every byte. Only
/// characters that a URL cannot contain (RFC 3986, section 2) are percent-encoded.
///
/// # Errors
///
/// The reason, if it is not a URL, or if sending it would change it.
pub fn exact_url(text: &str) -> Result<Url, String> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let shown = || masked_addresses(text).into_owned();
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            format!("`{}` is not an absolute address", shown())
        }
        error => format!("`{}` is not an address: {error}", shown()),
    })?;
    if url.cannot_be_a_base() || url.host().is_none() {
        // `file:` and `data:` are refused by their scheme.
        return Ok(url);
    }
    let sent = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let written = text.split_once("://").map_or("", |(_, rest)| rest);
    let written = written
        .find(['/', '?', '#'])
        .map_or("", |at| &written[at..]);
    let written = written.split('#').next().unwrap_or_default();
    let sent = if written.starts_with('/') {
        sent
    } else {
        sent.strip_prefix('/').unwrap_or(sent)
    };
    if is_same(written.as_bytes(), sent.as_bytes()) {
        Ok(url)
    } else {
        Err(format!(
            "`{}` cannot be sent as it is: an HTTP client would resolve its dots or encode its quotes",
            shown()
        ))
    }
}

/// Returns true if `sent` is `written` except for the encoding of forbidden characters.
fn is_same(mut written: &[u8], mut sent: &[u8]) -> bool {
    loop {
        match (written, sent) {
            ([], []) => return true,
            ([left, more @ ..], [right, rest @ ..]) if left == right => {
                (written, sent) = (more, rest);
            }
            ([byte, more @ ..], [b'%', high, low, rest @ ..])
                if is_forbidden(*byte)
                    && format!("{byte:02X}").as_bytes() == [*high, *low].as_slice() =>
            {
                (written, sent) = (more, rest);
            }
            _ => return false,
        }
    }
}

fn is_forbidden(byte: u8) -> bool {
    !byte.is_ascii() || b" \"<>^`{|}".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(hosts: &[&str]) -> Links {
        Links(
            hosts
                .iter()
                .map(|host| LinkHost::parse(host).expect("a host"))
                .collect(),
        )
    }

    fn destination(hosts: &[&str], address: &str) -> Result<Destination, RefusedAddress> {
        let own = Url::parse("https://circleci.com/api/v2").expect("a URL");
        let url = Url::parse(address).expect("a URL");
        links(hosts).destination(&url, &own.origin())
    }

    #[test]
    fn only_listed_hosts_are_permitted() {
        let hosts = [
            "output.circle-artifacts.com",
            "*.amazonaws.com",
            "127.0.0.1:9000",
            "[::1]:9001",
            "Files.Example.com:8443",
        ];
        for address in [
            "https://output.circle-artifacts.com/a?b=c",
            "https://output.circle-artifacts.com:443/a",
            "https://bucket.s3.amazonaws.com/key",
            "https://OUTPUT.circle-artifacts.com/a",
            "http://127.0.0.1:9000/a",
            "https://127.0.0.1:9000/a",
            "http://[::1]:9001/",
            "https://files.example.com:8443/",
        ] {
            assert_eq!(
                destination(&hosts, address),
                Ok(Destination::Linked),
                "{address}"
            );
        }
        for address in [
            "https://amazonaws.com/",
            "https://evilamazonaws.com/",
            "https://output.circle-artifacts.com:8443/",
            "http://output.circle-artifacts.com/",
            "https://output.circle-artifacts.com.evil.example/",
            "https://output.circle-artifacts.com@evil.example/",
            "https://user@output.circle-artifacts.com/",
            "http://127.0.0.1:9001/",
            "https://files.example.com/",
            "ftp://output.circle-artifacts.com/",
            "file:///etc/passwd",
            "data:text/plain,hello",
        ] {
            assert!(destination(&hosts, address).is_err(), "{address}");
        }
    }

    #[test]
    fn the_own_origin_needs_no_entry() {
        for address in ["https://circleci.com/x", "https://circleci.com:443/x?y"] {
            assert_eq!(destination(&[], address), Ok(Destination::Own), "{address}");
        }
        for address in ["http://circleci.com/x", "https://circleci.com:444/x"] {
            assert!(destination(&[], address).is_err(), "{address}");
        }
    }

    #[test]
    fn a_link_local_address_is_refused_even_if_listed() {
        let hosts = ["169.254.169.254", "[fe80::1]"];
        for address in [
            "https://169.254.169.254/latest/meta-data",
            "https://0xa9fea9fe/latest",
            "https://[fe80::1]/",
            "https://[::ffff:169.254.169.254]/",
        ] {
            let refused = destination(&hosts, address).expect_err("refused");
            assert_eq!(refused.entry, None, "{address}");
        }
    }

    #[test]
    fn a_refusal_names_the_entry_and_hides_the_query() {
        let refused = destination(&[], "https://s3.example.com:8443/a?signature=canary");
        let refused = refused.expect_err("refused");
        assert_eq!(
            refused.words,
            "`https://s3.example.com:8443/a?***` is on a host that is not in `links`"
        );
        assert_eq!(
            refused.line().as_deref(),
            Some("`links: [\"s3.example.com:8443\"]`")
        );
    }

    #[test]
    fn hosts_are_checked() {
        for text in [
            "https://example.com",
            "example.com/path",
            "*",
            "*.com",
            "a.*.com",
            "",
            "user@example.com",
            "exa mple.com",
            "*.10.0.0.1",
        ] {
            assert!(LinkHost::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_sent_byte_for_byte_or_not_at_all() {
        for (text, sent) in [
            (
                "https://h/a?b=%2f%2F&c=+d%20e~",
                "https://h/a?b=%2f%2F&c=+d%20e~",
            ),
            ("https://h?x=1", "https://h/?x=1"),
            ("https://h", "https://h/"),
            ("https://h//a//b?", "https://h//a//b?"),
            ("https://h/a b/é", "https://h/a%20b/%C3%A9"),
            ("https://h/it's?x=a:b@c/d", "https://h/it's?x=a:b@c/d"),
        ] {
            assert_eq!(exact_url(text).expect(text).as_str(), sent);
        }
        for text in [
            "https://h/a/../b",
            "https://h/a/%2e%2e/b",
            "https://h/./b",
            "https://h/a?x='b'",
            "https://h\\a",
            "/relative",
            "h/relative",
            "",
        ] {
            assert!(exact_url(text).is_err(), "{text}");
        }
    }
}

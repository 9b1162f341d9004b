//! The servers of a document: its paths are relative to them.

use url::Url;

use crate::description::openapi::reference::At;

/// The address of a server, as far as it matters: the origin, if it is absolute, and the path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    origin: Option<String>,
    path: String,
}

impl Server {
    /// Returns the first server of a list, with the defaults of its variables; `None` if there is none.
    pub fn first(servers: At<'_>) -> Option<Self> {
        let server = servers.items().next()?;
        let mut address = server.get("url").value.as_str()?.trim().to_owned();
        for (name, variable) in server.get("variables").members() {
            let default = variable.get("default").value;
            let default = default
                .as_str()
                .map_or_else(|| default.to_string(), str::to_owned);
            address = address.replace(&format!("{{{name}}}"), &default);
        }
        let start = match Url::parse(&address) {
            Ok(url) if url.has_host() => Self {
                origin: Some(url.origin().ascii_serialization()),
                path: url.path().to_owned(),
            },
            // Braces without a variable are no host.
            _ => Self {
                origin: None,
                path: match address.split_once("://") {
                    Some((_, rest)) => rest.split_once('/').unwrap_or_default().1.to_owned(),
                    None => address,
                },
            },
        };
        let path = start.path.split(['?', '#']).next().unwrap_or_default();
        Some(Self {
            path: path.trim_matches('/').to_owned(),
            ..start
        })
    }

    /// Returns true if another server may be at the same origin.
    pub fn is_at(&self, other: &Self) -> bool {
        match (&self.origin, &other.origin) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        }
    }

    /// Returns what a base URL with this path lacks of the server's path: `/api/v3` for `/`, `/v3` for
    /// `/api`, nothing for `/api/v3` or `/gateway/api/v3`.
    pub fn prefix(&self, base_path: &str) -> String {
        let split = |path: &str| -> Vec<String> {
            let parts = path.split('/').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let (base, own) = (split(base_path), split(&self.path));
        let longest = (0..=own.len().min(base.len()))
            .rev()
            .find(|length| base.ends_with(&own[..*length]))
            .unwrap_or(0);
        let rest = own[longest..].iter().map(|part| format!("/{part}"));
        rest.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server(servers: &serde_json::Value) -> Option<Server> {
        Server::first(At {
            document: 0,
            value: servers,
        })
    }

    #[test]
    fn paths_are_relative_to_the_first_server() {
        for (url, base, expected) in [
            ("https://api.example.com", "/", ""),
            ("https://api.example.com/api/v3/", "/", "/api/v3"),
            ("https://api.example.com/api/v3", "/api/v3", ""),
            ("https://api.example.com/api/v3", "/gateway/api/v3/", ""),
            ("https://api.example.com/api/v3", "/api", "/v3"),
            ("https://api.example.com/api/v3", "/other", "/api/v3"),
            ("/v1", "/", "/v1"),
            ("/v1?a=b", "/v1", ""),
            ("{scheme}://{host}/v1", "", "/v1"),
            ("https://{region}.example.com/{version}", "/v2", ""),
        ] {
            let servers = json!([{"url": url, "variables": {
                "region": {"default": "eu"}, "version": {"default": "v2"}
            }}]);
            let server = server(&servers).expect("a server");
            assert_eq!(server.prefix(base), expected, "{url} {base}");
        }
        assert_eq!(server(&json!([])), None);
        assert_eq!(server(&json!(7)), None);
    }
}

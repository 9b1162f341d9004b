//! The resource file for an address that no resource of the project has.

use serde_json::{Value, json};
use url::Url;

use crate::cli::new::fields::Fields;
use crate::cli::new::shell::{BEGIN, END};
use crate::cli::new::text::variable;
use crate::core::name;
use crate::project::draft::resource_yaml;

/// A resource file to be written.
#[derive(Debug)]
pub struct NewResource {
    /// The name.
    pub name: String,
    /// The path of the base URL, which is no part of the endpoint.
    pub base_path: String,
    /// The keys.
    entries: Vec<(String, Value)>,
    /// The environment variables that it reads.
    pub variables: Vec<String>,
}

/// A credential in a request.
pub struct Credentials<'c> {
    /// The header fields.
    pub fields: &'c Fields,
    /// `USER:PASSWORD`.
    pub user: Option<&'c str>,
    /// Parameters.
    pub params: &'c [(String, String)],
}

impl NewResource {
    /// Creates the resource for an address. `taken` are the names of the project's resources.
    pub fn new(url: &Url, credentials: &Credentials<'_>, taken: &[&str]) -> Self {
        let name = free_name(url, taken);
        let base_path = base_path(url.path());
        let base_url = format!("{}{base_path}", url.origin().ascii_serialization());
        let mut resource = Self {
            name,
            base_path,
            entries: Vec::new(),
            variables: Vec::new(),
        };
        let is_circleci = has_field(credentials.fields, "circle-token");
        resource.put("type", json!(if is_circleci { "circleci" } else { "rest" }));
        resource.put("base_url", base_url.into());
        resource.add_auth(credentials, is_circleci);
        resource
    }

    /// Creates the resource for an address that is a credential as a whole, such as that of a webhook.
    pub fn of_secret_address(url: &Url, is_read: bool, taken: &[&str]) -> Self {
        let mut resource = Self {
            name: free_name(url, taken),
            base_path: url.path().to_owned(),
            entries: Vec::new(),
            variables: Vec::new(),
        };
        let address = resource.variable(None, "WEBHOOK_URL");
        resource.put("type", json!("rest"));
        resource.put("base_url", address.into());
        if !is_read {
            resource.put("access", json!("write-only"));
        }
        resource
    }

    /// Returns the text of the file.
    pub fn to_yaml(&self) -> String {
        resource_yaml(&self.entries)
    }

    fn put(&mut self, key: &str, value: Value) {
        self.entries.push((key.to_owned(), value));
    }

    /// Adds a variable and returns the template that reads it.
    fn variable(&mut self, given: Option<&str>, usual: &str) -> String {
        let prefix = self.name.to_uppercase().replace(['-', '.'], "_");
        let named = given.and_then(variable).map(str::to_owned);
        let variable = named.unwrap_or_else(|| format!("{prefix}_{usual}"));
        let template = format!("{{{{ env.{variable} }}}}");
        if !self.variables.contains(&variable) {
            self.variables.push(variable);
        }
        template
    }

    /// Adds the first credential as `auth`, and further fields as `headers`.
    fn add_auth(&mut self, credentials: &Credentials<'_>, is_circleci: bool) {
        let mut secret: Vec<(&str, &str)> = (credentials.fields.secret.iter())
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        secret.sort_by_key(|(name, _)| rank(name));
        let mut is_set = false;
        if let Some(user) = credentials.user {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            let username = self.variable(Some(user), "USER");
            let password = self.variable(Some(password), "PASSWORD");
            self.put(
                "auth",
                json!({ "basic": { "username": username, "password": password } }),
            );
            is_set = true;
        }
        let mut headers = serde_json::Map::new();
        for (name, value) in secret {
            if is_circleci && name.eq_ignore_ascii_case("circle-token") && !is_set {
                let given = variable(value).unwrap_or("CIRCLE_TOKEN");
                let token = self.variable(Some(&format!("{BEGIN}{given}{END}")), "TOKEN");
                self.put("auth", json!({ "token": token }));
            } else if is_set {
                let usual = name.to_uppercase().replace('-', "_");
                headers.insert(name.to_owned(), self.variable(Some(value), &usual).into());
                continue;
            } else {
                let auth = self.auth_of(name, value);
                self.put("auth", auth);
            }
            is_set = true;
        }
        for (name, value) in credentials.params {
            if !is_set {
                let value = self.variable(Some(value), "TOKEN");
                self.put("auth", json!({ "query": { "name": name, "value": value } }));
                is_set = true;
            }
        }
        if !headers.is_empty() {
            self.put("headers", Value::Object(headers));
        }
    }

    fn auth_of(&mut self, name: &str, value: &str) -> Value {
        if name.eq_ignore_ascii_case("cookie") {
            let value = self.variable(Some(value), "COOKIE");
            return json!({ "header": { "name": name, "value": value } });
        }
        let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
        let is_authorization = name.eq_ignore_ascii_case("authorization");
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" if is_authorization => {
                json!({ "bearer": self.variable(Some(rest), "TOKEN") })
            }
            "basic" if is_authorization => {
                let username = self.variable(None, "USER");
                let password = self.variable(None, "PASSWORD");
                json!({ "basic": { "username": username, "password": password } })
            }
            "" => {
                let value = self.variable(Some(value), "TOKEN");
                json!({ "header": { "name": name, "value": value } })
            }
            _ => {
                let value = format!("{scheme} {}", self.variable(Some(rest), "TOKEN"));
                json!({ "header": { "name": name, "value": value } })
            }
        }
    }
}

/// Returns the rank of a credential: a session of a browser ends, and a mark against forgery says
/// nothing by itself.
fn rank(name: &str) -> u8 {
    match name.to_ascii_lowercase().as_str() {
        "authorization" => 0,
        "cookie" => 2,
        name if name.contains("csrf") || name.contains("xsrf") => 3,
        _ => 1,
    }
}

fn has_field(fields: &Fields, wanted: &str) -> bool {
    let mut names = fields.secret.iter().map(|(name, _)| name);
    names.any(|name| name.eq_ignore_ascii_case(wanted))
}

/// Returns the leading segments of a path that all routes of an API share: `/api/v2`.
fn base_path(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_version = |part: &str| {
        let number = part.strip_prefix('v').unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let shared = segments
        .iter()
        .take_while(|part| ["api", "rest"].contains(part) || is_version(part))
        .count();
    // The endpoint has at least one segment.
    let shared = shared.min(segments.len().saturating_sub(1));
    segments[..shared]
        .iter()
        .fold(String::new(), |base, part| base + "/" + part)
}

/// Returns a name for a host: `github` of `api.github.com`.
fn free_name(url: &Url, taken: &[&str]) -> String {
    let host = url.host_str().unwrap_or_default().to_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let is_number = labels.iter().all(|label| label.parse::<u8>().is_ok()) || host.starts_with('[');
    let short = match labels.as_slice() {
        _ if is_number => "local".to_owned(),
        [only] => (*only).to_owned(),
        [.., second, country] if country.len() == 2 && ["co", "com", "org"].contains(second) => {
            labels[labels.len().saturating_sub(3)].to_owned()
        }
        [.., second, _] => (*second).to_owned(),
        [] => String::new(),
    };
    let whole = host.replace(['.', ':', '[', ']'], "-");
    let is_free = |name: &String| {
        name::is_identifier(&name.replace('-', "_")) && !taken.contains(&name.as_str())
    };
    [short, whole.clone()]
        .into_iter()
        .find(is_free)
        .unwrap_or_else(|| format!("api-{whole}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_host() {
        let name = |url: &str, taken: &[&str]| free_name(&Url::parse(url).expect("a URL"), taken);
        assert_eq!(name("https://api.github.com/user", &[]), "github");
        assert_eq!(
            name("https://api.github.com/user", &["github"]),
            "api-github-com"
        );
        assert_eq!(name("https://jira.acme.co.uk/", &[]), "acme");
        assert_eq!(name("http://localhost:8080/", &[]), "localhost");
        assert_eq!(name("http://127.0.0.1:8080/", &[]), "local");
    }

    #[test]
    fn the_base_is_what_routes_share() {
        for (path, base) in [
            ("/api/v2/me", "/api/v2"),
            ("/rest/api/3/issue", "/rest/api"),
            ("/v1.1/x", "/v1.1"),
            ("/repos/acme/web", ""),
            ("/api", ""),
            ("/", ""),
        ] {
            assert_eq!(base_path(path), base, "{path}");
        }
    }
}

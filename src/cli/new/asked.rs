//! A request that was sent elsewhere: by curl, or by a browser that kept an archive.

use serde_json::Value;
use url::Url;

/// A request, with everything that is not part of it left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The method, in upper case.
    pub method: String,
    /// The address, without a user.
    pub url: Url,
    /// Header fields in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<AskedBody>,
    /// The user and password, if there are any.
    pub user: Option<String>,
    /// Settings that belong to a resource, not to a query.
    pub notes: Vec<String>,
    /// The answer, if it is known and JSON.
    pub answer: Option<Value>,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub enum AskedBody {
    /// The bytes, as text.
    Text(String),
    /// Fields of a multipart form.
    Multipart(Vec<(String, AskedPart)>),
    /// The path of a file.
    File(String),
}

/// A field of a multipart form.
#[derive(Debug, Clone, PartialEq)]
pub enum AskedPart {
    /// A value.
    Text(String),
    /// A file.
    File {
        /// Its path.
        path: String,
        /// Its media type.
        content_type: Option<String>,
        /// The file name that is sent.
        file_name: Option<String>,
    },
}

impl Asked {
    /// Returns a header field.
    pub fn header(&self, wanted: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    }
}

/// Parses an address, and takes its user out.
///
/// # Errors
///
/// A message, if it is not the address of an HTTP server.
pub fn address(text: &str) -> Result<(Url, Option<String>), String> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let mut url = Url::parse(&with_scheme).map_err(|error| format!("the address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!(
            "the address begins with `{}:`, and only HTTP is spoken here",
            url.scheme()
        ));
    }
    let user = (!url.username().is_empty() || url.password().is_some())
        .then(|| format!("{}:{}", url.username(), url.password().unwrap_or_default()));
    // Cannot fail for a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Ok((url, user))
}

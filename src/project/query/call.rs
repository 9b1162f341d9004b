//! The part of a query that sends requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::source::{Place, Text};
use crate::decode::BodyKind;
use crate::http::retry::RetryChange;
use crate::http::{HeaderName, Method};
use crate::paginate::Pagination;
use crate::project::query::{GraphqlBody, Limit, Query};
use crate::project::template::ValueTemplate;
use crate::template::selector::Selector;
use crate::template::{Expression, Template};

/// The requests of a query, with the path of their records.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name of its resource, which exists.
    pub resource: Text,
    /// The loops: one request per item. Several loops multiply, and a later one may depend on an
    /// earlier one's item.
    pub for_each: Vec<Loop>,
    /// The method.
    pub method: Method,
    /// True if its requests change nothing on the server (RFC 9110, section 9.2.1), whatever their
    /// method: they may feed others, be sent again and be kept.
    pub is_safe: bool,
    /// True if only the file says that its requests are safe: neither their method nor the API does.
    pub is_declared_safe: bool,
    /// True if it is not compared with the description of its API.
    pub is_undocumented: bool,
    /// The address.
    pub address: Address,
    /// URL parameters; `None` removes one of the resource's.
    pub params: Vec<(String, Option<ValueTemplate>)>,
    /// Header fields; `None` removes one of the resource's.
    pub headers: Vec<(HeaderName, Option<Template>)>,
    /// The content.
    pub body: Option<Body>,
    /// The polling rule.
    pub poll: Option<Poll>,
    /// Changes to the resource's retry policy.
    pub retry: Option<RetryChange>,
    /// The caching rule for responses.
    pub cache: Option<CacheRule>,
    /// The pagination, if it differs from the resource's.
    pub paginate: Option<Pagination>,
    /// The content of a response, unless it is JSON.
    pub decode: Option<Decode>,
    /// The path of the file that takes the body of a response, below the download folder.
    pub download: Option<Template>,
    /// The path of the rows in a response; without it, the response is one row.
    pub rows: Option<Selector>,
    /// The meaning of a status, where it differs from the usual one.
    pub on_status: BTreeMap<u16, StatusMeaning>,
    /// The confirmation prompt of a request that writes.
    pub confirm: Option<Template>,
}

/// The content of a response that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decode {
    /// Its kind.
    pub kind: BodyKind,
    /// The number of lines at the end to keep.
    pub last: Option<usize>,
}

impl Decode {
    /// Returns true if a response is one record.
    pub fn is_single(self) -> bool {
        match self.kind {
            BodyKind::Json | BodyKind::Text | BodyKind::Bytes => true,
            BodyKind::Ndjson | BodyKind::Csv | BodyKind::Tsv | BodyKind::Lines => false,
        }
    }
}

/// The address of a request.
#[derive(Debug, Clone)]
pub enum Address {
    /// A path relative to the resource's base URL.
    Endpoint(Template),
    /// A complete address, usually from a response. It is sent exactly as it is.
    Url(Template),
}

impl Address {
    /// Returns the template.
    pub fn template(&self) -> &Template {
        match self {
            Self::Endpoint(template) | Self::Url(template) => template,
        }
    }

    /// Returns the template as written.
    pub fn source(&self) -> &str {
        self.template().source().trim()
    }
}

/// Items, by the name under which templates see one of them.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The name.
    pub name: String,
    /// The place of its declaration.
    pub place: Place,
    /// The source of the items.
    pub items: Items,
    /// The condition that selects items (`where`).
    pub filter: Option<Expression>,
    /// The maximum number of items, for each item of the loops before it.
    pub limit: Option<Limit>,
}

impl Loop {
    /// Returns true if it may skip items.
    pub fn chooses(&self) -> bool {
        self.filter.is_some() || self.limit.is_some()
    }
}

/// A source of items.
#[derive(Debug, Clone)]
pub enum Items {
    /// The records of another query.
    Query {
        /// That query.
        query: Arc<Query>,
        /// Vars passed to it, in addition to those of the same name.
        vars: Vec<(String, ValueTemplate)>,
    },
    /// A list.
    List(ValueTemplate),
}

impl Items {
    /// Creates the items of files.
    pub fn of_files(query: Arc<Query>) -> Self {
        Self::Query {
            query,
            vars: Vec::new(),
        }
    }

    /// Returns the templates of the list, or of the vars.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Query { vars, .. } => {
                let values = vars.iter();
                values.flat_map(|(_, value)| value.templates()).collect()
            }
            Self::List(value) => value.templates(),
        }
    }
}

/// The content of a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// `application/json`.
    Json(ValueTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, ValueTemplate)>),
    /// `multipart/form-data`.
    Multipart(Vec<(String, MultipartField)>),
    /// `text/plain`.
    Text(Template),
    /// A file of the project.
    File(Template),
    /// `application/json` with a GraphQL document and its variables.
    Graphql(Box<GraphqlBody>),
}

impl Body {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Json(value) => value.templates(),
            Self::Form(fields) => {
                let values = fields.iter();
                values.flat_map(|(_, value)| value.templates()).collect()
            }
            Self::Multipart(fields) => {
                let fields = fields.iter();
                fields.flat_map(|(_, field)| field.templates()).collect()
            }
            Self::Text(template) | Self::File(template) => vec![template],
            Self::Graphql(body) => body.templates(),
        }
    }
}

/// A field of a multipart body.
#[derive(Debug, Clone)]
pub enum MultipartField {
    /// A value.
    Value(ValueTemplate),
    /// A file of the project.
    File {
        /// Its path.
        path: Template,
        /// The file name sent to the server.
        file_name: Option<Template>,
        /// Its media type.
        content_type: Option<Template>,
    },
}

impl MultipartField {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Value(value) => value.templates(),
            Self::File {
                path,
                file_name,
                content_type,
            } => [path]
                .into_iter()
                .chain(file_name)
                .chain(content_type)
                .collect(),
        }
    }
}

/// The polling rule of a query.
#[derive(Debug, Clone)]
pub struct Poll {
    /// The condition.
    pub until: Expression,
    /// The path polled after the query's own request was sent once; without it, that request itself
    /// is repeated.
    pub endpoint: Option<Template>,
    /// The polling interval; without it, the interval grows from two seconds to thirty.
    pub every: Option<Duration>,
    /// The timeout.
    pub timeout: Duration,
}

/// The rule for which responses later runs may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheRule {
    /// All that are not older.
    For(Duration),
    /// Those that the kind of API knows to be final.
    Finished,
}

/// The meaning of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMeaning {
    /// An answer like any other.
    Ok,
    /// There are no records.
    Empty,
    /// A failure.
    Fail,
}

impl StatusMeaning {
    /// All by name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("ok", Self::Ok),
        ("empty", Self::Empty),
        ("fail", Self::Fail),
    ];
}

impl Call {
    /// Returns true if its body is or has a file of the project.
    pub fn sends_files(&self) -> bool {
        let is_file = |field: &MultipartField| matches!(field, MultipartField::File { .. });
        match &self.body {
            Some(Body::File(_)) => true,
            Some(Body::Multipart(fields)) => fields.iter().any(|(_, field)| is_file(field)),
            _ => false,
        }
    }

    /// Returns true if each of its responses is one record, not a list.
    pub fn is_single(&self) -> bool {
        self.rows.is_none() && self.decode.is_none_or(Decode::is_single)
    }

    /// Returns true if its responses may be anything, not only JSON.
    pub fn takes_any_content(&self) -> bool {
        self.decode.is_some() || self.download.is_some()
    }

    /// Returns true if it sends one request per item.
    pub fn is_walk(&self) -> bool {
        !self.for_each.is_empty()
    }

    /// Returns the endpoint that is polled instead of its own.
    pub fn polled_endpoint(&self) -> Option<&Template> {
        self.poll.as_ref()?.endpoint.as_ref()
    }

    /// The templates that its requests are made of.
    pub fn request_templates(&self) -> Vec<&Template> {
        let mut templates = vec![self.address.template()];
        templates.extend(self.polled_endpoint());
        templates.extend(&self.download);
        for (_, value) in &self.params {
            templates.extend(value.iter().flat_map(ValueTemplate::templates));
        }
        templates.extend(self.headers.iter().filter_map(|(_, value)| value.as_ref()));
        templates.extend(self.body.iter().flat_map(Body::templates));
        templates
    }
}

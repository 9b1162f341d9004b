//! Everything that is known before the first request.
//!
//! [`Plan::bind`] takes a checked query, its resource, the inputs and the environment ([`Outside`]:
//! clock, environment variables, git), and returns a [`Plan`]: vars bound and checked, scopes built,
//! secrets known. [`Plan::request`] renders the request without side effects.
//! [`Plan::shown_request`] renders it with every secret replaced by a named mark, for a dry run or a
//! curl command.
//!
//! This module knows neither network nor time.

mod bind;
mod body;
pub mod disguise;
mod feed;
mod render;
mod report;
mod secrecy;
mod shared;
mod uses;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::auth::CredentialError;
use crate::core::diagnostic::Diagnostic;
use crate::core::secret::{Scrubber, Secret};
use crate::http::retry::RetryPolicy;
use crate::http::{Method, Request};
use crate::paginate::{Choice, Condition, Style};
use crate::project::Query;
use crate::project::requirement::Requirement;
use crate::resource::Resource;
use crate::template::{Clock, Lookup, Mentions, Records, RenderError, Scope};

pub use bind::{Input, Inputs, vars_to_give};
pub use feed::{Feed, Site, telling_member};
pub use render::{ShownPoll, ShownRequest};
pub use report::{DataValue, DataValues, Facts, Rendered};
pub use shared::{PlanId, SharedPlans};

use secrecy::Secrecy;
pub use uses::Uses;

/// The outside facts available to a plan.
#[derive(Clone)]
pub struct Outside {
    /// The start time of the run.
    pub clock: Clock,
    /// The environment.
    pub env: Arc<BTreeMap<String, String>>,
    /// Facts about the current git repository by name, looked up lazily.
    pub git: Lookup,
}

/// The shared context in which the plans of a run are bound.
pub struct Binding {
    /// The resources by name, in the chosen environment.
    pub resources: BTreeMap<String, Arc<Resource>>,
    /// The resource of queries that send no request.
    pub no_resource: Arc<Resource>,
    /// Clock, environment and git.
    pub outside: Outside,
    /// The project's folder.
    pub root: PathBuf,
    /// The known secrets.
    pub scrubber: Scrubber,
    /// The plans bound so far.
    pub plans: SharedPlans,
}

/// A bound query, ready to run except for its items.
pub struct Plan {
    /// Its identity.
    pub id: PlanId,
    /// The query.
    pub query: Arc<Query>,
    /// Its resource, in the chosen environment.
    pub resource: Arc<Resource>,
    /// The sources of items, one for each of the query's `for_each`.
    pub feeds: Vec<Feed>,
    /// The plans of `data`, one for each entry.
    pub data: Vec<Rc<Plan>>,
    /// The position among the plans of a run: the names of the loops it provides items for,
    /// outermost first. Plans that are bound anew for every item share one.
    pub trail: String,
    /// The project's folder.
    pub root: PathBuf,
    /// The vars' values.
    pub vars: BTreeMap<String, Value>,
    /// The known secrets. Shared: tokens obtained later are added.
    pub scrubber: Scrubber,
    /// The maximum number of records, or of requests for a query that writes. A limit given by the
    /// caller replaces the file's.
    pub limit: Option<usize>,
    binding: Rc<Binding>,
    base_url: url::Url,
    /// The query's own policy, which overrides the resource's.
    retry: Option<Arc<RetryPolicy>>,
    scope: Scope,
    shown_scope: Scope,
    secrecy: Secrecy,
    uses: Uses,
    /// The parts of its requests that use a secret.
    secret_parts: SecretParts,
    /// True if the scrubber has learned the resource's secrets, which are the same for every item.
    has_learned_resource: Cell<bool>,
}

/// The parts of a plan's requests that use a secret. The others need not be scanned for each
/// request.
#[derive(Debug, Clone, Copy, Default)]
struct SecretParts {
    /// Any part defined by the query.
    of_query: bool,
    /// The URL.
    url: bool,
}

/// The limits of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// The maximum number of pages.
    pub pages: Option<u64>,
    /// The maximum number of rows.
    pub rows: Option<u64>,
}

/// An error while binding a query.
#[derive(Debug)]
pub enum PlanError {
    /// Missing, unknown or invalid values in the call.
    Call(Vec<Diagnostic>),
    /// A template could not be rendered.
    Render(RenderError),
    /// A missing credential: an unset or empty variable.
    Credential(CredentialError),
}

impl PlanError {
    /// Returns the error in one line; the first if there are several.
    pub fn message(&self) -> String {
        match self {
            Self::Call(faults) => faults
                .first()
                .map_or_else(String::new, |fault| fault.message.clone()),
            Self::Render(error) | Self::Credential(CredentialError::Render(error)) => {
                error.message.clone()
            }
            Self::Credential(CredentialError::Unusable(words, _)) => words.clone(),
        }
    }
}

impl From<RenderError> for PlanError {
    fn from(error: RenderError) -> Self {
        Self::Render(error)
    }
}

impl Plan {
    /// Returns a resource of the run by name, or this plan's own.
    pub fn resource_named(&self, name: &str) -> &Resource {
        self.binding
            .resources
            .get(name)
            .map_or(&*self.resource, |known| &**known)
    }

    /// Wraps records for a document.
    pub fn records(&self, list: Arc<Vec<Value>>) -> Records {
        Records {
            list,
            columns: self.query.columns(),
        }
    }

    /// Returns true if the run sends no other requests: this plan provides no items and has no
    /// loops.
    pub fn is_sole_request(&self) -> bool {
        self.trail.is_empty() && !self.query.is_walk()
    }

    /// Returns the start time of the run.
    pub fn now(&self) -> jiff::Timestamp {
        self.binding.outside.clock.0
    }

    /// Returns the scope of the query's templates.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Renders the author's message for a failed condition, without secrets; `over` extends the
    /// scope.
    pub fn words(
        &self,
        requirement: &Requirement,
        over: &dyn Fn(&Scope) -> Scope,
    ) -> Option<String> {
        let words = requirement.words(&over(&self.shown_scope))?;
        Some(self.scrubber.text(&disguise::masked(&words)).into_owned())
    }

    /// Returns the resource's base URL.
    pub fn base_url(&self) -> &url::Url {
        &self.base_url
    }

    /// Returns true if its requests are safe (RFC 9110, section 9.2.1).
    pub fn is_safe(&self) -> bool {
        self.query.is_safe
    }

    /// Returns the pagination style, or `None` if the first response is complete. The query
    /// overrides the resource, which overrides the kind of API. A request that writes is never
    /// repeated for a next page.
    pub fn style(&self, request: &Request) -> Option<Style> {
        self.style_for(&request.method, request.is_safe, self.route_of(request))
    }

    fn style_for(&self, method: &Method, is_safe: bool, route: &str) -> Option<Style> {
        if !is_safe {
            return None;
        }
        let own = self.query.paginate.as_ref().map(|own| &own.choice);
        for choice in own.into_iter().chain([&self.resource.paginate.choice]) {
            match choice {
                Choice::Auto => {}
                Choice::Off => return None,
                Choice::Style(style) => return Some(style.clone()),
            }
        }
        self.resource.kind.pagination(method, route)
    }

    /// Returns the kind of API's own pagination style, regardless of the files.
    pub fn usual_style(&self, request: &Request) -> Option<Style> {
        let kind = self.resource.kind;
        let route = self.route_of(request);
        request
            .is_safe
            .then(|| kind.pagination(&request.method, route))?
    }

    /// Returns the path of a request below the base URL.
    pub fn route_of<'r>(&self, request: &'r Request) -> &'r str {
        let path = request.url.path();
        let base = self.base_url.path().trim_end_matches('/');
        path.strip_prefix(base).unwrap_or(path)
    }

    /// Returns the `while` condition of the listing, if there is one. The resource's condition only
    /// applies to the resource's own style.
    pub fn goes_on_while(&self) -> Option<&Condition> {
        let of_resource = self.resource.paginate.condition.as_ref();
        let Some(own) = &self.query.paginate else {
            return of_resource;
        };
        let inherits = matches!(own.choice, Choice::Auto);
        own.condition
            .as_ref()
            .or_else(|| of_resource.filter(|_| inherits))
    }

    /// Returns the limits of the listing.
    pub fn caps(&self) -> Caps {
        let own = self.query.paginate.as_ref();
        let of_resource = &self.resource.paginate;
        Caps {
            pages: own.and_then(|own| own.max_pages).or(of_resource.max_pages),
            rows: own.and_then(|own| own.max_rows).or(of_resource.max_rows),
        }
    }

    /// Overrides the query's own limit.
    pub fn limit_to(&mut self, limit: u64) {
        self.limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
    }

    /// Returns the maximum number of records. There is none for a query that writes, whose limit
    /// counts requests.
    pub fn record_limit(&self) -> Option<usize> {
        self.limit.filter(|_| self.is_safe())
    }

    /// Returns the format chosen by the query.
    pub fn output(&self) -> Option<&'static str> {
        self.query.output
    }

    /// Returns true if a template with these mentions is secret.
    pub fn is_secret(&self, mentions: &Mentions) -> bool {
        self.secrecy.taints(mentions)
    }

    /// Returns the fields used by the templates and conditions over its records.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Returns the names of secret vars.
    pub fn secret_vars(&self) -> impl Iterator<Item = &String> {
        let names = self.vars.keys();
        names.filter(|name| self.secrecy.has_var(name))
    }

    /// Adds a secret to the scrubber.
    pub fn learn(&self, secret: &Secret) {
        self.scrubber.add(secret);
    }
}

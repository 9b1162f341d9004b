//! Everything that can be known before the first request.
//!
//! [`Plan::bind`] takes a checked query, its resource, the inputs of a person and the outside
//! ([`Outside`]: clock, environment, git), and gives a [`Plan`]: vars bound and held against their
//! declarations, scopes built, secrets known. [`Plan::request`] renders the request; rendering is
//! pure. [`Plan::shown_request`] renders it with every secret replaced by a mark that names it,
//! for a dry run or a curl line.
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

/// What a plan takes from outside.
#[derive(Clone)]
pub struct Outside {
    /// The moment of the run.
    pub clock: Clock,
    /// The environment.
    pub env: Arc<BTreeMap<String, String>>,
    /// Facts of the repository one stands in, by name, looked up when asked for.
    pub git: Lookup,
}

/// What the plans of a run are bound with.
pub struct Binding {
    /// The resources, in the chosen environment, by name.
    pub resources: BTreeMap<String, Arc<Resource>>,
    /// The resource of queries that send no request.
    pub no_resource: Arc<Resource>,
    /// Clock, environment and git.
    pub outside: Outside,
    /// The project's folder.
    pub root: PathBuf,
    /// The values that must not be seen.
    pub scrubber: Scrubber,
    /// The plans that are bound already.
    pub plans: SharedPlans,
}

/// A bound query: what it asks is settled, but for the items that it stands on.
pub struct Plan {
    /// Its identity.
    pub id: PlanId,
    /// The query.
    pub query: Arc<Query>,
    /// Its resource, in the chosen environment.
    pub resource: Arc<Resource>,
    /// What it stands on, one for each of the query's `for_each`.
    pub feeds: Vec<Feed>,
    /// The plans of `data`, one for each of the query's.
    pub data: Vec<Rc<Plan>>,
    /// Where it stands among the plans of a run: the names of the items that it gives, from the
    /// outermost on. Plans that are bound anew for every item share one.
    pub trail: String,
    /// The project's folder.
    pub root: PathBuf,
    /// The vars' values.
    pub vars: BTreeMap<String, Value>,
    /// The values that must not be seen. Shared: a token that comes later is added.
    pub scrubber: Scrubber,
    /// The number of records at most, or of requests for what writes; the caller's replaces the
    /// file's.
    pub limit: Option<usize>,
    binding: Rc<Binding>,
    base_url: url::Url,
    /// The query's own policy, over the resource's.
    retry: Option<Arc<RetryPolicy>>,
    scope: Scope,
    shown_scope: Scope,
    secrecy: Secrecy,
    uses: Uses,
    /// What of its requests is made of a secret.
    secret_parts: SecretParts,
    /// Whether the scrubber knows what the resource makes of secrets, which no item changes.
    has_learned_resource: Cell<bool>,
}

/// What of a plan's requests is made of a secret: the rest need not be looked at for each.
#[derive(Debug, Clone, Copy, Default)]
struct SecretParts {
    /// Anything that the query says.
    of_query: bool,
    /// The URL.
    url: bool,
}

/// Where a listing is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// After this many pages.
    pub pages: Option<u64>,
    /// After this many rows.
    pub rows: Option<u64>,
}

/// Why a query cannot be run as it was asked for.
#[derive(Debug)]
pub enum PlanError {
    /// The call is wrong: missing, unknown or unsuitable values.
    Call(Vec<Diagnostic>),
    /// A template could not be rendered.
    Render(RenderError),
    /// There is no credential: an unset or empty variable.
    Credential(CredentialError),
}

impl PlanError {
    /// The fault in one line; of several the first.
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
    /// A resource of the run by its name; this plan's own if there is none.
    pub fn resource_named(&self, name: &str) -> &Resource {
        self.binding
            .resources
            .get(name)
            .map_or(&*self.resource, |known| &**known)
    }

    /// Its records for a document.
    pub fn records(&self, list: Arc<Vec<Value>>) -> Records {
        Records {
            list,
            columns: self.query.columns(),
        }
    }

    /// Returns true if it makes the only requests of the query that was run: it feeds no other one,
    /// and is asked for no items.
    pub fn is_sole_request(&self) -> bool {
        self.trail.is_empty() && !self.query.is_walk()
    }

    /// The moment of the run.
    pub fn now(&self) -> jiff::Timestamp {
        self.binding.outside.clock.0
    }

    /// The names that the query's templates see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The author's message for a condition that does not hold, without secrets; `over` adds the
    /// names that it sees besides.
    pub fn words(
        &self,
        requirement: &Requirement,
        over: &dyn Fn(&Scope) -> Scope,
    ) -> Option<String> {
        let words = requirement.words(&over(&self.shown_scope))?;
        Some(self.scrubber.text(&disguise::masked(&words)).into_owned())
    }

    /// The resource's base URL.
    pub fn base_url(&self) -> &url::Url {
        &self.base_url
    }

    /// Returns true if its requests change nothing on the server (RFC 9110, section 9.2.1).
    pub fn is_safe(&self) -> bool {
        self.query.is_safe
    }

    /// How the listing goes on; nothing if the first answer is the whole answer. The query's word
    /// counts before the resource's, and that before what the kind of API is known to do. What
    /// writes is never sent again for a next page.
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

    /// How the kind of API goes on, whatever the files say.
    pub fn usual_style(&self, request: &Request) -> Option<Style> {
        let kind = self.resource.kind;
        let route = self.route_of(request);
        request
            .is_safe
            .then(|| kind.pagination(&request.method, route))?
    }

    /// The path of a request below the base URL.
    pub fn route_of<'r>(&self, request: &'r Request) -> &'r str {
        let path = request.url.path();
        let base = self.base_url.path().trim_end_matches('/');
        path.strip_prefix(base).unwrap_or(path)
    }

    /// The condition under which a listing goes on; nothing if its style decides. That of the
    /// resource belongs to the resource's style.
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

    /// How many pages are read at most, and how many rows.
    pub fn caps(&self) -> Caps {
        let own = self.query.paginate.as_ref();
        let of_resource = &self.resource.paginate;
        Caps {
            pages: own.and_then(|own| own.max_pages).or(of_resource.max_pages),
            rows: own.and_then(|own| own.max_rows).or(of_resource.max_rows),
        }
    }

    /// Replaces the query's own limit.
    pub fn limit_to(&mut self, limit: u64) {
        self.limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
    }

    /// The number of records at most. What writes has none: its limit is one of what is sent.
    pub fn record_limit(&self) -> Option<usize> {
        self.limit.filter(|_| self.is_safe())
    }

    /// The format that the query itself asks for.
    pub fn output(&self) -> Option<&'static str> {
        self.query.output
    }

    /// Returns true if what mentions these names is secret.
    pub fn is_secret(&self, mentions: &Mentions) -> bool {
        self.secrecy.taints(mentions)
    }

    /// What the templates and conditions over its records ask for.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The names of the vars that are secret.
    pub fn secret_vars(&self) -> impl Iterator<Item = &String> {
        let names = self.vars.keys();
        names.filter(|name| self.secrecy.has_var(name))
    }

    /// Learns a secret.
    pub fn learn(&self, secret: &Secret) {
        self.scrubber.add(secret);
    }
}

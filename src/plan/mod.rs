//! Everything that is known before the first request.
//!
//! [`Plan::bind`] takes a checked query, its resource, the inputs and the environment ([`Outside`]:
//! clock, environment variables, git), and returns a [`Plan`]: vars bound and checked, scopes built,
//! secrets known. [`RequestPlan::request`] renders the request without side effects.
//! [`RequestPlan::shown_request`] renders it with every secret replaced by a named mark, for a dry run or a
//! curl command.
//!
//! This module knows neither network nor time.

mod bind;
mod body;
pub mod disguise;
mod feed;
mod render;
mod report;
mod requests;
mod scopes;
mod secrecy;
mod shared;
mod shown;
mod uses;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::auth::CredentialError;
use crate::core::diagnostic::Diagnostic;
use crate::core::records::RecordList;
use crate::core::secret::Scrubber;
use crate::project::Query;
use crate::project::requirement::Requirement;
use crate::resource::Resource;
use crate::template::{Clock, Lookup, Mentions, Records, RenderError, Scope, Veil};

pub use bind::{Input, Inputs, variable_of, vars_to_give};
pub use feed::{Feed, Site, identifying_member};
pub use report::{DataValue, DataValues, Facts, Rendered};
pub use requests::RequestPlan;
pub use shared::{PlanId, SharedPlans};
pub use shown::ShownRequest;

use requests::Target;
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
    /// Clock, environment and git.
    pub outside: Outside,
    /// The project's folder.
    pub root: PathBuf,
    /// The known secrets.
    pub scrubber: Scrubber,
    /// The plans bound so far.
    pub plans: SharedPlans,
    /// The value of a var `since` of queries that others use, if no file gives it one: how far a sync
    /// reads back.
    pub since: Option<Value>,
}

impl Binding {
    /// Returns the same context for other plans, with a value for `since`.
    #[must_use]
    pub fn since(&self, since: Option<Value>) -> Self {
        Self {
            resources: self.resources.clone(),
            outside: self.outside.clone(),
            root: self.root.clone(),
            scrubber: self.scrubber.clone(),
            plans: SharedPlans::default(),
            since,
        }
    }
}

/// A bound query, ready to run except for its items.
pub struct Plan {
    /// Its identity.
    pub id: PlanId,
    /// The query.
    pub query: Arc<Query>,
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
    /// The target of its requests, if it sends any.
    target: Option<Target>,
    scope: Scope,
    veil: Veil,
    secrecy: Secrecy,
    uses: Uses,
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
    /// Returns the plan with its call and resource, if it sends requests.
    pub fn requests(&self) -> Option<RequestPlan<'_>> {
        Some(RequestPlan {
            plan: self,
            call: self.query.call()?,
            target: self.target.as_ref()?,
        })
    }

    /// Returns a resource of the run by name.
    pub fn resource_named(&self, name: &str) -> Option<&Resource> {
        let known = self.binding.resources.get(name).map(|known| &**known);
        known.or_else(|| self.target.as_ref().map(|target| &*target.resource))
    }

    /// Wraps records for a document.
    pub fn records(&self, list: RecordList) -> Records {
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

    /// Returns the scope with marks in place of expressions over secrets.
    fn shown_scope(&self) -> Scope {
        self.scope.veiled(&self.veil)
    }

    /// Renders the author's message for a failed condition, without secrets; `over` extends the
    /// scope.
    pub fn words(
        &self,
        requirement: &Requirement,
        over: &dyn Fn(&Scope) -> Scope,
    ) -> Option<String> {
        let words = requirement.words(&over(&self.shown_scope()))?;
        Some(self.scrubber.text(&disguise::masked(&words)).into_owned())
    }

    /// Returns true if its requests are safe (RFC 9110, section 9.2.1).
    pub fn is_safe(&self) -> bool {
        self.query.is_safe()
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

    /// Returns true if an environment variable is secret.
    pub fn is_secret_variable(&self, name: &str) -> bool {
        self.secrecy.has_env(name)
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
}

//! The requests of a plan: their resource and their pagination.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;

use crate::auth::CredentialError;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::secret::{Scrubber, Secret};
use crate::http::loopback::is_loopback;
use crate::http::retry::RetryPolicy;
use crate::http::{Method, Request};
use crate::paginate::{Choice, Condition, Style};
use crate::plan::secrecy::Secrecy;
use crate::plan::{Plan, PlanError};
use crate::project::query::Call;
use crate::project::template::ValueTemplate;
use crate::resource::Resource;
use crate::template::{Scope, Template};

/// A plan that sends requests, with its call and its resource.
#[derive(Clone, Copy)]
pub struct RequestPlan<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// The call.
    pub call: &'p Call,
    pub(super) target: &'p Target,
}

impl Deref for RequestPlan<'_> {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        self.plan
    }
}

/// The target of a plan's requests.
pub(super) struct Target {
    /// The resource, in the chosen environment.
    pub(super) resource: Arc<Resource>,
    pub(super) base_url: url::Url,
    /// The query's own policy, over the resource's.
    pub(super) retry: Option<Arc<RetryPolicy>>,
    pub(super) secret_parts: SecretParts,
    /// True if the scrubber has learned the resource's secrets, which are the same for every item.
    pub(super) has_learned_resource: Cell<bool>,
}

/// The parts of a plan's requests that use a secret. The others need not be searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretParts {
    /// Anything that the query says.
    pub(super) of_query: bool,
    /// The URL.
    pub(super) url: bool,
}

/// The limits of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// After this many pages.
    pub pages: Option<u64>,
    /// After this many rows.
    pub rows: Option<u64>,
}

impl Target {
    /// Renders everything that is shared by all requests.
    ///
    /// # Errors
    ///
    /// If the base URL cannot be rendered or is invalid, or if a secret would be sent unencrypted.
    pub(super) fn new(
        call: &Call,
        resource: Arc<Resource>,
        scope: &Scope,
        secrecy: &Secrecy,
        scrubber: &Scrubber,
    ) -> Result<Self, PlanError> {
        let base_url = base_url(&resource, scope, secrecy, scrubber)?;
        refuse_plain_http(call, &resource, &base_url, secrecy)?;
        let retry = call.retry.as_ref();
        Ok(Self {
            base_url,
            retry: retry.map(|change| Arc::new(change.over(&resource.retry))),
            secret_parts: secret_parts(call, &resource, secrecy),
            has_learned_resource: Cell::new(false),
            resource,
        })
    }
}

fn secret_parts(call: &Call, resource: &Resource, secrecy: &Secrecy) -> SecretParts {
    let is_secret = |template: &Template| secrecy.taints(template.mentions());
    let params = call.params.iter().filter_map(|(_, value)| value.as_ref());
    let of_resource = resource.params.iter().map(|(_, value)| value);
    SecretParts {
        of_query: call.request_templates().into_iter().any(is_secret),
        url: params
            .flat_map(ValueTemplate::templates)
            .chain(of_resource)
            .chain([call.address.template(), &resource.base_url])
            .chain(call.polled_endpoint())
            .any(is_secret),
    }
}

/// Refuses to send a secret unencrypted.
fn refuse_plain_http(
    call: &Call,
    resource: &Resource,
    base_url: &url::Url,
    secrecy: &Secrecy,
) -> Result<(), PlanError> {
    let holds_secret = || {
        call.request_templates()
            .into_iter()
            .chain(resource.templates())
            .any(|template| secrecy.taints(template.mentions()))
    };
    if base_url.scheme() == "https"
        || is_loopback(base_url)
        || (resource.auth.is_none() && !holds_secret())
    {
        return Ok(());
    }
    let words = format!(
        "a secret of `{}` would be sent unencrypted to `{}`",
        resource.name,
        base_url.host_str().unwrap_or_default()
    );
    let fault = Diagnostic::at(resource.base_url.place(), Code::PlainHttp, words);
    Err(PlanError::Call(vec![fault.help(
        "use `https://`: plain `http://` is only allowed on this machine, or without secrets",
    )]))
}

fn base_url(
    resource: &Resource,
    scope: &Scope,
    secrecy: &Secrecy,
    scrubber: &Scrubber,
) -> Result<url::Url, PlanError> {
    let text = resource.base_url.base_url(scope).map_err(|error| {
        // A webhook's URL is its credential.
        if secrecy.taints(resource.base_url.mentions()) {
            PlanError::Credential(CredentialError::Render(error))
        } else {
            PlanError::Render(error)
        }
    })?;
    let url = crate::project::base_url(&text).map_err(|words| {
        let place = resource.base_url.place();
        let fault = Diagnostic::at(place, Code::BaseUrl, words);
        PlanError::Call(vec![fault.concealed()])
    })?;
    if secrecy.taints(resource.base_url.mentions()) {
        // A webhook's URL: each part of it that says something is as secret as the whole.
        scrubber.add(&Secret::new(url.as_str()));
        scrubber.add(&Secret::new(url.path()));
        for segment in url.path().split('/').filter(|segment| segment.len() >= 8) {
            scrubber.add(&Secret::new(segment));
        }
    }
    Ok(url)
}

impl<'p> RequestPlan<'p> {
    /// Returns the resource, in the chosen environment.
    pub fn resource(&self) -> &'p Resource {
        &self.target.resource
    }

    /// The resource's base URL.
    pub fn base_url(&self) -> &'p url::Url {
        &self.target.base_url
    }

    /// Checks that the credential is available before the first request, unless a command prints
    /// it.
    ///
    /// # Errors
    ///
    /// If it is missing, usually because a variable is not set.
    pub fn check_credential(&self) -> Result<(), PlanError> {
        let auth = &self.target.resource.auth;
        for secret in auth.secrets(&self.plan.scope) {
            self.plan.scrubber.add(&secret);
        }
        auth.ready(&self.plan.scope).map_err(PlanError::Credential)
    }

    /// Returns the pagination style, or `None` if the first response is complete. The query
    /// overrides the resource, which overrides the kind of API. A request that writes is never
    /// repeated for a next page.
    pub fn style(&self, request: &Request) -> Option<Style> {
        if !self.is_own(&request.url) {
            return None;
        }
        self.style_for(&request.method, request.is_safe, self.route_of(request))
    }

    pub(super) fn style_for(&self, method: &Method, is_safe: bool, route: &str) -> Option<Style> {
        if !is_safe {
            return None;
        }
        let own = self.call.paginate.as_ref().map(|own| &own.choice);
        for choice in own
            .into_iter()
            .chain([&self.target.resource.paginate.choice])
        {
            match choice {
                Choice::Auto => {}
                Choice::Off => return None,
                Choice::Style(style) => return Some(style.clone()),
            }
        }
        self.target.resource.kind.pagination(method, route)
    }

    /// Returns the kind of API's own pagination style, regardless of the files.
    pub fn usual_style(&self, request: &Request) -> Option<Style> {
        let kind = self.target.resource.kind;
        let route = self.route_of(request);
        (request.is_safe && self.is_own(&request.url))
            .then(|| kind.pagination(&request.method, route))?
    }

    /// Returns true for an address on the resource's own origin.
    pub fn is_own(&self, url: &url::Url) -> bool {
        url.origin() == self.target.base_url.origin()
    }

    /// The path of a request below the base URL.
    pub fn route_of<'r>(&self, request: &'r Request) -> &'r str {
        let path = request.url.path();
        let base = self.target.base_url.path().trim_end_matches('/');
        path.strip_prefix(base).unwrap_or(path)
    }

    /// The condition under which a listing goes on; nothing if its style decides. That of the
    /// resource belongs to the resource's style.
    pub fn goes_on_while(&self) -> Option<&Condition> {
        let of_resource = self.target.resource.paginate.condition.as_ref();
        let Some(own) = &self.call.paginate else {
            return of_resource;
        };
        let inherits = matches!(own.choice, Choice::Auto);
        own.condition
            .as_ref()
            .or_else(|| of_resource.filter(|_| inherits))
    }

    /// Returns the maximum number of pages and of rows.
    pub fn caps(&self) -> Caps {
        let own = self.call.paginate.as_ref();
        let of_resource = &self.target.resource.paginate;
        Caps {
            pages: own.and_then(|own| own.max_pages).or(of_resource.max_pages),
            rows: own.and_then(|own| own.max_rows).or(of_resource.max_rows),
        }
    }
}

//! Renders the request of a plan for people: a dry run, a curl command, a prompt.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::auth::Credential;
use crate::http::links::without_query;
use crate::http::{Body, HeaderMap, Method, Request};
use crate::plan::render::{Form, UNKNOWN};
use crate::plan::{RequestPlan, Site, disguise};
use crate::project::query;
use crate::template::RenderError;

/// A request for display, with its credential.
pub struct ShownRequest {
    /// The method.
    pub method: Method,
    /// The URL as text, since a base URL that is secret as a whole is no URL any more.
    pub url: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// The credential, with marks in place of secrets.
    pub credential: Credential,
    /// The secret environment variables used by its templates, except those of `auth`.
    pub secrets: BTreeSet<String>,
    /// The polled request, if it differs from this one.
    pub poll: Option<Box<ShownPoll>>,
}

/// The polled request of a query that starts a job and waits for it.
pub struct ShownPoll {
    /// The condition.
    pub until: String,
    /// The request.
    pub request: ShownRequest,
}

/// Returns the item of a request, or its items by name.
fn of_request(items: &[(String, Value)]) -> Value {
    match items {
        [(_, item)] => item.clone(),
        items => items
            .iter()
            .cloned()
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

impl RequestPlan<'_> {
    /// Renders the request for display, with marks in place of secrets and names in place of items.
    ///
    /// # Errors
    ///
    /// As [`RequestPlan::request`].
    pub fn shown_request(&self) -> Result<ShownRequest, RenderError> {
        let site = if self.query.is_walk() || !self.data.is_empty() {
            self.unknown_site()
        } else {
            self.site()
        };
        self.shown_request_at(&site)
    }

    /// Renders the request for display, for known items.
    ///
    /// # Errors
    ///
    /// As [`RequestPlan::request`].
    pub fn shown_request_at(&self, site: &Site) -> Result<ShownRequest, RenderError> {
        let mut shown = self.shown(&self.form(), site)?;
        if let Some((form, poll)) = self.polled_form().zip(self.call.poll.as_ref()) {
            shown.poll = Some(Box::new(ShownPoll {
                until: poll.until.source().trim().to_owned(),
                request: self.shown(&form, &site.with_unknown_row())?,
            }));
        }
        Ok(shown)
    }

    fn shown(&self, form: &Form<'_>, site: &Site) -> Result<ShownRequest, RenderError> {
        self.learn_derived(form, site);
        let real = self.render(form, &site.scope)?;
        let url = self.shown_url(form, &real, site);
        // A template may fail on a mark where it works on the secret. Its real result is shown
        // then; the scrubber masks what it knows.
        let is_own = !form.is_url || (real.url.as_str() != UNKNOWN && self.is_own(&real.url));
        let headers = if is_own {
            self.headers(&site.shown()).unwrap_or(real.headers)
        } else {
            real.headers
        };
        let body = self.body(form, &site.shown()).unwrap_or(real.body);
        let credential = if is_own {
            let auth = &self.target.resource.auth;
            auth.shown(&self.shown_scope(), &disguise::mark)?
        } else {
            Credential::default()
        };
        Ok(ShownRequest {
            method: real.method,
            url,
            headers,
            body,
            credential,
            secrets: if is_own {
                self.secret_variables()
            } else {
                BTreeSet::new()
            },
            poll: None,
        })
    }

    /// Returns the URL as sent, with marks in place of secrets.
    pub(super) fn shown_url(&self, form: &Form<'_>, request: &Request, site: &Site) -> String {
        if form.is_url {
            let shown = form.endpoint.address(&site.shown());
            return match shown {
                Ok(text) if disguise::is_marked(&text) => text,
                _ => without_query(&request.url),
            };
        }
        let shown = self
            .target
            .resource
            .base_url
            .text(&site.shown())
            .and_then(|base| self.url_text(form, &base, &site.shown()));
        match shown {
            // Normalized by the parser, so that the URL is shown as sent.
            Ok(text) => Url::parse(&text).map_or(text, |url| url.to_string()),
            Err(_) => request.url.to_string(),
        }
    }

    fn secret_variables(&self) -> BTreeSet<String> {
        let resource = &self.target.resource;
        let own = self.call.request_templates().into_iter();
        own.chain([&resource.base_url])
            .chain(resource.headers.iter().map(|(_, value)| value))
            .chain(resource.params.iter().map(|(_, value)| value))
            .flat_map(|template| self.secrecy.variables_of(template.mentions()))
            .collect()
    }

    /// Renders the query's own confirmation prompt, if it has one.
    ///
    /// # Errors
    ///
    /// If the template cannot be rendered.
    pub fn question(&self) -> Result<Option<String>, RenderError> {
        self.call
            .confirm
            .as_ref()
            .map(|template| template.text(&self.shown_scope()))
            .transpose()
            .map(|text| text.map(|text| disguise::masked(&text)))
    }

    /// Renders the confirmation prompt of a walk over `items`: one per request, by name if there
    /// are several loops.
    ///
    /// # Errors
    ///
    /// If the template cannot be rendered.
    pub fn question_about(&self, sites: &[Site]) -> Result<Option<String>, RenderError> {
        let Some(template) = &self.call.confirm else {
            return Ok(None);
        };
        let mut scope = self.shown_scope();
        if self.query.var("items").is_none() {
            let items: Value = sites.iter().map(|site| of_request(&site.items())).collect();
            scope = scope.with_record("items", &items);
        }
        let text = template.text(&scope)?;
        Ok(Some(disguise::masked(&text)))
    }

    /// Returns the path of the file that is sent as the whole body.
    pub fn attached_file(&self) -> Option<String> {
        match &self.call.body {
            Some(query::Body::File(template)) => {
                let path = template.text(&self.scope).ok()?;
                Some(self.root.join(path.trim()).display().to_string())
            }
            _ => None,
        }
    }

    /// Returns the resource's own proxy, with marks in place of secrets.
    pub fn shown_proxy(&self) -> Option<String> {
        self.target
            .resource
            .proxy
            .as_ref()?
            .text(&self.shown_scope())
            .ok()
    }
}

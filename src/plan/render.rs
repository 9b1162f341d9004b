//! Renders the request of a plan. Deterministic: the same plan yields the same request.

use std::rc::Rc;

use serde_json::Value;
use url::Url;

use crate::core::name::is_identifier;
use crate::core::secret::{MASK, Secret, is_secret_name};
use crate::core::source::Place;
use crate::core::{json, percent};
use crate::http::links::{exact_url, without_query};
use crate::http::{
    Body, Delivery, HeaderMap, HeaderName, HeaderValue, Method, PartContent, Request, header,
};
use crate::paginate;
use crate::plan::{RequestPlan, Site, body, disguise};
use crate::project::query::{self, Address, StatusMeaning};
use crate::project::template::ValueTemplate;
use crate::template::{Mention, Mentions, RenderError, Scope, Template};

/// The address of a request that is only shown, if it is not known yet.
pub(super) const UNKNOWN: &str = "https://unknown.invalid/";

/// A request as defined in the query file.
pub(super) struct Form<'p> {
    method: &'p Method,
    is_safe: bool,
    pub(super) endpoint: &'p Template,
    /// True if `endpoint` is a complete address.
    pub(super) is_url: bool,
    params: &'p [(String, Option<ValueTemplate>)],
    body: Option<&'p query::Body>,
}

impl<'p> RequestPlan<'p> {
    /// Renders the request, without its credential.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered, or a value is invalid in its place.
    pub fn request(&self, site: &Site) -> Result<Request, RenderError> {
        self.request_of(&self.form(), site)
    }

    /// Renders the request that is polled after the first one; `None` if the first request itself
    /// is polled.
    ///
    /// # Errors
    ///
    /// As [`RequestPlan::request`].
    pub fn polled_request(
        &self,
        site: &Site,
        first: &Value,
    ) -> Result<Option<Request>, RenderError> {
        let form = self.polled_form();
        form.map(|form| self.request_of(&form, &site.with_row(first)))
            .transpose()
    }

    fn request_of(&self, form: &Form<'_>, site: &Site) -> Result<Request, RenderError> {
        self.learn_derived(form, site);
        let mut request = self.render(form, &site.scope)?;
        request.about = site.about().map(Rc::from);
        if form.is_url {
            request.shown_url = Some(without_query(&request.url));
        } else if self.target.secret_parts.url {
            let shown = disguise::masked_url(&self.shown_url(form, &request, site));
            request.shown_url = (shown != request.url.as_str()).then_some(shown);
        }
        let stands_on_answers =
            self.query.is_walk() || !self.data.is_empty() || self.call.poll.is_some();
        if stands_on_answers && self.scrubber.has_masked() {
            self.refuse_mask(form, &request, site)?;
        }
        Ok(request)
    }

    pub(super) fn form(&self) -> Form<'p> {
        Form {
            method: &self.call.method,
            is_safe: self.call.is_safe,
            endpoint: self.call.address.template(),
            is_url: matches!(self.call.address, Address::Url(_)),
            params: &self.call.params,
            body: self.call.body.as_ref(),
        }
    }

    /// Parameters and body belong to the first request only.
    pub(super) fn polled_form(&self) -> Option<Form<'p>> {
        Some(Form {
            method: &Method::GET,
            is_safe: true,
            endpoint: self.call.polled_endpoint()?,
            is_url: false,
            params: &[],
            body: None,
        })
    }

    /// Refuses to send a mask that replaced a secret in an earlier response, record or document, or
    /// a value computed from one.
    fn refuse_mask(
        &self,
        form: &Form<'_>,
        request: &Request,
        site: &Site,
    ) -> Result<(), RenderError> {
        let is_received = |mention: &&Mention| {
            matches!(mention.root(), "data" | "row")
                || self.loops().iter().any(|feed| feed.name == mention.root())
        };
        // A filter may leave nothing of the mask, so the values that the templates read count, too.
        let templates = self.call.request_templates().into_iter();
        let place = templates.chain([form.endpoint]).find_map(|template| {
            let mut received = template.mentions().iter().filter(is_received);
            // Of a list, the path ends before an index: then the template names the column.
            let is_masked = received.any(|mention| {
                let columns = site.scope.columns_with_text(mention, MASK);
                site.scope.contains_text(mention, MASK)
                    || columns.iter().any(|name| names(template.source(), name))
            });
            is_masked.then(|| template.place())
        });
        let place = place.or_else(|| holds_mask(request).then(|| form.endpoint.place()));
        let Some(place) = place else {
            return Ok(());
        };
        let words = "a secret was masked in the data, and `***` would be sent in its place";
        Err(RenderError::new(place, words)
            .help("take a secret that is sent from `env` or from a `secret` var"))
    }

    /// Adds the values in this request that are derived from secrets to the scrubber.
    pub(super) fn learn_derived(&self, form: &Form<'_>, site: &Site) {
        if !self.target.has_learned_resource.replace(true) {
            self.learn_of(self.target.resource.templates(), site);
        }
        if self.target.secret_parts.of_query {
            self.learn_of(self.call.request_templates(), site);
            self.learn_of([form.endpoint], site);
        }
    }

    fn learn_of<'t>(&self, templates: impl IntoIterator<Item = &'t Template>, site: &Site) {
        let is_secret = |mentions: &Mentions| self.is_secret(mentions);
        for template in templates {
            if is_secret(template.mentions()) {
                for text in template.chosen_texts(&site.scope, &is_secret) {
                    self.scrubber.add(&Secret::new(text));
                }
            }
        }
    }

    pub(super) fn render(&self, form: &Form<'_>, scope: &Scope) -> Result<Request, RenderError> {
        let url = self.url(form, scope)?;
        let mut request = Request {
            method: form.method.clone(),
            headers: if form.is_url && !self.is_own(&url) {
                self.headers_for_linked_host(&url, scope)?
            } else {
                self.headers(scope)?
            },
            url,
            body: self.body(form, scope)?,
            is_safe: form.is_safe,
            accepted: self
                .call
                .on_status
                .iter()
                .filter(|(_, meaning)| **meaning != StatusMeaning::Fail)
                .map(|(status, _)| *status)
                .collect(),
            retry: self.target.retry.clone(),
            shown_url: None,
            about: None,
            is_next_page: false,
            delivery: Delivery::default(),
            receiver: None,
        };
        if form.is_url {
            return Ok(request);
        }
        // URL parameters are set already. A page set by the query is kept as the first page.
        for (place, value) in self.first_page(form, self.route_of(&request)) {
            if !place.is_set_in(&request) {
                let added = place.change(&value).apply(&mut request);
                added.map_err(|words| RenderError::new(form.endpoint.place(), words))?;
            }
        }
        Ok(request)
    }

    /// Returns the values that request the first page of a listing.
    fn first_page(&self, form: &Form<'_>, route: &str) -> Vec<(paginate::RequestPlace, Value)> {
        if self.call.is_single() {
            return Vec::new();
        }
        let style = self.style_for(form.method, form.is_safe, route);
        style.map_or_else(Vec::new, |style| style.first())
    }

    pub(super) fn body(&self, form: &Form<'_>, scope: &Scope) -> Result<Body, RenderError> {
        body::render(form.body, scope, &self.root)
    }

    fn url(&self, form: &Form<'_>, scope: &Scope) -> Result<Url, RenderError> {
        if form.is_url {
            return self.address(form, scope);
        }
        let text = self.url_text(form, self.target.base_url.as_str(), scope)?;
        let place = form.endpoint.place();
        Url::parse(&text)
            .map_err(|error| RenderError::new(place, format!("the URL is invalid: {error}")))
    }

    /// Returns a complete address, if it may be requested.
    fn address(&self, form: &Form<'_>, scope: &Scope) -> Result<Url, RenderError> {
        let place = form.endpoint.place();
        let text = form.endpoint.address(scope)?;
        if disguise::is_marked(&text) {
            // Only shown: the item is not known yet.
            return Url::parse(UNKNOWN).map_err(|error| RenderError::new(place, error.to_string()));
        }
        let url = exact_url(&text).map_err(|words| RenderError::new(place, words))?;
        let resource = &self.target.resource;
        let allowed = resource
            .links
            .destination(&url, &self.target.base_url.origin());
        allowed.map_err(|refusal| {
            let line = refusal.line();
            let error = RenderError::new(place, refusal.words);
            match line {
                Some(line) => error.help(format!(
                    "to request it without a credential, add {line} to {}",
                    resource.source.name()
                )),
                None => error,
            }
        })?;
        Ok(url)
    }

    /// Renders the header fields of the query for a linked host, which gets none of the resource's.
    fn headers_for_linked_host(&self, url: &Url, scope: &Scope) -> Result<HeaderMap, RenderError> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.call.headers {
            let Some(template) = template else { continue };
            let value = self.header_value(name, template, scope)?;
            if value.is_sensitive() {
                let host = url.host_str().unwrap_or_default();
                let words = format!("the secret header `{name}` would be sent to `{host}`");
                return Err(RenderError::new(template.place(), words)
                    .help("a linked host gets no credential"));
            }
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }

    pub(super) fn url_text(
        &self,
        form: &Form<'_>,
        base: &str,
        scope: &Scope,
    ) -> Result<String, RenderError> {
        let route = form.endpoint.segments(scope)?;
        let (path, literal_query) = match route.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (route.as_str(), None),
        };
        let mut text = base.trim().trim_end_matches('/').to_owned();
        if !path.is_empty() {
            text.push('/');
            text.push_str(path.trim_start_matches('/'));
        }
        let mut pairs: Vec<String> = literal_query
            .into_iter()
            .filter(|query| !query.is_empty())
            .map(str::to_owned)
            .collect();
        for (name, value) in self.params(form, &route, scope)? {
            pairs.push(format!(
                "{}={}",
                percent::encode(&name),
                percent::encode(&value)
            ));
        }
        if !pairs.is_empty() {
            text.push('?');
            text.push_str(&pairs.join("&"));
        }
        Ok(text)
    }

    /// Returns the resource's parameters, overridden by the query's.
    fn params(
        &self,
        form: &Form<'_>,
        route: &str,
        scope: &Scope,
    ) -> Result<Vec<(String, String)>, RenderError> {
        let (path, written) = route.split_once('?').unwrap_or((route, ""));
        let own = |name: &str| {
            let mut written = url::form_urlencoded::parse(written.as_bytes());
            form.params.iter().any(|(known, _)| known == name)
                || written.any(|(known, _)| known == name)
        };
        let mut pairs = Vec::new();
        for (name, template) in &self.target.resource.params {
            if !own(name) {
                let value = template.json_or_omitted(scope)?.unwrap_or(Value::Null);
                add_param(&mut pairs, name, &value, template.place())?;
            }
        }
        for (place, value) in self.first_page(form, path) {
            if let paginate::RequestPlace::Param(name) = place
                && !own(&name)
                && !pairs.iter().any(|(known, _)| *known == name)
            {
                pairs.push((name, json::plain(&value)));
            }
        }
        for (name, value) in form.params {
            if let Some(value) = value {
                let place = match place_of(value) {
                    Some(place) => place,
                    None => form.endpoint.place(),
                };
                let value = value.render(scope)?.unwrap_or(Value::Null);
                add_param(&mut pairs, name, &value, place)?;
            }
        }
        Ok(pairs)
    }

    pub(super) fn headers(&self, scope: &Scope) -> Result<HeaderMap, RenderError> {
        let mut headers = HeaderMap::new();
        headers.extend(self.target.resource.kind.headers().iter().cloned());
        if self.call.takes_any_content() {
            headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        }
        for (name, template) in &self.target.resource.headers {
            headers.insert(name.clone(), self.header_value(name, template, scope)?);
        }
        for (name, template) in &self.call.headers {
            match template {
                None => {
                    headers.remove(name);
                }
                Some(template) => {
                    headers.insert(name.clone(), self.header_value(name, template, scope)?);
                }
            }
        }
        Ok(headers)
    }

    fn header_value(
        &self,
        name: &HeaderName,
        template: &Template,
        scope: &Scope,
    ) -> Result<HeaderValue, RenderError> {
        let text = template.text(scope)?;
        // White space around a field value is not part of it (RFC 9110, section 5.5).
        let mut value = HeaderValue::from_bytes(text.trim().as_bytes()).map_err(|_| {
            RenderError::new(
                template.place(),
                format!(
                    "the header `{name}` would contain a line break or another control character"
                ),
            )
        })?;
        value.set_sensitive(is_secret_name(name.as_str()) || self.is_secret(template.mentions()));
        Ok(value)
    }
}

/// Returns true if a template contains a column's name as a word of its own.
fn names(source: &str, column: &str) -> bool {
    if is_identifier(column) {
        let mut words = source.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| word == column)
    } else {
        source.contains(column)
    }
}

/// Returns true if a request contains a mask.
fn holds_mask(request: &Request) -> bool {
    /// The mask as Markdown escapes it, in a body of JSON.
    const IN_MARKDOWN: &[u8] = br"\\*\\*\\*";
    let encoded = percent::encode(MASK);
    let url = request.url.as_str();
    let body = match &request.body {
        Body::Bytes { bytes, .. } => &bytes[..],
        Body::Multipart(parts) => {
            return parts.iter().any(|part| match &part.content {
                PartContent::Text(text) => text.contains(MASK),
                PartContent::File { .. } => false,
            });
        }
        Body::Empty => &[],
    };
    let headers = request.headers.values().map(HeaderValue::as_bytes);
    url.contains(MASK)
        || url.contains(&encoded)
        || memchr::memmem::find(body, encoded.as_bytes()).is_some()
        || memchr::memmem::find(body, IN_MARKDOWN).is_some()
        || headers
            .chain([body])
            .any(|bytes| memchr::memmem::find(bytes, MASK.as_bytes()).is_some())
}

/// Adds a parameter: null drops it, a list repeats it.
fn add_param(
    pairs: &mut Vec<(String, String)>,
    name: &str,
    value: &Value,
    place: &Place,
) -> Result<(), RenderError> {
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| add_param(pairs, name, item, place)),
        Value::Object(_) => Err(RenderError::new(
            place,
            format!("the parameter `{name}` is an object, which a URL cannot represent"),
        )),
        scalar => {
            pairs.push((name.to_owned(), json::plain(scalar)));
            Ok(())
        }
    }
}

fn place_of(value: &ValueTemplate) -> Option<&Place> {
    value.templates().first().map(|template| template.place())
}

//! Requests without a credential, to servers that issue credentials.

use std::rc::Rc;

use crate::auth::{BareTransport, Sending};
use crate::core::secret::{Scrubber, Secret};
use crate::http::limit::{Budget, Limit, Patience};
use crate::http::loopback::is_loopback;
use crate::http::retry::{Jitter, Retry, RetryPolicy};
use crate::http::trace::Trace;
use crate::http::{
    Client, ClientOptions, Event, HeaderMap, Observe, Proxy, Request, Response, Transport as _,
    TransportError, TransportErrorKind,
};
use crate::template::{Scope, Template};

/// The maximum response size of such a server, in bytes.
const LONGEST_ANSWER: u64 = 1024 * 1024;

/// The connection settings of a resource, for servers other than its own. They receive one or two
/// requests per run, each over its own connection.
pub struct Bare {
    /// The settings of the resource; the proxy depends on the URL.
    pub client: ClientOptions,
    /// The proxy settings.
    pub proxy: ProxySettings,
    /// When to try again.
    pub retry: RetryPolicy,
    /// Limits on waiting.
    pub patience: Patience,
    /// Numbers for jitter.
    pub jitter: Jitter,
    /// The observer of attempts.
    pub observer: Rc<dyn Observe>,
}

impl BareTransport for Bare {
    fn send<'a>(&'a self, request: &'a Request) -> Sending<'a> {
        Box::pin(async move {
            let proxy = if is_loopback(&request.url) {
                Proxy::None
            } else {
                let proxy = self.proxy.elsewhere();
                proxy
                    .map_err(|words| TransportError::before(TransportErrorKind::Settings(words)))?
            };
            let client = Client::new(ClientOptions {
                proxy,
                max_body: LONGEST_ANSWER,
                ..self.client.clone()
            });
            let observer = Rc::new(WithoutFields(Rc::clone(&self.observer)));
            let traced = Trace::new(client, observer);
            let budget = Budget::new(1, None, self.patience);
            let limited = Limit::new(traced, budget, Rc::clone(&self.observer));
            let stack = Retry::new(
                limited,
                self.retry.clone(),
                Rc::clone(&self.jitter),
                self.patience.deadline,
                Rc::clone(&self.observer),
            );
            stack.send(request).await
        })
    }
}

/// Hides the header fields of responses: a secret in a response is only known once it is parsed.
struct WithoutFields(Rc<dyn Observe>);

impl Observe for WithoutFields {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Answered(request, response) => {
                let bare = Response {
                    headers: HeaderMap::new(),
                    ..(*response).clone()
                };
                self.0.event(&Event::Answered(request, &bare));
            }
            other => self.0.event(other),
        }
    }
}

/// The proxy settings of a resource.
#[derive(Clone)]
pub struct ProxySettings {
    /// The `proxy` of the resource file.
    pub template: Option<Template>,
    /// The names available to it.
    pub scope: Scope,
    /// The variables of the environment that name proxies, by name.
    pub variables: Vec<(String, String)>,
    /// Records the proxy's password.
    pub scrubber: Scrubber,
}

impl ProxySettings {
    /// Returns the proxy to another machine.
    ///
    /// # Errors
    ///
    /// A message, if it is not the URL of a proxy.
    pub fn elsewhere(&self) -> Result<Proxy, String> {
        match self.own()? {
            Some(url) => Ok(Proxy::Url(url)),
            None => self.of_environment(),
        }
    }

    /// Checks the variables: the client would ignore an invalid one and connect directly.
    fn of_environment(&self) -> Result<Proxy, String> {
        let mut variables = self.variables.iter();
        match variables.find(|(_, value)| !is_proxy(value)) {
            None => Ok(Proxy::Environment),
            Some((name, _)) => Err(format!(
                "`{name}` is not the URL of a proxy, such as `http://proxy.example.com:3128`"
            )),
        }
    }

    /// Returns the resource's own proxy.
    ///
    /// # Errors
    ///
    /// A message, if it is not the URL of a proxy.
    pub fn own(&self) -> Result<Option<url::Url>, String> {
        let Some(template) = &self.template else {
            return Ok(None);
        };
        let text = template
            .text(&self.scope)
            .map_err(|error| format!("`proxy`: {}", error.message))?;
        let url: url::Url = text
            .trim()
            .parse()
            .map_err(|error| format!("`proxy` is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err(format!(
                "`proxy` takes a URL with `http`, `https`, `socks5` or `socks5h`, got `{}`",
                url.scheme()
            ));
        }
        if let Some(password) = url.password() {
            self.scrubber.add(&Secret::new(password));
        }
        Ok(Some(url))
    }
}

/// Returns true if a variable holds a proxy URL, with or without a scheme.
fn is_proxy(value: &str) -> bool {
    let text = if value.contains("://") {
        value.to_owned()
    } else {
        format!("http://{value}")
    };
    text.parse::<url::Url>().is_ok_and(|url| url.has_host())
}

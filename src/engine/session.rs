//! What the plans of a run share: connections, budgets, credentials.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::OnceCell;

use crate::auth::{Auth, Authenticated, Credential, CredentialSource, Desk};
use crate::core::secret::Scrubber;
use crate::engine::cache::Cache;
use crate::engine::levels::Levels;
use crate::engine::once::{Once, Shelf};
use crate::engine::stop::Stop;
use crate::engine::writes::Writes;
use crate::http::client::is_loopback;
use crate::http::follow::Follow;
use crate::http::limit::{Budget, Limit, Patience};
use crate::http::retirement::Retirement;
use crate::http::retry::{Jitter, Retry};
use crate::http::trace::Trace;
use crate::http::{
    Body, Client, ClientOptions, Event, Observe, Proxy, Request, Response, StatusCode,
    Transport as _, TransportError, TransportErrorKind,
};
use crate::plan::Plan;
use crate::project::load;
use crate::project::query::CacheRule;
use crate::template::Scope;

/// The whole stack of a resource.
type Stack = Retry<Limit<Follow<Authenticated<Trace<Client>, Rc<Credentials>>>>>;

/// What a resource is reached by.
struct Connection {
    stack: Stack,
    credentials: Rc<Credentials>,
}

/// Settings of a run that no file holds.
pub struct SessionOptions {
    /// The operating system's certificates are trusted too.
    pub system_certs: bool,
    /// When the whole run must be over.
    pub deadline: Option<tokio::time::Instant>,
    /// Numbers for jitter.
    pub jitter: Jitter,
    /// The variables of the environment that name proxies, by name.
    pub proxies: Vec<(String, String)>,
    /// Who watches.
    pub observer: Rc<dyn Observe>,
    /// How it goes about its work.
    pub manner: Manner,
}

/// How a session goes about its work.
#[derive(Clone, Default)]
pub struct Manner {
    /// The first failure of an item ends a walk.
    pub fail_fast: bool,
    /// Records of a walk come as they are found, not in the query's order.
    pub unordered: bool,
    /// Equal requests that only read are sent once. Of use where a request could come twice.
    pub remembers: bool,
    /// What earlier runs have left, for queries that want it.
    pub cache: Option<Cache>,
}

/// Stacks by resource.
pub struct Session {
    options: SessionOptions,
    connections: RefCell<BTreeMap<PathBuf, Rc<Connection>>>,
    once: Once,
    levels: Levels,
    writes: Writes,
    stop: Stop,
    /// Resources and routes whose end was reported.
    retiring: RefCell<BTreeSet<(String, String)>>,
}

impl Session {
    /// A session without connections. Answers that are kept and do not fit in memory lie on the
    /// shelf.
    pub fn new(options: SessionOptions, shelf: Box<dyn Shelf>) -> Self {
        Self {
            options,
            connections: RefCell::new(BTreeMap::new()),
            once: Once::new(shelf),
            levels: Levels::default(),
            writes: Writes::default(),
            stop: Stop::default(),
            retiring: RefCell::default(),
        }
    }

    /// How far the walk that is under way has come.
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The requests that write.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Ends the walk that is under way: what is done is delivered.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Whether the first failure of an item ends a walk.
    pub fn fails_fast(&self) -> bool {
        self.options.manner.fail_fast
    }

    /// Whether records come as they are found.
    pub fn is_unordered(&self) -> bool {
        self.options.manner.unordered
    }

    /// Sends a request of a plan, unless an equal one that only reads was sent before, or was
    /// answered in an earlier run and the query takes such an answer.
    ///
    /// # Errors
    ///
    /// If there is no whole answer.
    pub async fn send(&self, plan: &Plan, request: &Request) -> Result<Response, TransportError> {
        // The bytes of a form are not known before it is sent.
        let is_form = matches!(request.body, Body::Multipart(_));
        if !self.options.manner.remembers || !request.is_safe || is_form {
            return self.send_or_recall(plan, request).await;
        }
        let place = plan.resource.source.path().to_string_lossy();
        // A query that wants the latest answer is not given one that another took from the cache.
        let place = format!("{place} {:?}", plan.query.cache);
        self.once
            .send(&place, request, || self.send_or_recall(plan, request))
            .await
    }

    /// Sends a request of a plan.
    ///
    /// # Errors
    ///
    /// If there is no whole answer.
    pub async fn send_anew(
        &self,
        plan: &Plan,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let response = self.connection(plan)?.stack.send(request).await?;
        self.report_retirement(plan, request, &response);
        Ok(response)
    }

    /// Reports that a route is deprecated or will be gone, once a run.
    fn report_retirement(&self, plan: &Plan, request: &Request, response: &Response) {
        let is_failure = response.status == StatusCode::GONE
            && !request.accepted.contains(&response.status.as_u16());
        let found = Retirement::of(&response.headers, &request.url);
        // The failure of a 410 says it itself.
        let Some(retirement) = found.filter(|_| !is_failure) else {
            return;
        };
        let query = &plan.query;
        let polled = query.poll.as_ref().and_then(|poll| poll.endpoint.as_ref());
        let is_polled = request.method != query.method;
        let endpoint = polled.filter(|_| is_polled).or(query.endpoint.as_ref());
        let endpoint = endpoint.map_or("", |endpoint| endpoint.source());
        let route = format!("{} {endpoint}", request.method);
        let resource = &plan.resource.name;
        if self
            .retiring
            .borrow_mut()
            .insert((resource.clone(), route.clone()))
        {
            self.options.observer.event(&Event::Retiring {
                resource,
                route: &route,
                words: &retirement.words(plan.now()),
            });
        }
    }

    async fn send_or_recall(
        &self,
        plan: &Plan,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let Some((cache, rule)) = self.cache_of(plan) else {
            return self.send_anew(plan, request).await;
        };
        let credential = self
            .connection(plan)?
            .credentials
            .credential()
            .await
            .map_err(|words| TransportError::before(TransportErrorKind::Credentials(words)))?;
        if let Some((response, age)) = cache.find(rule, plan, request, &credential) {
            let event = Event::Recalled(request, age);
            self.options.observer.event(&event);
            // A walk that waits for no server still lets others have their turn.
            tokio::task::yield_now().await;
            return Ok(response);
        }
        let response = self.send_anew(plan, request).await?;
        cache.keep(rule, plan, request, &credential, &response);
        Ok(response)
    }

    /// The cache, for a query that wants it.
    fn cache_of(&self, plan: &Plan) -> Option<(&Cache, CacheRule)> {
        self.options.manner.cache.as_ref().zip(plan.query.cache)
    }

    /// The connection of a plan's resource, made on first use.
    fn connection(&self, plan: &Plan) -> Result<Rc<Connection>, TransportError> {
        // Two projects may each have a resource of the same name.
        let key = plan.resource.source.path().to_path_buf();
        if let Some(connection) = self.connections.borrow().get(&key) {
            return Ok(Rc::clone(connection));
        }
        let connection = Rc::new(self.build(plan)?);
        self.connections
            .borrow_mut()
            .insert(key, Rc::clone(&connection));
        Ok(connection)
    }

    fn build(&self, plan: &Plan) -> Result<Connection, TransportError> {
        let settings = |words: String| TransportError::before(TransportErrorKind::Settings(words));
        let resource = &plan.resource;
        let base_url = plan.base_url();
        let tls = load::certificates(&plan.root, &resource.tls, self.options.system_certs)
            .map_err(settings)?;
        let client = Client::new(ClientOptions {
            connect_timeout: resource.connect_timeout,
            timeout: resource.timeout,
            max_body: resource.max_body,
            proxy: proxy(plan, &self.options.proxies).map_err(settings)?,
            tls,
            user_agent: concat!("runner/", env!("CARGO_PKG_VERSION")).to_owned(),
        });
        let credentials = Rc::new(Credentials {
            auth: resource.auth.clone(),
            scope: plan.scope().clone(),
            folder: plan.root.clone(),
            scrubber: plan.scrubber.clone(),
            known: OnceCell::new(),
        });
        let observer = &self.options.observer;
        let traced = Trace::new(client, Rc::clone(observer));
        let authenticated = Authenticated::new(traced, Rc::clone(&credentials), base_url.origin());
        let patience = Patience {
            longest: Some(resource.retry.longest_asked),
            deadline: self.options.deadline,
        };
        let budget = Budget::new(resource.concurrency, resource.rate_limit, patience);
        let stack = Retry::new(
            Limit::new(Follow::new(authenticated), budget, Rc::clone(observer)),
            resource.retry.clone(),
            Rc::clone(&self.options.jitter),
            self.options.deadline,
            Rc::clone(observer),
        );
        Ok(Connection { stack, credentials })
    }
}

/// The proxy of a plan. This machine is never reached through one: over plain HTTP the proxy would
/// read the token.
fn proxy(plan: &Plan, variables: &[(String, String)]) -> Result<Proxy, String> {
    let Some(template) = &plan.resource.proxy else {
        if is_loopback(plan.base_url()) {
            return Ok(Proxy::None);
        }
        // The client would pass over one that it cannot read, and go past the proxy.
        for (name, value) in variables {
            if !is_proxy(value) {
                return Err(format!(
                    "`{name}` is set to something that is no proxy's URL, such as \
                     `http://proxy.example.com:3128`"
                ));
            }
        }
        return Ok(Proxy::Environment);
    };
    let text = template
        .text(plan.scope())
        .map_err(|error| format!("`proxy`: {}", error.message))?;
    let url: url::Url = text
        .trim()
        .parse()
        .map_err(|error| format!("`proxy` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(format!(
            "`proxy` is `http`, `https`, `socks5` or `socks5h`, not `{}`",
            url.scheme()
        ));
    }
    let is_plain = plan.base_url().scheme() == "http" && !plan.resource.auth.is_none();
    if is_plain && !is_loopback(&url) {
        return Err("over plain `http` the proxy would read the token".to_owned());
    }
    if let Some(password) = url.password() {
        plan.learn(&crate::core::secret::Secret::new(password));
    }
    Ok(Proxy::Url(url))
}

/// Whether a variable names a proxy, with a scheme or without.
fn is_proxy(value: &str) -> bool {
    let text = if value.contains("://") {
        value.to_owned()
    } else {
        format!("http://{value}")
    };
    text.parse::<url::Url>().is_ok_and(|url| url.has_host())
}

/// The credential of a resource: rendered, or printed by a command once a run.
struct Credentials {
    auth: Auth,
    scope: Scope,
    folder: PathBuf,
    scrubber: Scrubber,
    known: OnceCell<Credential>,
}

impl CredentialSource for Rc<Credentials> {
    async fn credential(&self) -> Result<Credential, String> {
        self.known
            .get_or_try_init(|| async {
                let desk = Desk {
                    scope: &self.scope,
                    folder: &self.folder,
                    scrubber: &self.scrubber,
                };
                self.auth.obtain(desk).await
            })
            .await
            .cloned()
    }
}

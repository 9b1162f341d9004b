//! State shared by the plans of a run: connections, rate limits, credentials.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

use crate::auth::{Authenticated, Surroundings, Wallet};
use crate::engine::bare::{Bare, ProxySettings};
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
use crate::http::split::Split;
use crate::http::trace::Trace;
use crate::http::{
    Body, Client, ClientOptions, Event, Observe, Proxy, Request, Response, StatusCode,
    Transport as _, TransportError, TransportErrorKind,
};
use crate::plan::RequestPlan;
use crate::project::load;
use crate::project::query::CacheRule;
use crate::sink::Folder;

/// The transport stack of a resource.
type Stack = Retry<Limit<Follow<Authenticated<Trace<Split>>>>>;

/// The connection to a resource.
struct Connection {
    stack: Stack,
    wallet: Rc<Wallet>,
}

/// Run options that no file defines.
pub struct SessionOptions {
    /// True to trust the operating system's certificates too.
    pub system_certs: bool,
    /// The deadline of the whole run.
    pub deadline: Option<tokio::time::Instant>,
    /// The clock, for signatures.
    pub clock: fn() -> SystemTime,
    /// The source of jitter.
    pub jitter: Jitter,
    /// The environment variables that define proxies, by name.
    pub proxies: Vec<(String, String)>,
    /// The observer of requests.
    pub observer: Rc<dyn Observe>,
    /// Execution options.
    pub execution: ExecutionOptions,
}

/// Execution options of a run.
#[derive(Clone, Default)]
pub struct ExecutionOptions {
    /// True to end a walk at the first failed item.
    pub fail_fast: bool,
    /// True to deliver records of a walk as they are found, not in the query's order.
    pub unordered: bool,
    /// True to send equal safe requests once. Only useful if a request could be repeated.
    pub remembers: bool,
    /// Responses of earlier runs, for queries with `cache`.
    pub cache: Option<Cache>,
    /// The folder and the rule for downloads.
    pub downloads: Option<Downloads>,
}

/// The folder for downloads.
#[derive(Debug, Clone)]
pub struct Downloads {
    /// The folder.
    pub folder: Rc<Folder>,
    /// True to request files again that are there with the same size or hash.
    pub refreshes: bool,
}

/// Transport stacks by resource, and shared state.
pub struct Session {
    options: SessionOptions,
    connections: RefCell<BTreeMap<PathBuf, Rc<Connection>>>,
    once: Once,
    levels: Levels,
    writes: Writes,
    stop: Stop,
    /// The resources and routes whose deprecation was reported.
    retiring: RefCell<BTreeSet<(String, String)>>,
}

impl Session {
    /// Creates a session without connections. Responses that do not fit in memory go to the shelf.
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

    /// Returns the progress of the current walk.
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Returns the requests that write.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Returns the signal that stops the current walk; completed work is delivered.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Returns true if the first failed item ends a walk.
    pub fn fails_fast(&self) -> bool {
        self.options.execution.fail_fast
    }

    /// Returns the folder for downloads.
    pub fn downloads(&self) -> Option<&Downloads> {
        self.options.execution.downloads.as_ref()
    }

    /// Returns true if records are delivered as they are found.
    pub fn is_unordered(&self) -> bool {
        self.options.execution.unordered
    }

    /// Sends a request of a plan, unless an equal safe one was sent before, or the query's cache
    /// has a response.
    ///
    /// # Errors
    ///
    /// If there is no complete response.
    pub async fn send(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        // The bytes of a multipart body are not known before it is sent.
        let is_form = matches!(request.body, Body::Multipart(_));
        if !self.options.execution.remembers || !request.is_safe || is_form {
            return self.send_or_recall(plan, request).await;
        }
        let place = plan.resource().source.path().to_string_lossy();
        // A query without `cache` must not get a response that another one took from the cache.
        let place = format!("{place} {:?}", plan.call.cache);
        self.once
            .send(&place, request, || self.send_or_recall(plan, request))
            .await
    }

    /// Sends a request of a plan.
    ///
    /// # Errors
    ///
    /// If there is no complete response.
    pub async fn send_anew(
        &self,
        plan: RequestPlan<'_>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let response = self.connection(plan)?.stack.send(request).await?;
        self.report_retirement(plan, request, &response);
        Ok(response)
    }

    /// Reports once per run that a route is deprecated or will be removed.
    fn report_retirement(&self, plan: RequestPlan<'_>, request: &Request, response: &Response) {
        let is_failure = response.status == StatusCode::GONE
            && !request.accepted.contains(&response.status.as_u16());
        let found = Retirement::of(&response.headers, &request.url);
        // The error for a 410 reports it itself.
        let Some(retirement) = found.filter(|_| !is_failure) else {
            return;
        };
        let call = plan.call;
        let is_polled = request.method != call.method;
        let polled = call.polled_endpoint().filter(|_| is_polled);
        let endpoint = polled.unwrap_or(call.address.template());
        let route = format!("{} {}", request.method, endpoint.source());
        let resource = &plan.resource().name;
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
        plan: RequestPlan<'_>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let Some((cache, rule)) = self.cache_of(plan) else {
            return self.send_anew(plan, request).await;
        };
        let caller = self.connection(plan)?.wallet.identity().await?;
        if let Some((response, age)) = cache.find(rule, plan, request, &caller) {
            let event = Event::Recalled(request, age);
            self.options.observer.event(&event);
            // Lets other tasks run even if no request has to wait.
            tokio::task::yield_now().await;
            return Ok(response);
        }
        let response = self.send_anew(plan, request).await?;
        cache.keep(rule, plan, request, &caller, &response);
        Ok(response)
    }

    /// Returns the cache, if the query uses it.
    fn cache_of(&self, plan: RequestPlan<'_>) -> Option<(&Cache, CacheRule)> {
        self.options.execution.cache.as_ref().zip(plan.call.cache)
    }

    /// Returns the connection of a plan's resource, created on first use.
    fn connection(&self, plan: RequestPlan<'_>) -> Result<Rc<Connection>, TransportError> {
        // Two projects may have resources of the same name.
        let key = plan.resource().source.path().to_path_buf();
        if let Some(connection) = self.connections.borrow().get(&key) {
            return Ok(Rc::clone(connection));
        }
        let connection = Rc::new(self.build(plan)?);
        self.connections
            .borrow_mut()
            .insert(key, Rc::clone(&connection));
        Ok(connection)
    }

    fn build(&self, plan: RequestPlan<'_>) -> Result<Connection, TransportError> {
        let settings = |words: String| TransportError::before(TransportErrorKind::Settings(words));
        let resource = plan.resource();
        let base_url = plan.base_url();
        let tls = load::certificates(&plan.root, &resource.tls, self.options.system_certs)
            .map_err(settings)?;
        let proxies = ProxySettings {
            template: resource.proxy.clone(),
            scope: plan.scope().clone(),
            variables: self.options.proxies.clone(),
            scrubber: plan.scrubber.clone(),
        };
        let client = ClientOptions {
            connect_timeout: resource.connect_timeout,
            timeout: resource.timeout,
            max_body: resource.max_body,
            proxy: proxy(plan, &proxies).map_err(settings)?,
            tls,
            user_agent: concat!("runner/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let patience = Patience {
            longest: Some(resource.retry.longest_requested),
            deadline: self.options.deadline,
        };
        let observer = &self.options.observer;
        let origin = base_url.origin();
        let clients = split(&client, origin.clone(), &proxies);
        let bare = Bare {
            client,
            proxy: proxies,
            retry: resource.retry.clone(),
            patience,
            jitter: Rc::clone(&self.options.jitter),
            observer: Rc::clone(observer),
        };
        let wallet = Rc::new(Wallet::new(
            resource.auth.clone(),
            Surroundings {
                scope: plan.scope().clone(),
                folder: plan.root.clone(),
                scrubber: plan.scrubber.clone(),
                clock: self.options.clock,
                transport: Box::new(bare),
            },
        ));
        let traced = Trace::new(clients, Rc::clone(observer));
        let authenticated = Authenticated::new(traced, Rc::clone(&wallet), origin.clone());
        let followed = Follow::new(authenticated, resource.links.clone(), origin);
        let budget = Budget::new(resource.concurrency, resource.rate_limit, patience);
        let stack = Retry::new(
            Limit::new(followed, budget, Rc::clone(observer)),
            resource.retry.clone(),
            Rc::clone(&self.options.jitter),
            self.options.deadline,
            Rc::clone(observer),
        );
        Ok(Connection { stack, wallet })
    }
}

/// Returns the clients of a resource: its own, and those for linked hosts, which get neither its
/// certificate nor its name.
fn split(own: &ClientOptions, origin: url::Origin, proxies: &ProxySettings) -> Split {
    let linked = |proxy| {
        let mut options = own.clone();
        options.tls.client = None;
        Client::new(ClientOptions { proxy, ..options })
    };
    let local = linked(Proxy::None);
    let remote = proxies.elsewhere().map(linked);
    Split::new(Client::new(own.clone()), origin, local, remote)
}

/// Returns the proxy of a plan. Loopback addresses never use a proxy from the environment, which
/// could read the token over plain HTTP.
fn proxy(plan: RequestPlan<'_>, settings: &ProxySettings) -> Result<Proxy, String> {
    let Some(url) = settings.own()? else {
        if is_loopback(plan.base_url()) {
            return Ok(Proxy::None);
        }
        return settings.elsewhere();
    };
    let is_plain = plan.base_url().scheme() == "http" && !plan.resource().auth.is_none();
    if is_plain && !is_loopback(&url) {
        return Err("over plain `http`, the proxy could read the token".to_owned());
    }
    Ok(Proxy::Url(url))
}

//! The exchange over the network: a transport stack for each resource.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

use crate::auth::{Authenticated, Surroundings, Wallet};
use crate::core::secret::Secret;
use crate::engine::bare::{Bare, ProxySettings};
use crate::engine::budget::{BudgetAccess, BudgetOfResource, BudgetOptions};
use crate::engine::exchange::{Exchange, Pending};
use crate::http::follow::Follow;
use crate::http::limit::{Budget, Limit, Patience};
use crate::http::loopback::is_loopback;
use crate::http::retry::{Jitter, Retry};
use crate::http::shared::Terms;
use crate::http::split::Split;
use crate::http::trace::Trace;
use crate::http::{
    Client, ClientOptions, Observe, Proxy, Request, Response, Transport as _, TransportError,
    TransportErrorKind,
};
use crate::plan::RequestPlan;
use crate::project::load;

/// The transport stack of a resource.
type Stack = Retry<Limit<Follow<Authenticated<Trace<Split>>>>>;

/// The connection to a resource.
struct Connection {
    stack: Stack,
    wallet: Rc<Wallet>,
}

/// Connection options that no file defines.
#[derive(Clone)]
pub struct LiveOptions {
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
    /// Options of limits that processes share.
    pub budget: BudgetOptions,
}

/// Sends requests over the network.
pub struct Live {
    options: LiveOptions,
    connections: RefCell<BTreeMap<PathBuf, Rc<Connection>>>,
}

impl Exchange for Live {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        Box::pin(async move { self.connection(plan)?.stack.send(request).await })
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        Box::pin(async move { self.connection(plan)?.wallet.identity().await })
    }
}

impl Live {
    /// Creates an exchange without connections.
    pub fn new(options: LiveOptions) -> Self {
        Self {
            options,
            connections: RefCell::default(),
        }
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
        let budget = self.budget(plan, &wallet, patience).map_err(settings)?;
        let traced = Trace::new(clients, Rc::clone(observer));
        let authenticated = Authenticated::new(traced, Rc::clone(&wallet), origin.clone());
        let followed = Follow::new(authenticated, resource.links.clone(), origin);
        let stack = Retry::new(
            Limit::new(followed, budget, Rc::clone(observer)),
            resource.retry.clone(),
            Rc::clone(&self.options.jitter),
            self.options.deadline,
            Rc::clone(observer),
        );
        Ok(Connection { stack, wallet })
    }

    /// Returns the budget of a resource: shared with other processes, a part of it, or all of it.
    fn budget(
        &self,
        plan: RequestPlan<'_>,
        wallet: &Rc<Wallet>,
        patience: Patience,
    ) -> Result<Rc<Budget>, String> {
        let options = &self.options.budget;
        let resource = plan.resource();
        let terms = Terms {
            rate: resource.rate_limit,
            concurrency: resource.concurrency,
            share: options.share,
        };
        let address = match (&options.address, &resource.budget) {
            _ if options.is_off => None,
            (Some(address), _) => Some(address.clone()),
            (None, Some(template)) => Some(
                template
                    .text(plan.scope())
                    .map_err(|error| format!("`budget`: {}", error.message))?,
            ),
            (None, None) => None,
        };
        if let Some(address) = address.filter(|address| !address.trim().is_empty()) {
            let access = BudgetAccess::new(address.trim(), options, &plan.scrubber)?;
            let origin = plan.base_url().origin().ascii_serialization();
            let (wallet, scrubber) = (Rc::clone(wallet), plan.scrubber.clone());
            let shared = BudgetOfResource::new(access, origin, wallet, scrubber);
            return Ok(Budget::shared(Box::new(shared), terms, patience));
        }
        let Some(share) = options.share else {
            return Ok(Budget::new(terms.concurrency, terms.rate, patience));
        };
        let terms = terms.divided(share);
        Ok(Budget::of_share(terms.concurrency, terms.rate, patience))
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

//! State shared by the plans of a run: responses, progress, writes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::cache::Cache;
use crate::engine::cover::Cover;
use crate::engine::exchange::Exchange;
use crate::engine::levels::Levels;
use crate::engine::once::{Once, Shelf};
use crate::engine::split::Shard;
use crate::engine::stop::Stop;
use crate::engine::writes::Writes;
use crate::http::retirement::Retirement;
use crate::http::{Body, Event, Observe, Request, Response, StatusCode, TransportError};
use crate::plan::RequestPlan;
use crate::project::query::CacheRule;
use crate::sink::Folder;
use crate::store::OpenStore;

/// Execution options of a run.
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
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
    /// True to request nothing in advance that a limit may make unnecessary, so that the requests
    /// of a run do not depend on time. For recordings and their replay.
    pub is_steady: bool,
    /// Records in place of queries, by name, for tests.
    pub given: BTreeMap<String, Arc<Vec<Value>>>,
    /// Takes note of the used parts of queries.
    pub cover: Option<Rc<dyn Cover>>,
    /// The store that queries read.
    pub store: Option<Arc<dyn OpenStore>>,
    /// The share of the items that is walked, if it is not all of them.
    pub shard: Option<Shard>,
}

/// The folder for downloads.
#[derive(Debug, Clone)]
pub struct Downloads {
    /// The folder.
    pub folder: Rc<Folder>,
    /// True to request files again that are there with the same size or hash.
    pub refreshes: bool,
}

/// The state shared by the plans of a run.
pub struct Session {
    exchange: Rc<dyn Exchange>,
    observer: Rc<dyn Observe>,
    execution: ExecutionOptions,
    once: Once,
    levels: Levels,
    writes: Writes,
    stop: Stop,
    /// The resources and routes whose deprecation was reported.
    retiring: RefCell<BTreeSet<(String, String)>>,
}

impl Session {
    /// Creates a session that sends requests by the exchange. Responses that do not fit in memory go
    /// to the shelf.
    pub fn new(
        exchange: Rc<dyn Exchange>,
        observer: Rc<dyn Observe>,
        execution: ExecutionOptions,
        shelf: Box<dyn Shelf>,
    ) -> Self {
        Self {
            exchange,
            observer,
            execution,
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
        self.execution.fail_fast
    }

    /// Returns the folder for downloads.
    pub fn downloads(&self) -> Option<&Downloads> {
        self.execution.downloads.as_ref()
    }

    /// Returns true if nothing is requested in advance that a limit may make unnecessary.
    pub fn is_steady(&self) -> bool {
        self.execution.is_steady
    }

    /// Returns the records in place of a query, if there are any.
    pub fn given(&self, query: &str) -> Option<&Arc<Vec<Value>>> {
        self.execution.given.get(query)
    }

    /// Returns the share of the items that is walked, if it is not all of them.
    pub fn shard(&self) -> Option<&Shard> {
        self.execution.shard.as_ref()
    }

    /// Returns the store that queries read, if there is one.
    pub fn store(&self) -> Option<&Arc<dyn OpenStore>> {
        self.execution.store.as_ref()
    }

    /// Returns what takes note of the used parts of queries.
    pub fn cover(&self) -> Option<&dyn Cover> {
        self.execution.cover.as_deref()
    }

    /// As [`Session::cover`], for what outlives the session.
    pub fn shared_cover(&self) -> Option<Rc<dyn Cover>> {
        self.execution.cover.clone()
    }

    /// Returns true if records are delivered as they are found.
    pub fn is_unordered(&self) -> bool {
        self.execution.unordered
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
        if !self.execution.remembers || !request.is_safe || is_form {
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
        let response = self.exchange.send(plan, request).await?;
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
            self.observer.event(&Event::Retiring {
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
        let caller = self.exchange.caller(plan).await?;
        if let Some((response, age)) = cache.find(rule, plan, request, &caller) {
            let event = Event::Recalled(request, age);
            self.observer.event(&event);
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
        self.execution.cache.as_ref().zip(plan.call.cache)
    }
}

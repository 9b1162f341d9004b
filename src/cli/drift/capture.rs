//! Finds the requests of a case by running it with its recording.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::cli::drift::readings::readings;
use crate::core::secret::Secret;
use crate::core::source::Place;
use crate::decode::BodyKind;
use crate::engine::{Exchange, Pending};
use crate::http::{Request, Response};
use crate::plan::RequestPlan;
use crate::project::query::Decode;
use crate::project::readings::{Form, Reading};
use crate::project::{Query, place_of_value};
use crate::recording::matching::Library;
use crate::recording::redact::Rule;
use crate::recording::{Answer, Ask, replacement};

/// A recorded request, ready to be sent again.
pub struct Captured {
    /// The request.
    pub request: Request,
    /// The request as recorded.
    pub ask: Ask,
    /// The recorded answer.
    pub answer: Answer,
    /// The query that sends it.
    pub sender: Rc<Sender>,
}

/// The sender of requests: a query, with all that is known of its answers.
pub struct Sender {
    /// The name of the query.
    pub query: String,
    /// The kind of its answers.
    pub form: Form,
    /// The path of the resource's file.
    pub resource: std::path::PathBuf,
    /// The readings of an answer.
    pub readings: Vec<Reading>,
    /// The place of the address.
    pub address: Place,
    /// The statuses of `on_status`, with their places.
    pub on_status: Vec<(u16, Place)>,
    /// The rules for values that recordings do not keep.
    pub redactions: Vec<Rule>,
    /// True if answers are JSON.
    pub is_json: bool,
}

/// Passes on the requests of a case, and keeps those that a recording has an answer for.
pub struct Capture {
    inner: Rc<dyn Exchange>,
    recorded: Library,
    query: Arc<Query>,
    senders: RefCell<Vec<Rc<Sender>>>,
    /// The queries and items that sent their own request, before they poll.
    started: RefCell<BTreeSet<(String, Option<Rc<str>>)>>,
    captured: RefCell<Vec<Captured>>,
}

impl Capture {
    /// Captures the requests of a query and those it uses.
    pub fn new(inner: Rc<dyn Exchange>, recorded: Library, query: Arc<Query>) -> Self {
        Self {
            inner,
            recorded,
            query,
            senders: RefCell::default(),
            started: RefCell::default(),
            captured: RefCell::default(),
        }
    }

    /// Returns the requests in the order in which they were sent.
    pub fn take(&self) -> Vec<Captured> {
        self.captured.take()
    }

    fn keep(&self, plan: RequestPlan<'_>, request: &Request) {
        let form = self.form(plan, request);
        let method = request.method.as_str();
        let ask = Ask::of(method, plan.base_url(), &request.url, &request.body);
        let Ok(given) = self.recorded.answer(&ask) else {
            return;
        };
        // A later page has the shape of the first one, and an address that an answer gave ends.
        let is_left_out = request.is_next_page
            || plan.call.download.is_some()
            || !plan.is_own(&request.url)
            || replacement::in_ask(&ask, !plan.resource().redact.is_empty()).is_some();
        if !request.is_safe || is_left_out {
            return;
        }
        let sender = self.sender(plan, request, form);
        let mut request = request.clone();
        request.receiver = None;
        self.captured.borrow_mut().push(Captured {
            request,
            ask,
            answer: given.clone(),
            sender,
        });
    }

    fn form(&self, plan: RequestPlan<'_>, request: &Request) -> Form {
        if plan.call.polled_endpoint().is_none() {
            return Form::Own;
        }
        let key = (plan.query.name.clone(), request.about.clone());
        if self.started.borrow_mut().insert(key) {
            Form::Own
        } else {
            Form::Polled
        }
    }

    fn sender(&self, plan: RequestPlan<'_>, request: &Request, form: Form) -> Rc<Sender> {
        let mut senders = self.senders.borrow_mut();
        let query = &plan.query;
        let is_known = |known: &&Rc<Sender>| known.query == query.name && known.form == form;
        if let Some(known) = senders.iter().find(is_known) {
            return Rc::clone(known);
        }
        let statuses = plan.call.on_status.keys();
        let address = plan.call.address.template().place().clone();
        let redact = plan.resource().redact.iter();
        let sender = Rc::new(Sender {
            query: query.name.clone(),
            form,
            resource: plan.resource().source.path().to_path_buf(),
            readings: readings(plan, request, form, &self.query.with_fed_by()),
            on_status: statuses
                .map(|status| {
                    let name = status.to_string();
                    let place = place_of_value(&query.source, &["on_status", &name]);
                    (*status, place.unwrap_or_else(|| address.clone()))
                })
                .collect(),
            address: match plan.call.polled_endpoint().filter(|_| form == Form::Polled) {
                Some(endpoint) => endpoint.place().clone(),
                None => address.clone(),
            },
            redactions: redact
                .map(|(selector, action)| Rule {
                    selector: selector.clone(),
                    action: *action,
                })
                .collect(),
            is_json: plan.call.decode.is_none_or(is_json),
        });
        senders.push(Rc::clone(&sender));
        sender
    }
}

fn is_json(decode: Decode) -> bool {
    decode.kind == BodyKind::Json
}

impl Exchange for Capture {
    fn send<'s>(&'s self, plan: RequestPlan<'s>, request: &'s Request) -> Pending<'s, Response> {
        self.keep(plan, request);
        self.inner.send(plan, request)
    }

    fn caller<'s>(&'s self, plan: RequestPlan<'s>) -> Pending<'s, Secret> {
        self.inner.caller(plan)
    }
}

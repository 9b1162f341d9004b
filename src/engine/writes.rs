//! Tracks requests that write until their result is known.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::core::secret::Scrubber;
use crate::http::{Delivery, Request, Response, TransportError};

/// Writing requests, in the order in which they were sent.
#[derive(Debug, Default)]
pub struct Writes {
    made: Cell<u64>,
    open: RefCell<BTreeMap<u64, Write>>,
}

/// A request that writes.
#[derive(Debug, Clone)]
pub struct Write {
    /// The method.
    pub method: String,
    /// The URL, with secrets masked.
    pub url: String,
    /// Its item: `workflow 5034460f-…`.
    pub item: Option<String>,
    delivery: Delivery,
}

impl Writes {
    /// Starts tracking a request. Returns its number, and the request to send.
    pub fn follow(
        &self,
        request: &Request,
        item: Option<String>,
        scrubber: &Scrubber,
    ) -> (u64, Request) {
        let delivery = Delivery::tracked();
        let number = self.made.replace(self.made.get() + 1);
        let write = Write {
            method: request.method.to_string(),
            url: request.shown_url(scrubber),
            item,
            delivery: delivery.clone(),
        };
        self.open.borrow_mut().insert(number, write);
        let request = Request {
            delivery,
            ..request.clone()
        };
        (number, request)
    }

    /// Records the result of a request. `is_answer` is true for a status that the query accepts.
    pub fn close(&self, number: u64, result: &Result<Response, TransportError>, is_answer: bool) {
        let mut open = self.open.borrow_mut();
        if let Some(write) = open.get(&number) {
            // Following or refusing a redirect is not an attempt of its own.
            write.delivery.end(result);
            if is_answer || !write.delivery.is_open() {
                open.remove(&number);
            }
        }
    }

    /// Returns the requests that may have been carried out although no response confirms it.
    pub fn unconfirmed(&self) -> Vec<Write> {
        let open = self.open.borrow();
        let open = open.values().filter(|write| write.delivery.is_open());
        open.cloned().collect()
    }
}

//! Bodies of responses that go to a temporary file and are decoded from there.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::decode::ByteSource;
use crate::engine::levels::Level;
use crate::http::{HeaderMap, Receive, Response, coding};
use crate::sink::{Spool, Spooled};

/// Receives a body into a temporary file.
#[derive(Debug)]
pub struct SpoolReceiver {
    level: Rc<Level>,
    /// The maximum length of a body, in bytes.
    limit: u64,
    spool: RefCell<Option<Spool>>,
}

impl SpoolReceiver {
    /// Creates a receiver that counts its bytes for the progress of a level.
    pub fn new(level: Rc<Level>, limit: u64) -> Rc<Self> {
        Rc::new(Self {
            level,
            limit,
            spool: RefCell::default(),
        })
    }

    /// Returns the content of a response, decoded as its header fields say.
    pub fn source(&self, response: &Response) -> Arc<dyn ByteSource> {
        match self.spool.take() {
            Some(spool) => Arc::new(Coded {
                body: spool.into_source(),
                headers: response.headers.clone(),
            }),
            // A response whose status is not a success was held in memory.
            None => Arc::new(response.body.clone()) as Arc<Bytes>,
        }
    }
}

impl Receive for SpoolReceiver {
    fn limit(&self) -> Option<u64> {
        Some(self.limit)
    }

    fn begin(&self, _: &HeaderMap) -> io::Result<bool> {
        self.spool.replace(Some(Spool::default()));
        Ok(true)
    }

    fn take(&self, bytes: &[u8]) -> io::Result<()> {
        Level::count(&self.level.bytes, bytes.len() as u64);
        match &mut *self.spool.borrow_mut() {
            Some(spool) => spool.push(bytes),
            None => Ok(()),
        }
    }
}

/// A body with its content coding.
#[derive(Debug)]
struct Coded {
    body: Spooled,
    headers: HeaderMap,
}

impl ByteSource for Coded {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let body = self.body.reader();
        if coding::is_encoded(&self.headers) {
            coding::reader(&self.headers, body)
        } else {
            Ok(body)
        }
    }
}

//! A wallet for tests, without an outside.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use crate::auth::{Authenticate, BareTransport, Sending, Surroundings, Wallet};
use crate::core::secret::Scrubber;
use crate::http::{Request, TransportError, TransportErrorKind};
use crate::template::{Clock, Scope};

/// Refuses all requests.
struct Nowhere;

impl BareTransport for Nowhere {
    fn send<'a>(&'a self, _: &'a Request) -> Sending<'a> {
        let error = TransportError::before(TransportErrorKind::Connect);
        Box::pin(std::future::ready(Err(error)))
    }
}

/// Creates the wallet of a kind of `auth`.
pub fn wallet(auth: impl Authenticate + 'static) -> Rc<Wallet> {
    let surroundings = Surroundings {
        scope: Scope::new(Clock(jiff::Timestamp::UNIX_EPOCH), []),
        folder: PathBuf::from("."),
        scrubber: Scrubber::new(),
        clock: || SystemTime::UNIX_EPOCH,
        transport: Box::new(Nowhere),
    };
    Rc::new(Wallet::new(Arc::new(auth), surroundings))
}

//! The credential of a resource during a run: obtained once, shared, renewed.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::SystemTime;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth::{Auth, Context, Credential};
use crate::core::secret::{Scrubber, Secret};
use crate::http::{Request, Response, TransportError, TransportErrorKind};
use crate::template::Scope;

/// A future response.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + 'a>>;

/// Sends requests without a credential, with the connection settings of the resource. Redirects are
/// not followed.
pub trait BareTransport {
    /// Sends the request.
    fn send<'a>(&'a self, request: &'a Request) -> Sending<'a>;
}

/// The outside of a wallet.
pub struct Surroundings {
    /// The names available to templates.
    pub scope: Scope,
    /// The project's folder.
    pub folder: PathBuf,
    /// Records secrets that are not in a template.
    pub scrubber: Scrubber,
    /// The time of day.
    pub clock: fn() -> SystemTime,
    /// Sends requests to servers that issue credentials.
    pub transport: Box<dyn BareTransport>,
}

/// A credential with its expiry.
#[derive(Debug)]
pub struct Obtained {
    /// The credential.
    pub credential: Credential,
    /// The expiry; `None` if unknown.
    pub until: Option<Instant>,
}

impl From<Credential> for Obtained {
    fn from(credential: Credential) -> Self {
        Self {
            credential,
            until: None,
        }
    }
}

/// A credential in use.
#[derive(Debug)]
pub struct Held {
    obtained: Obtained,
    /// True if it replaced a refused one.
    is_renewal: bool,
    /// True once a response other than 401 was received with it.
    has_worked: Cell<bool>,
}

impl Held {
    /// Records that the server accepted it.
    pub fn worked(&self) {
        self.has_worked.set(true);
    }

    fn is_over(&self) -> bool {
        let until = self.obtained.until;
        until.is_some_and(|until| until <= Instant::now())
    }

    fn is_same(&self, other: &Self) -> bool {
        self.obtained.credential == other.obtained.credential
    }
}

/// Holds the credential of a resource, shared by all its requests in a run.
pub struct Wallet {
    auth: Auth,
    around: Surroundings,
    held: RefCell<Option<Rc<Held>>>,
    /// Locked while a credential is obtained, so that concurrent requests wait for one. A failure
    /// is kept: further attempts would fail in the same way.
    obtaining: Mutex<Option<TransportError>>,
}

impl Wallet {
    /// Creates an empty wallet.
    pub fn new(auth: Auth, around: Surroundings) -> Self {
        Self {
            auth,
            around,
            held: RefCell::default(),
            obtaining: Mutex::default(),
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            scope: &self.around.scope,
            folder: &self.around.folder,
            scrubber: &self.around.scrubber,
            clock: self.around.clock,
            transport: &*self.around.transport,
        }
    }

    /// Returns the current credential, after obtaining one if there is none or it has expired.
    ///
    /// # Errors
    ///
    /// If no credential can be obtained.
    pub async fn held(&self) -> Result<Rc<Held>, TransportError> {
        if let Some(held) = self.current() {
            return Ok(held);
        }
        let mut failure = self.obtaining.lock().await;
        match self.current() {
            // Another request obtained it meanwhile.
            Some(held) => Ok(held),
            None => self.obtain(&mut failure, false).await,
        }
    }

    /// Returns a replacement for a credential refused with a 401; `None` if there is none. A
    /// replacement that never worked is not replaced again.
    ///
    /// # Errors
    ///
    /// If it cannot be obtained.
    pub async fn renewed(&self, refused: &Rc<Held>) -> Result<Option<Rc<Held>>, TransportError> {
        if !self.auth.can_renew() {
            return Ok(None);
        }
        let mut failure = self.obtaining.lock().await;
        let other = self.current().filter(|held| !Rc::ptr_eq(held, refused));
        let held = match other {
            // Another request renewed it meanwhile.
            Some(held) => held,
            None if refused.is_renewal && !refused.has_worked.get() => return Ok(None),
            None => self.obtain(&mut failure, true).await?,
        };
        Ok((!held.is_same(refused)).then_some(held))
    }

    /// Adds a credential to an attempt.
    ///
    /// # Errors
    ///
    /// If the request cannot be signed.
    pub fn sign(&self, request: &mut Request, held: &Held) -> Result<(), TransportError> {
        let credential = &held.obtained.credential;
        self.auth
            .sign(request, credential, &self.context())
            .map_err(|words| TransportError::before(TransportErrorKind::Credentials(words)))
    }

    /// Returns the identity of the caller, the same in every run with the same secrets.
    ///
    /// # Errors
    ///
    /// If only the credential identifies the caller, and none can be obtained.
    pub async fn identity(&self) -> Result<Secret, TransportError> {
        match self.auth.identity(&self.around.scope) {
            Some(identity) => Ok(identity),
            None => Ok(self.held().await?.obtained.credential.identity()),
        }
    }

    /// As [`identity`](Self::identity), but the same too if a program prints another credential
    /// in each run.
    ///
    /// # Errors
    ///
    /// As [`identity`](Self::identity).
    pub async fn lasting_identity(&self) -> Result<Secret, TransportError> {
        match self.auth.lasting_identity(&self.around.scope) {
            Some(identity) => Ok(identity),
            None => self.identity().await,
        }
    }

    fn current(&self) -> Option<Rc<Held>> {
        let held = self.held.borrow();
        held.as_ref().filter(|held| !held.is_over()).cloned()
    }

    async fn obtain(
        &self,
        failure: &mut Option<TransportError>,
        is_renewal: bool,
    ) -> Result<Rc<Held>, TransportError> {
        if let Some(error) = failure {
            return Err(error.clone());
        }
        let obtained = self.auth.obtain(self.context()).await;
        let obtained = obtained.inspect_err(|error| *failure = Some(error.clone()))?;
        let held = Rc::new(Held {
            obtained,
            is_renewal,
            has_worked: Cell::new(false),
        });
        *self.held.borrow_mut() = Some(Rc::clone(&held));
        Ok(held)
    }
}

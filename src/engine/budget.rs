//! The budget that a resource shares with other processes, on a thread of its own, since databases
//! block.

use std::cell::OnceCell;
use std::num::NonZeroU32;
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::auth::Wallet;
use crate::budget::{BudgetConnection, budget_name};
use crate::core::secret::{Scrubber, Secret};
use crate::http::shared::{Ask, Asking, Grant, SharedBudget};
use crate::http::{TransportError, TransportErrorKind, TrustedRoots, trusted_roots};
use crate::project::load;
use crate::store::{Purpose, ServerAddress, StoreError, StoreErrorKind};

/// The time after which a connection, or an answer, counts as lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time for which unused permits are kept for the next request.
const IDLE: Duration = Duration::from_millis(250);

/// The interval at which a process shows that it is alive: a stopped one loses its permits.
const BEAT: Duration = Duration::from_secs(2);

/// Options of shared limits that no file defines.
#[derive(Debug, Clone, Default)]
pub struct BudgetOptions {
    /// The address for all resources, instead of those in their files.
    pub address: Option<String>,
    /// The password of an address without one.
    pub password: Option<Secret>,
    /// The number of processes that divide the declared limits, if there is no budget.
    pub share: Option<NonZeroU32>,
    /// True to use no budget.
    pub is_off: bool,
}

/// A database with budgets.
#[derive(Debug, Clone)]
pub struct BudgetAccess {
    address: ServerAddress,
    roots: Option<TrustedRoots>,
}

impl BudgetAccess {
    /// Reads an address. Its password becomes known to the scrubber.
    ///
    /// # Errors
    ///
    /// A message, if it cannot be used.
    pub fn new(text: &str, options: &BudgetOptions, scrubber: &Scrubber) -> Result<Self, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err("`budget` takes `postgres://user@host/database`".to_owned());
        }
        let mut address =
            ServerAddress::parse(text, Purpose::Budget).map_err(|error| error.message)?;
        if let (None, Some(password)) = (address.password(), &options.password) {
            address.set_password(password);
        }
        if let Some(password) = address.password() {
            scrubber.add(&password);
        }
        address.set_patience(PATIENCE);
        let roots = if address.uses_tls() {
            let pem = match address.root_file() {
                None => None,
                Some(path) => Some(certificate(path)?),
            };
            Some(trusted_roots(pem.as_deref(), "sslrootcert", true)?)
        } else {
            None
        };
        Ok(Self { address, roots })
    }

    /// Opens the budget of a credential.
    fn open(&self, name: &str) -> Result<BudgetConnection, TransportError> {
        BudgetConnection::open(&self.address, self.roots.clone(), name).map_err(lost)
    }
}

fn certificate(path: &Path) -> Result<Vec<u8>, String> {
    load::certificate_file(path)
        .map_err(|words| format!("cannot read `sslrootcert` `{}`: {words}", path.display()))
}

/// The budget of a resource.
pub struct BudgetOfResource {
    inner: Rc<Inner>,
}

struct Inner {
    access: BudgetAccess,
    origin: String,
    wallet: Rc<Wallet>,
    scrubber: Scrubber,
    thread: OnceCell<BudgetThread>,
}

impl BudgetOfResource {
    /// Creates the budget of a resource's credential. The database is reached when it is needed.
    pub fn new(
        access: BudgetAccess,
        origin: String,
        wallet: Rc<Wallet>,
        scrubber: Scrubber,
    ) -> Self {
        Self {
            inner: Rc::new(Inner {
                access,
                origin,
                wallet,
                scrubber,
                thread: OnceCell::new(),
            }),
        }
    }
}

impl Inner {
    async fn ask(&self, ask: Ask) -> Result<Grant, TransportError> {
        let thread = if let Some(thread) = self.thread.get() {
            thread
        } else {
            let identity = self.wallet.lasting_identity().await?;
            let (access, origin) = (self.access.clone(), self.origin.clone());
            self.thread
                .get_or_init(|| BudgetThread::start(access, origin, identity))
        };
        let answer = thread.ask(ask).await;
        answer.map_err(|mut error| {
            if let TransportErrorKind::NoBudget(words)
            | TransportErrorKind::Settings(words)
            | TransportErrorKind::Credentials(words) = &mut error.kind
            {
                *words = self.scrubber.text(words).into_owned();
            }
            error
        })
    }
}

impl SharedBudget for BudgetOfResource {
    fn ask(&self, ask: Ask) -> Asking {
        let inner = Rc::clone(&self.inner);
        Box::pin(async move { inner.ask(ask).await })
    }

    fn refuse(&self, pause: Duration) {
        if let Some(thread) = self.inner.thread.get() {
            thread.begin(Work::Refuse(pause));
        }
    }

    fn keep(&self, permits: usize) {
        if let Some(thread) = self.inner.thread.get() {
            thread.begin(Work::Keep(permits));
        }
    }
}

enum Work {
    Ask(Ask, oneshot::Sender<Result<Grant, TransportError>>),
    Refuse(Duration),
    Keep(usize),
}

/// A thread with a connection. It ends by itself when it is dropped; a run does not wait for it.
struct BudgetThread {
    sender: mpsc::Sender<Work>,
}

impl BudgetThread {
    fn start(access: BudgetAccess, origin: String, identity: Secret) -> Self {
        let (sender, works) = mpsc::channel();
        std::thread::spawn(move || {
            let name = budget_name(&origin, &identity);
            Worker {
                access,
                name,
                connection: None,
                idle: None,
            }
            .run(&works);
        });
        Self { sender }
    }

    fn begin(&self, work: Work) {
        // If the thread has panicked, the next question says so.
        let _ = self.sender.send(work);
    }

    async fn ask(&self, ask: Ask) -> Result<Grant, TransportError> {
        let (sender, answer) = oneshot::channel();
        self.begin(Work::Ask(ask, sender));
        // Connecting and asking, once more if an idle connection was closed.
        if let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE * 2, answer).await {
            return answer;
        }
        let words = "the shared budget does not answer".to_owned();
        Err(TransportError::before(TransportErrorKind::NoBudget(words)))
    }
}

struct Worker {
    access: BudgetAccess,
    name: String,
    connection: Option<BudgetConnection>,
    /// The permits to keep, and from when on the others are returned.
    idle: Option<(usize, Instant)>,
}

impl Worker {
    fn run(mut self, works: &mpsc::Receiver<Work>) {
        loop {
            let wait = match self.idle {
                None => BEAT,
                Some((_, at)) => at.saturating_duration_since(Instant::now()),
            };
            let work = works.recv_timeout(wait);
            match work {
                // The asker has lost patience.
                Ok(Work::Ask(_, sender)) if sender.is_closed() => {}
                Ok(Work::Ask(ask, sender)) => {
                    self.idle = None;
                    let _ = sender.send(self.ask(&ask));
                }
                Ok(Work::Refuse(pause)) => {
                    self.attempt(|connection| connection.refuse(pause));
                }
                Ok(Work::Keep(permits)) => self.idle = Some((permits, Instant::now() + IDLE)),
                Err(RecvTimeoutError::Timeout) => match self.idle.take() {
                    Some((permits, _)) => {
                        self.attempt(|connection| connection.keep(permits));
                    }
                    None => self.attempt(BudgetConnection::beat),
                },
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn ask(&mut self, ask: &Ask) -> Result<Grant, TransportError> {
        if let Some(connection) = &mut self.connection {
            if let Ok(grant) = connection.ask(ask) {
                return Ok(grant);
            }
            // The server may have closed an idle connection.
            self.connection = None;
        }
        let mut connection = self.access.open(&self.name)?;
        let grant = connection.ask(ask).map_err(lost)?;
        self.connection = Some(connection);
        Ok(grant)
    }

    /// Does what can be left out: the next question reports a lost connection.
    fn attempt(&mut self, work: impl FnOnce(&mut BudgetConnection) -> Result<(), StoreError>) {
        if let Some(connection) = &mut self.connection
            && work(connection).is_err()
        {
            self.connection = None;
        }
    }
}

/// Returns the error for a budget that cannot be used.
fn lost(error: StoreError) -> TransportError {
    let words = match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    };
    TransportError::before(match error.kind {
        StoreErrorKind::Credentials => TransportErrorKind::Credentials(words),
        StoreErrorKind::Usage | StoreErrorKind::Database => TransportErrorKind::Settings(words),
        _ => TransportErrorKind::NoBudget(words),
    })
}

//! Runs the query of a call: until it is done, its time is up, or the client cancels it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use crate::cli::execute::Execution;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::in_memory::{Collecting, Form};
use crate::cli::mcp::gate::WriteGate;
use crate::cli::mcp::protocol;
use crate::cli::mcp::sample::{Sample, SampledRecords};
use crate::cli::mcp::server::{CallPlace, Server};
use crate::cli::options::RunOptions;
use crate::cli::output::Writers;
use crate::cli::shutdown::LAST_WORDS;
use crate::cli::{carry_out, choose, execute, outcome, store_place};
use crate::core::shutdown::Timed;
use crate::core::text::counted;
use crate::engine::{Exchange, ExecutionOptions, FoundItems, Session};
use crate::plan::Plan;

/// The time between two messages about progress.
const PERIOD: Duration = Duration::from_secs(2);

/// The time for a request that writes to end after its call was stopped.
const LAST_REQUEST: Duration = Duration::from_secs(3);

/// The time to read the response to a request that was answered.
const LAST_READ: Duration = Duration::from_millis(300);

/// A call in progress, seen by the client.
pub struct Caller {
    /// The token of its progress, if the client wants to be told.
    pub progress_token: Option<Value>,
    /// Set when the client cancels the call, or is gone.
    pub cancelled: Rc<Cancelled>,
    /// The time at which the call is stopped: waiting for its turn counts.
    pub deadline: Instant,
}

impl Caller {
    /// Waits for a reason to stop.
    pub async fn stopped(&self) -> StopCause {
        tokio::select! {
            () = self.cancelled.wait() => StopCause::Cancelled,
            () = sleep_until(self.deadline) => StopCause::Late,
        }
    }
}

/// The signal of a client that cancels a call.
#[derive(Debug, Default)]
pub struct Cancelled {
    is_set: Cell<bool>,
    notify: Notify,
}

impl Cancelled {
    /// Cancels the call.
    pub fn set(&self) {
        self.is_set.set(true);
        self.notify.notify_one();
    }

    /// Returns true if the call is cancelled.
    pub fn is_set(&self) -> bool {
        self.is_set.get()
    }

    async fn wait(&self) {
        while !self.is_set.get() {
            self.notify.notified().await;
        }
    }
}

/// The cause of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// The time of the call was up.
    Late,
    /// The client cancelled it.
    Cancelled,
}

/// The result of a run.
pub struct CallOutcome {
    /// The exit code of the same run on a command line, or its failure.
    pub result: Result<Exit, Stopped>,
    /// The records.
    pub records: SampledRecords,
    /// True if there were failures and nothing else: a count of nothing is no result.
    pub has_only_failed: bool,
    /// The number of requests that write and were answered.
    pub written: u64,
    /// The documents of a report, or the body.
    pub forms: Vec<Form>,
    /// The cause, if it was stopped.
    pub stopped: Option<StopCause>,
    /// The last state of a poll, if it was stopped.
    pub last_state: Option<String>,
}

impl CallOutcome {
    /// The result of a call whose time was up before its run began.
    pub fn late() -> Self {
        Self {
            result: Err(Stopped::Closed),
            records: SampledRecords::default(),
            has_only_failed: false,
            written: 0,
            forms: Vec::new(),
            stopped: Some(StopCause::Late),
            last_state: None,
        }
    }
}

/// A run of one plan.
pub struct CallRun<'r> {
    /// The server.
    pub server: &'r Server,
    /// The surroundings of the call.
    pub place: &'r CallPlace,
    /// The client.
    pub caller: &'r Caller,
    /// The maximum number of records that are kept.
    pub most_records: usize,
}

impl CallRun<'_> {
    /// Runs a plan, for items that were approved if it writes.
    ///
    /// # Errors
    ///
    /// If it is refused before the first request.
    pub async fn plan(
        &self,
        plan: &Rc<Plan>,
        approved: Option<FoundItems>,
    ) -> Result<CallOutcome, Failure> {
        let app = &self.place.app;
        let options = self.options();
        let plans = [Rc::clone(plan)];
        carry_out::admit(&plans, &options, app)?;
        let sample = Sample::new(self.most_records);
        let shows_form = plan.query.report.is_some() || choose::shows_body(plan);
        let (collecting, writers) = if shows_form {
            let (collecting, writers) = Collecting::new(plan, &[], app)?;
            (Some(collecting), writers)
        } else {
            let writers = Writers::in_memory(plan, vec![Box::new(sample.clone())]);
            (None, writers)
        };
        let gate = Rc::new(WriteGate::new(self.server.exchange(&self.place.project)));
        let session = self.session(&plans, &gate)?;
        let execution = Execution::new(&plans, &options, app).with_approved(approved);
        let work = execution.run(&session, vec![writers], &[None]);
        // The response to a request that writes is still read after the deadline.
        let spare = if plan.is_safe() {
            Duration::ZERO
        } else {
            LAST_REQUEST + LAST_WORDS
        };
        let (result, stopped) = self.watched(work, spare, &session, &gate).await;
        let last_state = stopped.and_then(|_| outcome::last_state(&session, app));
        let has_only_failed = matches!(result, Ok(Exit::Partial))
            && gate.answered() > 0
            && session.levels().have_only_failed();
        let unconfirmed = execution.unconfirmed();
        let result = carry_out::name_unconfirmed(result, &unconfirmed, &options, app);
        let exit = match &result {
            Ok(exit) => *exit,
            Err(Stopped::Failed(failure)) => failure.exit,
            Err(Stopped::Closed) => Exit::Partial,
        };
        if gate.was_unauthorized() || exit == Exit::Credentials {
            self.server.forget_exchange();
        }
        let forms = collecting.map_or_else(Vec::new, |collecting| collecting.finish(exit).1);
        Ok(CallOutcome {
            result,
            records: sample.take(),
            forms,
            has_only_failed,
            written: gate.written(),
            stopped,
            last_state,
        })
    }

    /// Returns the options of a run. What writes was approved before.
    pub fn options(&self) -> RunOptions {
        RunOptions {
            yes: true,
            connect: self.server.args.connect(),
            ..RunOptions::default()
        }
    }

    /// Returns the session of plans.
    ///
    /// # Errors
    ///
    /// If the store that they read cannot be found.
    pub fn session(
        &self,
        plans: &[Rc<Plan>],
        gate: &Rc<WriteGate>,
    ) -> Result<Rc<Session>, Failure> {
        let execution = ExecutionOptions {
            remembers: execute::remembers(plans),
            cache: self.server.cache(),
            store: store_place::read_by(plans, None, self.server.args.demo, &self.place.app)?,
            ..ExecutionOptions::default()
        };
        let exchange = Rc::clone(gate) as Rc<dyn Exchange>;
        Ok(Rc::new(self.server.reach().session(exchange, execution)))
    }

    /// Waits for work, shows its progress, and stops it if its time is up or it is cancelled: then it
    /// delivers what it has.
    pub async fn watched<T>(
        &self,
        work: impl Future<Output = Result<T, Stopped>>,
        spare: Duration,
        session: &Session,
        gate: &WriteGate,
    ) -> (Result<T, Stopped>, Option<StopCause>) {
        // Loops over records, and waits for a rate limit, end with the deadline.
        let due = self.caller.deadline + spare;
        let work = std::pin::pin!(work);
        let mut work = Timed::new(work, due.into_std());
        let token = self.caller.progress_token.as_ref();
        let mut ticks = interval(PERIOD);
        let mut progress = GrowingProgress::default();
        let cause = loop {
            tokio::select! {
                result = &mut work => return (result, None),
                cause = self.caller.stopped() => break cause,
                _ = ticks.tick(), if token.is_some() => {
                    if let Some(token) = token {
                        let value = progress.next(gate.answered());
                        self.show_progress(token, value, gate.answered(), session);
                    }
                }
            }
        };
        // A request that writes is not abandoned.
        let closing = async {
            let _ = timeout(LAST_REQUEST, gate.close()).await;
            // Its response is still read.
            if gate.written() > 0 {
                sleep(LAST_READ).await;
            }
        };
        tokio::select! {
            // It is done after all.
            result = &mut work => return (result, None),
            () = closing => {}
        }
        session.stop().set();
        let ended = timeout(LAST_WORDS, &mut work).await;
        (ended.unwrap_or(Err(Stopped::Closed)), Some(cause))
    }

    fn show_progress(&self, token: &Value, value: f64, answered: u64, session: &Session) {
        let words = outcome::progress(session);
        let words = words.unwrap_or_else(|| counted(answered, "request"));
        let message = protocol::progress(token, value, &words);
        // A client that is gone is noticed with the answer.
        let _ = self.server.output.send(message);
    }
}

/// The progress of a call as numbers that grow, also while no response comes: clients end calls that
/// are silent for long, and connections whose numbers do not grow.
#[derive(Debug, Default)]
struct GrowingProgress {
    /// The last value, in hundredths of a response.
    last: Option<u64>,
}

impl GrowingProgress {
    fn next(&mut self, answered: u64) -> f64 {
        let next = answered.saturating_mul(100);
        let next = self.last.map_or(next, |last| next.max(last + 1));
        self.last = Some(next);
        #[expect(clippy::cast_precision_loss, reason = "a number of requests is small")]
        let value = next as f64 / 100.0;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_grows_while_nothing_comes() {
        let mut progress = GrowingProgress::default();
        let values = [0, 0, 0, 3, 3, 4].map(|answered| progress.next(answered).to_string());
        assert_eq!(values, ["0", "0.01", "0.02", "3", "3.01", "4"]);
    }
}

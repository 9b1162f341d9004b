//! A limit that several processes share, as seen by one of them.
//!
//! The processes share a budget: times at which a request may be sent (*slots*), requests in flight
//! (*permits*), and pauses after a refusal. [`SharedBudget`] reaches it, [`SharedLimit`] decides:
//! send now, wait, ask the budget, or do without it. It never waits and reads no clock.
//!
//! A slot is a promise about time. One that is not used when it is due is forfeited, so a process
//! that was stopped for a while does not send the slots of that time all at once, and one that dies
//! leaves nothing to clean up.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::http::TransportError;
use crate::http::pace::RateLimit;

/// The delay after which a slot is forfeited.
const LATE: Duration = Duration::from_millis(100);

/// The time for which an answer of the budget holds. A pause is noticed by all processes within it.
const FRESH: Duration = Duration::from_millis(250);

/// The slots of this time are reserved at once. More would delay the other processes.
const BATCH: Duration = Duration::from_millis(250);

/// The first number of slots to ask for. It then follows the number that could be used.
const FIRST_BATCH: u32 = 1;

/// The interval at which a permit is asked for while there is none.
const PERMIT_RETRY: Duration = Duration::from_millis(100);

/// The time after which a permit is passed on, if there are more processes than permits.
const TURN: Duration = Duration::from_secs(1);

/// The interval at which a budget that was lost is tried again.
const RETRY: Duration = Duration::from_secs(3);

/// The answer of a budget, which may have to be waited for.
pub type Asking = Pin<Box<dyn Future<Output = Result<Grant, TransportError>>>>;

/// A budget that several processes share.
pub trait SharedBudget {
    /// Asks for slots and permits.
    ///
    /// # Errors
    ///
    /// [`NoBudget`](crate::http::TransportErrorKind::NoBudget) if the budget cannot be reached; any
    /// other error if it cannot be used.
    fn ask(&self, ask: Ask) -> Asking;

    /// Reports a pause after a refusal to all processes.
    fn refuse(&self, pause: Duration);

    /// Returns the permits that are not in use, unless more are asked for soon.
    fn keep(&self, permits: usize);
}

/// A request to the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The number of slots; 0 only reads.
    pub slots: u32,
    /// The time between two slots; zero without a declared rate.
    pub gap: Duration,
    /// The number of slots that may be used at once.
    pub burst: u32,
    /// The number of permits wanted in total.
    pub permits: usize,
    /// The number of permits in use.
    pub in_use: usize,
    /// The number of permits of all processes.
    pub capacity: usize,
}

/// The answer of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// The number of slots granted: all that were asked for, or none.
    pub slots: u32,
    /// The time until the first slot, in microseconds; a burst begins in the past.
    pub first: i64,
    /// The time after which slots may be free, if none were granted.
    pub ask_again: Duration,
    /// The rest of a pause after a refusal.
    pub pause: Duration,
    /// The number of permits held.
    pub permits: usize,
    /// The number of processes that use the budget, with this one.
    pub processes: u32,
}

/// The declared limit of a resource, and the part of it that is left without the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The rate.
    pub rate: Option<RateLimit>,
    /// The number of requests in flight.
    pub concurrency: usize,
    /// The number of processes that divide the limit, if it is known.
    pub share: Option<NonZeroU32>,
}

impl Terms {
    /// Returns the part of one of `processes`.
    #[must_use]
    pub fn divided(self, processes: NonZeroU32) -> Self {
        let count = usize::try_from(processes.get()).unwrap_or(usize::MAX);
        Self {
            rate: self.rate.map(|rate| rate.divided(processes)),
            concurrency: (self.concurrency / count).max(1),
            share: self.share,
        }
    }

    /// The time between two slots, rounded up to the resolution of the budget.
    fn gap(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| {
            let nanos = (rate.per / rate.requests.max(1)).as_nanos();
            let micros = nanos.div_ceil(1_000).max(1);
            Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        })
    }
}

/// The requests of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The number on the wire.
    pub in_use: usize,
    /// The number that wait, with the one that is next.
    pub waiting: usize,
    /// The usual response time.
    pub latency: Duration,
}

impl Demand {
    /// Returns the time until the request for a slot of this number, from 0, gets a permit.
    fn start_of(&self, slot: u32, permits: usize) -> Duration {
        let permits = u32::try_from(permits).unwrap_or(u32::MAX).max(1);
        let in_use = u32::try_from(self.in_use).unwrap_or(u32::MAX);
        match slot.checked_sub(permits.saturating_sub(in_use)) {
            None => Duration::ZERO,
            Some(later) => self.latency * (1 + later / permits),
        }
    }
}

/// The number of slots to ask for: more while all are used, fewer after some were forfeited.
#[derive(Debug)]
struct Batch {
    size: u32,
    /// The slots used, and forfeited, since the last ones were asked for.
    used: u32,
    has_forfeited: bool,
    /// The number of batches used up since the last change, and the number after which more slots
    /// are tried.
    calm: u32,
    patience: u32,
}

impl Batch {
    /// The longest patience.
    const MOST: u32 = 64;

    fn next(&mut self) -> u32 {
        if self.has_forfeited {
            self.size = self.used.max(1);
            self.patience = (self.patience * 2).min(Self::MOST);
            self.calm = 0;
        } else if self.used > 0 {
            self.calm += 1;
            if self.calm >= self.patience {
                self.size = self.size.saturating_mul(2);
                self.patience = (self.patience / 2).max(1);
                self.calm = 0;
            }
        }
        self.used = 0;
        self.has_forfeited = false;
        self.size
    }
}

/// The next step of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send it.
    Send,
    /// Look again at this time, or after a response.
    Wait {
        /// The time.
        until: Instant,
        /// True during a pause after a refusal of another process.
        is_pause: bool,
    },
    /// Ask the budget.
    Ask(Ask),
    /// Obey the limits of [`SharedLimit::alone`].
    Alone,
}

/// The end of the use of the budget, or its return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is used for the first time.
    Joined,
    /// It was lost.
    Lost,
    /// It is used again.
    Regained,
}

/// The state of a shared limit.
#[derive(Debug)]
pub struct SharedLimit {
    terms: Terms,
    state: State,
    batch: Batch,
    /// The number of processes when the budget was last reached.
    processes: Option<NonZeroU32>,
    /// The end of the time after a return in which others may still do without the budget, and the
    /// number of processes before.
    careful: Option<(Instant, NonZeroU32)>,
}

#[derive(Debug)]
enum State {
    /// Not asked yet.
    New,
    Joined(Joined),
    Lost {
        retry_at: Instant,
    },
}

/// The slots and permits that the budget has granted.
#[derive(Debug)]
struct Joined {
    read_at: Instant,
    granted_at: Instant,
    /// The number of slots left, and the time of the next one.
    slots: u32,
    next_slot: Instant,
    /// The time to ask for slots, and for permits.
    slots_from: Instant,
    permits_from: Instant,
    paused_until: Option<Instant>,
    permits: usize,
    held_since: Instant,
}

impl SharedLimit {
    /// Creates the state before the first answer.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            state: State::New,
            batch: Batch {
                size: FIRST_BATCH,
                used: 0,
                has_forfeited: false,
                calm: 0,
                patience: 1,
            },
            processes: None,
            careful: None,
        }
    }

    /// Returns the limits without the budget: the share, or the part of one of the processes that
    /// were last seen. `None` if neither is known.
    pub fn alone(&self) -> Option<Terms> {
        let count = self.terms.share.or(self.processes)?;
        Some(self.terms.divided(count))
    }

    /// Returns the number of processes when the budget was last reached.
    pub fn processes(&self) -> u32 {
        self.processes.map_or(0, NonZeroU32::get)
    }

    /// Returns the time between two slots. After a return, other processes may still use their part
    /// until they notice it, too: so does this one.
    fn gap(&self, now: Instant) -> Duration {
        let crowd = self.careful.filter(|(until, _)| now < *until);
        let crowd = crowd.map_or(1, |(_, crowd)| crowd.get());
        self.terms.gap().saturating_mul(crowd)
    }

    /// Returns the next step of a request. [`Step::Send`] takes a slot.
    pub fn next(&mut self, now: Instant, demand: Demand) -> Step {
        let has_rate = self.terms.rate.is_some();
        let gap = self.gap(now);
        let crowd = self.processes() as usize;
        let joined = match &mut self.state {
            State::New => return Step::Ask(self.ask(0, now, demand, false)),
            State::Lost { .. } => return Step::Alone,
            State::Joined(joined) => joined,
        };
        if let Some(until) = joined.paused_until.filter(|until| *until > now) {
            let is_pause = true;
            return Step::Wait { until, is_pause };
        }
        if joined.forfeit(now, gap) {
            self.batch.has_forfeited = true;
        }
        let wait = |until| Step::Wait {
            until,
            is_pause: false,
        };
        let passes_on = crowd > self.terms.concurrency && joined.permits > 0;
        if passes_on && now >= joined.held_since + TURN {
            if demand.in_use > 0 {
                return wait(now + TURN);
            }
            return Step::Ask(self.ask(0, now, demand, true));
        }
        if demand.in_use >= joined.permits {
            if now < joined.permits_from {
                return wait(joined.permits_from);
            }
            return Step::Ask(self.ask(0, now, demand, false));
        }
        if has_rate && joined.slots == 0 {
            if now < joined.slots_from {
                return wait(joined.slots_from);
            }
            let permits = joined.permits;
            let slots = self.wanted(gap, demand, permits);
            return Step::Ask(self.ask(slots, now, demand, false));
        }
        let stale_at = joined.read_at + FRESH;
        if now >= stale_at {
            return Step::Ask(self.ask(0, now, demand, false));
        }
        if has_rate {
            let due = joined.next_slot.max(joined.granted_at);
            if due > now {
                return wait(due.min(stale_at));
            }
            joined.slots -= 1;
            joined.next_slot += gap;
            self.batch.used = self.batch.used.saturating_add(1);
        }
        Step::Send
    }

    /// Returns the number of slots to ask for: those that can be used, as far as this is known.
    fn wanted(&mut self, gap: Duration, demand: Demand, permits: usize) -> u32 {
        let gap = gap.max(Duration::from_micros(1));
        let most = u32::try_from(BATCH.as_micros() / gap.as_micros()).unwrap_or(u32::MAX);
        let waiting = u32::try_from(demand.waiting).unwrap_or(u32::MAX);
        let most = most.min(waiting).max(1);
        let batch = self.batch.next().min(most);
        let can_start = |slot: &u32| demand.start_of(*slot, permits) <= gap * *slot + LATE;
        let usable = (1..batch).take_while(can_start).count();
        u32::try_from(usable).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn ask(&self, slots: u32, now: Instant, demand: Demand, passes_on: bool) -> Ask {
        let wanted = demand.in_use.saturating_add(demand.waiting);
        Ask {
            slots,
            gap: self.gap(now),
            burst: self.terms.rate.map_or(1, |rate| rate.burst.max(1)),
            permits: if passes_on {
                demand.in_use
            } else {
                wanted.min(self.terms.concurrency)
            },
            in_use: demand.in_use,
            capacity: self.terms.concurrency,
        }
    }

    /// Records an answer.
    pub fn granted(&mut self, ask: &Ask, grant: &Grant, now: Instant) -> Option<Change> {
        let before = self.terms.share.or(self.processes);
        self.processes = NonZeroU32::new(grant.processes).or(self.processes);
        let change = match &self.state {
            State::New => Some(Change::Joined),
            State::Lost { .. } => Some(Change::Regained),
            State::Joined(_) => None,
        };
        if change.is_some() {
            self.state = State::Joined(Joined::at(now));
        }
        if change == Some(Change::Regained) {
            self.careful = before.map(|crowd| (now + RETRY, crowd));
        }
        if let State::Joined(joined) = &mut self.state {
            joined.granted(ask, grant, now);
        }
        change
    }

    /// Records that the budget cannot be reached.
    pub fn lost(&mut self, now: Instant) -> Option<Change> {
        let was_lost = matches!(self.state, State::Lost { .. });
        let retry_at = now + RETRY;
        self.state = State::Lost { retry_at };
        (!was_lost).then_some(Change::Lost)
    }

    /// Returns a request that tries whether a lost budget is back, if it is time for one.
    pub fn probe(&self, now: Instant) -> Option<Ask> {
        let nothing = Demand {
            in_use: 0,
            waiting: 0,
            latency: Duration::ZERO,
        };
        match self.state {
            State::Lost { retry_at } if retry_at <= now => Some(self.ask(0, now, nothing, false)),
            _ => None,
        }
    }

    /// Records that no request waits. Returns true if permits become free.
    pub fn idle(&mut self, in_use: usize) -> bool {
        match &mut self.state {
            State::Joined(joined) if joined.permits > in_use => {
                joined.permits = in_use;
                true
            }
            _ => false,
        }
    }
}

impl Joined {
    fn at(now: Instant) -> Self {
        Self {
            read_at: now,
            granted_at: now,
            slots: 0,
            next_slot: now,
            slots_from: now,
            permits_from: now,
            paused_until: None,
            permits: 0,
            held_since: now,
        }
    }

    /// Drops slots that are too late; returns true if there were any.
    fn forfeit(&mut self, now: Instant, gap: Duration) -> bool {
        let before = self.slots;
        while self.slots > 0 && self.next_slot.max(self.granted_at) + LATE < now {
            self.slots -= 1;
            self.next_slot += gap;
        }
        self.slots < before
    }

    fn granted(&mut self, ask: &Ask, grant: &Grant, now: Instant) {
        self.read_at = now;
        if grant.slots > 0 {
            self.slots = grant.slots;
            self.granted_at = now;
            let offset = Duration::from_micros(grant.first.unsigned_abs());
            let first = if grant.first < 0 {
                now.checked_sub(offset)
            } else {
                now.checked_add(offset)
            };
            self.next_slot = first.unwrap_or(now);
        } else if ask.slots > 0 {
            self.slots_from = now + grant.ask_again;
        }
        self.paused_until = (!grant.pause.is_zero()).then(|| now + grant.pause);
        // The pause is read after the time of the slot.
        while let Some(until) = self.paused_until
            && self.slots > 0
            && self.next_slot + Duration::from_millis(1) < until
        {
            self.slots -= 1;
            self.next_slot += ask.gap;
        }
        if self.permits == 0 && grant.permits > 0 {
            self.held_since = now;
        }
        self.permits = grant.permits;
        if ask.permits <= ask.in_use {
            // Another process has its turn.
            self.permits_from = now + FRESH;
        } else if self.permits <= ask.in_use {
            let processes = usize::try_from(grant.processes).unwrap_or(usize::MAX);
            let has_its_part = self.permits >= ask.capacity.div_ceil(processes.max(1));
            let retry = if has_its_part { TURN } else { PERMIT_RETRY };
            self.permits_from = now + retry;
        }
    }
}

#[cfg(test)]
mod tests;

//! Decides which request is sent next: a number of permits with two queues.
//!
//! A request first waits for its [`Turn`]. There is only one turn, so while its holder waits for
//! anything else, no other request overtakes it and no permit is blocked. Leaving takes a permit and
//! passes the turn on.
//!
//! Everything is released by `Drop`, since a request may be dropped at any point.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The queue of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// An ordinary request.
    Ordinary,
    /// A request that continues a listing. Pages are sequential, so this chain determines the
    /// duration of a walk and must not wait behind all children of a page.
    NextPage,
}

/// The permits and the queues.
pub struct Gate {
    state: RefCell<GateState>,
}

struct GateState {
    free: usize,
    in_use: usize,
    is_turn_taken: bool,
    queues: [VecDeque<Rc<Waiter>>; 2],
    /// The lane served last: if both have requests, the other one is next.
    last: Lane,
}

#[derive(Default)]
struct Waiter {
    is_chosen: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    /// Creates a gate with this many permits, at least one.
    pub fn new(slots: usize) -> Self {
        Self {
            state: RefCell::new(GateState {
                free: slots.max(1),
                in_use: 0,
                is_turn_taken: false,
                queues: [VecDeque::new(), VecDeque::new()],
                last: Lane::Ordinary,
            }),
        }
    }

    /// Waits for the turn and a free permit.
    pub fn turn(&self, lane: Lane) -> impl Future<Output = Turn<'_>> {
        let waiter = Rc::new(Waiter::default());
        self.state.borrow_mut().queues[lane as usize].push_back(Rc::clone(&waiter));
        self.choose();
        Queued {
            gate: self,
            lane,
            waiter: Some(waiter),
        }
    }

    /// Returns the number of permits in use.
    pub fn in_use(&self) -> usize {
        self.state.borrow().in_use
    }

    /// Returns the number of requests in the queues.
    pub fn waiting(&self) -> usize {
        self.state.borrow().queues.iter().map(VecDeque::len).sum()
    }

    /// Returns true if no request waits.
    pub fn is_idle(&self) -> bool {
        let state = self.state.borrow();
        !state.is_turn_taken && state.queues.iter().all(VecDeque::is_empty)
    }

    /// Passes the turn to the next request in line, if the turn and a permit are free.
    fn choose(&self) {
        let mut state = self.state.borrow_mut();
        if state.is_turn_taken || state.free == 0 {
            return;
        }
        let other = match state.last {
            Lane::Ordinary => Lane::NextPage,
            Lane::NextPage => Lane::Ordinary,
        };
        let lane = if state.queues[other as usize].is_empty() {
            state.last
        } else {
            other
        };
        let Some(waiter) = state.queues[lane as usize].pop_front() else {
            return;
        };
        state.last = lane;
        state.is_turn_taken = true;
        drop(state);
        waiter.is_chosen.set(true);
        if let Some(waker) = waiter.waker.take() {
            waker.wake();
        }
    }

    fn give_back_turn(&self) {
        self.state.borrow_mut().is_turn_taken = false;
        self.choose();
    }
}

/// A position in a queue.
struct Queued<'a> {
    gate: &'a Gate,
    lane: Lane,
    /// `None` once the turn was assigned.
    waiter: Option<Rc<Waiter>>,
}

impl<'a> Future for Queued<'a> {
    type Output = Turn<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Turn<'a>> {
        if let Some(waiter) = &self.waiter
            && !waiter.is_chosen.get()
        {
            waiter.waker.replace(Some(context.waker().clone()));
            return Poll::Pending;
        }
        self.waiter = None;
        Poll::Ready(Turn {
            gate: self.gate,
            is_over: false,
        })
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else {
            return;
        };
        if waiter.is_chosen.get() {
            // Chosen, but dropped before it was polled.
            self.gate.give_back_turn();
            return;
        }
        let mut state = self.gate.state.borrow_mut();
        state.queues[self.lane as usize].retain(|other| !Rc::ptr_eq(other, &waiter));
    }
}

/// The right to be sent next, with a free permit.
pub struct Turn<'a> {
    gate: &'a Gate,
    is_over: bool,
}

impl<'a> Turn<'a> {
    /// Takes the permit and passes the turn on.
    pub fn leave(mut self) -> Permit<'a> {
        self.is_over = true;
        {
            let mut state = self.gate.state.borrow_mut();
            state.free -= 1;
            state.in_use += 1;
        }
        self.gate.give_back_turn();
        Permit { gate: self.gate }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.gate.give_back_turn();
        }
    }
}

/// A permit, held while the request is on the wire.
pub struct Permit<'a> {
    gate: &'a Gate,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        {
            let mut state = self.gate.state.borrow_mut();
            state.free += 1;
            state.in_use -= 1;
        }
        self.gate.choose();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::LocalSet;
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Returns the order in which requests of these lanes pass a gate with one permit.
    async fn order(lanes: &[Lane]) -> Vec<usize> {
        let gate = Rc::new(Gate::new(1));
        let left = Rc::new(RefCell::new(Vec::new()));
        let local = LocalSet::new();
        for (index, lane) in lanes.iter().copied().enumerate() {
            let (gate, left) = (Rc::clone(&gate), Rc::clone(&left));
            local.spawn_local(async move {
                let _permit = gate.turn(lane).await.leave();
                left.borrow_mut().push(index);
                sleep(Duration::from_millis(1)).await;
            });
        }
        local.await;
        assert_eq!(gate.in_use(), 0);
        left.take()
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_served_in_order_and_two_queues_in_turn() {
        use Lane::{NextPage, Ordinary};
        assert_eq!(order(&[Ordinary; 4]).await, [0, 1, 2, 3]);
        assert_eq!(order(&[NextPage; 3]).await, [0, 1, 2]);
        let mixed = [
            Ordinary, Ordinary, Ordinary, NextPage, NextPage, NextPage, Ordinary,
        ];
        assert_eq!(order(&mixed).await, [0, 3, 1, 4, 2, 5, 6]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_dropped_takes_nothing_along() {
        let gate = Gate::new(1);
        let held = gate.turn(Lane::Ordinary).await.leave();
        let soon = Duration::from_millis(1);
        // Dropped while waiting in the queue.
        assert!(timeout(soon, gate.turn(Lane::Ordinary)).await.is_err());
        assert_eq!(gate.waiting(), 0);
        // Chosen, and dropped before it was polled again.
        let mut chosen = Box::pin(gate.turn(Lane::NextPage));
        assert!(timeout(soon, &mut chosen).await.is_err());
        drop(held);
        drop(chosen);
        // Dropped while holding the turn, and while holding the permit.
        drop(gate.turn(Lane::Ordinary).await);
        drop(gate.turn(Lane::Ordinary).await.leave());
        let last = timeout(soon, gate.turn(Lane::Ordinary)).await;
        assert!(last.is_ok());
        assert_eq!(gate.in_use(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_is_idle_without_a_turn_and_a_queue() {
        let gate = Gate::new(1);
        assert!(gate.is_idle());
        let turn = gate.turn(Lane::Ordinary).await;
        assert!(!gate.is_idle(), "a request has the turn");
        let held = turn.leave();
        // What is on the wire does not wait.
        assert!(gate.is_idle());
        let queued = gate.turn(Lane::NextPage);
        assert!(!gate.is_idle(), "a request is in a queue");
        drop(queued);
        assert!(gate.is_idle());
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_on_the_wire_than_slots() {
        let gate = Rc::new(Gate::new(3));
        let most = Rc::new(Cell::new(0));
        let local = LocalSet::new();
        for index in 0..40_u64 {
            let (gate, most) = (Rc::clone(&gate), Rc::clone(&most));
            local.spawn_local(async move {
                let _permit = gate.turn(Lane::Ordinary).await.leave();
                most.set(most.get().max(gate.in_use()));
                sleep(Duration::from_millis(1 + index % 4)).await;
            });
        }
        local.await;
        assert_eq!(most.get(), 3);
        assert_eq!(gate.in_use(), 0);
    }
}

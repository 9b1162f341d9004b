//! Ordered delivery of records that are produced concurrently.
//!
//! An [`Outlet`] is the sending end for a task, an [`Inlet`] the receiving end. A task that delegates
//! part of its work opens a [slot](Outlet::slot) for it: records sent through a slot are delivered in
//! the order in which slots were opened, no matter when they arrive. The slots of a walk form a tree,
//! and one path in it is *first*: its records are delivered next.
//!
//! Slots that are not first in line may only run ahead within a budget ([`Ahead`]): a number of tasks
//! per level, and a number of bytes of waiting records. Slots that are first never wait for the
//! budget, since only their progress frees it: therefore no walk can deadlock.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::core::json;
use crate::engine::records::KeyedRecord;

/// Takes the records for one item of a plan.
pub type Taker = Rc<dyn for<'o> Fn(Vec<KeyedRecord>, &'o Outlet) -> Taking<'o>>;

type Taking<'o> = Pin<Box<dyn Future<Output = Result<(), Gone>> + 'o>>;

/// The maximum size of waiting records, in bytes.
const ROOM: usize = 4 * 1024 * 1024;

/// The maximum number of batches waiting in one outlet.
const BATCHES: usize = 8;

/// The budget of slots that are not first.
pub struct Ahead {
    bytes: Arc<Semaphore>,
    /// The number of tasks per level.
    window: usize,
    levels: RefCell<HashMap<String, Arc<Semaphore>>>,
}

impl Ahead {
    /// Creates a budget of `window` tasks per level.
    pub fn new(window: usize) -> Rc<Self> {
        Rc::new(Self {
            bytes: Arc::new(Semaphore::new(ROOM)),
            window,
            levels: RefCell::default(),
        })
    }

    /// Returns the budget of a level, for at most `most` tasks.
    pub fn level(&self, name: &str, most: Option<usize>) -> Arc<Semaphore> {
        let mut levels = self.levels.borrow_mut();
        if let Some(known) = levels.get(name) {
            return Arc::clone(known);
        }
        let size = most.map_or(self.window, |most| most.clamp(1, self.window));
        let level = Arc::new(Semaphore::new(size));
        levels.insert(name.to_owned(), Arc::clone(&level));
        level
    }
}

/// The position of a slot: it is first if it is the first of its siblings, and its ancestors are,
/// too.
#[derive(Debug)]
struct Rank {
    is_first: Cell<bool>,
    changed: Notify,
    outer: Option<Rc<Rank>>,
}

impl Rank {
    fn new(is_first: bool, outer: Option<&Rc<Self>>) -> Rc<Self> {
        Rc::new(Self {
            is_first: Cell::new(is_first),
            changed: Notify::new(),
            outer: outer.cloned(),
        })
    }

    fn make_first(&self) {
        self.is_first.set(true);
        self.changed.notify_waiters();
    }

    /// Waits until the slot is first.
    async fn next(&self) {
        let mut rank = self;
        loop {
            while !rank.is_first.get() {
                rank.changed.notified().await;
            }
            match &rank.outer {
                // A slot that is first stays first.
                Some(outer) => rank = outer,
                None => return,
            }
        }
    }
}

/// Records that were sent together.
pub struct Batch {
    /// The records.
    pub kept: Vec<KeyedRecord>,
    /// The item of a part that they belong to, if the walk is one of a part.
    pub tag: Option<u32>,
    _room: [Option<OwnedSemaphorePermit>; 2],
}

enum Piece {
    Records(Batch),
    Slot(Inlet),
    /// Dropped when all previous records were taken.
    Mark(oneshot::Sender<()>),
}

/// The reader is gone.
#[derive(Debug, Clone, Copy)]
pub struct Gone;

/// The sending end for a task.
pub struct Outlet {
    sender: mpsc::Sender<Piece>,
    rank: Rc<Rank>,
    ahead: Rc<Ahead>,
    batches: Arc<Semaphore>,
    /// A bound on waiting slots; it is the only bound for tasks started by a slot that is first.
    slots: Arc<Semaphore>,
    is_ordered: bool,
    /// The item of a part that its records belong to. Slots inherit it.
    tag: Option<u32>,
    /// The permit of the task at its level, if no slot holds it.
    _place: Option<OwnedSemaphorePermit>,
}

/// The receiving end.
pub struct Inlet {
    /// The slots that are first, innermost last.
    path: Vec<Slot>,
    /// Released when the slot is taken.
    turn: Option<OwnedSemaphorePermit>,
}

struct Slot {
    receiver: mpsc::Receiver<Piece>,
    rank: Rc<Rank>,
    /// The permit of the task at its level.
    _place: Option<OwnedSemaphorePermit>,
}

/// Creates both ends.
pub fn channel(ahead: &Rc<Ahead>, is_ordered: bool) -> (Outlet, Inlet) {
    pair(ahead, is_ordered, Rank::new(true, None), None)
}

fn pair(
    ahead: &Rc<Ahead>,
    is_ordered: bool,
    rank: Rc<Rank>,
    place: Option<OwnedSemaphorePermit>,
) -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::channel(ahead.window + BATCHES);
    let outlet = Outlet {
        sender,
        rank: Rc::clone(&rank),
        ahead: Rc::clone(ahead),
        batches: Arc::new(Semaphore::new(BATCHES)),
        slots: Arc::new(Semaphore::new(ahead.window.max(1))),
        is_ordered,
        tag: None,
        _place: None,
    };
    let slot = Slot {
        receiver,
        rank,
        _place: place,
    };
    (
        outlet,
        Inlet {
            path: vec![slot],
            turn: None,
        },
    )
}

impl Outlet {
    /// Sets the item of a part that the records belong to.
    #[must_use]
    pub fn tagged(self, tag: Option<u32>) -> Self {
        Self { tag, ..self }
    }

    /// Returns the item of a part that the records belong to.
    pub fn tag(&self) -> Option<u32> {
        self.tag
    }

    /// Creates a separate channel whose records are taken before this outlet continues.
    pub fn apart(&self) -> (Self, Inlet) {
        // Always ordered: the selection of records depends on their order.
        let rank = Rank::new(true, Some(&self.rank));
        let (outlet, inlet) = pair(&self.ahead, true, rank, None);
        (outlet.tagged(self.tag), inlet)
    }

    /// Sends records.
    ///
    /// # Errors
    ///
    /// If the reader is gone.
    pub async fn send(&self, kept: Vec<KeyedRecord>) -> Result<(), Gone> {
        if kept.is_empty() {
            return Ok(());
        }
        let weight: usize = kept.iter().map(|kept| json::weight(&kept.record)).sum();
        let weight = u32::try_from(weight.min(ROOM)).unwrap_or(u32::MAX);
        let bytes = Arc::clone(&self.ahead.bytes);
        let room = [
            // Unordered, no slot is ahead of its turn, and a separate channel may hold the whole
            // byte budget until this batch was taken: only the number of batches is bounded.
            if self.is_ordered {
                self.unless_next(bytes.acquire_many_owned(weight)).await
            } else {
                None
            },
            Arc::clone(&self.batches).acquire_owned().await.ok(),
        ];
        let batch = Batch {
            kept,
            tag: self.tag,
            _room: room,
        };
        self.put(Piece::Records(batch)).await
    }

    /// Opens a slot for a task of a level.
    ///
    /// # Errors
    ///
    /// If the reader is gone.
    pub async fn slot(&self, level: &Arc<Semaphore>) -> Result<Self, Gone> {
        let place = self.unless_next(Arc::clone(level).acquire_owned()).await;
        if !self.is_ordered {
            return Ok(Self {
                sender: self.sender.clone(),
                rank: Rc::clone(&self.rank),
                ahead: Rc::clone(&self.ahead),
                batches: Arc::clone(&self.batches),
                slots: Arc::clone(&self.slots),
                is_ordered: false,
                tag: self.tag,
                _place: place,
            });
        }
        let rank = Rank::new(false, Some(&self.rank));
        let (outlet, mut inlet) = pair(&self.ahead, true, rank, place);
        inlet.turn = Arc::clone(&self.slots).acquire_owned().await.ok();
        self.put(Piece::Slot(inlet)).await?;
        Ok(outlet.tagged(self.tag))
    }

    /// Waits until everything sent so far was taken.
    ///
    /// # Errors
    ///
    /// If the reader is gone.
    pub async fn settled(&self) -> Result<(), Gone> {
        let (mark, dropped) = oneshot::channel();
        self.put(Piece::Mark(mark)).await?;
        // It is never sent, only dropped.
        let _ = dropped.await;
        Ok(())
    }

    async fn put(&self, piece: Piece) -> Result<(), Gone> {
        self.sender.send(piece).await.map_err(|_| Gone)
    }

    /// Waits for a permit, unless this slot is first. Unordered, permits are released as tasks end,
    /// since the reader takes records from any slot.
    async fn unless_next<E>(
        &self,
        room: impl Future<Output = Result<OwnedSemaphorePermit, E>>,
    ) -> Option<OwnedSemaphorePermit> {
        if !self.is_ordered {
            return room.await.ok();
        }
        tokio::select! {
            biased;
            permit = room => permit.ok(),
            () = self.rank.next() => None,
        }
    }
}

impl Inlet {
    /// Returns the next records in order; `None` when all tasks are done.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            let slot = self.path.last_mut()?;
            let piece = slot.receiver.recv().await;
            if let Some(batch) = self.step(piece) {
                return Some(batch);
            }
        }
    }

    /// Returns the next records if they are ready.
    pub fn ready(&mut self) -> Option<Batch> {
        loop {
            let slot = self.path.last_mut()?;
            let piece = match slot.receiver.try_recv() {
                Ok(piece) => Some(piece),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
                Err(mpsc::error::TryRecvError::Empty) => return None,
            };
            if let Some(batch) = self.step(piece) {
                return Some(batch);
            }
        }
    }

    fn step(&mut self, piece: Option<Piece>) -> Option<Batch> {
        match piece {
            None => {
                self.path.pop();
                None
            }
            Some(Piece::Slot(inner)) => {
                for slot in inner.path {
                    slot.rank.make_first();
                    self.path.push(slot);
                }
                None
            }
            Some(Piece::Mark(mark)) => {
                drop(mark);
                None
            }
            Some(Piece::Records(batch)) => Some(batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    /// Runs it with paused time: a wait of an hour is a deadlock.
    async fn in_time<T>(work: impl Future<Output = T>) -> T {
        let tasks = LocalSet::new();
        let work = tasks.run_until(work);
        let result = tokio::time::timeout(Duration::from_secs(3_600), work).await;
        result.expect("the walk stands still")
    }

    async fn pause(millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn kept(ids: &[u64]) -> Vec<KeyedRecord> {
        ids.iter().map(|id| KeyedRecord::new(json!(id))).collect()
    }

    /// Creates one record of this many bytes.
    fn heavy(bytes: usize) -> Vec<KeyedRecord> {
        vec![KeyedRecord::new(json!("x".repeat(bytes)))]
    }

    fn values(batch: Batch) -> Vec<Value> {
        batch.kept.into_iter().map(|kept| kept.record).collect()
    }

    async fn all(mut inlet: Inlet) -> Vec<Value> {
        let mut found = Vec::new();
        while let Some(batch) = inlet.next().await {
            found.extend(values(batch));
        }
        found
    }

    #[tokio::test(start_paused = true)]
    async fn slots_stand_where_they_were_opened_however_late_they_are_filled() {
        let ahead = Ahead::new(64);
        let room = ahead.level("", None);
        let found = in_time(async {
            let (outlet, inlet) = channel(&ahead, true);
            outlet.send(kept(&[0])).await.expect("taken");
            for (delay, id) in [(30, 1), (20, 2), (10, 3)] {
                let slot = outlet.slot(&room).await.expect("taken");
                spawn_local(async move {
                    pause(delay).await;
                    let _ = slot.send(kept(&[id])).await;
                    pause(delay).await;
                    let _ = slot.send(kept(&[10 * id])).await;
                });
            }
            outlet.send(kept(&[4])).await.expect("taken");
            drop(outlet);
            all(inlet).await
        });
        assert_eq!(json!(found.await), json!([0, 1, 10, 2, 20, 3, 30, 4]));
    }

    #[tokio::test(start_paused = true)]
    async fn slots_of_slots_are_a_tree_that_is_read_from_left_to_right() {
        let ahead = Ahead::new(64);
        let (outer_room, inner_room) = (ahead.level("a", None), ahead.level("b", None));
        let found = in_time(async {
            let (outlet, inlet) = channel(&ahead, true);
            for outer in 1..=3_u64 {
                let slot = outlet.slot(&outer_room).await.expect("taken");
                let inner_room = Arc::clone(&inner_room);
                spawn_local(async move {
                    pause(40 - 10 * outer).await;
                    let _ = slot.send(kept(&[outer * 100])).await;
                    for inner in 1..=2 {
                        let Ok(leaf) = slot.slot(&inner_room).await else {
                            return;
                        };
                        spawn_local(async move {
                            pause(9 - 3 * inner).await;
                            let _ = leaf.send(kept(&[outer * 100 + inner])).await;
                        });
                    }
                    let _ = slot.send(kept(&[outer * 100 + 9])).await;
                });
            }
            drop(outlet);
            all(inlet).await
        });
        assert_eq!(
            json!(found.await),
            json!([100, 101, 102, 109, 200, 201, 202, 209, 300, 301, 302, 309])
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_early_is_not_ready_before_its_turn() {
        in_time(async {
            let ahead = Ahead::new(64);
            let room = ahead.level("", None);
            let (outlet, mut inlet) = channel(&ahead, true);
            assert!(inlet.ready().is_none());
            let first = outlet.slot(&room).await.expect("taken");
            let second = outlet.slot(&room).await.expect("taken");
            second.send(kept(&[2])).await.expect("taken");
            drop(second);
            assert!(inlet.ready().is_none());
            first.send(kept(&[1])).await.expect("taken");
            drop(first);
            drop(outlet);
            assert_eq!(inlet.ready().map(values), Some(vec![json!(1)]));
            assert_eq!(inlet.ready().map(values), Some(vec![json!(2)]));
            assert!(inlet.ready().is_none());
            assert!(inlet.next().await.is_none());
            assert!(inlet.next().await.is_none(), "the end stays the end");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_level_has_room_for_so_many_tasks() {
        in_time(async {
            let ahead = Ahead::new(2);
            let room = ahead.level("", None);
            // The outlet is itself not first, so it has to wait.
            let (outer, mut inlet) = channel(&ahead, true);
            let outer_room = ahead.level("outer", None);
            let before = outer.slot(&outer_room).await.expect("taken");
            let outlet = outer.slot(&outer_room).await.expect("taken");
            drop(outer);
            let opened = Rc::new(Cell::new(0));
            let count = Rc::clone(&opened);
            spawn_local(async move {
                for _ in 0..5 {
                    let Ok(slot) = outlet.slot(&room).await else {
                        return;
                    };
                    count.set(count.get() + 1);
                    // A task that is done keeps its permit until its records are taken.
                    drop(slot);
                }
            });
            pause(10).await;
            assert_eq!(opened.get(), 2);
            drop(before);
            assert!(inlet.next().await.is_none());
            assert_eq!(opened.get(), 5);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_next_needs_no_room() {
        in_time(async {
            let ahead = Ahead::new(2);
            let (outer_room, room) = (ahead.level("outer", None), ahead.level("inner", None));
            let (outlet, mut inlet) = channel(&ahead, true);
            let first = outlet.slot(&outer_room).await.expect("taken");
            let second = outlet.slot(&outer_room).await.expect("taken");
            // The second slot uses the whole budget, of tasks and of bytes.
            let held = [
                second.slot(&room).await.expect("taken"),
                second.slot(&room).await.expect("taken"),
            ];
            held[0].send(heavy(ROOM)).await.expect("taken");
            let third = spawn_local(async move {
                let _held = held;
                let _fills = second.send(kept(&[2])).await;
            });
            spawn_local(async move {
                for _ in 0..3 {
                    let slot = first.slot(&room).await.expect("taken");
                    slot.send(kept(&[1])).await.expect("taken");
                }
            });
            drop(outlet);
            for _ in 0..3 {
                let batch = inlet.next().await.expect("a batch");
                assert_eq!(values(batch), [json!(1)]);
            }
            let large = inlet.next().await.expect("a batch");
            assert!(!third.is_finished());
            drop(large);
            assert_eq!(inlet.next().await.map(values), Some(vec![json!(2)]));
            assert!(inlet.next().await.is_none());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_next_waits_for_the_room_of_bytes() {
        in_time(async {
            let ahead = Ahead::new(64);
            let room = ahead.level("", None);
            let (outlet, mut inlet) = channel(&ahead, true);
            let first = outlet.slot(&room).await.expect("taken");
            let second = outlet.slot(&room).await.expect("taken");
            drop(outlet);
            let sent = Rc::new(Cell::new(0));
            let count = Rc::clone(&sent);
            spawn_local(async move {
                for _ in 0..5 {
                    let _ = second.send(heavy(ROOM / 3)).await;
                    count.set(count.get() + 1);
                }
            });
            pause(10).await;
            assert_eq!(sent.get(), 2);
            drop(first);
            let mut batches = 0;
            while inlet.next().await.is_some() {
                batches += 1;
            }
            assert_eq!((batches, sent.get()), (5, 5));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_hears_that_nobody_takes_what_comes() {
        in_time(async {
            let ahead = Ahead::new(2);
            let room = ahead.level("", None);
            let (outlet, inlet) = channel(&ahead, true);
            let slot = outlet.slot(&room).await.expect("taken");
            let waits = spawn_local(async move {
                let mut sent = 0;
                while slot.send(kept(&[1])).await.is_ok() {
                    sent += 1;
                }
                assert!(slot.settled().await.is_err());
                sent
            });
            pause(10).await;
            drop(inlet);
            assert!(outlet.send(kept(&[1])).await.is_err());
            assert!(outlet.slot(&room).await.is_err());
            assert!(outlet.settled().await.is_err());
            assert!(outlet.send(Vec::new()).await.is_ok(), "nothing is nothing");
            assert_eq!(waits.await.expect("no panic"), BATCHES);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn settled_is_what_was_taken() {
        in_time(async {
            let ahead = Ahead::new(64);
            let (outlet, mut inlet) = channel(&ahead, true);
            let settled = Rc::new(Cell::new(false));
            let is_settled = Rc::clone(&settled);
            spawn_local(async move {
                outlet.send(kept(&[1])).await.expect("taken");
                outlet.settled().await.expect("taken");
                is_settled.set(true);
                outlet.send(kept(&[2])).await.expect("taken");
            });
            pause(10).await;
            let first = inlet.next().await;
            assert!(first.is_some() && !settled.get());
            assert_eq!(inlet.next().await.map(values), Some(vec![json!(2)]));
            assert!(settled.get());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_order_records_come_as_they_are_made() {
        let ahead = Ahead::new(2);
        let room = ahead.level("", None);
        let found = in_time(async {
            let (outlet, inlet) = channel(&ahead, false);
            spawn_local(async move {
                for (delay, id) in [(30, 1), (10, 2), (5, 3)] {
                    // There is room for two: the third begins when the second has ended.
                    let slot = outlet.slot(&room).await.expect("taken");
                    spawn_local(async move {
                        pause(delay).await;
                        let _ = slot.send(kept(&[id])).await;
                    });
                }
            });
            all(inlet).await
        });
        assert_eq!(json!(found.await), json!([2, 3, 1]));
    }

    /// A separate channel holds bytes until its items get permits, which are released by tasks that
    /// can send.
    #[tokio::test(start_paused = true)]
    async fn what_is_read_apart_does_not_hold_up_what_has_no_order() {
        in_time(async {
            let ahead = Ahead::new(1);
            let room = ahead.level("", None);
            let (outlet, inlet) = channel(&ahead, false);
            spawn_local(async move {
                let (inner, mut items) = outlet.apart();
                spawn_local(async move {
                    for _ in 0..3 {
                        inner.send(heavy(ROOM)).await.expect("taken");
                    }
                });
                while let Some(batch) = items.next().await {
                    // Its bytes are held while its items wait for permits.
                    for _ in 0..2 {
                        let slot = outlet.slot(&room).await.expect("taken");
                        spawn_local(async move {
                            pause(1).await;
                            let _ = slot.send(heavy(1_000)).await;
                        });
                    }
                    drop(batch);
                }
            });
            assert_eq!(all(inlet).await.len(), 6);
        })
        .await;
    }
}

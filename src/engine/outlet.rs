//! Records on their way: made in any order, taken in the query's.
//!
//! An [`Outlet`] is where a task puts what it makes; an [`Inlet`] is the other end. A task that
//! hands a part of its work to another task opens a [slot](Outlet::slot) for it: whatever comes
//! through the slot stands in the order in which it was opened, however late it comes. So the slots
//! of a walk are a tree, of which one path is *first*: what it gives is taken next.
//!
//! What is not first works ahead only as far as the room goes ([`Ahead`]): in tasks a level, and in
//! bytes of records that wait. What is first never waits for room, since room comes only of its
//! being taken: that is why no walk can come to a standstill.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::core::json;
use crate::engine::records::Kept;

/// Bytes of records that wait for those before them.
const ROOM: usize = 4 * 1024 * 1024;

/// Batches of one outlet that wait.
const BATCHES: usize = 8;

/// How far work may go that is not next.
pub struct Ahead {
    bytes: Arc<Semaphore>,
    /// Tasks a level.
    window: usize,
    levels: RefCell<HashMap<String, Arc<Semaphore>>>,
}

impl Ahead {
    /// Room for `window` tasks a level.
    pub fn new(window: usize) -> Rc<Self> {
        Rc::new(Self {
            bytes: Arc::new(Semaphore::new(ROOM)),
            window,
            levels: RefCell::default(),
        })
    }

    /// The room of a level, for at most `most` tasks.
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

/// Whether something is next: it is the first of its siblings, and so are those that it belongs to.
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

    /// Waits until it is next.
    async fn next(&self) {
        let mut rank = self;
        loop {
            while !rank.is_first.get() {
                rank.changed.notified().await;
            }
            match &rank.outer {
                // Who is first stays first.
                Some(outer) => rank = outer,
                None => return,
            }
        }
    }
}

/// Records that came together.
pub struct Batch {
    /// The records.
    pub kept: Vec<Kept>,
    _room: [Option<OwnedSemaphorePermit>; 2],
}

enum Piece {
    Records(Batch),
    Slot(Inlet),
    /// Dropped when all before it was taken.
    Mark(oneshot::Sender<()>),
}

/// Nobody takes what comes.
#[derive(Debug, Clone, Copy)]
pub struct Gone;

/// Where a task puts what it makes.
pub struct Outlet {
    sender: mpsc::Sender<Piece>,
    rank: Rc<Rank>,
    ahead: Rc<Ahead>,
    batches: Arc<Semaphore>,
    is_ordered: bool,
    /// The place of the task at its level, where no slot holds it.
    _place: Option<OwnedSemaphorePermit>,
}

/// Where it comes out.
pub struct Inlet {
    /// The slots that are first, the innermost last.
    path: Vec<Slot>,
}

struct Slot {
    receiver: mpsc::Receiver<Piece>,
    rank: Rc<Rank>,
    /// The place of its task at its level.
    _place: Option<OwnedSemaphorePermit>,
}

/// Both ends.
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
        is_ordered,
        _place: None,
    };
    let slot = Slot {
        receiver,
        rank,
        _place: place,
    };
    (outlet, Inlet { path: vec![slot] })
}

impl Outlet {
    /// A pair of its own, whose records are taken before this outlet goes on.
    pub fn apart(&self) -> (Self, Inlet) {
        // Which records come of it depends on their order, even where the order of all does not.
        pair(&self.ahead, true, Rank::new(true, Some(&self.rank)), None)
    }

    /// Puts records in.
    ///
    /// # Errors
    ///
    /// If nobody takes them.
    pub async fn send(&self, kept: Vec<Kept>) -> Result<(), Gone> {
        if kept.is_empty() {
            return Ok(());
        }
        let weight: usize = kept.iter().map(|kept| json::weight(&kept.record)).sum();
        let weight = u32::try_from(weight.min(ROOM)).unwrap_or(u32::MAX);
        let bytes = Arc::clone(&self.ahead.bytes);
        let room = [
            self.unless_next(bytes.acquire_many_owned(weight)).await,
            Arc::clone(&self.batches).acquire_owned().await.ok(),
        ];
        let batch = Batch { kept, _room: room };
        self.put(Piece::Records(batch)).await
    }

    /// Opens a slot for a task of a level.
    ///
    /// # Errors
    ///
    /// If nobody takes what would come of it.
    pub async fn slot(&self, level: &Arc<Semaphore>) -> Result<Self, Gone> {
        let place = self.unless_next(Arc::clone(level).acquire_owned()).await;
        if !self.is_ordered {
            return Ok(Self {
                sender: self.sender.clone(),
                rank: Rc::clone(&self.rank),
                ahead: Rc::clone(&self.ahead),
                batches: Arc::clone(&self.batches),
                is_ordered: false,
                _place: place,
            });
        }
        let rank = Rank::new(false, Some(&self.rank));
        let (outlet, inlet) = pair(&self.ahead, true, rank, place);
        self.put(Piece::Slot(inlet)).await?;
        Ok(outlet)
    }

    /// Waits until all that was put in was taken.
    ///
    /// # Errors
    ///
    /// If nobody takes it.
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

    /// Waits for room, but not where this is next. Without an order all are as good as next in the
    /// end: whoever takes them takes whatever comes.
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
    /// The next records in order; nothing when all tasks are done.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            let slot = self.path.last_mut()?;
            let piece = slot.receiver.recv().await;
            if let Some(batch) = self.step(piece) {
                return Some(batch);
            }
        }
    }

    /// The next records, if they are there already.
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

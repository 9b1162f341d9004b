//! The items of a walk: each is a task, and hands its records to the tasks of the level below.
//!
//! A task opens a slot of its outlet for every item that it finds and starts that item's task at
//! once, so that children are on their way while their parent's next page is still coming, and what
//! comes of them still stands in the query's order (see [`crate::engine::outlet`]). Only a query
//! that sorts, limits or drops records has to see them in order before its children start.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use serde_json::Value;

use crate::engine::data::statement;
use crate::engine::levels::Level;
use crate::engine::listing::{End, listing};
use crate::engine::outlet::{Gone, Outlet, channel};
use crate::engine::records::{Gather, Kept};
use crate::engine::run::Run;
use crate::engine::stop::{Crew, Member};
use crate::engine::{Outcome, RunError, RunErrorKind};
use crate::plan::{Feed, Plan, Site};

/// Takes the records of one item of a plan.
pub type Taker = Rc<dyn for<'o> Fn(Vec<Kept>, &'o Outlet) -> Taking<'o>>;

type Taking<'o> = Pin<Box<dyn Future<Output = Result<(), Gone>> + 'o>>;

/// A taker that lets records out.
pub fn let_out() -> Taker {
    Rc::new(|kept, outlet| Box::pin(outlet.send(kept)))
}

/// One item of a plan, as far as its names are known.
#[derive(Clone)]
pub struct Walker {
    pub run: Rc<Run>,
    /// The tasks that it belongs to.
    pub crew: Member,
    pub plan: Rc<Plan>,
    pub site: Site,
    /// How many of the plan's names have their item.
    pub known: usize,
    /// Whether there is no other: then its failure is that of the whole walk.
    pub is_sole: bool,
    /// Whether there was no other before the first item was known.
    starts_sole: bool,
}

impl Walker {
    /// A plan that stands on no item yet.
    pub fn start(run: &Rc<Run>, crew: &Member, plan: &Rc<Plan>, is_sole: bool) -> Self {
        Self {
            run: Rc::clone(run),
            crew: crew.clone(),
            plan: Rc::clone(plan),
            site: plan.site(),
            known: 0,
            is_sole,
            starts_sole: is_sole,
        }
    }

    /// Finds the items that are not known yet, and makes the requests of those that are.
    pub fn walk(self, taker: Taker, outlet: Outlet) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let _ = match self.plan.feeds.get(self.known) {
                None => self.ask(&taker, &outlet).await,
                Some(_) => self.find_items(taker, outlet).await,
            };
        })
    }

    async fn ask(&self, taker: &Taker, outlet: &Outlet) -> Result<(), Gone> {
        let end = if self.plan.query.asks() {
            listing(&self.run, &self.plan, &self.site, taker, outlet).await
        } else {
            statement(&self.run, &self.plan, taker, outlet).await
        };
        let level = self.run.level(&self.plan);
        let is_failed = match end {
            End::Gone => return Err(Gone),
            End::Done(Outcome::Broken(error)) if !self.is_answer() => {
                self.failed_later(error);
                true
            }
            End::Done(Outcome::Cut(cut)) if !self.is_answer() => {
                self.run.note_cut(&self.plan.query.name, cut);
                false
            }
            End::Done(outcome) => {
                self.run
                    .note_outcome(self.is_answer(), &self.plan.query.name, outcome);
                false
            }
            End::Failed(error) => {
                self.failed(error);
                true
            }
        };
        Level::count(&level.failed, u64::from(is_failed));
        Level::count(&level.done, 1);
        Ok(())
    }

    /// Whether this makes the only requests of the query that was asked for.
    fn is_answer(&self) -> bool {
        Run::is_sole_request(&self.plan)
    }

    fn failed(&self, error: RunError) {
        let is_hopeless = error.kind.is_of_server() && !self.run.has_answers();
        if self.is_sole || is_hopeless || error.kind.is_of_all() {
            self.run.fail(error);
        } else {
            self.run.note_failure(error);
        }
    }

    /// A page after the first: what came before it is good, whatever it stands on.
    fn failed_later(&self, error: RunError) {
        if error.kind.is_of_all() {
            self.run.fail(error);
        } else {
            self.run.note_failure(error);
        }
    }

    async fn find_items(self, taker: Taker, outlet: Outlet) -> Result<(), Gone> {
        let feed = &self.plan.loops()[self.known];
        match &self.plan.feeds[self.known] {
            Feed::List => match self.plan.list(feed, &self.site) {
                Ok(items) => {
                    let kept = items.into_iter().map(Kept::new).collect();
                    (self.children(taker))(kept, &outlet).await
                }
                Err(error) => {
                    self.failed(self.fault(RunErrorKind::Render(error)));
                    Ok(())
                }
            },
            // What stands on nothing is the same for every item before it.
            Feed::Plan(fed_by) if self.known > 0 => {
                let items = self.run.records_of(fed_by, self.starts_sole).await;
                for chunk in items.chunks(64) {
                    let kept = chunk.iter().cloned().map(Kept::new).collect();
                    (self.children(Rc::clone(&taker)))(kept, &outlet).await?;
                }
                Ok(())
            }
            Feed::Plan(fed_by) => {
                let fed_by = Rc::clone(fed_by);
                self.feed(fed_by, taker, outlet).await
            }
            Feed::Dependent => match self.plan.fed_by(feed, &self.site) {
                Ok(fed_by) => self.feed(Rc::new(fed_by), taker, outlet).await,
                Err(error) => {
                    self.failed(self.fault(RunErrorKind::Plan(error)));
                    Ok(())
                }
            },
        }
    }

    /// Walks another plan for items.
    async fn feed(self, fed_by: Rc<Plan>, taker: Taker, outlet: Outlet) -> Result<(), Gone> {
        let children = self.children(taker);
        if !fed_by.query.depends_on_order() && fed_by.limit.is_none() {
            Self::start(&self.run, &self.crew, &fed_by, self.is_sole)
                .walk(children, outlet)
                .await;
            return Ok(());
        }
        let crew = Crew::new(&self.run.panicked);
        let (inner, mut inlet) = outlet.apart();
        let walker = Self::start(&self.run, &crew.member(), &fed_by, self.is_sole);
        crew.member().spawn(walker.walk(let_out(), inner));
        let mut gather = Gather::new(&fed_by);
        while let Some(batch) = inlet.next().await {
            let records = match gather.pass(batch.kept) {
                Ok(records) => records,
                Err(kind) => {
                    self.failed(self.fault(kind));
                    return Ok(());
                }
            };
            children(records.into_iter().map(Kept::new).collect(), &outlet).await?;
            if gather.is_full() {
                break;
            }
        }
        crew.stop();
        let rest = match gather.finish() {
            Ok(rest) => rest,
            Err(kind) => {
                self.failed(self.fault(kind));
                return Ok(());
            }
        };
        children(rest.into_iter().map(Kept::new).collect(), &outlet).await
    }

    /// A taker that starts a task for every record, which is an item.
    fn children(&self, taker: Taker) -> Taker {
        let parent = self.clone();
        let name = self.plan.loops()[self.known].name.clone();
        let place = format!("{}#{}", self.plan.trail, self.known);
        // Where few records are wanted, few are asked for at a time.
        let most = self.plan.limit.filter(|_| self.plan.query.sort.is_empty());
        let room = self.run.ahead.level(&place, most);
        Rc::new(move |items, outlet| {
            let (parent, name, room) = (parent.clone(), name.clone(), room.clone());
            let taker = Rc::clone(&taker);
            Box::pin(async move {
                let level = parent.run.level(&parent.plan);
                if parent.known + 1 == parent.plan.feeds.len() {
                    Level::count(&level.items, items.len() as u64);
                }
                for item in items {
                    let slot = outlet.slot(&room).await?;
                    let child = Self {
                        site: parent.plan.site_with(&parent.site, &name, &item.record),
                        known: parent.known + 1,
                        is_sole: false,
                        ..parent.clone()
                    };
                    parent.crew.spawn(child.walk(Rc::clone(&taker), slot));
                }
                Ok(())
            })
        })
    }

    fn fault(&self, kind: RunErrorKind) -> RunError {
        RunError {
            query: self.plan.query.name.clone(),
            resource: self.plan.resource.name.clone(),
            request: None,
            item: self.site.about().map(str::to_owned),
            kind,
        }
    }
}

/// All records of a plan, for items that are needed more than once.
pub async fn all_records(run: &Rc<Run>, plan: &Rc<Plan>, is_sole: bool) -> Vec<Value> {
    let crew = Crew::new(&run.panicked);
    let (outlet, mut inlet) = channel(&run.ahead, true);
    let walker = Walker::start(run, &crew.member(), plan, is_sole);
    crew.member().spawn(walker.clone().walk(let_out(), outlet));
    let mut gather = Gather::new(plan);
    let mut records = Vec::new();
    while let Some(batch) = inlet.next().await {
        match gather.pass(batch.kept) {
            Ok(more) => records.extend(more),
            Err(kind) => {
                walker.failed(walk_fault(plan, kind));
                return records;
            }
        }
        if gather.is_full() {
            break;
        }
    }
    match gather.finish() {
        Ok(rest) => records.extend(rest),
        Err(kind) => walker.failed(walk_fault(plan, kind)),
    }
    records
}

/// A fault of a whole plan.
pub fn walk_fault(plan: &Plan, kind: RunErrorKind) -> RunError {
    RunError {
        query: plan.query.name.clone(),
        resource: plan.resource.name.clone(),
        request: None,
        item: None,
        kind,
    }
}

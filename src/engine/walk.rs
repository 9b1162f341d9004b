//! The items of a walk: each is a task that passes its records to the tasks of the next level.
//!
//! A task opens a slot of its outlet for every item it finds and starts that item's task at once, so
//! that children run while their parent's next page is pending, and their records are still in the
//! query's order (see [`crate::engine::outlet`]). Only a query that sorts, limits or deduplicates
//! records must see all of them in order before its children start.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::core::records::RecordList;
use crate::core::shutdown;
use crate::engine::data::{data_of, statement};
use crate::engine::expectations::check_used;
use crate::engine::extent::Extent;
use crate::engine::gather::Gather;
use crate::engine::levels::Level;
use crate::engine::listing::Listing;
use crate::engine::outcome::End;
use crate::engine::outlet::{Gone, Inlet, Outlet, Taker, channel};
use crate::engine::records::KeyedRecord;
use crate::engine::run::{Run, Walked};
use crate::engine::split::TaggedSite;
use crate::engine::stop::{Crew, Member};
use crate::engine::{FailedItem, Outcome, RunError, RunErrorKind};
use crate::plan::{DataValues, Feed, Plan, Site};
use crate::sink::RecordSpool;

mod children;
mod failing;

/// A taker that lets records out.
pub fn let_out() -> Taker {
    Rc::new(|kept, outlet| Box::pin(outlet.send(kept)))
}

/// The tasks of one loop's items.
struct Children {
    /// Starts the tasks.
    take: Taker,
    /// The number of items still to be taken, if limited.
    left: Rc<Cell<Option<usize>>>,
}

impl Children {
    /// Returns true if no more items are needed.
    fn are_enough(&self) -> bool {
        self.left.get() == Some(0)
    }
}

/// One item of a plan, whose outer loops have their items.
#[derive(Clone)]
pub struct Walker {
    pub run: Rc<Run>,
    /// The group of its tasks.
    pub crew: Member,
    pub plan: Rc<Plan>,
    pub site: Site,
    /// The number of loops that have their item.
    pub known: usize,
    /// The part of the run that its failure concerns.
    extent: Extent,
    /// That part before the first item was known.
    whole: Extent,
    /// The number of records needed of the plan, if its reader limits them.
    wanted: Option<usize>,
    /// The item of a part that it belongs to.
    tag: Option<u32>,
}

impl Walker {
    /// Creates the walker of a plan without items so far.
    pub fn start(run: &Rc<Run>, crew: &Member, plan: &Rc<Plan>) -> Self {
        Self::within(run, crew, plan, Extent::Run)
    }

    /// Creates the walker of a plan whose failure concerns a part of the run.
    fn within(run: &Rc<Run>, crew: &Member, plan: &Rc<Plan>, extent: Extent) -> Self {
        Self {
            run: Rc::clone(run),
            crew: crew.clone(),
            plan: Rc::clone(plan),
            site: plan.site(),
            known: 0,
            whole: extent.clone(),
            extent,
            wanted: None,
            tag: None,
        }
    }

    /// Finds the items of the remaining loops, or sends the requests if all are known.
    pub fn walk(mut self, taker: Taker, outlet: Outlet) -> Pin<Box<dyn Future<Output = ()>>> {
        self.tag = outlet.tag();
        Box::pin(async move {
            if let Some(given) = self.run.session.given(&self.plan.query.name) {
                let kept = given.iter().cloned().map(KeyedRecord::new).collect();
                let _ = taker(kept, &outlet).await;
                return;
            }
            if self.known == 0
                && let Some(items) = self.run.take_items(&self.plan)
            {
                let known = self.run.split.get().1;
                return self.walk_each(items, known, taker, outlet).await;
            }
            if self.run.is_split_at(&self.plan, self.known) {
                if let Some(kept) = self.run.keep_site(&self.site) {
                    let _ = outlet.send(vec![kept]).await;
                    return;
                }
                let shard = self.run.part.shard;
                match shard.map_or(Ok(true), |shard| shard.has(&self.site)) {
                    Ok(true) => {}
                    Ok(false) => return self.skip(),
                    Err(name) => return self.run.fail(self.without_key(&name)),
                }
            }
            let _ = match self.plan.feeds.get(self.known) {
                None => self.ask(&taker, &outlet).await,
                Some(_) => self.find_items(taker, outlet).await,
            };
        })
    }

    /// Walks these items, which are those of the first `known` loops.
    pub async fn walk_each(
        self,
        items: Vec<TaggedSite>,
        known: usize,
        taker: Taker,
        outlet: Outlet,
    ) {
        let room = self.run.ahead.level(&self.plan.trail, None);
        if known == self.plan.feeds.len() {
            let level = self.run.level(&self.plan);
            Level::count(&level.items, items.len() as u64);
        }
        for TaggedSite { tag, site } in items {
            let Ok(slot) = outlet.slot(&room).await else {
                return;
            };
            let child = Self {
                site,
                known,
                extent: if known == 0 {
                    self.extent.clone()
                } else {
                    Extent::Item
                },
                ..self.clone()
            };
            let walk = child.walk(Rc::clone(&taker), slot.tagged(tag));
            self.crew.spawn(walk);
        }
    }

    /// Counts an item of another shard as done.
    fn skip(&self) {
        if self.known == self.plan.feeds.len() {
            Level::count(&self.run.level(&self.plan).done, 1);
        }
    }

    async fn ask(&self, taker: &Taker, outlet: &Outlet) -> Result<(), Gone> {
        let end = match self.plan.requests() {
            Some(requests) => {
                let data = self.data().await?;
                let site = data
                    .as_deref()
                    .map(|data| self.site.with_data(&self.plan, data));
                let site = site.as_ref().unwrap_or(&self.site);
                let is_counted = self.wanted.is_some() || self.run.is_steady;
                let listing = Listing::new(&self.run, requests, site, is_counted);
                let call = requests.call;
                let is_raw = self.run.wants_content(&self.plan);
                match (&call.poll, &call.download, call.decode) {
                    (Some(poll), _, _) => listing.poll(poll, taker, outlet).await,
                    (None, Some(path), _) => listing.download(path, taker, outlet).await,
                    (None, None, Some(decode)) if !is_raw => {
                        listing.decoded(decode, taker, outlet).await
                    }
                    (None, None, _) => listing.pages(taker, outlet).await,
                }
            }
            None => statement(&self.run, &self.plan, taker, outlet).await,
        };
        if shutdown::is_requested() {
            // Partially read records must not be used: wait to be dropped with the run.
            std::future::pending::<()>().await;
        }
        let level = self.run.level(&self.plan);
        let is_failed = match end {
            End::Gone => return Err(Gone),
            End::Done(Outcome::Broken(error)) if !self.is_answer() => {
                self.failed_later(*error);
                true
            }
            End::Done(Outcome::Cut(cut)) if !self.is_answer() => {
                self.run.note_incomplete(self.tag);
                let ledger = &mut self.run.findings.borrow_mut().ledger;
                ledger.cut(&self.plan.query.name, cut);
                false
            }
            End::Done(outcome) => {
                let mut findings = self.run.findings.borrow_mut();
                findings.add_outcome(&self.plan, outcome);
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

    /// Returns the data used by the plan's requests, if any.
    async fn data(&self) -> Result<Option<Arc<DataValues>>, Gone> {
        if self.plan.data.is_empty() {
            return Ok(None);
        }
        let data = data_of(&self.run, &self.plan).await;
        // The request would be incomplete.
        if self.run.has_failed() {
            Err(Gone)
        } else {
            Ok(Some(data))
        }
    }

    /// Returns true if it sends the only requests of the run's query.
    fn is_answer(&self) -> bool {
        self.plan.is_sole_request()
    }

    async fn find_items(self, taker: Taker, outlet: Outlet) -> Result<(), Gone> {
        let feed = &self.plan.loops()[self.known];
        let most = match Plan::most_items(feed, &self.site) {
            Ok(most) => most,
            Err(error) => return self.fail(RunErrorKind::Plan(error)),
        };
        match &self.plan.feeds[self.known] {
            Feed::List => match Plan::list(feed, &self.site) {
                Ok(items) => {
                    let kept = items.into_iter().map(KeyedRecord::new).collect();
                    (self.children(taker, most).take)(kept, &outlet).await
                }
                Err(error) => self.fail(RunErrorKind::Render(error)),
            },
            // Without dependencies, the items are the same for every outer item. Expectations are
            // about all records, so these are read to their end.
            Feed::Plan(fed_by) if self.known > 0 && most.is_none() || has_expectations(fed_by) => {
                let walked = if self.known > 0 || self.whole.is_run() {
                    records_of(&self.run, fed_by, self.whole.is_run()).await
                } else {
                    // This plan was bound for an item, so the records are not needed again.
                    let extent = Extent::of_walk(self.whole.item());
                    walk_checked(&self.run, fed_by, extent).await
                };
                if walked.has_failed {
                    self.whole.fail();
                }
                self.take_all(&walked.records, most, taker, &outlet).await
            }
            Feed::Plan(fed_by) => {
                let (fed_by, extent) = (Rc::clone(fed_by), self.whole.clone());
                self.feed(fed_by, extent, most, taker, outlet).await
            }
            Feed::Dependent => {
                let fed_by = match self.plan.fed_by(feed, &self.site) {
                    Ok(fed_by) => Rc::new(fed_by),
                    Err(error) => return self.fail(RunErrorKind::Plan(error)),
                };
                let extent = Extent::of_walk(FailedItem::of(&self.site));
                if !has_expectations(&fed_by) {
                    return self.feed(fed_by, extent, most, taker, outlet).await;
                }
                let walked = walk_checked(&self.run, &fed_by, extent).await;
                self.take_all(&walked.records, most, taker, &outlet).await
            }
        }
    }

    /// Starts a task for every record of another plan, for at most `most` of them.
    async fn take_all(
        &self,
        items: &RecordList,
        most: Option<usize>,
        taker: Taker,
        outlet: &Outlet,
    ) -> Result<(), Gone> {
        let children = self.children(taker, most);
        for block in items.blocks() {
            let block = match block {
                Ok(block) => block,
                Err(error) => return self.fail(RunErrorKind::Sink(error)),
            };
            for chunk in block.chunks(64) {
                let kept = chunk.iter().cloned().map(KeyedRecord::new).collect();
                (children.take)(kept, outlet).await?;
                if children.are_enough() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Walks another plan for items, at most `most` of them.
    async fn feed(
        self,
        fed_by: Rc<Plan>,
        extent: Extent,
        most: Option<usize>,
        taker: Taker,
        outlet: Outlet,
    ) -> Result<(), Gone> {
        let children = self.children(taker, most);
        let is_counted = fed_by.limit.is_some() || most.is_some();
        let requires = fed_by.query.shape.requires_values();
        if !fed_by.query.shape.depends_on_order() && !is_counted && !requires {
            Self::within(&self.run, &self.crew, &fed_by, extent)
                .walk(children.take, outlet)
                .await;
            return Ok(());
        }
        let crew = Crew::new(&self.run.panicked);
        let (inner, mut inlet) = outlet.apart();
        let walker = Self {
            wanted: most,
            ..Self::within(&self.run, &crew.member(), &fed_by, extent)
        };
        crew.member().spawn(walker.walk(let_out(), inner));
        let mut gather = Gather::new(&fed_by);
        while let Some(batch) = inlet.next().await {
            let records = match gather.pass(batch.kept) {
                Ok(records) => records,
                Err(kind) => return self.fail(kind),
            };
            (children.take)(records.into_iter().map(KeyedRecord::new).collect(), &outlet).await?;
            if gather.is_full() || children.are_enough() {
                break;
            }
        }
        crew.stop();
        loop {
            let records = match gather.rest() {
                Ok(Some(records)) => records,
                Ok(None) => return Ok(()),
                Err(kind) => return self.fail(kind),
            };
            (children.take)(records.into_iter().map(KeyedRecord::new).collect(), &outlet).await?;
        }
    }
}

fn has_expectations(plan: &Plan) -> bool {
    !plan.query.shape.expect.is_empty()
}

/// Returns all records of a plan that the whole run depends on.
pub fn read_all<'r>(
    run: &'r Rc<Run>,
    plan: &'r Rc<Plan>,
) -> Pin<Box<dyn Future<Output = RecordList> + 'r>> {
    Box::pin(async move { records_of(run, plan, true).await.records })
}

/// Returns all records of a plan for items that are needed more than once, requested once.
async fn records_of(run: &Rc<Run>, plan: &Rc<Plan>, is_sole: bool) -> Walked {
    let extent = if is_sole {
        Extent::Run
    } else {
        Extent::of_walk(None)
    };
    let cell = run.records(is_sole).cell(plan);
    let walked = cell.get_or_init(|| walk_checked(run, plan, extent)).await;
    walked.clone()
}

/// Returns all records of a plan, and evaluates its expectations, once per plan. If the walk failed
/// as a whole, there is no result that they could be about.
async fn walk_checked(run: &Rc<Run>, plan: &Rc<Plan>, extent: Extent) -> Walked {
    let item = extent.item();
    let walked = walk_all(run, plan, extent).await;
    if has_expectations(plan) && !walked.has_failed {
        // If this task is cancelled, the next one that needs the plan evaluates them.
        let check = run.checks.cell(plan);
        let checked = check.get_or_init(|| check_used(run, plan, &walked.records, item));
        checked.await;
    }
    walked
}

async fn walk_all(run: &Rc<Run>, plan: &Rc<Plan>, extent: Extent) -> Walked {
    let crew = Crew::new(&run.panicked);
    let (outlet, mut inlet) = channel(&run.ahead, true);
    let walker = Walker::within(run, &crew.member(), plan, extent.clone());
    crew.member().spawn(walker.clone().walk(let_out(), outlet));
    let mut records = RecordSpool::default();
    let result = gather_all(plan, &mut inlet, &mut records).await;
    let list = result.and_then(|()| {
        let list = std::mem::take(&mut records).into_list();
        list.map_err(RunErrorKind::Sink)
    });
    let records = match list {
        Ok(list) => list,
        Err(kind) => {
            walker.failed(RunError::of_plan(plan, kind));
            // Those before a failure are valid.
            records.into_list().unwrap_or_default()
        }
    };
    Walked {
        records,
        has_failed: extent.has_failed(),
    }
}

/// Collects the records of a walk in the query's order.
async fn gather_all(
    plan: &Rc<Plan>,
    inlet: &mut Inlet,
    records: &mut RecordSpool,
) -> Result<(), RunErrorKind> {
    let mut gather = Gather::new(plan);
    while let Some(batch) = inlet.next().await {
        push_all(records, gather.pass(batch.kept)?)?;
        if gather.is_full() {
            break;
        }
    }
    while let Some(rest) = gather.rest()? {
        push_all(records, rest)?;
    }
    Ok(())
}

fn push_all(spool: &mut RecordSpool, records: Vec<Value>) -> Result<(), RunErrorKind> {
    let mut records = records.into_iter();
    let pushed = records.try_for_each(|record| spool.push(record));
    pushed.map_err(RunErrorKind::Sink)
}

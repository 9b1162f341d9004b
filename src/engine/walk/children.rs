//! The tasks of the items of a loop.

use std::cell::Cell;
use std::rc::Rc;

use crate::engine::RunErrorKind;
use crate::engine::cover::UsedPart;
use crate::engine::extent::Extent;
use crate::engine::levels::Level;
use crate::engine::outlet::Taker;
use crate::engine::walk::{Children, Walker};
use crate::plan::{Plan, Site};
use crate::project::query::Loop;

impl Walker {
    /// Starts a task for every item of a loop that meets its condition, at most `most` of them.
    pub(super) fn children(&self, taker: Taker, most: Option<usize>) -> Children {
        let parent = self.clone();
        let index = self.known;
        let place = format!("{}#{}", self.plan.trail, self.known);
        // If few records are needed, few items run at a time.
        let few = self
            .plan
            .limit
            .filter(|_| self.plan.query.shape.sort.is_empty());
        let few = few.into_iter().chain(self.wanted).min();
        let room = self.run.ahead.level(&place, few);
        let left = Rc::new(Cell::new(most));
        let still = Rc::clone(&left);
        let take: Taker = Rc::new(move |items, outlet| {
            let (parent, room) = (parent.clone(), room.clone());
            let (taker, left) = (Rc::clone(&taker), Rc::clone(&left));
            Box::pin(async move {
                let feed = &parent.plan.loops()[index];
                let level = parent.run.level(&parent.plan);
                let is_last = index + 1 == parent.plan.feeds.len();
                let count = |more| Level::count(&level.items, if is_last { more } else { 0 });
                if !feed.chooses() {
                    count(items.len() as u64);
                }
                for item in items {
                    if left.get() == Some(0) {
                        break;
                    }
                    let site = parent
                        .plan
                        .site_with(&parent.site, &feed.name, &item.record);
                    let Some(child) = parent.child(feed, site, outlet.tag()) else {
                        continue;
                    };
                    left.set(left.get().map(|left| left - 1));
                    if feed.chooses() {
                        count(1);
                    }
                    let slot = outlet.slot(&room).await?;
                    let walk = child.walk(Rc::clone(&taker), slot);
                    if parent.run.is_steady {
                        walk.await;
                        outlet.settled().await?;
                    } else {
                        parent.crew.spawn(walk);
                    }
                }
                Ok(())
            })
        });
        Children { take, left: still }
    }

    /// Returns the task of an item, if the item meets the condition of its loop.
    fn child(&self, feed: &Loop, site: Site, tag: Option<u32>) -> Option<Self> {
        let taken = Plan::takes(feed, &site);
        let child = Self {
            site,
            known: self.known + 1,
            extent: Extent::Item,
            tag,
            ..self.clone()
        };
        match taken {
            Ok(is_taken) => {
                if let Some(cover) = self.run.session.cover() {
                    let part = if is_taken {
                        UsedPart::Taken
                    } else {
                        UsedPart::Skipped
                    };
                    cover.used(&self.plan.query, part(&feed.name));
                }
                is_taken.then_some(child)
            }
            Err(error) => {
                child.failed(child.fault(RunErrorKind::Render(error)));
                None
            }
        }
    }
}

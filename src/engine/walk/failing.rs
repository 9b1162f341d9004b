//! The failures of one item of a walk.

use crate::engine::outlet::Gone;
use crate::engine::walk::Walker;
use crate::engine::{FailedItem, RunError, RunErrorKind};

impl Walker {
    /// Records a failure of the item, or ends the run if it concerns all of it.
    pub(super) fn failed(&self, error: RunError) {
        self.run.note_incomplete(self.tag);
        let is_hopeless = error.kind.is_of_server() && !self.run.has_responses();
        let is_unmet = self.run.is_unmet_poll(&self.plan, &error);
        if self.extent.is_run() || is_hopeless || is_unmet || error.kind.is_of_all() {
            self.run.fail(error);
        } else {
            self.extent.fail();
            self.run.note_failure(error);
        }
    }

    /// Records the failure of a page after the first. The records before it stay valid.
    pub(super) fn failed_later(&self, error: RunError) {
        self.run.note_incomplete(self.tag);
        if error.kind.is_of_all() || self.run.is_unmet_poll(&self.plan, &error) {
            self.run.fail(error);
        } else {
            self.run.note_failure(error);
        }
    }

    /// Records a failure to find items. The walk goes on without them.
    #[expect(clippy::unnecessary_wraps, reason = "returned in place of the items")]
    pub(super) fn fail(&self, kind: RunErrorKind) -> Result<(), Gone> {
        self.failed(self.fault(kind));
        Ok(())
    }

    /// Returns an error of the item.
    pub(super) fn fault(&self, kind: RunErrorKind) -> RunError {
        RunError {
            item: FailedItem::of(&self.site),
            ..RunError::of_plan(&self.plan, kind)
        }
    }
}

//! The failures of one item of a walk.

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::engine::outlet::Gone;
use crate::engine::walk::Walker;
use crate::engine::{FailedItem, RunError, RunErrorKind};
use crate::plan::PlanError;

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

    /// Returns the error of an item whose share cannot be told.
    pub(super) fn without_key(&self, name: &str) -> RunError {
        let words = format!("`{name}` has no key by which the shares of a walk are told apart");
        let fault = Diagnostic::general(Code::NotInParts, words)
            .help("give its records a column `id`, `slug`, `number`, `job_number`, `name` or `key`")
            .help("or divide the walk with `runner plan`, which lists the items once");
        self.fault(RunErrorKind::Plan(PlanError::Call(vec![fault])))
    }

    /// Returns an error of the item.
    pub(super) fn fault(&self, kind: RunErrorKind) -> RunError {
        RunError {
            item: FailedItem::of(&self.site),
            ..RunError::of_plan(&self.plan, kind)
        }
    }
}

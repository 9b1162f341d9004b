//! The statuses of workflows and jobs.

/// The status of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Succeeded.
    Success,
    /// In progress.
    Running,
    /// Never started.
    NotRun,
    /// A job failed.
    Failed,
    /// The workflow itself failed.
    Error,
    /// A job failed while others are running.
    Failing,
    /// Waiting for an approval.
    OnHold,
    /// Cancelled by a person.
    Canceled,
    /// A person was not authorized to run it.
    Unauthorized,
}

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Succeeded.
    Success,
    /// In progress.
    Running,
    /// Never started.
    NotRun,
    /// Failed.
    Failed,
    /// Failed and was restarted automatically.
    Retried,
    /// Waiting for a machine.
    Queued,
    /// About to wait for a machine.
    NotRunning,
    /// The infrastructure failed.
    InfrastructureFail,
    /// Timed out.
    TimedOut,
    /// Waiting for an approval.
    OnHold,
    /// Ended for an unknown reason.
    TerminatedUnknown,
    /// Blocked by other jobs.
    Blocked,
    /// Cancelled by a person.
    Canceled,
    /// A person was not authorized to run it.
    Unauthorized,
}

impl Status {
    /// Returns the API's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Running => "running",
            Self::NotRun => "not_run",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Failing => "failing",
            Self::OnHold => "on_hold",
            Self::Canceled => "canceled",
            Self::Unauthorized => "unauthorized",
        }
    }

    /// Returns true if the status is final, even after an approval.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Running | Self::Failing | Self::OnHold)
    }
}

impl JobStatus {
    /// Returns the API's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Running => "running",
            Self::NotRun => "not_run",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Queued => "queued",
            Self::NotRunning => "not_running",
            Self::InfrastructureFail => "infrastructure_fail",
            Self::TimedOut => "timedout",
            Self::OnHold => "on_hold",
            Self::TerminatedUnknown => "terminated-unknown",
            Self::Blocked => "blocked",
            Self::Canceled => "canceled",
            Self::Unauthorized => "unauthorized",
        }
    }

    /// Returns true if the job may still change.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Running | Self::Queued | Self::NotRunning | Self::OnHold | Self::Blocked
        )
    }

    /// Returns true if it makes its workflow fail.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed
                | Self::Retried
                | Self::InfrastructureFail
                | Self::TimedOut
                | Self::TerminatedUnknown
        )
    }
}

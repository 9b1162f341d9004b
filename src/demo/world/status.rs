//! The words the API has for how things stand.

/// How a workflow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Ended well.
    Success,
    /// Under way.
    Running,
    /// Never began.
    NotRun,
    /// A job failed.
    Failed,
    /// The workflow itself was at fault.
    Error,
    /// A job failed and others still run.
    Failing,
    /// Waits for an approval.
    OnHold,
    /// Stopped by a person.
    Canceled,
    /// Somebody had no right to run it.
    Unauthorized,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Ended well.
    Success,
    /// Under way.
    Running,
    /// Never began.
    NotRun,
    /// Ended badly.
    Failed,
    /// Ended badly and was started again by itself.
    Retried,
    /// Waits for a machine.
    Queued,
    /// About to wait for a machine.
    NotRunning,
    /// The machine was at fault.
    InfrastructureFail,
    /// Took too long.
    TimedOut,
    /// Waits for an approval.
    OnHold,
    /// Ended, nobody knows how.
    TerminatedUnknown,
    /// Waits for other jobs.
    Blocked,
    /// Stopped by a person.
    Canceled,
    /// Somebody had no right to run it.
    Unauthorized,
}

impl Status {
    /// The API's word.
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

    /// Whether nothing more will happen by itself or by approval.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Running | Self::Failing | Self::OnHold)
    }
}

impl JobStatus {
    /// The API's word.
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

    /// Whether the job may still change.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Running | Self::Queued | Self::NotRunning | Self::OnHold | Self::Blocked
        )
    }

    /// Whether it makes its workflow a failed one.
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

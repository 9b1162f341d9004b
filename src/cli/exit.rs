//! Exit codes, an interface for scripts.

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Success.
    Done = 0,
    /// An expectation of a query failed.
    Expectation = 1,
    /// Invalid usage or files.
    Usage = 2,
    /// The API returned an error, or its response cannot be used.
    Refused = 3,
    /// Missing or invalid credentials.
    Credentials = 4,
    /// A network, TLS or timeout error.
    Network = 5,
    /// Incomplete results.
    Partial = 6,
    /// Refused locally: a write without `--yes`, or by the resource's `access`.
    Forbidden = 7,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Returns the number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The section in `--help`.
pub const HELP: &str = "\
Exit codes:
  0    success
  1    an expectation of a query failed
  2    invalid usage or files
  3    the API returned an error (4xx, 5xx after retries), or its response is unusable
  4    missing or invalid credentials (401, 403, unset token)
  5    network or TLS error, timeout
  6    partial: items of a walk failed, or a listing is incomplete
  7    refused locally: needs --yes, forbidden by `access`, locked, or an inner query that writes
  130  interrupted";

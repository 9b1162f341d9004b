//! Exit codes. They are part of the contract with scripts.

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// An expectation of the query failed.
    Expectation = 1,
    /// Usage, or a file, is wrong.
    Usage = 2,
    /// The API refused, or its answer cannot be used.
    Refused = 3,
    /// No or bad credentials.
    Credentials = 4,
    /// Network, TLS, timeout.
    Network = 5,
    /// The listing is not whole.
    Partial = 6,
    /// Refused here: a write without `--yes`, or `access` of the resource.
    Forbidden = 7,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// What `--help` says of them.
pub const HELP: &str = "\
Exit codes:
  0    done
  1    an expectation of the query failed
  2    usage or a file is wrong
  3    the API refused (4xx, 5xx after retries), or its answer cannot be used
  4    no or bad credentials (401, 403, unset token)
  5    network, TLS, timeout
  6    partial: items of a walk failed, or a listing is not whole
  7    refused here: needs --yes, the resource's `access`, or a feed that writes
  130  interrupted";

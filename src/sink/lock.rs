//! A lock file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// A lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a file, created if needed; `None` if another run holds it.
    ///
    /// # Errors
    ///
    /// Any error of the operating system, or if the path is a link.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        if path.is_symlink() {
            return Err(io::Error::other("it is a symbolic link"));
        }
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.lock");
        let first = Lock::take(&path).expect("a file").expect("the lock");
        assert!(Lock::take(&path).expect("a file").is_none());
        drop(first);
        assert!(Lock::take(&path).expect("a file").is_some());
    }
}

//! Locks: of a file, or of a folder.

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

/// A lock of a folder, held until it is dropped or the process ends. It leaves no file behind.
#[derive(Debug)]
pub struct FolderLock {
    _folder: Option<File>,
}

impl FolderLock {
    /// Waits for the lock. Some network file systems cannot lock folders: there, and on Windows,
    /// nothing is locked.
    pub fn wait(path: &Path) -> Self {
        let folder = File::open(path).ok();
        Self {
            _folder: folder.filter(|folder| folder.lock().is_ok()),
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

    #[cfg(unix)]
    #[test]
    fn a_folder_is_locked_without_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = FolderLock::wait(folder.path());
        let other = File::open(folder.path()).expect("the folder");
        assert!(other.try_lock().is_err());
        drop(lock);
        other.try_lock().expect("it is free");
        assert_eq!(folder.path().read_dir().expect("read").count(), 0);
    }
}

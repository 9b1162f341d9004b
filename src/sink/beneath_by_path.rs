//! A folder by its path, on systems where the standard library cannot open files within an open folder.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::sink::FileSink;

/// A folder.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

/// The files that a run has written, which have no number here.
pub type WrittenFiles = Rc<RefCell<()>>;

/// A file that is written aside.
pub type FileBeneath = FileSink;

impl Directory {
    /// Uses a folder.
    ///
    /// # Errors
    ///
    /// None.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(path.to_path_buf()))
    }

    /// Opens a folder in this one, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// If it is something else, and any error of the operating system.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        let path = self.0.join(name);
        match fs::symlink_metadata(&path) {
            Ok(known) if known.is_dir() => {}
            Ok(_) => return Err(io::Error::other(format!("`{name}` is not a folder"))),
            Err(_) => fs::create_dir(&path)?,
        }
        Ok(Self(path))
    }

    /// Returns the size of a file in this folder; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is not a regular file.
    pub fn size(&self, name: &str) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(known) if known.is_file() => Ok(Some(known.len())),
            Ok(_) => Err(io::Error::other(format!("`{name}` is not a regular file"))),
            Err(_) => Ok(None),
        }
    }

    /// Opens a regular file in this folder.
    ///
    /// # Errors
    ///
    /// As [`Directory::size`], and any error of the operating system.
    pub fn file(&self, name: &str) -> io::Result<File> {
        self.size(name)?;
        File::open(self.0.join(name))
    }

    /// Moves a file of the same file system to a name in this folder, in place of the one there.
    ///
    /// # Errors
    ///
    /// As [`Directory::file`].
    pub fn adopt(&self, from: &Path, name: &str) -> io::Result<()> {
        self.size(name)?;
        fs::rename(from, self.0.join(name))
    }

    /// Removes a file of this folder. It is no error if there is none.
    ///
    /// # Errors
    ///
    /// As [`Directory::file`].
    pub fn remove(&self, name: &str) -> io::Result<()> {
        if self.size(name)?.is_some() {
            fs::remove_file(self.0.join(name))?;
        }
        Ok(())
    }

    /// Removes a folder of this folder if it is empty.
    pub fn prune(&self, name: &str) {
        let _ = fs::remove_dir(self.0.join(name));
    }

    /// Starts to write a file in this folder, aside.
    ///
    /// # Errors
    ///
    /// As [`Directory::file`].
    pub fn create(&self, name: &str, _: &WrittenFiles) -> io::Result<FileBeneath> {
        self.size(name)?;
        FileSink::replacing(&self.0.join(name))
    }
}

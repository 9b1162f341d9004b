//! A folder by its descriptor: what happens below it stays below it, whatever another program does to
//! its paths meanwhile.
//!
//! A path that was checked may lead elsewhere when it is used: a folder on it was replaced by a link.
//! So each folder is opened from the one above it, without following links, and files are opened,
//! created and renamed within the opened folder.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::core::shutdown::Cleanup;
use crate::sink::Sink;
use crate::sink::file::new_name;

/// An open folder.
#[derive(Debug, Clone)]
pub struct Directory(Arc<OwnedFd>);

/// The identities of the files that a run has written.
pub type WrittenFiles = Rc<RefCell<HashSet<String>>>;

impl Directory {
    /// Opens a folder, following links.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self(Arc::new(folder)))
    }

    /// Opens a folder in this one, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// If it is something else, and any error of the operating system.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        match self.stat(name)?.map(|stat| kind(&stat)) {
            None => match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            },
            Some(FileType::Directory) => {}
            Some(FileType::Symlink) => return Err(is_link(name)),
            Some(_) => return Err(io::Error::other(format!("`{name}` is not a folder"))),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(folder) => Ok(Self(Arc::new(folder))),
            // It was replaced since.
            Err(Errno::LOOP | Errno::NOTDIR) => Err(is_link(name)),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the size of a file in this folder; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is not a regular file, and any error of the operating system.
    pub fn size(&self, name: &str) -> io::Result<Option<u64>> {
        let Some(stat) = self.stat(name)? else {
            return Ok(None);
        };
        match kind(&stat) {
            FileType::RegularFile => Ok(Some(u64::try_from(stat.st_size).unwrap_or(0))),
            FileType::Symlink => Err(is_link(name)),
            _ => Err(io::Error::other(format!("`{name}` is not a regular file"))),
        }
    }

    /// Opens a regular file in this folder.
    ///
    /// # Errors
    ///
    /// As [`Directory::size`].
    pub fn file(&self, name: &str) -> io::Result<File> {
        // Without a wait for the other end of a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, name, flags, Mode::empty());
        let file = File::from(file.map_err(|error| match error {
            Errno::LOOP => is_link(name),
            error => error.into(),
        })?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other(format!("`{name}` is not a regular file")))
        }
    }

    /// Starts to write a file in this folder, aside. It keeps the permissions of the one it replaces.
    ///
    /// # Errors
    ///
    /// As [`Directory::size`].
    pub fn create(&self, name: &str, written: &WrittenFiles) -> io::Result<FileBeneath> {
        self.size(name)?;
        let known = self.stat(name)?;
        let aside = new_name();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let file = File::from(rustix::fs::openat(&self.0, &*aside, flags, mode)?);
        // Where files cannot be locked, none is swept.
        let _ = file.try_lock();
        let (folder, name_aside) = (Arc::clone(&self.0), aside.clone());
        let cleanup = Cleanup::new(move || {
            let _ = rustix::fs::unlinkat(&*folder, &*name_aside, AtFlags::empty());
        });
        let beneath = FileBeneath {
            folder: self.clone(),
            name: name.to_owned(),
            aside,
            file,
            written: Rc::clone(written),
            _cleanup: cleanup,
            is_finished: false,
        };
        if let Some(known) = known {
            // Not those to run as another user, which were given to other content.
            let ordinary = Mode::RWXU | Mode::RWXG | Mode::RWXO;
            let mode = Mode::from_raw_mode(known.st_mode) & ordinary;
            rustix::fs::fchmod(&beneath.file, mode)?;
        }
        Ok(beneath)
    }

    /// Moves a file of the same file system to a name in this folder, in place of the one there.
    ///
    /// # Errors
    ///
    /// As [`Directory::size`].
    pub fn adopt(&self, from: &Path, name: &str) -> io::Result<()> {
        self.size(name)?;
        Ok(rustix::fs::renameat(rustix::fs::CWD, from, &self.0, name)?)
    }

    /// Removes a file of this folder. It is no error if there is none.
    ///
    /// # Errors
    ///
    /// As [`Directory::size`].
    pub fn remove(&self, name: &str) -> io::Result<()> {
        if self.size(name)?.is_some() {
            rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Removes a folder of this folder if it is empty.
    pub fn prune(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR);
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file that is written aside and renamed within its folder.
#[derive(Debug)]
pub struct FileBeneath {
    folder: Directory,
    name: String,
    aside: String,
    file: File,
    written: WrittenFiles,
    _cleanup: Cleanup,
    is_finished: bool,
}

impl Sink for FileBeneath {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(there) = self.folder.stat(&self.name)?
            && self.written.borrow().contains(&identity(&there))
        {
            // Names that differ in case or in the form of their letters are one on some systems.
            return Err(io::Error::other(format!(
                "`{}` is the file of another response of this run on this file system",
                self.name
            )));
        }
        let folder = &self.folder.0;
        rustix::fs::renameat(folder, &*self.aside, folder, &*self.name)?;
        self.is_finished = true;
        let known = rustix::fs::fstat(&self.file)?;
        self.written.borrow_mut().insert(identity(&known));
        Ok(())
    }
}

impl Drop for FileBeneath {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = rustix::fs::unlinkat(&self.folder.0, &*self.aside, AtFlags::empty());
        }
    }
}

/// Returns the device and the number of a file, whose types depend on the system.
fn identity(stat: &Stat) -> String {
    format!("{} {}", stat.st_dev, stat.st_ino)
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn is_link(name: &str) -> io::Error {
    io::Error::other(format!(
        "`{name}` is a symbolic link, which is not followed"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
        let root = tempfile::tempdir().expect("a folder");
        let here = |name: &str| root.path().join(name);
        fs::create_dir_all(here("out")).expect("made");
        fs::create_dir_all(here("outside")).expect("made");
        let written = WrittenFiles::default();
        let out = Directory::open(&here("out")).expect("opened");
        let sub = out.folder("sub").expect("created");
        let mut file = Box::new(sub.create("x", &written).expect("a file"));
        // After the check, and while the file is written.
        fs::rename(here("out/sub"), here("out/moved")).expect("renamed");
        symlink("../outside", here("out/sub")).expect("a link");
        file.write(b"new").expect("written");
        file.finish().expect("finished");
        assert_eq!(fs::read(here("out/moved/x")).expect("read"), b"new");
        assert_eq!(fs::read_dir(here("outside")).expect("read").count(), 0);
        let error = out.folder("sub").expect_err("a link");
        assert!(error.to_string().contains("symbolic link"), "{error}");
    }

    #[test]
    fn a_file_that_is_dropped_leaves_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Directory::open(root.path()).expect("opened");
        let file = folder.create("x", &WrittenFiles::default());
        drop(file.expect("a file"));
        assert_eq!(fs::read_dir(root.path()).expect("read").count(), 0);
    }

    #[test]
    fn no_special_permission_outlives_the_content() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("x");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).expect("set");
        let folder = Directory::open(root.path()).expect("opened");
        let file = folder
            .create("x", &WrittenFiles::default())
            .expect("a file");
        Box::new(file).finish().expect("finished");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }

    #[test]
    fn one_file_is_not_written_under_two_names() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Directory::open(root.path()).expect("opened");
        let written = WrittenFiles::default();
        let write = |name: &str| Box::new(folder.create(name, &written).expect("a file")).finish();
        write("a").expect("finished");
        // As on a file system that does not distinguish the names.
        fs::hard_link(root.path().join("a"), root.path().join("b")).expect("a link");
        write("b").expect_err("another file of this run");
        write("c").expect("finished");
    }
}

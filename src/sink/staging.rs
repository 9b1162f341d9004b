//! A folder whose files are replaced together: written aside first, then renamed one after the other.
//!
//! [`StagedFiles::open`] takes the lock of the folder; [`StagedFiles::begin`] starts a file aside, and
//! [`StagedFiles::end`] completes it and closes it, so that any number of files may wait; then
//! [`StagedFiles::commit`] renames all of them, and at last the index, which names them. Before that,
//! nothing in the folder has changed, and dropping the files leaves it as it was.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::core::shutdown::Cleanup;
use crate::sink::folder::Folder;
use crate::sink::lock::FolderLock;
use crate::sink::name;

/// The folder for files that are written aside. Programs that read all files below a folder leave
/// hidden ones out.
const ASIDE: &str = ".runner-staging";

/// The name of the index while it is aside.
const INDEX: &str = "index";

/// The maximum size of an index that a killed run left.
const LONGEST_INDEX: u64 = 64 << 20;

/// Files that replace those of a folder.
pub struct StagedFiles {
    folder: Folder,
    /// The folder as it was given.
    root: PathBuf,
    aside: PathBuf,
    index: String,
    /// The index that a run left aside which did not end.
    left: Option<Vec<u8>>,
    staged: Vec<(String, PathBuf)>,
    /// True to leave the index aside: files that it names have replaced others, and it has not.
    is_half_done: bool,
    _cleanup: Cleanup,
    _lock: FolderLock,
}

/// A file that is written aside.
pub struct StagedFile {
    name: String,
    path: PathBuf,
    file: File,
    hash: Context,
    bytes: u64,
}

/// A file that waits for its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedSummary {
    /// The path below the folder, with `/`.
    pub name: String,
    /// The size.
    pub bytes: u64,
    /// The SHA-256 in hex.
    pub sha256: String,
}

impl StagedFiles {
    /// Opens a folder, given relative to the working directory, and creates it if it is missing. Waits
    /// while another run writes to it, and removes what a killed run left aside.
    ///
    /// # Errors
    ///
    /// If the index would be a file of one of the projects, and any error of the operating system.
    pub fn open(
        working_directory: &Path,
        given: &Path,
        index: &str,
        projects: Vec<PathBuf>,
    ) -> io::Result<Self> {
        let root = working_directory.join(given);
        // Before anything is created.
        let real = real_path(&root)?;
        for project in &projects {
            if let Ok(project) = fs::canonicalize(project) {
                name::check_place(&real, index, &project).map_err(io::Error::other)?;
            }
        }
        fs::create_dir_all(&root)?;
        let lock = FolderLock::wait(&root);
        let aside = root.join(ASIDE);
        let mut left = None;
        if fs::symlink_metadata(&aside).is_ok() {
            left = File::open(aside.join(INDEX)).ok().and_then(|file| {
                let mut bytes = Vec::new();
                file.take(LONGEST_INDEX).read_to_end(&mut bytes).ok()?;
                Some(bytes)
            });
            fs::remove_dir_all(&aside)?;
        }
        fs::create_dir(&aside)?;
        let removed = aside.clone();
        let cleanup = Cleanup::new(move || {
            let _ = fs::remove_dir_all(removed);
        });
        Ok(Self {
            folder: Folder::new(working_directory, Some(given), projects),
            root,
            aside,
            index: index.to_owned(),
            left,
            staged: Vec::new(),
            is_half_done: false,
            _cleanup: cleanup,
            _lock: lock,
        })
    }

    /// Reads a file of the folder; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is longer than `most` bytes, and any error of the operating system.
    pub fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.root.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(io::Error::other(format!("it is longer than {most} bytes")));
        }
        Ok(Some(bytes))
    }

    /// Returns the index that a run left which ended before it was in its place: files that it names may
    /// be in theirs.
    pub fn left_index(&self) -> Option<&[u8]> {
        self.left.as_deref()
    }

    /// Returns true if the folder has a file, folder or link of a name.
    pub fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.root.join(name)).is_ok()
    }

    /// Starts a file.
    ///
    /// # Errors
    ///
    /// If the name is not valid on every system, and any error of the operating system.
    pub fn begin(&self, name: &str) -> io::Result<StagedFile> {
        name::check(name).map_err(io::Error::other)?;
        let path = self.aside.join(if name == self.index {
            INDEX.to_owned()
        } else {
            self.staged.len().to_string()
        });
        Ok(StagedFile {
            name: name.to_owned(),
            file: File::create_new(&path)?,
            path,
            hash: Context::new(&SHA256),
            bytes: 0,
        })
    }

    /// Completes a file, which waits for its name from then on.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn end(&mut self, file: StagedFile) -> io::Result<StagedSummary> {
        file.file.sync_all()?;
        self.staged.push((file.name.clone(), file.path));
        Ok(StagedSummary {
            name: file.name,
            bytes: file.bytes,
            sha256: crate::core::text::hex(file.hash.finish().as_ref()),
        })
    }

    /// Gives all files their names, in the order in which they were completed; the index is the last.
    /// Then removes files that are no more, with their folders if these are empty.
    ///
    /// # Errors
    ///
    /// The file that cannot be replaced or removed. Places that cannot be written are found before the
    /// first file is replaced.
    pub fn commit(mut self, removed: &[String]) -> Result<(), (String, io::Error)> {
        let mut slots = Vec::new();
        for (name, path) in std::mem::take(&mut self.staged) {
            match self.folder.slot(&name) {
                Ok(slot) => slots.push((name, path, slot)),
                Err(error) => return Err((name, error)),
            }
        }
        for (name, path, slot) in slots {
            self.is_half_done = true;
            slot.adopt(&path).map_err(|error| (name, error))?;
        }
        self.is_half_done = false;
        for name in removed {
            let slot = self.folder.slot(name);
            slot.and_then(|slot| slot.remove())
                .map_err(|error| (name.clone(), error))?;
        }
        Ok(())
    }
}

impl Drop for StagedFiles {
    fn drop(&mut self) {
        if !self.is_half_done {
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

impl StagedFile {
    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Returns the path below the folder.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Resolves the links of a path that may not exist yet.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let above = path.ancestors().find(|above| above.exists());
    let Some(above) = above else {
        return Ok(path.to_path_buf());
    };
    let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
    Ok(fs::canonicalize(above)?.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &mut StagedFiles, name: &str, text: &str) -> StagedSummary {
        let mut file = files.begin(name).expect("begun");
        file.write(text.as_bytes()).expect("written");
        files.end(file).expect("ended")
    }

    fn names(root: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root).expect("read").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                let below = self::names(&entry.path());
                names.extend(below.iter().map(|below| format!("{name}/{below}")));
                if below.is_empty() {
                    names.push(format!("{name}/"));
                }
            } else {
                names.push(name);
            }
        }
        names.sort();
        names
    }

    #[test]
    fn files_appear_together_and_others_stay() {
        let root = tempfile::tempdir().expect("a folder");
        let out = root.path().join("out");
        let open = || StagedFiles::open(root.path(), Path::new("out"), "index", Vec::new());
        let mut files = open().expect("opened");
        let summary = write(&mut files, "t/a/part", "a");
        assert_eq!(summary.bytes, 1);
        assert_eq!(&summary.sha256[..8], "ca978112");
        write(&mut files, "t/b/part", "b");
        write(&mut files, "index", "1");
        assert_eq!(
            fs::read_dir(&out).expect("read").count(),
            1,
            "only what is aside"
        );
        files.commit(&[]).expect("committed");
        assert_eq!(names(&out), ["index", "t/a/part", "t/b/part"]);

        // Dropped, as after a failure; and a killed run leaves something aside.
        let mut files = open().expect("opened");
        write(&mut files, "t/a/part", "new");
        drop(files);
        fs::create_dir(out.join(ASIDE)).expect("made");
        fs::write(out.join(ASIDE).join("0"), "old").expect("written");
        assert_eq!(fs::read_to_string(out.join("t/a/part")).expect("read"), "a");

        fs::write(out.join("t/notes"), "mine").expect("written");
        let mut files = open().expect("opened");
        write(&mut files, "u/part", "u");
        write(&mut files, "index", "2");
        let removed = ["t/a/part", "t/b/part", "t/none/part"].map(str::to_owned);
        files.commit(&removed).expect("committed");
        assert_eq!(names(&out), ["index", "t/notes", "u/part"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_changes_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let out = root.path().join("out");
        fs::create_dir_all(out.join("b/part")).expect("made");
        fs::create_dir_all(out.join("a")).expect("made");
        fs::write(out.join("a/part"), "old").expect("written");
        let files = StagedFiles::open(root.path(), Path::new("out"), "index", Vec::new());
        let mut files = files.expect("opened");
        write(&mut files, "a/part", "new");
        write(&mut files, "b/part", "new");
        let (name, _) = files.commit(&[]).expect_err("a folder");
        assert_eq!(name, "b/part");
        assert_eq!(names(&out), ["a/part", "b/part/"]);
        assert_eq!(fs::read_to_string(out.join("a/part")).expect("read"), "old");
    }

    #[test]
    fn the_files_of_a_project_are_not_replaced() {
        let root = tempfile::tempdir().expect("a folder");
        let projects = || vec![root.path().to_path_buf()];
        for given in ["queries", "resources/x/y", "./queries/x"] {
            let opened = StagedFiles::open(root.path(), Path::new(given), "index", projects());
            assert!(opened.is_err(), "{given}");
        }
        assert_eq!(names(root.path()), [""; 0]);
        for given in [".runner/export", "out/queries"] {
            let opened = StagedFiles::open(root.path(), Path::new(given), "index", projects());
            assert!(opened.is_ok(), "{given}");
        }
    }
}

//! A folder that takes files by names from elsewhere.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sink::beneath::{Directory, FileBeneath, WrittenFiles};
use crate::sink::file::sweep;
use crate::sink::name;

/// A folder. No file is written outside of it, whatever the names are, nor in the places of a project
/// or of Git from which programs are run.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// The folder as a person gave it; `None` for the working directory, which nobody named.
    given: Option<PathBuf>,
    /// The projects whose own files are never written.
    projects: Vec<PathBuf>,
    /// The paths in use by this run, by their form in lower case.
    taken: RefCell<HashMap<String, Taken>>,
    /// The folders from which the leftovers of killed runs were removed.
    swept: RefCell<HashSet<PathBuf>>,
    directory: OnceCell<Directory>,
    written: WrittenFiles,
}

/// A path in use.
#[derive(Debug)]
struct Taken {
    path: String,
    is_file: bool,
}

/// A place for a file in a folder.
#[derive(Debug)]
pub struct Slot {
    root: Directory,
    name: String,
    written: WrittenFiles,
}

impl Folder {
    /// Uses the working directory, or a folder given relative to it, which is created with the first
    /// file. The files of the projects are never written.
    pub fn new(working_directory: &Path, given: Option<&Path>, projects: Vec<PathBuf>) -> Self {
        Self {
            root: working_directory.join(given.unwrap_or(Path::new(""))),
            given: given.map(Path::to_path_buf),
            projects,
            taken: RefCell::default(),
            swept: RefCell::default(),
            directory: OnceCell::new(),
            written: WrittenFiles::default(),
        }
    }

    /// Returns the path of a file for people: from where they stand.
    pub fn shown(&self, name: &str) -> String {
        let given = self.given.as_deref().unwrap_or(Path::new(""));
        given.join(name).display().to_string()
    }

    /// Returns true if the folder was given, and not just the one where a person happens to stand.
    pub fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// Reserves the place for a file and creates the folders above it.
    ///
    /// # Errors
    ///
    /// If the path could leave the folder, is not a valid name on every system, is taken, or belongs to
    /// Git or the project; and any error of the operating system.
    pub fn slot(&self, name: &str) -> io::Result<Slot> {
        name::check(name).map_err(io::Error::other)?;
        if !self.is_given() && name.split('/').any(|part| part.starts_with('.')) {
            // Programs read many of them unasked: `.envrc`, `.vscode`, `.npmrc`.
            return Err(io::Error::other(
                "hidden files are only written to a folder given with `--out`",
            ));
        }
        fs::create_dir_all(&self.root)?;
        // The folder itself may be a link; nothing below it may.
        let root = fs::canonicalize(&self.root)?;
        for project in &self.projects {
            // A project without a folder is built in.
            let Ok(project) = fs::canonicalize(project) else {
                continue;
            };
            name::check_place(&root, name, &project).map_err(io::Error::other)?;
        }
        self.reserve(name).map_err(io::Error::other)?;
        let slot = Slot {
            root: self.open(&root)?,
            name: name.to_owned(),
            written: WrittenFiles::clone(&self.written),
        };
        let (folder, file) = slot.parent()?;
        folder.size(file)?;
        if let Some(parent) = root.join(name).parent()
            && self.swept.borrow_mut().insert(parent.to_path_buf())
        {
            sweep(parent);
        }
        Ok(slot)
    }

    /// Returns the folder, which is opened once: its path may lead elsewhere later.
    fn open(&self, root: &Path) -> io::Result<Directory> {
        if let Some(directory) = self.directory.get() {
            return Ok(directory.clone());
        }
        let directory = Directory::open(root)?;
        Ok(self.directory.get_or_init(|| directory).clone())
    }

    /// Takes a path and its folders, unless another one differs only in case: on many file systems
    /// the two are one.
    fn reserve(&self, name: &str) -> Result<(), String> {
        let mut taken = self.taken.borrow_mut();
        let folders = name.match_indices('/').map(|(at, _)| (&name[..at], false));
        for (path, is_file) in folders.chain([(name, true)]) {
            let key = path.to_lowercase();
            let Some(known) = taken.get(&key) else {
                let path = path.to_owned();
                taken.insert(key, Taken { path, is_file });
                continue;
            };
            let other = &known.path;
            if other != path {
                return Err(format!(
                    "`{path}` and `{other}` differ only in case, and may be the same file"
                ));
            }
            if known.is_file != is_file {
                return Err(format!("`{path}` is both a file and a folder"));
            }
            if is_file {
                return Err(format!(
                    "another response of this run is written to `{path}`"
                ));
            }
        }
        Ok(())
    }
}

impl Slot {
    /// Opens the folders above the file, each without following links.
    fn parent(&self) -> io::Result<(Directory, &str)> {
        self.folder_above(&self.name)
    }

    /// Splits a path below the root into its opened folder and its last name.
    fn folder_above<'p>(&self, path: &'p str) -> io::Result<(Directory, &'p str)> {
        let (folders, file) = match path.rsplit_once('/') {
            Some((folders, file)) => (Some(folders), file),
            None => (None, path),
        };
        let mut names = folders.into_iter().flat_map(|folders| folders.split('/'));
        let parent = names.try_fold(self.root.clone(), |folder, name| folder.folder(name))?;
        Ok((parent, file))
    }

    /// Returns the size of the file that is there; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is not a regular file, and any error of the operating system.
    pub fn size(&self) -> io::Result<Option<u64>> {
        let (folder, file) = self.parent()?;
        folder.size(file)
    }

    /// Opens the file that is there.
    ///
    /// # Errors
    ///
    /// As [`Slot::size`].
    pub fn open(&self) -> io::Result<fs::File> {
        let (folder, file) = self.parent()?;
        folder.file(file)
    }

    /// Moves a file of the same file system here.
    ///
    /// # Errors
    ///
    /// As [`Slot::size`].
    pub fn adopt(&self, from: &Path) -> io::Result<()> {
        let (folder, file) = self.parent()?;
        folder.adopt(from, file)
    }

    /// Removes the file, and the folders above it that are empty then.
    ///
    /// # Errors
    ///
    /// As [`Slot::size`].
    pub fn remove(&self) -> io::Result<()> {
        let (folder, file) = self.parent()?;
        folder.remove(file)?;
        let mut path = self.name.as_str();
        while let Some((above, _)) = path.rsplit_once('/') {
            let (parent, folder) = self.folder_above(above)?;
            parent.prune(folder);
            path = above;
        }
        Ok(())
    }

    /// Starts to write the file, aside.
    ///
    /// # Errors
    ///
    /// As [`Slot::size`].
    pub fn create(&self) -> io::Result<FileBeneath> {
        let (folder, file) = self.parent()?;
        folder.create(file, &self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Sink as _;

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(
            root.path(),
            Some(Path::new("out")),
            vec![root.path().to_path_buf()],
        );
        (root, folder)
    }

    fn refusal(folder: &Folder, name: &str) -> String {
        let refused = folder.slot(name).expect_err(name);
        refused.to_string()
    }

    #[test]
    fn a_refused_name_leaves_nothing() {
        let (root, folder) = folder();
        for name in ["", "../x", "a/.git/config", "a\u{0}b"] {
            refusal(&folder, name);
        }
        assert_eq!(fs::read_dir(root.path()).expect("read").count(), 0);
        for name in ["x", "a/b/c.txt", ".hidden", "queries/x.yaml"] {
            folder.slot(name).expect(name);
        }
    }

    #[test]
    fn the_project_is_not_written() {
        let root = tempfile::tempdir().expect("a folder");
        let project = root.path().join("project");
        let place = |given: Option<&str>| {
            fs::create_dir_all(&project).expect("a folder");
            Folder::new(&project, given.map(Path::new), vec![project.clone()])
        };
        for (given, name) in [
            (None, "queries/x.yaml"),
            (None, "Resources/deep/r.yaml"),
            (None, "runner.yaml"),
            (None, "queries"),
            (None, "tests/q.yaml"),
            (None, "a/.envrc"),
            (Some("."), ".envrc"),
            (Some("."), ".circleci/config.yml"),
            (Some("queries"), "x.yaml"),
            (Some(".."), "project/resources/x.yaml"),
            (Some(".."), "PROJECT/.github/x.yaml"),
        ] {
            refusal(&place(given), name);
        }
        for (given, name) in [
            (None, "data/queries/x.yaml"),
            (None, "tests/data.csv"),
            (Some("."), "a/.last_run.json"),
            (Some(".cache"), "x"),
            (Some("../other"), "queries/.x.yaml"),
        ] {
            place(given).slot(name).expect(name);
        }
    }

    #[test]
    fn names_that_differ_only_in_case_are_one() {
        let (_root, folder) = folder();
        folder.slot("Report/a.xml").expect("a slot");
        folder.slot("Report/b.xml").expect("a slot");
        assert!(refusal(&folder, "Report/A.XML").contains("only in case"));
        assert!(refusal(&folder, "report/c.xml").contains("only in case"));
        assert!(refusal(&folder, "Report/a.xml").contains("another response"));
        assert!(refusal(&folder, "Report").contains("both a file and a folder"));
        assert!(refusal(&folder, "Report/a.xml/b").contains("both a file and a folder"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let (root, folder) = folder();
        let out = root.path().join("out");
        fs::create_dir_all(&out).expect("a folder");
        fs::write(root.path().join("precious"), "old").expect("written");
        for (name, target) in [
            ("link", "../precious"),
            ("dir", ".."),
            ("dangling", "../none"),
        ] {
            std::os::unix::fs::symlink(target, out.join(name)).expect("a link");
        }
        for name in ["link", "dir/precious", "dangling"] {
            assert!(refusal(&folder, name).contains("symbolic link"), "{name}");
        }
        assert!(!root.path().join("none").exists());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let (root, folder) = folder();
        let slot = folder.slot("a/b.txt").expect("a slot");
        assert_eq!(slot.size().expect("known"), None);
        let mut sink = Box::new(slot.create().expect("a file"));
        sink.write(b"new").expect("written");
        assert!(!root.path().join("out/a/b.txt").exists());
        sink.finish().expect("finished");
        assert_eq!(slot.size().expect("known"), Some(3));
    }
}

//! The folders of a project: its root, its files, and links that leave it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::project::load::{built_in, carried, is_yaml};
use crate::project::settings::FILE_NAME;

/// The maximum depth of files.
const DEEPEST: usize = 16;

/// The maximum number of files and folders below `resources/`, `queries/` or the folder of tests.
const MOST_ENTRIES: usize = 10_000;

/// The folders of a project.
pub const PARTS: [&str; 2] = ["resources", "queries"];

/// Returns the project root for a file or folder: the nearest parent with a project file or, if
/// there is none, the nearest with `resources` or `queries`.
pub fn root_of(start: &Path) -> Option<PathBuf> {
    around(&fs::canonicalize(start).ok()?).map(Path::to_path_buf)
}

fn around(start: &Path) -> Option<&Path> {
    let is_marked = |folder: &&Path| folder.join(FILE_NAME).is_file();
    let has_parts = |folder: &&Path| PARTS.iter().any(|part| folder.join(part).is_dir());
    let marked = start.ancestors().find(is_marked);
    marked.or_else(|| start.ancestors().find(has_parts))
}

/// Returns true if a folder exists and is not empty.
pub fn has_entries(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Returns true if a path goes through a link that leaves its project.
pub fn leads_out(path: &Path) -> bool {
    let root = around(path).and_then(|root| fs::canonicalize(root).ok());
    let real = fs::canonicalize(path);
    root.zip(real.ok())
        .is_some_and(|(root, real)| !real.starts_with(root))
}

/// Returns true if a path below a folder goes through a link, or is one. What is written there could
/// leave the project.
pub fn goes_through_link(root: &Path, path: &Path) -> bool {
    let below = path.ancestors().take_while(|part| *part != root);
    let is_link = |part: &Path| fs::symlink_metadata(part).is_ok_and(|known| known.is_symlink());
    below.into_iter().any(is_link)
}

/// Returns all YAML files in one of a project's folders, sorted. Hidden files and folders are
/// skipped. Links that leave the project or lead to a parent folder, and too many entries, are
/// faults.
pub fn yaml_files(root: &Path, part: &str, faults: &mut Diagnostics) -> Vec<PathBuf> {
    if built_in::holds(root) {
        return built_in::files(part).filter(|file| is_yaml(file)).collect();
    }
    if carried::holds(root) {
        return carried::files(part).filter(|file| is_yaml(file)).collect();
    }
    files(root, part, is_yaml, faults)
}

/// As [`yaml_files`], but returns files of every kind. The built-in project has none.
pub fn all_files(root: &Path, part: &str, faults: &mut Diagnostics) -> Vec<PathBuf> {
    if built_in::holds(root) || carried::holds(root) {
        return Vec::new();
    }
    files(root, part, |_| true, faults)
}

fn files(
    root: &Path,
    part: &str,
    is_wanted: fn(&Path) -> bool,
    faults: &mut Diagnostics,
) -> Vec<PathBuf> {
    let folder = root.join(part);
    let mut search = Search {
        root,
        is_wanted,
        above: BTreeSet::new(),
        files: Vec::new(),
        entries: 0,
        faults,
    };
    if folder.is_dir() && search.is_inside(&folder) {
        search.visit(&folder, 0);
    }
    if search.entries > MOST_ENTRIES {
        let words = format!("`{part}` contains more than {MOST_ENTRIES} files and folders");
        search
            .faults
            .push(Diagnostic::general(Code::TooManyFiles, words));
    }
    search.files.sort();
    search.files
}

struct Search<'s> {
    root: &'s Path,
    /// Chooses files by their path.
    is_wanted: fn(&Path) -> bool,
    /// The parents of the current folder.
    above: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
    entries: usize,
    faults: &'s mut Diagnostics,
}

impl Search<'_> {
    fn visit(&mut self, folder: &Path, depth: usize) {
        let Ok(real) = fs::canonicalize(folder) else {
            return;
        };
        if depth > DEEPEST {
            let words = format!(
                "`{}` is nested deeper than {DEEPEST} folders",
                folder.display()
            );
            self.faults.push(Diagnostic::general(Code::TooDeep, words));
            return;
        }
        if !self.above.insert(real.clone()) {
            let words = format!("`{}` is a link to a parent folder", folder.display());
            self.faults
                .push(Diagnostic::general(Code::FolderLoop, words));
            return;
        }
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries.flatten() {
                    self.entries += 1;
                    if self.entries > MOST_ENTRIES {
                        break;
                    }
                    self.entry(&entry, depth);
                }
            }
            Err(error) => {
                let words = format!("cannot read `{}`: {error}", folder.display());
                self.faults
                    .push(Diagnostic::general(Code::CannotRead, words));
            }
        }
        self.above.remove(&real);
    }

    fn entry(&mut self, entry: &fs::DirEntry, depth: usize) {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            return;
        }
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let is_folder = path.is_dir();
        if (is_folder || (self.is_wanted)(&path)) && (!is_link || self.is_inside(&path)) {
            if is_folder {
                self.visit(&path, depth + 1);
            } else {
                self.files.push(path);
            }
        }
    }

    /// Returns true if a path is inside the project, or does not exist.
    fn is_inside(&mut self, path: &Path) -> bool {
        let is_inside = fs::canonicalize(path).map_or(true, |real| real.starts_with(self.root));
        if !is_inside {
            let shown = path.strip_prefix(self.root).unwrap_or(path);
            self.faults.push(outside(&shown.display().to_string()));
        }
        is_inside
    }
}

/// Creates the fault for a link that leaves the project.
pub fn outside(shown: &str) -> Diagnostic {
    let words = format!("`{shown}` leaves the project through a link, and is not read");
    Diagnostic::general(Code::Outside, words)
}

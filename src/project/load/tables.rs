//! Finds and opens the files of tables.
//!
//! A pattern has `*` for any characters of one name and `?` for one of them. Names that begin with a
//! dot are only found by a pattern that begins with one. A file whose name is the pattern itself is
//! meant as it is.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::core::pattern::matches;
use crate::decode::ByteSource;
use crate::project::load::{bounded, is_built_in, plain};
use crate::sink::{Spool, Spooled};

/// The maximum length of a pipe or a device, in bytes: it is copied to a temporary file.
const LONGEST_PIPE: u64 = 64 << 30;

/// The maximum number of files of one table.
const MOST_FILES: usize = 10_000;

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path to open.
    pub path: PathBuf,
    /// The path for messages.
    pub shown: String,
}

/// Finds the files of a path or pattern of the command line; `full` is its full path.
///
/// # Errors
///
/// A message, if there are none.
pub fn anywhere(written: &str, full: &Path) -> Result<Vec<Found>, String> {
    // A missing file is reported when it is opened.
    if !is_pattern(written) || full.exists() {
        return Ok(vec![Found {
            path: full.to_path_buf(),
            shown: written.to_owned(),
        }]);
    }
    check_pattern(written)?;
    let prefix = Path::new(written);
    let is_relative = prefix.is_relative();
    let depth = if is_relative {
        full.components().count() - prefix.components().count()
    } else {
        0
    };
    let base: PathBuf = full.components().take(depth).collect();
    found(written, matching(full)?, |path| {
        path.strip_prefix(&base)
            .unwrap_or(path)
            .display()
            .to_string()
    })
}

/// Finds the files of a path or pattern in a file of the project. They must be inside of it.
///
/// # Errors
///
/// A message, if there are none, or one is outside.
pub fn in_project(root: &Path, written: &str) -> Result<Vec<Found>, String> {
    if is_built_in(root) {
        return Err(format!(
            "`{written}`: the built-in project has no such files"
        ));
    }
    let outside =
        |shown: &str| format!("`{shown}` is outside the project's folder, and is not read");
    let climbs = Path::new(written)
        .components()
        .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir));
    if climbs {
        return Err(outside(written));
    }
    let full = root.join(written);
    let paths = if !is_pattern(written) || full.exists() {
        vec![full]
    } else {
        matching(&full)?
    };
    let mut files = found(written, paths, |path| {
        path.strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string()
    })?;
    let real_root = fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf());
    for file in &mut files {
        let shown = &file.shown;
        file.path = fs::canonicalize(&file.path)
            .map_err(|error| format!("`{shown}` cannot be read: {}", plain(&error)))?;
        if !file.path.starts_with(&real_root) {
            return Err(outside(shown));
        }
    }
    Ok(files)
}

/// Opens a file: a regular one is read when it is needed, anything else at once.
///
/// # Errors
///
/// A message without the file's name.
pub fn source(path: &Path) -> Result<Arc<dyn ByteSource>, String> {
    let metadata = fs::metadata(path);
    if metadata.is_ok_and(|metadata| metadata.is_file()) {
        bounded::open_regular(path)?;
        return Ok(Arc::new(RegularFile(path.to_path_buf())));
    }
    Ok(Arc::new(Copied(copied(
        bounded::open_anything(path)?,
        LONGEST_PIPE,
    )?)))
}

/// Copies what can be read once only.
fn copied(mut input: impl Read, most: u64) -> Result<Spooled, String> {
    let mut spool = Spool::default();
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let count = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| bounded::cannot_read(&error))?,
        };
        if count == 0 {
            return Ok(spool.into_source());
        }
        length += count as u64;
        if length > most {
            return Err(format!("is longer than {} GiB", most >> 30));
        }
        let taken = spool.push(&buffer[..count]);
        taken
            .map_err(|error| format!("cannot be copied to a temporary file: {}", plain(&error)))?;
    }
}

/// A copy of what could be read once only.
#[derive(Debug)]
struct Copied(Spooled);

impl ByteSource for Copied {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(self.0.reader())
    }
}

/// A regular file.
#[derive(Debug)]
struct RegularFile(PathBuf);

impl ByteSource for RegularFile {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(fs::File::open(&self.0)?))
    }
}

/// Refuses `**`, which would match no more than `*`.
///
/// # Errors
///
/// A message.
pub fn check_pattern(text: &str) -> Result<(), String> {
    if text.contains("**") {
        return Err(format!(
            "`{text}`: `**` is not supported; `*` matches names in one folder, as in `*/*.csv`"
        ));
    }
    Ok(())
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn found(
    written: &str,
    paths: Vec<PathBuf>,
    shown: impl Fn(&Path) -> String,
) -> Result<Vec<Found>, String> {
    if paths.is_empty() {
        return Err(format!("no file matches `{written}`"));
    }
    if paths.len() > MOST_FILES {
        return Err(format!("more than {MOST_FILES} files match `{written}`"));
    }
    let files = paths.into_iter().map(|path| Found {
        shown: shown(&path),
        path,
    });
    Ok(files.collect())
}

/// Returns the files that match a pattern, sorted.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let mut paths = vec![PathBuf::new()];
    for part in pattern.components() {
        let name = part.as_os_str().to_string_lossy();
        if !matches!(part, Component::Normal(_)) || !is_pattern(&name) {
            for path in &mut paths {
                path.push(part);
            }
            continue;
        }
        let mut more = Vec::new();
        for folder in paths {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let own = entry.file_name();
                let own = own.to_string_lossy();
                let is_hidden = own.starts_with('.') && !name.starts_with('.');
                if !is_hidden && matches(&name, &own) {
                    more.push(entry.path());
                }
                if more.len() > MOST_FILES {
                    let shown = pattern.display();
                    return Err(format!("more than {MOST_FILES} files match `{shown}`"));
                }
            }
        }
        paths = more;
    }
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

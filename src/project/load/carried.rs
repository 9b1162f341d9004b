//! The project that a plan of a divided walk carries: the files that its query depends on.
//!
//! They are set once for the process, and have paths below [`ROOT`], which no file on disk has, since
//! project paths are absolute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder of the carried project.
pub const ROOT: &str = "plan:";

/// The texts by path in the project.
static FILES: OnceLock<BTreeMap<PathBuf, String>> = OnceLock::new();

/// Sets the files. Only the first call has an effect.
pub fn hold(files: impl IntoIterator<Item = (PathBuf, String)>) {
    // A process runs parts of one plan.
    let _ = FILES.set(files.into_iter().collect());
}

/// Returns true if a path is that of the carried project or of a file in it.
pub fn holds(path: &Path) -> bool {
    path.starts_with(ROOT)
}

/// Returns the text of a file of the carried project.
pub fn text(path: &Path) -> Option<&'static str> {
    let inside = path.strip_prefix(ROOT).ok()?;
    FILES.get()?.get(inside).map(String::as_str)
}

/// Returns the files below one of the project's folders.
pub fn files(part: &str) -> impl Iterator<Item = PathBuf> {
    let below = PathBuf::from(part);
    let all = FILES.get().into_iter().flat_map(BTreeMap::keys);
    all.filter(move |name| name.starts_with(&below))
        .map(|name| Path::new(ROOT).join(name))
}

/// Returns the display name of a file, such as `plan:queries/me.yaml`.
pub fn shown(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(ROOT).ok()?;
    Some(format!("{ROOT}{}", inside.display()))
}

//! The built-in project: the shipped resources, queries and templates, embedded in the binary.
//!
//! Its files have paths below [`ROOT`], which no file on disk has, since project paths are absolute.

use std::path::{Component, Path, PathBuf};

/// The folder of the built-in project.
pub const ROOT: &str = "built-in:";

/// The files by their path in the project, sorted.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// Returns true if a path is that of the built-in project or of a file in it.
pub fn holds(path: &Path) -> bool {
    path.starts_with(ROOT)
}

/// Returns the text of a file of the built-in project.
pub fn text(path: &Path) -> Option<&'static str> {
    let inside = path.strip_prefix(ROOT).ok()?;
    let mut parts = Vec::new();
    for component in inside.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            _ => return None,
        }
    }
    let name = parts.join("/");
    let at = FILES.binary_search_by(|(known, _)| (*known).cmp(&name));
    at.ok().map(|at| FILES[at].1)
}

/// Returns the files below one of the project's folders.
pub fn files(part: &str) -> impl Iterator<Item = PathBuf> {
    let below = PathBuf::from(part);
    let all = FILES.iter().map(|(name, _)| Path::new(*name));
    all.filter(move |name| name.starts_with(&below))
        .map(|name| Path::new(ROOT).join(name))
}

/// Returns true if a built-in query has this name.
pub fn has_query(name: &str) -> bool {
    files("queries").any(|path| {
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml");
        is_yaml && path.file_stem().is_some_and(|stem| stem == name)
    })
}

/// Returns the display name of a file, such as `built-in:queries/me.yaml`.
pub fn shown(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(ROOT).ok()?;
    Some(format!("{ROOT}{}", inside.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_paths_and_no_others() {
        assert!(FILES.is_sorted());
        let queries: Vec<PathBuf> = files("queries").collect();
        assert!(queries.contains(&PathBuf::from("built-in:/queries/get-workflow.yaml")));
        assert!(queries.iter().all(|path| text(path).is_some()));
        assert_eq!(files("quer").count(), 0);
        assert_eq!(text(Path::new("built-in:/queries/none.yaml")), None);
        assert_eq!(text(Path::new("/queries/get-workflow.yaml")), None);
        let around = Path::new("built-in:/resources/../queries/get-workflow.yaml");
        assert_eq!(text(around), None);
    }

    #[test]
    fn names_are_those_of_the_repository() {
        let path = Path::new("built-in:/queries/me.yaml");
        assert_eq!(shown(path).as_deref(), Some("built-in:queries/me.yaml"));
        assert_eq!(shown(Path::new("/queries/me.yaml")), None);
    }
}

//! Recordings and snapshots without a case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::name;
use crate::core::source::{Place, SourceFile, Span};
use crate::project::testing::{ANSWERS, names};
use crate::project::{Project, load};

/// The files of a test file.
pub struct Layout {
    /// The test file.
    pub file: PathBuf,
    /// The slugs of its cases, each with true if it has a snapshot in YAML; `None` if they are
    /// unknown.
    pub slugs: Option<Vec<(String, bool)>>,
}

impl Layout {
    /// Returns true if a file in the folder is the snapshot of a case in YAML.
    pub fn is_yaml_snapshot(&self, path: &Path) -> bool {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let slugs = self.slugs.iter().flatten();
        let mut shown = slugs.filter(|(_, shows_yaml)| *shows_yaml);
        shown.any(|(slug, _)| stem.as_deref() == Some(slug))
    }
}

/// Returns the fault of a file that is not a test file, if no case has it.
pub fn fault(
    path: &Path,
    layouts: &BTreeMap<PathBuf, Layout>,
    project: &Project,
) -> Option<Diagnostic> {
    let folder = path.parent()?;
    let file_name = names::file_name(path);
    let Some(layout) = layouts.get(folder) else {
        return names::is_recording(path).then(|| without_file(path, folder, project));
    };
    let slugs = layout.slugs.as_ref()?;
    let mut owners = slugs.iter();
    if owners.any(|(slug, _)| names::belongs_to(&file_name, slug)) {
        return None;
    }
    let stem = file_name.strip_suffix(ANSWERS).or_else(|| {
        let (stem, _) = file_name.rsplit_once('.')?;
        Some(stem)
    });
    let stem = stem.unwrap_or(&file_name);
    let file = load::shown(&layout.file, project.working_directory());
    let words = format!("`{file}` has no case `{stem}` for this file");
    let near = name::nearest(stem, slugs.iter().map(|(slug, _)| slug.as_str()));
    let help = match near {
        Some(near) => format!("rename it if its case is now `{near}`, or delete it"),
        None => "delete it, or add a case with this name".to_owned(),
    };
    Some(Diagnostic::at(&unread(path, project), Code::Orphan, words).help(help))
}

fn without_file(path: &Path, folder: &Path, project: &Project) -> Diagnostic {
    let mut file = folder.as_os_str().to_owned();
    file.push(".yaml");
    let file = load::shown(Path::new(&file), project.working_directory());
    let words = format!("there is no `{file}` with a case for this recording");
    Diagnostic::at(&unread(path, project), Code::Orphan, words)
        .help("delete it, or write the test file")
}

/// Returns the start of a file without reading it: it may be large, or no text.
fn unread(path: &Path, project: &Project) -> Place {
    let name = load::shown(path, project.working_directory());
    start(&SourceFile::new(name, path, ""))
}

/// Returns the start of a file.
pub fn start(file: &Arc<SourceFile>) -> Place {
    Place {
        file: Arc::clone(file),
        span: Span::default(),
    }
}

//! A project in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::server::Server;

/// A folder with `resources/` and `queries/`, and a home beside it; both go when it is dropped.
#[must_use = "the folder goes when the project is dropped"]
pub struct Project {
    folder: PathBuf,
    home: PathBuf,
    _both: TempDir,
}

impl Project {
    /// An empty project.
    pub fn new() -> Self {
        let both = TempDir::with_prefix("runner-test-").expect("a temporary folder");
        // Where the temporary folder is itself a link, the program prints what the link means.
        let root = both
            .path()
            .canonicalize()
            .expect("a folder that was just made");
        let project = Self {
            folder: root.join("project"),
            home: root.join("home"),
            _both: both,
        };
        for folder in ["resources", "queries"] {
            fs::create_dir_all(project.folder.join(folder)).expect("a fresh temporary folder");
        }
        fs::create_dir(&project.home).expect("a fresh temporary folder");
        project
    }

    /// An empty folder, which is no project.
    pub fn none() -> Self {
        let project = Self::new();
        for folder in ["resources", "queries"] {
            fs::remove_dir(project.folder.join(folder)).expect("an empty folder");
        }
        project
    }

    /// A project with the files that this repository ships.
    pub fn shipped() -> Self {
        let project = Self::new();
        for folder in ["resources", "queries"] {
            project.copy(Path::new(folder));
        }
        project
    }

    fn copy(&self, folder: &Path) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for entry in fs::read_dir(root.join(folder)).expect("shipped files") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                self.copy(&path);
            } else {
                let content = fs::read(entry.path()).expect("a file");
                self.write(&path.to_string_lossy(), content);
            }
        }
    }

    /// With a file, its folders made; also for one that is there already.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    /// With `queries/NAME.yaml`.
    pub fn query(self, name: &str, yaml: &str) -> Self {
        self.file(&format!("queries/{name}.yaml"), yaml)
    }

    /// With `resources/circleci.yaml`, which asks the server with `CIRCLE_TOKEN`.
    pub fn circleci(self, server: &Server) -> Self {
        self.circleci_at(&server.url(), "")
    }

    /// The same at any URL, with more lines of YAML, such as `retry: { max_attempts: 1 }`.
    pub fn circleci_at(self, url: &str, more: &str) -> Self {
        let yaml = format!(
            "name: circleci\ntype: circleci\nbase_url: {url}/api/v2\n\
             auth: {{ token: \"{{{{ env.CIRCLE_TOKEN }}}}\" }}\n{more}\n"
        );
        self.file("resources/circleci.yaml", yaml.trim_end().to_owned() + "\n")
    }

    /// Writes a file between two runs.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(path);
        let folder = path.parent().expect("a path below the project");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, content))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The text of a file, such as one that `--out` wrote; `None` where there is none.
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(path)).ok()
    }

    /// The project's folder, in which the program runs.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The home of the person who runs it.
    pub fn home(&self) -> &Path {
        &self.home
    }
}

//! Trusted files: those of the user, of root, and of projects that the user trusts.
//!
//! Otherwise anyone with write access to a parent folder could have their queries sent, and their
//! `auth.command` run, with the user's rights (as in CVE-2022-24765 for git). Root is trusted since
//! it could replace the program itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::project::load;

/// The environment variable that lists trusted projects.
pub const VARIABLE: &str = "RUNNER_TRUST";

/// Trusted users and projects.
#[derive(Debug, Clone)]
pub struct Trust {
    users: Vec<u32>,
    projects: Vec<PathBuf>,
    is_of_all: bool,
}

impl Trust {
    /// Trusts the user of the process, root, the user who called `sudo`, and the projects of
    /// `RUNNER_TRUST`.
    pub fn new(env: &BTreeMap<String, String>) -> Self {
        let user = user();
        let caller = env.get("SUDO_UID").filter(|_| user == 0);
        let caller = caller.and_then(|id| id.parse().ok());
        let list = env.get(VARIABLE).map_or("", String::as_str);
        let separator = if cfg!(windows) { ';' } else { ':' };
        let names = list.split(separator).filter(|name| !name.is_empty());
        Self {
            users: [0, user].into_iter().chain(caller).collect(),
            projects: names
                .clone()
                .map(|name| load::real_path(Path::new(name)))
                .collect(),
            is_of_all: names.clone().any(|name| name == "*"),
        }
    }

    /// Refuses a project, or a file of it, whose owner is not trusted.
    ///
    /// # Errors
    ///
    /// If the owner is not trusted.
    pub fn check(&self, path: &Path, root: &Path) -> Result<(), Diagnostic> {
        let is_named = self
            .projects
            .iter()
            .any(|trusted| root.starts_with(trusted));
        let owner = load::owner(path).filter(|owner| !self.users.contains(owner));
        let Some(owner) = owner.filter(|_| !is_named && !self.is_of_all) else {
            return Ok(());
        };
        let words = format!(
            "`{}` is owned by another user (id {owner}), and is not used",
            path.display()
        );
        Err(Diagnostic::general(Code::ForeignFiles, words).help(format!(
            "if you trust the files of this project, set `{VARIABLE}={}`",
            root.display()
        )))
    }
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(user: u32, named: &[&str]) -> Trust {
        Trust {
            users: vec![0, user],
            projects: named.iter().map(PathBuf::from).collect(),
            is_of_all: named.contains(&"*"),
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_of_another_user_are_used_only_where_the_project_is_trusted() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = load::owner(root).expect("an owner");
        assert!(trust(own, &[]).check(root, root).is_ok());
        let mut foreign = trust(own, &[]);
        foreign.users = vec![own + 1];
        let fault = foreign.check(root, root).expect_err("another user's");
        assert_eq!(fault.code, Code::ForeignFiles);
        for named in ["*", &root.display().to_string(), "/"] {
            let trusting = Trust {
                users: vec![own + 1],
                ..trust(own, &[named])
            };
            assert!(trusting.check(root, root).is_ok(), "{named}");
        }
    }
}

//! Facts about the current git repository: `git.branch`, `git.sha` and `git.project_slug`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::template::Lookup;

/// Returns a lookup that runs git on first use of each fact.
pub fn facts(folder: &Path) -> Lookup {
    let folder = folder.to_path_buf();
    let known: [OnceLock<Option<String>>; 3] = Default::default();
    Arc::new(move |name| {
        let index = crate::project::template::GIT_FACTS
            .iter()
            .position(|fact| *fact == name)?;
        known[index]
            .get_or_init(|| fact(&folder, name))
            .as_deref()
            .map(Value::from)
    })
}

/// Explains why a fact is unknown.
pub fn why_unknown(fact: &str, folder: &Path) -> String {
    if git(folder, &["rev-parse", "--git-dir"]).is_none() {
        return refusal(folder);
    }
    let words = match fact {
        "git.branch" => "no branch is checked out here",
        "git.sha" => "this repository has no commits",
        _ if git(folder, &["remote", "get-url", "origin"]).is_none() => {
            "this repository has no remote `origin`"
        }
        _ => "the remote `origin` is not on GitHub or Bitbucket",
    };
    words.to_owned()
}

/// Explains why git refuses to read a folder.
fn refusal(folder: &Path) -> String {
    let output = Command::new("git")
        .args(["rev-parse", "--git-dir"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        return "`git` was not found".to_owned();
    };
    let words = String::from_utf8_lossy(&output.stderr);
    let first = words
        .lines()
        .next()
        .unwrap_or("")
        .trim_start_matches("fatal: ");
    if first.is_empty() || first.starts_with("not a git repository") {
        "not in a git repository".to_owned()
    } else {
        format!("git says: {first}")
    }
}

fn fact(folder: &Path, name: &str) -> Option<String> {
    match name {
        "branch" => git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"]),
        "sha" => git(folder, &["rev-parse", "--verify", "--quiet", "HEAD"]),
        "project_slug" => project_slug(&git(folder, &["remote", "get-url", "origin"])?),
        _ => None,
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Returns `gh/org/repo` for a remote's URL. GitHub App projects have a different slug, which
/// cannot be derived: CircleCI's two-letter forms are for GitHub OAuth and Bitbucket Cloud.
fn project_slug(remote: &str) -> Option<String> {
    let rest = remote
        .split_once("://")
        .map_or(remote, |(_, rest)| rest)
        .rsplit_once('@')
        .map_or_else(
            || remote.split_once("://").map_or(remote, |(_, rest)| rest),
            |(_, rest)| rest,
        );
    let (host, path) = rest.split_once([':', '/'])?;
    // `ssh://git@github.com:22/org/repo`
    let path = match path.split_once('/') {
        Some((port, path)) if !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()) => path,
        _ => path,
    };
    let vcs = match host.to_ascii_lowercase().as_str() {
        "github.com" | "ssh.github.com" | "www.github.com" => "gh",
        "bitbucket.org" | "altssh.bitbucket.org" => "bb",
        _ => return None,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (org, repo) = path.split_once('/')?;
    (!org.is_empty() && !repo.is_empty() && !repo.contains('/'))
        .then(|| format!("{vcs}/{org}/{repo}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_come_from_every_form_of_remote() {
        for remote in [
            "git@github.com:acme/web.git",
            "https://github.com/acme/web",
            "https://token@github.com/acme/web.git",
            "ssh://git@github.com/acme/web.git",
            "ssh://git@ssh.github.com:443/acme/web.git",
            "git://github.com/acme/web.git/",
        ] {
            assert_eq!(
                project_slug(remote).as_deref(),
                Some("gh/acme/web"),
                "{remote}"
            );
        }
        let bitbucket = project_slug("git@bitbucket.org:acme/web.git");
        assert_eq!(bitbucket.as_deref(), Some("bb/acme/web"));
        for remote in [
            "git@gitlab.com:acme/web.git",
            "/srv/git/web.git",
            "../web",
            "",
        ] {
            assert_eq!(project_slug(remote), None, "{remote}");
        }
    }
}

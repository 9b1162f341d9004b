//! The commit and the date in `runner --version`, for each source that the program can be built from.

#[path = "../build/version.rs"]
mod version;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use version::{Build, Version};

/// 2026-02-28T23:30:00Z, which is March in zones to the east.
const DATE: &str = "2026-03-01T01:30:00+02:00";

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(["-c", "commit.gpgsign=false"])
        .args(args)
        .env("GIT_COMMITTER_DATE", DATE)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .trim()
        .to_owned()
}

/// A checkout with one commit.
fn checkout() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    git(folder.path(), &["init", "-q", "-b", "main"]);
    commit(folder.path(), "one");
    folder
}

fn commit(folder: &Path, message: &str) {
    git(folder, &["commit", "-q", "--allow-empty", "-m", message]);
}

fn build(root: &Path) -> Build {
    Build {
        root: root.to_owned(),
        version: "1.2.3".to_owned(),
        features: vec!["parquet".to_owned()],
        ..Build::default()
    }
}

fn text(root: &Path) -> String {
    build(root).version().text
}

fn short_head(folder: &Path) -> String {
    git(folder, &["rev-parse", "HEAD"])[..7].to_owned()
}

/// Returns the content of the watched files, and of all files in the watched folders.
fn state(version: &Version) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut state = Vec::new();
    let mut open = version.files.clone();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path).expect("a folder") {
                open.push(entry.expect("an entry").path());
            }
        } else {
            let content = fs::read(&path).unwrap_or_default();
            state.push((path, content));
        }
    }
    state.sort();
    state
}

#[test]
fn a_checkout_gives_its_commit_and_the_day_in_utc() {
    let folder = checkout();
    let expected = format!("1.2.3 ({} 2026-02-28; parquet)", short_head(folder.path()));
    assert_eq!(text(folder.path()), expected);
}

#[test]
fn without_features_there_is_only_the_commit() {
    let folder = checkout();
    let build = Build {
        features: Vec::new(),
        ..build(folder.path())
    };
    let expected = format!("1.2.3 ({} 2026-02-28)", short_head(folder.path()));
    assert_eq!(build.version().text, expected);
}

#[test]
fn a_folder_without_a_history_gives_the_features() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(text(folder.path()), "1.2.3 (parquet)");
    let build = Build {
        features: Vec::new(),
        ..build(folder.path())
    };
    assert_eq!(build.version().text, "1.2.3");
}

#[test]
fn a_checkout_without_a_commit_is_no_fault() {
    let folder = TempDir::new().expect("a folder");
    git(folder.path(), &["init", "-q"]);
    assert_eq!(text(folder.path()), "1.2.3 (parquet)");
}

#[test]
fn a_copy_inside_of_another_checkout_does_not_take_its_commit() {
    let folder = checkout();
    let inner = folder.path().join("tools/runner");
    fs::create_dir_all(&inner).expect("a folder");
    assert_eq!(text(&inner), "1.2.3 (parquet)");
}

#[test]
fn a_package_has_the_commit_it_was_made_from() {
    // Also where the folder of the registry lies in a checkout, such as one of dotfiles.
    let folder = checkout();
    fs::write(
        folder.path().join(".cargo_vcs_info.json"),
        r#"{
  "git": {
    "sha1": "8d2e05f41c0000000000000000000000000000ab",
    "dirty": true
  },
  "path_in_vcs": ""
}"#,
    )
    .expect("written");
    assert_eq!(text(folder.path()), "1.2.3 (8d2e05f; parquet)");
}

#[test]
fn a_package_without_a_commit_is_no_fault() {
    let folder = TempDir::new().expect("a folder");
    for content in [
        "{}",
        "",
        r#"{"git": {"sha1": 7}}"#,
        r#"{"git": {"sha1": ""}}"#,
    ] {
        fs::write(folder.path().join(".cargo_vcs_info.json"), content).expect("written");
        assert_eq!(text(folder.path()), "1.2.3 (parquet)", "{content}");
    }
}

#[test]
fn the_commit_and_the_date_can_be_given() {
    let folder = checkout();
    let build = Build {
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        epoch: Some("1709164800".to_owned()),
        ..build(folder.path())
    };
    assert_eq!(build.version().text, "1.2.3 (0123456 2024-02-29; parquet)");
}

#[test]
fn a_given_date_is_preferred_to_that_of_the_commit() {
    let folder = checkout();
    for (epoch, day) in [
        ("0", "1970-01-01"),
        ("951868799", "2000-02-29"),
        ("951868800", "2000-03-01"),
        ("4107542399", "2100-02-28"),
        ("4107542400", "2100-03-01"),
        ("soon", "2026-02-28"),
    ] {
        let build = Build {
            epoch: Some(epoch.to_owned()),
            ..build(folder.path())
        };
        let expected = format!("1.2.3 ({} {day}; parquet)", short_head(folder.path()));
        assert_eq!(build.version().text, expected);
    }
}

#[test]
fn a_commit_that_is_none_is_ignored() {
    let folder = TempDir::new().expect("a folder");
    for commit in ["", "main", "v1.2.3", "abc"] {
        let build = Build {
            commit: Some(commit.to_owned()),
            ..build(folder.path())
        };
        assert_eq!(build.version().text, "1.2.3 (parquet)", "{commit}");
    }
}

#[test]
fn the_watched_files_change_with_each_commit_and_with_nothing_else() {
    let folder = checkout();
    let worktree = TempDir::new().expect("a folder");
    let linked = worktree.path().join("linked");
    let linked_text = linked.to_str().expect("UTF-8");
    git(
        folder.path(),
        &["worktree", "add", "-q", "-b", "topic/one", linked_text],
    );
    for root in [folder.path(), &linked] {
        // On a branch with a file of its own, on a packed one, and on none.
        for step in [
            &["status"][..],
            &["pack-refs", "--all"],
            &["checkout", "-q", "--detach"],
        ] {
            git(root, step);
            let version = build(root).version();
            assert!(!version.files.is_empty());
            // Cargo takes a file that does not exist for a changed one, and would build each time.
            assert!(
                version.files.iter().all(|file| file.exists()),
                "{version:?}"
            );
            let before = state(&version);
            fs::write(root.join("new.txt"), "new").expect("written");
            git(root, &["add", "new.txt"]);
            assert_eq!(state(&version), before, "the index is not watched");
            commit(root, "more");
            assert_ne!(state(&version), before, "after {step:?}: {version:?}");
        }
    }
}

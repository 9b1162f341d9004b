//! The details that `runner --version` shows: the commit, its date, and the features of the build.
//!
//! A separate file, so that `tests/version.rs` can test it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The length of the commit: fixed, so that two builds of one commit do not differ.
const COMMIT_LENGTH: usize = 7;

/// The file that `cargo package` adds to a crate, and that is in no checkout.
const PACKAGED: &str = ".cargo_vcs_info.json";

/// The inputs of a build.
#[derive(Debug, Default)]
pub struct Build {
    /// The folder of `Cargo.toml`.
    pub root: PathBuf,
    pub version: String,
    /// The enabled features, as in `Cargo.toml`.
    pub features: Vec<String>,
    /// `RUNNER_BUILD_COMMIT`: the commit, for builds from a source without a history.
    pub commit: Option<String>,
    /// `SOURCE_DATE_EPOCH`: the date to show, in seconds since 1970.
    pub epoch: Option<String>,
}

/// The version, and the files that it was read from.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    /// Such as `0.1.0 (8d2e05f 2026-11-28; parquet)`.
    pub text: String,
    pub files: Vec<PathBuf>,
}

impl Build {
    /// Returns the version, with what can be found out of commit, date and features.
    pub fn version(&self) -> Version {
        let mut files = Vec::new();
        let mut date = None;
        let mut commit = self.commit.clone().and_then(abbreviated);
        if commit.is_none() {
            commit = self.packaged_commit();
        }
        if commit.is_none() && self.is_checkout() {
            files = self.git_files();
            let shown = self.git(&[
                "show",
                "-s",
                "--no-show-signature",
                "--format=%H %ct",
                "HEAD",
            ]);
            if let Some((hash, time)) = shown.as_deref().and_then(|shown| shown.split_once(' ')) {
                commit = abbreviated(hash.to_owned());
                date = day(time);
            }
        }
        if let Some(day) = self.epoch.as_deref().and_then(day) {
            date = Some(day);
        }
        let source: Vec<String> = commit.into_iter().chain(date).collect();
        let details: Vec<String> = [source.join(" "), self.features.join(" ")]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let mut text = self.version.clone();
        if !details.is_empty() {
            text = format!("{text} ({})", details.join("; "));
        }
        Version { text, files }
    }

    /// Returns the commit that a crate was packaged from.
    fn packaged_commit(&self) -> Option<String> {
        let text = fs::read_to_string(self.root.join(PACKAGED)).ok()?;
        let (_, rest) = text.split_once("\"sha1\"")?;
        abbreviated(rest.split('"').nth(1)?.to_owned())
    }

    /// Returns true if the root is that of a checkout. A copy within the checkout of another project is
    /// none: the commit of that project says nothing about this one.
    fn is_checkout(&self) -> bool {
        let Some(top) = self.git(&["rev-parse", "--show-toplevel"]) else {
            return false;
        };
        match (fs::canonicalize(top), fs::canonicalize(&self.root)) {
            (Ok(top), Ok(root)) => top == root,
            _ => false,
        }
    }

    /// Returns the files that change with the commit: `HEAD` and its branch. A branch may be packed, and
    /// gets a file of its own with its next commit.
    fn git_files(&self) -> Vec<PathBuf> {
        let path = |name: &str| {
            let path = self.git(&["rev-parse", "--git-path", name])?;
            Some(self.root.join(path)).filter(|path| path.exists())
        };
        let mut files: Vec<PathBuf> = path("HEAD").into_iter().collect();
        if let Some(branch) = self.git(&["symbolic-ref", "-q", "HEAD"]) {
            match path(&branch) {
                Some(file) => files.push(file),
                None => files.extend(
                    [path("packed-refs"), path("refs/heads")]
                        .into_iter()
                        .flatten(),
                ),
            }
        }
        files
    }

    /// Returns the output of git, if it is installed and succeeds.
    fn git(&self, args: &[&str]) -> Option<String> {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.root).args(args);
        // A hook of git that builds the program sets these, perhaps for another repository.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            git.env_remove(name);
        }
        let output = git.output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// Returns the beginning of a commit's hash, or nothing if it is none.
fn abbreviated(mut hash: String) -> Option<String> {
    let is_hash = hash.len() >= COMMIT_LENGTH && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.truncate(COMMIT_LENGTH);
    is_hash.then_some(hash)
}

/// Returns the day of a time in seconds since 1970, in UTC.
fn day(seconds: &str) -> Option<String> {
    // Days since 0000-03-01, so that a leap day is the last one of its year.
    let days = seconds.trim().parse::<u32>().ok()? / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

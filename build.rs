//! Writes the tables of the files that the program carries (all below `resources/` and `queries/`, and
//! the pages of error codes), and the version with its commit.

#[path = "build/version.rs"]
mod version;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The tables, each with its folders.
const TABLES: [(&str, &[&str]); 2] = [
    ("built_in.rs", &["queries", "resources"]),
    ("code_pages.rs", &["docs/reference/codes"]),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    for (name, folders) in TABLES {
        fs::write(out.join(name), table(&root, folders)?)?;
    }
    fs::write(out.join("version.txt"), version(root))
}

/// Returns the version of this build.
fn version(root: PathBuf) -> String {
    for name in ["RUNNER_BUILD_COMMIT", "SOURCE_DATE_EPOCH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    for file in ["build.rs", "build/version.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let build = version::Build {
        root,
        version: env::var("CARGO_PKG_VERSION").expect("cargo sets it"),
        features: features(),
        commit: env::var("RUNNER_BUILD_COMMIT").ok(),
        epoch: env::var("SOURCE_DATE_EPOCH").ok(),
    };
    let version = build.version();
    for file in &version.files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    version.text
}

/// Returns the enabled features, without the set of the default ones.
fn features() -> Vec<String> {
    let mut features: Vec<String> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter_map(|name| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase))
        .map(|name| name.replace('_', "-"))
        .filter(|name| name != "default")
        .collect();
    features.sort();
    features
}

fn table(root: &Path, folders: &[&str]) -> io::Result<String> {
    let mut files = Vec::new();
    for folder in folders {
        println!("cargo::rerun-if-changed={folder}");
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut table = "[\n".to_owned();
    for file in files {
        let below = file.strip_prefix(root).expect("it lies below the root");
        let name = below.to_string_lossy().replace('\\', "/");
        let path = file.to_string_lossy();
        writeln!(table, "    ({name:?}, include_str!({path:?})),").expect("a text can be written");
    }
    table.push_str("]\n");
    Ok(table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

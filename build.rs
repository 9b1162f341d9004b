//! Writes the tables of the files that the program carries: all below `resources/` and `queries/`, and
//! the pages of error codes.

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
    Ok(())
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

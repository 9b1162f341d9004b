//! Several files that are written together: all of them, or none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sink::{FileSink, Sink};

/// A file that could not be written.
#[derive(Debug)]
pub struct NotWritten {
    /// Its path.
    pub path: PathBuf,
    /// The reason.
    pub error: io::Error,
}

/// Returns an error if a file could not be written: neither it, nor the folders above it that do not
/// exist. Nothing is left behind.
///
/// # Errors
///
/// Any error of the operating system.
pub fn try_to_write(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if folder.exists() {
        return FileSink::create(path).map(drop);
    }
    let above = folder.ancestors().find(|above| above.exists());
    match above {
        Some(above) => FileSink::create(&above.join("file")).map(drop),
        None => Ok(()),
    }
}

/// Writes several files, and creates the folders above them. Each is written aside first, so that a
/// full disk or a folder that cannot be written changes nothing.
///
/// # Errors
///
/// For the first file that cannot be written. All files are as they were then.
pub fn write_files(files: &[(PathBuf, Vec<u8>)]) -> Result<(), NotWritten> {
    let mut made = Vec::new();
    let staged = stage(files, &mut made);
    let written = staged.and_then(|staged| commit(files, staged));
    if written.is_err() {
        // Folders with other files stay.
        for folder in made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
    written
}

/// Writes all files aside.
fn stage(
    files: &[(PathBuf, Vec<u8>)],
    made: &mut Vec<PathBuf>,
) -> Result<Vec<FileSink>, NotWritten> {
    let mut staged = Vec::new();
    for (path, bytes) in files {
        let sink = write_aside(path, bytes, made);
        staged.push(sink.map_err(|error| not_written(path, error))?);
    }
    Ok(staged)
}

fn write_aside(path: &Path, bytes: &[u8], made: &mut Vec<PathBuf>) -> io::Result<FileSink> {
    if let Some(folder) = path.parent() {
        make_folders(folder, made)?;
    }
    let mut sink = FileSink::create(path)?;
    sink.write(bytes)?;
    sink.sync()?;
    Ok(sink)
}

/// Renames all files. If that fails in between, which is unlikely, the earlier ones get their old
/// content.
fn commit(files: &[(PathBuf, Vec<u8>)], staged: Vec<FileSink>) -> Result<(), NotWritten> {
    let mut replaced: Vec<(&Path, Option<Vec<u8>>)> = Vec::new();
    for ((path, _), sink) in files.iter().zip(staged) {
        let before = fs::read(path).ok();
        if let Err(error) = Box::new(sink).finish() {
            for (path, before) in replaced {
                let _ = match before {
                    Some(bytes) => crate::sink::write_file(path, &bytes),
                    None => crate::sink::remove_file(path),
                };
            }
            return Err(not_written(path, error));
        }
        replaced.push((path, before));
    }
    Ok(())
}

/// Creates a folder and those above it, outermost first.
fn make_folders(folder: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    fs::create_dir_all(folder)?;
    made.extend(missing.into_iter().rev().map(Path::to_path_buf));
    Ok(())
}

fn not_written(path: &Path, error: io::Error) -> NotWritten {
    NotWritten {
        path: path.to_path_buf(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_known_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| folder.path().join(name);
        fs::write(here("file"), "").expect("written");
        for name in ["a", "file", "x/y/a"] {
            try_to_write(&here(name)).expect(name);
        }
        for name in ["file/a", "file/x/a", ""] {
            try_to_write(&here(name)).expect_err(name);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1);
    }

    #[test]
    fn all_files_are_written_or_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| folder.path().join(name);
        fs::write(here("a"), "old").expect("written");
        fs::create_dir(here("is-a-folder")).expect("made");
        let failed = write_files(&[
            (here("a"), b"new".to_vec()),
            (here("x/y/b"), b"new".to_vec()),
            (here("is-a-folder"), b"new".to_vec()),
        ]);
        assert_eq!(failed.expect_err("a folder").path, here("is-a-folder"));
        assert_eq!(fs::read_to_string(here("a")).expect("read"), "old");
        assert!(!here("x").exists());
        let names = fs::read_dir(folder.path()).expect("read").count();
        assert_eq!(names, 2, "nothing is left aside");
        write_files(&[
            (here("a"), b"new".to_vec()),
            (here("x/y/b"), b"new".to_vec()),
        ])
        .expect("written");
        assert_eq!(fs::read_to_string(here("a")).expect("read"), "new");
        assert_eq!(fs::read_to_string(here("x/y/b")).expect("read"), "new");
    }
}

//! A folder that takes files by names from elsewhere.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sink::FileSink;
use crate::sink::file::sweep;

/// The maximum length of a name, in bytes, as on all common file systems.
const LONGEST_NAME: usize = 255;

/// The maximum length of a path below the folder, in bytes.
const LONGEST_PATH: usize = 3_000;

/// Names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// A folder. No file is written outside of it, whatever the names are.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// The folder as a person gave it.
    given: PathBuf,
    /// The paths in use by this run, by their form in lower case.
    taken: RefCell<HashMap<String, Taken>>,
    /// The folders from which the leftovers of killed runs were removed.
    swept: RefCell<HashSet<PathBuf>>,
}

/// A path in use.
#[derive(Debug)]
struct Taken {
    path: String,
    is_file: bool,
}

/// A place for a file in a folder.
#[derive(Debug)]
pub struct Slot {
    path: PathBuf,
}

impl Folder {
    /// Uses a folder below another one. It is created with the first file.
    pub fn new(base: &Path, given: &Path) -> Self {
        Self {
            root: base.join(given),
            given: given.to_path_buf(),
            taken: RefCell::default(),
            swept: RefCell::default(),
        }
    }

    /// Returns the path of a file for people: from where they stand.
    pub fn shown(&self, name: &str) -> String {
        self.given.join(name).display().to_string()
    }

    /// Reserves the place for a file and creates the folders above it.
    ///
    /// # Errors
    ///
    /// If the path could leave the folder, is not a valid name on every system, or is taken; and any
    /// error of the operating system.
    pub fn slot(&self, name: &str) -> io::Result<Slot> {
        check(name).map_err(io::Error::other)?;
        self.reserve(name).map_err(io::Error::other)?;
        fs::create_dir_all(&self.root)?;
        // The folder itself may be a link; nothing below it may.
        let mut path = fs::canonicalize(&self.root)?;
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            let is_file = parts.peek().is_none();
            let refused = |words: String| Err(io::Error::other(words));
            match fs::symlink_metadata(&path) {
                Ok(known) if known.is_symlink() => {
                    return refused(format!(
                        "`{part}` is a symbolic link, which is not followed"
                    ));
                }
                Ok(known) if is_file && !known.is_file() => {
                    return refused(format!("`{part}` is not a regular file"));
                }
                Ok(known) if !is_file && !known.is_dir() => {
                    return refused(format!("`{part}` is not a folder"));
                }
                Ok(_) => {}
                Err(_) if is_file => {}
                Err(_) => fs::create_dir(&path)?,
            }
        }
        if let Some(parent) = path.parent()
            && self.swept.borrow_mut().insert(parent.to_path_buf())
        {
            sweep(parent);
        }
        Ok(Slot { path })
    }

    /// Takes a path and its folders, unless another one differs only in case: on many file systems
    /// the two are one.
    fn reserve(&self, name: &str) -> Result<(), String> {
        let mut taken = self.taken.borrow_mut();
        let folders = name.match_indices('/').map(|(at, _)| (&name[..at], false));
        for (path, is_file) in folders.chain([(name, true)]) {
            let key = path.to_lowercase();
            let Some(known) = taken.get(&key) else {
                let path = path.to_owned();
                taken.insert(key, Taken { path, is_file });
                continue;
            };
            let other = &known.path;
            if other != path {
                return Err(format!(
                    "`{path}` and `{other}` differ only in case, and may be the same file"
                ));
            }
            if known.is_file != is_file {
                return Err(format!("`{path}` is both a file and a folder"));
            }
            if is_file {
                return Err(format!(
                    "another response of this run is written to `{path}`"
                ));
            }
        }
        Ok(())
    }
}

impl Slot {
    /// Returns the size of the file that is there.
    pub fn size(&self) -> Option<u64> {
        fs::metadata(&self.path).ok().map(|known| known.len())
    }

    /// Opens the file that is there.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn open(&self) -> io::Result<fs::File> {
        fs::File::open(&self.path)
    }

    /// Starts to write the file, aside.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn create(&self) -> io::Result<FileSink> {
        FileSink::replacing(&self.path)
    }
}

/// Refuses a path that could leave the folder, or that is no name on some systems.
fn check(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if name.len() > LONGEST_PATH {
        return Err(format!(
            "the path has {} bytes, more than {LONGEST_PATH}",
            name.len()
        ));
    }
    if name.starts_with('/') || is_drive(name) {
        return Err("the path is absolute".to_owned());
    }
    if name
        .chars()
        .any(|letter| letter.is_control() || is_direction(letter))
    {
        return Err("the path has a control character".to_owned());
    }
    if name.contains('\\') {
        return Err("the path has a `\\`, which separates folders on Windows".to_owned());
    }
    name.split('/').try_for_each(check_part)
}

fn check_part(part: &str) -> Result<(), String> {
    match part {
        "" => return Err("the path has an empty part".to_owned()),
        "." | ".." => return Err(format!("the path contains `{part}`")),
        _ => {}
    }
    if part.len() > LONGEST_NAME {
        return Err(format!(
            "a name in the path has {} bytes, more than {LONGEST_NAME}",
            part.len()
        ));
    }
    if part.ends_with(['.', ' ']) {
        return Err(format!(
            "`{part}` ends with a dot or a space, which Windows drops"
        ));
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    if is_device(&stem.to_uppercase()) {
        return Err(format!("`{part}` is the name of a device on Windows"));
    }
    if cfg!(windows) && part.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return Err(format!(
            "`{part}` has a character that is not allowed on Windows"
        ));
    }
    Ok(())
}

/// Returns true for `C:` and everything that begins so.
fn is_drive(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next() == Some(':')
}

fn is_device(stem: &str) -> bool {
    let is_numbered = |prefix: &str| {
        let digit = stem.strip_prefix(prefix).unwrap_or_default();
        let mut digits = digit.chars();
        let is_digit = |letter: char| letter.is_ascii_digit() || "¹²³".contains(letter);
        digits.next().is_some_and(is_digit) && digits.next().is_none()
    };
    DEVICES.contains(&stem) || is_numbered("COM") || is_numbered("LPT")
}

/// Returns true for characters that change the direction of text, so that a name looks like another.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Sink as _;

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(root.path(), Path::new("out"));
        (root, folder)
    }

    fn refusal(folder: &Folder, name: &str) -> String {
        let refused = folder.slot(name).expect_err(name);
        refused.to_string()
    }

    #[test]
    fn no_name_leaves_the_folder() {
        let (root, folder) = folder();
        let long = "x".repeat(5_000);
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/..",
            "./x",
            "a//b",
            "a/",
            "C:/x",
            "c:x",
            "a\\b",
            "..\\x",
            "a\nb",
            "a\u{0}b",
            "a\u{202e}gpj.exe",
            "CON",
            "nul.txt",
            "a/com1",
            "LPT9.log",
            "COM¹",
            "x.",
            "x ",
            "a./b",
            &long,
            &format!("a/{}", "y".repeat(256)),
        ] {
            refusal(&folder, name);
        }
        assert_eq!(fs::read_dir(root.path()).expect("read").count(), 0);
        for name in [
            "x",
            "a/b/c.txt",
            ".hidden",
            "console",
            "com10",
            "a b",
            "ab:c",
            "..x",
        ] {
            folder.slot(name).expect(name);
        }
    }

    #[test]
    fn names_that_differ_only_in_case_are_one() {
        let (_root, folder) = folder();
        folder.slot("Report/a.xml").expect("a slot");
        folder.slot("Report/b.xml").expect("a slot");
        assert!(refusal(&folder, "Report/A.XML").contains("only in case"));
        assert!(refusal(&folder, "report/c.xml").contains("only in case"));
        assert!(refusal(&folder, "Report/a.xml").contains("another response"));
        assert!(refusal(&folder, "Report").contains("both a file and a folder"));
        assert!(refusal(&folder, "Report/a.xml/b").contains("both a file and a folder"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let (root, folder) = folder();
        let out = root.path().join("out");
        fs::create_dir_all(&out).expect("a folder");
        fs::write(root.path().join("precious"), "old").expect("written");
        for (name, target) in [
            ("link", "../precious"),
            ("dir", ".."),
            ("dangling", "../none"),
        ] {
            std::os::unix::fs::symlink(target, out.join(name)).expect("a link");
        }
        for name in ["link", "dir/precious", "dangling"] {
            assert!(refusal(&folder, name).contains("symbolic link"), "{name}");
        }
        assert!(!root.path().join("none").exists());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let (root, folder) = folder();
        let slot = folder.slot("a/b.txt").expect("a slot");
        assert_eq!(slot.size(), None);
        let mut sink = Box::new(slot.create().expect("a file"));
        sink.write(b"new").expect("written");
        assert!(!root.path().join("out/a/b.txt").exists());
        sink.finish().expect("finished");
        assert_eq!(slot.size(), Some(3));
    }
}

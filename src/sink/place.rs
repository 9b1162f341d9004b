//! The kind of file behind a path.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The maximum number of links in a path.
const MOST_LINKS: usize = 40;

/// The kind of file behind a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// A regular file, existing or not.
    File(PathBuf),
    /// Standard output of this process.
    Stdout,
    /// Standard error of this process.
    Stderr,
    /// A device, a pipe, or another descriptor, opened as it is.
    Direct(PathBuf),
}

/// Follows links, including dangling ones.
///
/// # Errors
///
/// If the links form a cycle or cannot be read.
pub fn place_of(path: &Path) -> io::Result<Place> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        // The system's descriptor links have targets that cannot be opened, such as `pipe:[7]`.
        match descriptor(&path) {
            Some(1) => return Ok(Place::Stdout),
            Some(2) => return Ok(Place::Stderr),
            Some(_) => return Ok(Place::Direct(path)),
            None => {}
        }
        match fs::symlink_metadata(&path) {
            Ok(known) if known.is_symlink() => {
                let target = fs::read_link(&path)?;
                path.pop();
                path.push(target);
            }
            Ok(known) if known.is_file() || known.is_dir() => return Ok(Place::File(path)),
            Ok(_) => return Ok(Place::Direct(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::File(path)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its links form a cycle"))
}

/// Returns true if a path leads to standard output.
pub fn is_stdout(path: &Path) -> bool {
    matches!(place_of(path), Ok(Place::Stdout))
}

/// Returns true if a path leads to something other than a regular file, so that its name says
/// nothing about the format.
pub fn is_stream(path: &Path) -> bool {
    !matches!(place_of(path), Ok(Place::File(_)) | Err(_))
}

/// Returns the descriptor number in a path such as `/dev/fd/3` or `/proc/self/fd/3`.
fn descriptor(path: &Path) -> Option<u32> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = fs::canonicalize(path.parent()?).ok()?;
    let own = format!("/proc/{}/fd", std::process::id());
    (folder == Path::new(&own) || folder == Path::new("/dev/fd")).then_some(number)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn devices_and_descriptors_are_known() {
        for (path, place) in [
            ("/dev/stdout", Place::Stdout),
            ("/dev/fd/1", Place::Stdout),
            ("/proc/self/fd/1", Place::Stdout),
            ("/dev/stderr", Place::Stderr),
            ("/dev/null", Place::Direct("/dev/null".into())),
            ("/no/such/file", Place::File("/no/such/file".into())),
        ] {
            assert_eq!(place_of(Path::new(path)).expect(path), place, "{path}");
        }
    }
}

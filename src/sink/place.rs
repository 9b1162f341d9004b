//! What a path leads to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// No path leads through more links.
const MOST_LINKS: usize = 40;

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// A regular file, or none yet.
    File(PathBuf),
    /// This process's standard output.
    Stdout,
    /// This process's standard error.
    Stderr,
    /// A device, a pipe, or another descriptor: opened as it is.
    Direct(PathBuf),
}

/// Follows links, also to a file that is not there yet.
///
/// # Errors
///
/// If the links lead in a circle, or cannot be read.
pub fn place_of(path: &Path) -> io::Result<Place> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        // The system's links of descriptors lead to names that cannot be opened, such as `pipe:[7]`.
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
    Err(io::Error::other("its links lead in a circle"))
}

/// Returns true if a path leads to standard output.
pub fn is_stdout(path: &Path) -> bool {
    matches!(place_of(path), Ok(Place::Stdout))
}

/// Returns true if a path leads to something that is no file: its name says nothing of the format.
pub fn is_stream(path: &Path) -> bool {
    !matches!(place_of(path), Ok(Place::File(_)) | Err(_))
}

/// The number of a descriptor of this process, as `/dev/fd/3` and `/proc/self/fd/3` name it.
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

//! A file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::sink::Sink;

/// Writes aside and renames. What is not a regular file (`/dev/null`, a pipe) is written directly,
/// since it cannot be replaced.
pub struct FileSink {
    path: PathBuf,
    target: Target,
}

enum Target {
    Aside(NamedTempFile),
    Direct(File),
}

impl FileSink {
    /// Prepares to write a file.
    ///
    /// # Errors
    ///
    /// If its folder does not exist or cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        // A link is followed, so that the file behind it is replaced and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let target = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "it is a folder",
                ));
            }
            Ok(metadata) if !metadata.is_file() => {
                Target::Direct(File::options().write(true).open(&path)?)
            }
            known => {
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                let aside = new_file(folder)?;
                if let Ok(metadata) = known {
                    aside.as_file().set_permissions(metadata.permissions())?;
                }
                Target::Aside(aside)
            }
        };
        Ok(Self { path, target })
    }
}

/// Makes a folder that nobody else can look into, if it is not there yet.
///
/// # Errors
///
/// What the operating system says.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(unix)]
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    // As any new file: for all, less what the umask takes away.
    tempfile::Builder::new()
        .prefix(".runner-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".runner-")
        .tempfile_in(folder)
}

impl Sink for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.target {
            Target::Aside(file) => file.write_all(bytes),
            Target::Direct(file) => file.write_all(bytes),
        }
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        match self.target {
            Target::Aside(file) => {
                file.as_file().sync_all()?;
                file.persist(&self.path).map_err(|error| error.error)?;
                Ok(())
            }
            Target::Direct(mut file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.json");
        fs::write(&path, "old").expect("written");
        let mut dropped = FileSink::create(&path).expect("a sink");
        dropped.write(b"half").expect("written");
        drop(dropped);
        assert_eq!(fs::read_to_string(&path).expect("read"), "old");
        let mut sink = Box::new(FileSink::create(&path).expect("a sink"));
        sink.write(b"new").expect("written");
        sink.finish().expect("finished");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1);
        FileSink::create(&folder.path().join("no/such/out.json"))
            .err()
            .expect("no folder");
        FileSink::create(folder.path()).err().expect("a folder");
    }
}

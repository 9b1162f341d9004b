//! Reads files with a size limit, and without blocking on pipes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::project::load::plain;

/// Reads a regular file.
///
/// # Errors
///
/// A message without the file's name.
pub fn regular(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    read(open_regular(path)?, most)
}

/// Opens a regular file.
///
/// # Errors
///
/// A message without the file's name.
pub fn open_regular(path: &Path) -> Result<File, String> {
    let file = open(path).map_err(|error| cannot_read(&error))?;
    let metadata = file.metadata().map_err(|error| cannot_read(&error))?;
    if metadata.is_dir() {
        return Err("is a folder, not a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    Ok(file)
}

/// Reads anything finite, including a device or a pipe written by another program, as in
/// `NAME=@<(program)`. A named pipe without a writer would block, and is refused.
///
/// # Errors
///
/// A message without the file's name.
pub fn anything(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    read(open_anything(path)?, most)
}

/// Opens anything finite, as [`anything`] does.
///
/// # Errors
///
/// A message without the file's name.
pub fn open_anything(path: &Path) -> Result<impl Read, String> {
    let file = open(path).map_err(|error| cannot_read(&error))?;
    let mut start = Vec::new();
    if is_pipe(&file) {
        let mut byte = [0];
        match (&file).read(&mut byte) {
            Ok(0) if !is_inherited(path) => {
                return Err("is a pipe that no program writes to".to_owned());
            }
            Ok(count) => start.extend(&byte[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(cannot_read(&error)),
        }
    }
    wait_for_content(&file).map_err(|error| cannot_read(&error))?;
    Ok(io::Cursor::new(start).chain(file))
}

/// Reads up to a limit.
///
/// # Errors
///
/// A message, if there is more or reading fails.
pub fn read(source: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot_read(&error))?;
    if bytes.len() as u64 > most {
        return Err(format!("is longer than {} MiB", most / (1024 * 1024)));
    }
    Ok(bytes)
}

/// Decodes the text of a file, without a byte order mark.
///
/// # Errors
///
/// A message without the file's name.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16 text: save it as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not a text file (not UTF-8)".to_owned())?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Returns the message for a file that cannot be read, without its name.
pub fn cannot_read(error: &io::Error) -> String {
    format!("cannot be read: {}", plain(error))
}

/// Opens a file without blocking on a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path)
}

/// Makes reads blocking again.
fn wait_for_content(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    rustix::fs::fcntl_setfl(file, rustix::fs::OFlags::empty())?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

#[cfg(unix)]
fn is_pipe(file: &File) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    file.metadata()
        .is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_file: &File) -> bool {
    false
}

/// Returns true for pipes opened by the shell, whose writer may already be done.
fn is_inherited(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

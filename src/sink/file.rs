//! A file that is written completely or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::core::shutdown::Cleanup;
use crate::sink::place::{Place, place_of};
use crate::sink::{Sink, StderrSink, StdoutSink};

/// The prefix of temporary files.
const ASIDE: &str = ".runner-";

/// Their suffix. With the length of the random part it tells them from a user's own `.runner-notes`.
const PART: &str = ".part";

/// The length of the random part of their names.
const RANDOM: usize = 12;

/// A temporary file is locked right after it is created; this leaves ample time for that.
const LOCKED_AFTER: Duration = Duration::from_secs(60);

/// The maximum number of folder entries searched for abandoned temporary files.
const MOST_ENTRIES: usize = 10_000;

/// Writes to a temporary file and renames it. Anything but a regular file (`/dev/null`, a pipe, a
/// descriptor of this process) cannot be replaced and is written directly.
pub struct FileSink {
    path: PathBuf,
    target: Target,
}

enum Target {
    Aside(NamedTempFile, Cleanup),
    Direct(File),
    Stream(Box<dyn Sink>),
}

impl FileSink {
    /// Prepares to write a file. Links are followed: the target is replaced, not the link.
    ///
    /// # Errors
    ///
    /// If its folder does not exist or cannot be written, or its links form a cycle.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (path, target) = match place_of(path)? {
            Place::Stdout => (path.to_path_buf(), Target::Stream(Box::new(StdoutSink))),
            Place::Stderr => (path.to_path_buf(), Target::Stream(Box::new(StderrSink))),
            Place::Direct(path) => {
                let mut options = OpenOptions::new();
                // A file behind a descriptor is appended to.
                let file = options.append(true).open(&path)?;
                (path, Target::Direct(file))
            }
            Place::File(path) => {
                let known = fs::metadata(&path).ok();
                if known.as_ref().is_some_and(fs::Metadata::is_dir) {
                    let kind = io::ErrorKind::IsADirectory;
                    return Err(io::Error::new(kind, "it is a folder"));
                }
                sweep(folder_of(&path));
                let target = aside(&path, known.map(|known| known.permissions()))?;
                (path, target)
            }
        };
        Ok(Self { path, target })
    }

    /// Returns the file that would be replaced, after following links, if it is not empty.
    pub fn replaced(&self) -> Option<&Path> {
        let is_there = fs::metadata(&self.path).is_ok_and(|known| known.len() > 0);
        is_there.then_some(&*self.path)
    }

    /// Returns the path of the temporary file, if there is one.
    pub fn written_aside(&self) -> Option<&Path> {
        match &self.target {
            Target::Aside(file, _) => Some(file.path()),
            Target::Direct(_) | Target::Stream(_) => None,
        }
    }

    /// Writes what was written aside to the disk.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn sync(&self) -> io::Result<()> {
        match &self.target {
            Target::Aside(file, _) => file.as_file().sync_all(),
            Target::Direct(_) | Target::Stream(_) => Ok(()),
        }
    }

    /// Prepares to write a file that only the user may read. Links are not followed.
    ///
    /// # Errors
    ///
    /// If its folder does not exist or cannot be written, or the path is not a regular file.
    pub fn private(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        let for_user = Some(std::os::unix::fs::PermissionsExt::from_mode(0o600));
        #[cfg(not(unix))]
        let for_user = None;
        sweep(folder_of(path));
        Self::without_links(path, for_user)
    }

    /// Prepares to write an ordinary file. Links are not followed, and nothing is swept.
    ///
    /// # Errors
    ///
    /// As [`FileSink::private`].
    #[cfg(not(unix))]
    pub fn replacing(path: &Path) -> io::Result<Self> {
        let known = fs::symlink_metadata(path).ok();
        Self::without_links(path, known.map(|known| known.permissions()))
    }

    fn without_links(path: &Path, permissions: Option<Permissions>) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(known) if known.is_dir() => {
                let kind = io::ErrorKind::IsADirectory;
                Err(io::Error::new(kind, "it is a folder"))
            }
            Ok(known) if !known.is_file() => Err(io::Error::other("it is not a regular file")),
            _ => Ok(Self {
                path: path.to_path_buf(),
                target: aside(path, permissions)?,
            }),
        }
    }
}

/// Creates a temporary file beside another file, locked while this run writes it.
fn aside(path: &Path, permissions: Option<Permissions>) -> io::Result<Target> {
    let folder = folder_of(path);
    let file = new_file(folder)?;
    // Where files cannot be locked, none is swept.
    let _ = file.as_file().try_lock();
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(ordinary(&permissions))?;
    }
    let name = file.path().to_path_buf();
    let cleanup = Cleanup::new(move || {
        let _ = fs::remove_file(name);
    });
    Ok(Target::Aside(file, cleanup))
}

/// Removes the permissions to run as another user, which were given to other content.
#[cfg(unix)]
fn ordinary(permissions: &Permissions) -> Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    Permissions::from_mode(permissions.mode() & 0o777)
}

#[cfg(not(unix))]
fn ordinary(permissions: &Permissions) -> Permissions {
    permissions.clone()
}

/// Returns a new name for a temporary file, such as those of [`sweep`].
#[cfg(unix)]
pub fn new_name() -> String {
    let random: String = std::iter::repeat_with(fastrand::alphanumeric)
        .take(RANDOM)
        .collect();
    format!("{ASIDE}{random}{PART}")
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent();
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// Removes temporary files left by killed runs: unlocked ones of this user.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.take(MOST_ENTRIES).flatten() {
        let name = entry.file_name();
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(ASIDE)?.strip_suffix(PART));
        let is_ours = random.is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if is_ours && is_abandoned(&entry) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let Ok(metadata) = entry.metadata() else {
        return false;
    };
    let age = metadata
        .modified()
        .ok()
        .and_then(|time| time.elapsed().ok());
    metadata.is_file()
        && is_of_user(&metadata)
        && age.is_some_and(|age| age >= LOCKED_AFTER)
        && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
}

/// Returns true for files of the user of this process.
#[cfg(unix)]
fn is_of_user(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_of_user(_metadata: &fs::Metadata) -> bool {
    true
}

/// An obstacle on the way to a file, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obstacle<'p> {
    /// The place.
    pub place: &'p Path,
    /// Its kind, for messages: `a file`.
    pub what: &'static str,
}

/// Returns what stands in the way of a file and its folders: a file or a link to nothing where a folder
/// should be, or a folder or such a link in the place of the file.
pub fn obstacle(path: &Path) -> Option<Obstacle<'_>> {
    let is_there = |place: &&Path| fs::symlink_metadata(place).is_ok();
    let place = path.ancestors().find(is_there)?;
    let what = match fs::metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => "a link to nothing",
        Ok(found) if found.is_dir() && place == path => "a folder",
        Ok(found) if !found.is_dir() && place != path => "a file",
        Ok(_) | Err(_) => return None,
    };
    Some(Obstacle { place, what })
}

/// Creates a folder that only the user can read, unless it exists.
///
/// # Errors
///
/// Any error of the operating system.
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
    // Permissions of an ordinary new file: everything the umask allows.
    tempfile::Builder::new()
        .prefix(ASIDE)
        .suffix(PART)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(ASIDE)
        .suffix(PART)
        .rand_bytes(RANDOM)
        .tempfile_in(folder)
}

impl Sink for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.target {
            // The error of the file itself does not contain its random name.
            Target::Aside(file, _) => file.as_file_mut().write_all(bytes),
            Target::Direct(file) => file.write_all(bytes),
            Target::Stream(stream) => stream.write(bytes),
        }
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        match self.target {
            Target::Aside(file, _cleanup) => {
                file.as_file().sync_all()?;
                file.persist(&self.path).map_err(|error| error.error)?;
                Ok(())
            }
            Target::Direct(mut file) => file.flush(),
            Target::Stream(stream) => stream.finish(),
        }
    }
}

/// Writes a whole file, and creates the folders above it.
///
/// # Errors
///
/// Any error of the operating system; the previous file is unchanged then.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut sink = FileSink::create(path)?;
    sink.write(bytes)?;
    Box::new(sink).finish()
}

/// Creates an empty file that only the user may read, and that must not exist yet.
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`] if it exists, or any error of the operating system.
pub fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}

/// Writes a whole file that must not exist yet, and creates the folders above it.
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`] if it exists, or any error of the operating system.
pub fn write_new_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let (mut file, _cleanup) = match aside(path, None)? {
        Target::Aside(file, cleanup) => (file, cleanup),
        Target::Direct(_) | Target::Stream(_) => {
            return Err(io::Error::other("it is not a regular file"));
        }
    };
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Removes a file. It is no error if there is none.
///
/// # Errors
///
/// Any error of the operating system.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

    #[test]
    fn what_a_killed_run_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| folder.path().join(name);
        for name in [
            ".runner-Abc123Def456.part",
            ".runner-Abc123Def456",
            ".runner-Abc123.part",
            ".runner-notes",
            ".runner-config",
            ".runner-",
            "Abc123Def456.part",
            ".runner-Abc123Def45é.part",
        ] {
            fs::write(here(name), "").expect("written");
        }
        fs::create_dir(here(".runner-Abc123Folder.part")).expect("made");
        let under_way = FileSink::create(&here("out.json")).expect("a sink");
        sweep(folder.path());
        assert!(
            here(".runner-Abc123Def456.part").exists(),
            "it may be about to be locked"
        );
        for entry in fs::read_dir(folder.path()).expect("read").flatten() {
            let file = File::open(entry.path()).expect("opened");
            file.set_modified(std::time::UNIX_EPOCH).expect("set");
        }
        sweep(folder.path());
        assert!(!here(".runner-Abc123Def456.part").exists());
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 9);
        Box::new(under_way).finish().expect("it is still there");
        assert!(here("out.json").exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_files_that_are_not_there_yet() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| folder.path().join(name);
        fs::create_dir(here("data")).expect("made");
        symlink("data/out.csv", here("one")).expect("a link");
        symlink("one", here("two")).expect("a link");
        let mut sink = Box::new(FileSink::create(&here("two")).expect("a sink"));
        sink.write(b"x").expect("written");
        sink.finish().expect("finished");
        assert_eq!(fs::read_to_string(here("data/out.csv")).expect("read"), "x");
        assert!(here("one").is_symlink() && here("two").is_symlink());
        symlink("loop", here("loop")).expect("a link");
        let error = FileSink::create(&here("loop")).err().expect("a loop");
        assert_eq!(error.to_string(), "its links form a cycle");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_for_the_user_alone_and_replaces_nothing_elsewhere() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        let victim = folder.path().join("victim");
        fs::write(&victim, "as it was").expect("written");
        symlink("victim", &path).expect("a link");
        let error = FileSink::private(&path).err().expect("a link");
        assert_eq!(error.to_string(), "it is not a regular file");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "as it was");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "public").expect("written");
        let sink = Box::new(FileSink::private(&path).expect("a sink"));
        sink.finish().expect("finished");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

//! A private, persistent cache on disk.
//!
//! Each entry is a file named by a keyed hash of its lookup key. The hash key is random and stored
//! in the same folder: without it, a name does not reveal the request, and tokens cannot be tried
//! against it. An entry holds a checksum under the same key that also covers its name, so an entry
//! that was truncated, changed, swapped or written by another version counts as missing.
//!
//! Read and write errors are not failures: an unreadable entry is missing, an unwritable one is
//! dropped. Entries are written to a temporary file and renamed, so several runs may share the
//! folder.
//!
//! A file's modification time is set to its expiry, so sweeping needs to open no file.

use std::cell::{Cell, OnceCell, RefCell};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::core::text::hex;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use tempfile::NamedTempFile;

/// The header of an entry. Changes with the version.
const MAGIC: &[u8] = b"runner-cache 1\n";
/// The file with the hash key.
const SALT: &str = "salt";
const SALT_LENGTH: usize = 32;
/// The file whose modification time records the last sweep.
const SWEPT: &str = "swept";
/// The prefix of temporary files.
const ASIDE: &str = ".new-";
/// The maximum total size in bytes.
const MOST: u64 = 500_000_000;
/// A larger entry would evict too many others.
const LARGEST: usize = 50_000_000;
/// The interval between sweeps.
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
/// Older temporary files belong to a run that is gone.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// Excludes the folder from backups (<https://bford.info/cachedir/>).
const TAG: (&str, &str) = (
    "CACHEDIR.TAG",
    "Signature: 8a477f597d28d172789f06886806bc55\n\
     # Answers that `runner` keeps. They may be removed at any time.\n",
);

/// A folder of cache entries, created on first write.
pub struct CacheFolder {
    folder: PathBuf,
    key: OnceCell<hmac::Key>,
    written: Cell<u64>,
    fault: RefCell<Option<String>>,
}

impl CacheFolder {
    /// Returns the folder `answers` inside another one, without touching the file system.
    pub fn new(around: &Path) -> Self {
        Self {
            folder: around.join("answers"),
            key: OnceCell::new(),
            written: Cell::new(0),
            fault: RefCell::new(None),
        }
    }

    /// Returns the entry stored under these key parts.
    pub fn find(&self, pieces: &[&[u8]]) -> Option<Vec<u8>> {
        let key = self.key()?;
        let name = name(key, pieces);
        let mut bytes = fs::read(self.folder.join(&name)).ok()?;
        let tag = bytes.strip_prefix(MAGIC)?.first_chunk::<32>()?;
        let content = MAGIC.len() + tag.len();
        if tag != &checksum(key, &name, &bytes[content..]) {
            return None;
        }
        bytes.drain(..content);
        Some(bytes)
    }

    /// Stores an entry under these key parts, replacing any previous one. It expires at `until`.
    pub fn put(&self, pieces: &[&[u8]], bytes: &[u8], until: SystemTime) {
        // After one write error, the next would fail too.
        if bytes.len() > LARGEST || self.fault.borrow().is_some() {
            return;
        }
        match self.try_put(pieces, bytes, until) {
            Ok(()) => self.written.set(self.written.get() + bytes.len() as u64),
            Err(error) => {
                let words = format!("{}: {error}", self.folder.display());
                self.fault.replace(Some(words));
            }
        }
    }

    /// Returns the reason entries cannot be written.
    pub fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// Removes expired and excess entries. Does nothing if nothing was written, or if the last
    /// sweep was recent.
    pub fn sweep(&self, now: SystemTime) {
        if self.written.get() == 0 {
            return;
        }
        let marker = self.folder.join(SWEPT);
        let last = fs::metadata(&marker).and_then(|metadata| metadata.modified());
        let is_recent =
            last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age < PERIOD));
        if is_recent && self.written.get() < MOST / 10 {
            return;
        }
        let swept = aside(&self.folder).and_then(|file| {
            file.as_file().set_modified(now)?;
            file.persist(&marker).map_err(|error| error.error)
        });
        if swept.is_ok() {
            let found = entries(&self.folder, now).unwrap_or_default();
            for path in doomed(found, now, MOST) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn try_put(&self, pieces: &[&[u8]], bytes: &[u8], until: SystemTime) -> io::Result<()> {
        let key = self.key_or_new()?;
        let name = name(key, pieces);
        let mut file = aside(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&checksum(key, &name, bytes))?;
        file.write_all(bytes)?;
        // If the file system refuses, the entry expires sooner.
        let _ = file.as_file().set_modified(until);
        file.persist(self.folder.join(name))
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// Returns the hash key, if it exists.
    fn key(&self) -> Option<&hmac::Key> {
        if self.key.get().is_none() {
            let key = read_key(&self.folder)?;
            return Some(self.key.get_or_init(|| key));
        }
        self.key.get()
    }

    fn key_or_new(&self) -> io::Result<&hmac::Key> {
        make_private(&self.folder)?;
        if let Some(key) = self.key() {
            return Ok(key);
        }
        let path = self.folder.join(SALT);
        let is_mine = new_salt(&self.folder, &path)?;
        // If another run was quicker, its key is used. An invalid key is replaced.
        if !is_mine && self.key().is_none() {
            fs::remove_file(&path)?;
            new_salt(&self.folder, &path)?;
        }
        let mut tag = aside(&self.folder)?;
        tag.write_all(TAG.1.as_bytes())?;
        let _ = tag.persist(self.folder.join(TAG.0));
        self.key()
            .ok_or_else(|| io::Error::other("the key cannot be read back"))
    }
}

/// Writes a random key unless the file exists; returns true if it was written.
fn new_salt(folder: &Path, path: &Path) -> io::Result<bool> {
    let mut salt = [0; SALT_LENGTH];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| io::Error::other("no random bytes available"))?;
    let mut file = aside(folder)?;
    file.write_all(&salt)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

fn read_key(folder: &Path) -> Option<hmac::Key> {
    let salt = fs::read(folder.join(SALT)).ok()?;
    (salt.len() == SALT_LENGTH).then(|| hmac::Key::new(hmac::HMAC_SHA256, &salt))
}

/// Creates a temporary file that only the user can read.
fn aside(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(ASIDE).tempfile_in(folder)
}

/// Creates the folder and makes it private.
#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    if fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
        // Only the owner can do this, so a folder of another user is refused.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn name(key: &hmac::Key, pieces: &[&[u8]]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(b"name");
    for piece in pieces {
        // Lengths are hashed too, so that different lists of parts never hash the same bytes.
        context.update(&(piece.len() as u64).to_be_bytes());
        context.update(piece);
    }
    hex(context.sign().as_ref())
}

fn checksum(key: &hmac::Key, name: &str, bytes: &[u8]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(b"content");
    context.update(name.as_bytes());
    context.update(bytes);
    let mut tag = [0; 32];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

struct CacheEntry {
    path: PathBuf,
    size: u64,
    until: SystemTime,
}

/// Lists entries and abandoned temporary files. Other files are ignored.
fn entries(folder: &Path, now: SystemTime) -> io::Result<Vec<CacheEntry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_entry = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_aside = name.starts_with(ASIDE);
        if !is_entry && !is_aside {
            continue;
        }
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let Ok(changed) = metadata.modified() else {
            continue;
        };
        let is_under_way = is_aside && now.duration_since(changed).is_ok_and(|age| age < ABANDONED);
        if !is_under_way {
            found.push(CacheEntry {
                path: entry.path(),
                size: metadata.len(),
                until: changed,
            });
        }
    }
    Ok(found)
}

/// Returns the files to remove: expired entries and, if the rest is too large, those that expire
/// first, until it is down to four fifths.
fn doomed(mut found: Vec<CacheEntry>, now: SystemTime, most: u64) -> Vec<PathBuf> {
    found.sort_by_key(|entry| entry.until);
    let mut left: u64 = found.iter().map(|entry| entry.size).sum();
    let room = if left > most { most / 5 * 4 } else { most };
    let mut doomed = Vec::new();
    for entry in found {
        if entry.until < now || left > room {
            left -= entry.size;
            doomed.push(entry.path);
        }
    }
    doomed
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn folder() -> (tempfile::TempDir, CacheFolder) {
        let around = tempfile::tempdir().expect("a folder");
        let cache = CacheFolder::new(&around.path().join("deep/cache"));
        (around, cache)
    }

    fn only_entry(cache: &CacheFolder) -> PathBuf {
        let mut found = entries(&cache.folder, now()).expect("read");
        assert_eq!(found.len(), 1);
        found.remove(0).path
    }

    #[test]
    fn what_is_put_in_comes_out_also_for_another_run() {
        let (around, cache) = folder();
        assert_eq!(cache.find(&[b"a"]), None);
        assert_eq!(around.path().read_dir().expect("read").count(), 0);
        cache.put(&[b"a", b"b"], b"one", now() + HOUR);
        cache.put(&[b"ab", b""], b"two", now() + HOUR);
        cache.put(&[b"a", b"b"], b"three", now() + HOUR);
        assert_eq!(cache.fault(), None);
        let other = CacheFolder::new(&around.path().join("deep/cache"));
        for cache in [&cache, &other] {
            assert_eq!(cache.find(&[b"a", b"b"]).as_deref(), Some(&b"three"[..]));
            assert_eq!(cache.find(&[b"ab", b""]).as_deref(), Some(&b"two"[..]));
            assert_eq!(cache.find(&[b"a"]), None);
        }
    }

    #[test]
    fn an_entry_that_is_not_as_it_was_written_is_missing_and_is_replaced() {
        let (_around, cache) = folder();
        cache.put(&[b"a"], b"content", now() + HOUR);
        let path = only_entry(&cache);
        let good = fs::read(&path).expect("read");
        let mut flipped = good.clone();
        *flipped.last_mut().expect("a byte") ^= 1;
        let mut older = good.clone();
        older[MAGIC.len() - 2] = b'0';
        for bad in [
            &b""[..],
            b"garbage",
            MAGIC,
            &good[..good.len() - 1],
            &good[..MAGIC.len() + 7],
            &flipped,
            &older,
        ] {
            fs::write(&path, bad).expect("written");
            assert_eq!(cache.find(&[b"a"]), None);
            cache.put(&[b"a"], b"content", now() + HOUR);
            assert_eq!(cache.find(&[b"a"]).as_deref(), Some(&b"content"[..]));
        }
    }

    #[test]
    fn an_entry_in_the_place_of_another_one_is_missing() {
        let (_around, cache) = folder();
        cache.put(&[b"a"], b"of a", now() + HOUR);
        let of_a = only_entry(&cache);
        let bytes = fs::read(&of_a).expect("read");
        fs::remove_file(&of_a).expect("removed");
        cache.put(&[b"b"], b"of b", now() + HOUR);
        fs::write(only_entry(&cache), bytes).expect("written");
        assert_eq!(cache.find(&[b"b"]), None);
    }

    #[test]
    fn without_its_key_everything_is_missing() {
        let (around, cache) = folder();
        cache.put(&[b"a"], b"content", now() + HOUR);
        fs::write(cache.folder.join(SALT), b"short").expect("written");
        let other = CacheFolder::new(&around.path().join("deep/cache"));
        assert_eq!(other.find(&[b"a"]), None);
        other.put(&[b"a"], b"new", now() + HOUR);
        assert_eq!(other.find(&[b"a"]).as_deref(), Some(&b"new"[..]));
        assert_eq!(other.fault(), None);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (around, cache) = folder();
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        cache.put(&[b"a"], b"content", now() + HOUR);
        cache.sweep(now());
        assert_eq!(mode(&around.path().join("deep/cache")), 0o700);
        assert_eq!(mode(&cache.folder), 0o700);
        let files: Vec<_> = fs::read_dir(&cache.folder)
            .expect("read")
            .flatten()
            .collect();
        assert_eq!(files.len(), 4, "an entry, the salt, the tag, the marker");
        for file in files {
            assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
        }
        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o755)).expect("set");
        cache.put(&[b"b"], b"content", now() + HOUR);
        assert_eq!(mode(&cache.folder), 0o700);
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_kept_and_the_reason_is_known() {
        let around = tempfile::tempdir().expect("a folder");
        let file = around.path().join("file");
        fs::write(&file, "").expect("written");
        let cache = CacheFolder::new(&file);
        assert_eq!(cache.find(&[b"a"]), None);
        cache.put(&[b"a"], b"content", now() + HOUR);
        cache.sweep(now());
        assert!(cache.fault().is_some_and(|words| words.contains("answers")));
    }

    #[test]
    fn what_is_past_its_time_is_swept_away_and_nothing_else() {
        let (_around, cache) = folder();
        cache.put(&[b"old"], b"content", now() - HOUR);
        cache.put(&[b"new"], b"content", now() + HOUR);
        let foreign = cache.folder.join("notes.txt");
        fs::write(&foreign, "mine").expect("written");
        let left = aside(&cache.folder).expect("a file");
        left.as_file().set_modified(now() - HOUR * 2).expect("set");
        let (_, left) = left.keep().expect("kept");
        let under_way = aside(&cache.folder).expect("a file");
        under_way.as_file().set_modified(now()).expect("set");
        cache.sweep(now());
        assert_eq!(cache.find(&[b"old"]), None);
        assert!(cache.find(&[b"new"]).is_some());
        assert!(foreign.exists() && under_way.path().exists() && !left.exists());
        // Shortly afterwards there is nothing to do.
        cache.put(&[b"old"], b"content", now() - HOUR);
        cache.sweep(now() + HOUR);
        assert!(cache.find(&[b"old"]).is_some());
        cache.sweep(now() + PERIOD);
        assert_eq!(cache.find(&[b"old"]), None);
    }

    #[test]
    fn what_is_of_use_longest_stays_where_there_is_too_much() {
        let entry = |name: &str, size, hours| CacheEntry {
            path: name.into(),
            size,
            until: now() + HOUR * hours,
        };
        let found = || {
            vec![
                entry("good for ever", 30, 90_000),
                entry("an hour", 40, 1),
                entry("a day", 30, 24),
            ]
        };
        let names = |most| {
            let doomed = doomed(found(), now(), most);
            let names: Vec<_> = doomed
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            names.join(", ")
        };
        assert_eq!(names(100), "");
        assert_eq!(names(90), "an hour");
        assert_eq!(names(50), "an hour, a day");
        assert_eq!(doomed(found(), now() + HOUR * 2, 100).len(), 1);
    }
}

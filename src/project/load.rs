//! Reads the files of a project. The only place that reads YAML from disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::source::SourceFile;
use crate::http::TlsOptions;
use crate::http::client::ClientCertificate;
use crate::resource::TlsFiles;

/// No file that a person wrote is longer.
const LONGEST_FILE: u64 = 1024 * 1024;

/// No project has its files deeper.
const DEEPEST_FOLDER: usize = 16;

/// The folder of a project, seen from a file or folder in it: the nearest one upwards that has
/// `resources` or `queries`.
pub fn root_of(start: &Path) -> Option<PathBuf> {
    let start = fs::canonicalize(start).ok()?;
    start
        .ancestors()
        .find(|folder| folder.join("resources").is_dir() || folder.join("queries").is_dir())
        .map(Path::to_path_buf)
}

/// A path as people know it: relative to the folder they are in, if it lies below it.
pub fn shown(path: &Path, working_directory: &Path) -> String {
    let relative = path.strip_prefix(working_directory).unwrap_or(path);
    relative.display().to_string()
}

/// All YAML files below a folder, sorted. Hidden files and folders are left out; a link that leads
/// back to a folder above it is a fault.
pub fn yaml_files(folder: &Path, faults: &mut Diagnostics) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut above = BTreeSet::new();
    visit(folder, 0, &mut above, &mut files, faults);
    files.sort();
    files
}

fn visit(
    folder: &Path,
    depth: usize,
    above: &mut BTreeSet<PathBuf>,
    files: &mut Vec<PathBuf>,
    faults: &mut Diagnostics,
) {
    let Ok(real) = fs::canonicalize(folder) else {
        return;
    };
    if depth > DEEPEST_FOLDER {
        let words = format!(
            "`{}` lies deeper than {DEEPEST_FOLDER} folders",
            folder.display()
        );
        faults.push(Diagnostic::general("too-deep", words));
        return;
    }
    if !above.insert(real.clone()) {
        let words = format!("`{}` leads back to a folder above it", folder.display());
        faults.push(Diagnostic::general("folder-loop", words));
        return;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let words = format!("`{}` cannot be read: {error}", folder.display());
            faults.push(Diagnostic::general("cannot-read", words));
            above.remove(&real);
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            visit(&path, depth + 1, above, files, faults);
        } else if is_yaml(&path) {
            files.push(path);
        }
    }
    above.remove(&real);
}

/// Whether a file is named like YAML.
pub fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Reads one file.
///
/// # Errors
///
/// If it is not a file of text of a sensible size.
pub fn source(path: &Path, working_directory: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
    let name = shown(path, working_directory);
    let fault = |words: String| Diagnostic::general("cannot-read", words);
    let metadata = fs::metadata(path)
        .map_err(|error| fault(format!("`{name}` cannot be read: {}", plain(&error))))?;
    if metadata.is_dir() {
        return Err(fault(format!("`{name}` is a folder, not a file")));
    }
    if !metadata.is_file() {
        return Err(fault(format!("`{name}` is not a regular file")));
    }
    if metadata.len() > LONGEST_FILE {
        let megabytes = metadata.len() / (1024 * 1024);
        return Err(fault(format!(
            "`{name}` is longer than 1 MiB ({megabytes} MiB), which no query is"
        )));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| fault(format!("`{name}` cannot be read: {}", plain(&error))))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        fault(format!(
            "`{name}` is not a text file (its bytes are not UTF-8)"
        ))
    })?;
    if text.contains('\0') {
        return Err(fault(format!(
            "`{name}` is not a text file (it holds NUL bytes)"
        )));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(SourceFile::new(name, path, text))
}

/// Reads a file that a request sends. It must lie in the project's folder, so that no value can
/// send another one.
///
/// # Errors
///
/// In words.
pub fn attachment(root: &Path, path: &str) -> Result<(PathBuf, Vec<u8>), String> {
    let full = root.join(path);
    let real = fs::canonicalize(&full)
        .map_err(|error| format!("`{path}` cannot be read: {}", plain(&error)))?;
    if !real.starts_with(root) {
        return Err(format!(
            "`{path}` lies outside of the project's folder, and is not sent"
        ));
    }
    if !real.is_file() {
        return Err(format!("`{path}` is not a regular file"));
    }
    let bytes =
        read_at_most(&real, LONGEST_ATTACHMENT).map_err(|words| format!("`{path}` {words}"))?;
    Ok((real, bytes))
}

/// Reads a file for a template, by its path from the project's folder; nothing if there is none.
///
/// # Errors
///
/// In words, if it lies elsewhere or is no text of a sensible size.
pub fn template(root: &Path, path: &str) -> Result<Option<String>, String> {
    let Ok(real) = fs::canonicalize(root.join(path)) else {
        return Ok(None);
    };
    if !real.starts_with(root) {
        return Err(format!(
            "`{path}` lies outside of the project's folder, and is not read"
        ));
    }
    if !real.is_file() {
        return Ok(None);
    }
    let bytes = read_at_most(&real, LONGEST_FILE).map_err(|words| format!("`{path}` {words}"))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| format!("`{path}` is not a text file (its bytes are not UTF-8)"))
}

/// No file that a request sends is longer.
const LONGEST_ATTACHMENT: u64 = 256 * 1024 * 1024;

/// One path for all that name the same file, also one that is not there yet.
pub fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = path
            .parent()
            .and_then(|folder| fs::canonicalize(folder).ok());
        match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_path_buf(),
        }
    })
}

/// Reads a file that has an end.
///
/// # Errors
///
/// In words, without the file's name.
pub fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {}", plain(&error)))?;
    if bytes.len() as u64 > most {
        return Err(format!("is longer than {} MiB", most / (1024 * 1024)));
    }
    Ok(bytes)
}

/// Reads the certificate files of a resource; paths are relative to the project's folder.
///
/// # Errors
///
/// In words.
pub fn certificates(root: &Path, files: &TlsFiles, system: bool) -> Result<TlsOptions, String> {
    let read = |key: &str, path: &str| {
        fs::read(root.join(path))
            .map_err(|error| format!("`tls.{key}`: `{path}` cannot be read: {}", plain(&error)))
    };
    let ca = files
        .ca_file
        .as_ref()
        .map(|path| read("ca_file", &path.value))
        .transpose()?;
    let client = match (&files.client_cert, &files.client_key) {
        (Some(chain), Some(key)) => Some(ClientCertificate {
            chain: read("client_cert", &chain.value)?,
            key: read("client_key", &key.value)?,
        }),
        _ => None,
    };
    Ok(TlsOptions {
        ca,
        system: system || files.system_certs,
        client,
    })
}

/// An error of the operating system without its number.
pub fn plain(error: &std::io::Error) -> String {
    let words = error.to_string();
    let end = words.find(" (os error").unwrap_or(words.len());
    words[..end].to_lowercase()
}

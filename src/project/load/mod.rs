//! Reads the files of a project from disk or from the binary. No other module parses YAML.

pub mod bounded;
mod built_in;
mod carried;
#[cfg(test)]
mod describe;
mod folder;
pub mod lines;
pub mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::file_ending;
use crate::core::source::SourceFile;
use crate::http::ClientCertificate;
use crate::http::TlsOptions;
use crate::project::operations;
use crate::resource::TlsFiles;

pub use built_in::{ROOT as BUILT_IN, has_query as is_built_in_query, holds as is_built_in};
pub use carried::{ROOT as CARRIED, hold as carry, holds as is_carried};
pub use folder::{
    PARTS, all_files, goes_through_link, has_entries, leads_out, outside, root_of, yaml_files,
};

/// The maximum size of a project file.
pub const LONGEST_FILE: u64 = 1024 * 1024;

/// Returns the display name of a path: relative to the working directory, if it is below it.
pub fn shown(path: &Path, working_directory: &Path) -> String {
    if let Some(name) = built_in::shown(path).or_else(|| carried::shown(path)) {
        return name;
    }
    let relative = path.strip_prefix(working_directory).unwrap_or(path);
    relative.display().to_string()
}

/// Returns true if a file has a YAML extension.
pub fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| file_ending::YAML.iter().any(|yaml| extension == *yaml))
}

/// Returns true if a path is not one on disk.
fn is_in_memory(path: &Path) -> bool {
    is_built_in(path) || is_carried(path)
}

/// Returns the text of a file that is not on disk.
fn in_memory(path: &Path) -> Option<&'static str> {
    built_in::text(path).or_else(|| carried::text(path))
}

/// Returns true if a file of a project exists.
pub fn exists(path: &Path) -> bool {
    in_memory(path).is_some() || (!is_in_memory(path) && path.exists())
}

/// Reads one file.
///
/// # Errors
///
/// If it is not a text file of a reasonable size.
pub fn source(path: &Path, working_directory: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
    let name = shown(path, working_directory);
    let fault = |words: String| Diagnostic::general(Code::CannotRead, words);
    if is_in_memory(path) {
        let text = in_memory(path).ok_or_else(|| fault(format!("`{name}` does not exist")))?;
        return Ok(SourceFile::new(name, path, text));
    }
    let metadata = fs::metadata(path)
        .map_err(|error| fault(format!("cannot read `{name}`: {}", plain(&error))))?;
    if metadata.is_dir() {
        return Err(fault(format!("`{name}` is a folder, not a file")));
    }
    if !metadata.is_file() {
        return Err(fault(format!("`{name}` is not a regular file")));
    }
    if metadata.len() > LONGEST_FILE {
        let megabytes = metadata.len() / (1024 * 1024);
        return Err(fault(format!(
            "`{name}` is larger than 1 MiB ({megabytes} MiB)"
        )));
    }
    let text = bounded::regular(path, LONGEST_FILE)
        .and_then(bounded::text)
        .map_err(|words| fault(format!("`{name}` {words}")))?;
    if text.contains('\0') {
        return Err(fault(format!(
            "`{name}` is not a text file (it contains NUL bytes)"
        )));
    }
    Ok(SourceFile::new(name, path, text))
}

/// Reads a file that a request sends. It must be inside the project, so that no value can send
/// another file.
///
/// # Errors
///
/// A message.
pub fn attachment(root: &Path, path: &str) -> Result<(PathBuf, Vec<u8>), String> {
    let full = root.join(path);
    let real = fs::canonicalize(&full)
        .map_err(|error| format!("cannot read `{path}`: {}", plain(&error)))?;
    if !real.starts_with(root) {
        return Err(format!(
            "`{path}` is outside the project's folder, and is not sent"
        ));
    }
    let bytes =
        bounded::regular(&real, LONGEST_ATTACHMENT).map_err(|words| format!("`{path}` {words}"))?;
    Ok((real, bytes))
}

/// Reads a file for a template, by its path from the project's folder; `None` if it does not exist.
///
/// # Errors
///
/// A message, if it is outside the project or not text of a reasonable size.
pub fn template(root: &Path, path: &str) -> Result<Option<String>, String> {
    if is_in_memory(root) {
        return Ok(in_memory(&root.join(path)).map(str::to_owned));
    }
    let Ok(real) = fs::canonicalize(root.join(path)) else {
        return Ok(None);
    };
    if !real.starts_with(root) {
        return Err(format!(
            "`{path}` is outside the project's folder, and is not read"
        ));
    }
    if !real.is_file() {
        return Ok(None);
    }
    bounded::regular(&real, LONGEST_FILE)
        .and_then(bounded::text)
        .map(Some)
        .map_err(|words| format!("`{path}` {words}"))
}

/// Reads a part of an API's description. `left` is the maximum size, and is reduced by that of the
/// file.
///
/// # Errors
///
/// A message without the file's name, if it is outside the project, not text or too long.
pub fn description(root: &Path, path: &Path, left: &mut u64) -> Result<String, String> {
    let real =
        fs::canonicalize(path).map_err(|error| format!("cannot be read: {}", plain(&error)))?;
    let real_root = fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf());
    if !real.starts_with(real_root) {
        return Err("is outside the project's folder".to_owned());
    }
    let bytes = bounded::regular(&real, *left)?;
    *left = left.saturating_sub(bytes.len() as u64);
    bounded::text(bytes)
}

/// The maximum size of a certificate file.
const LONGEST_CERTIFICATES: u64 = 4 * 1024 * 1024;

/// The maximum size of a file that a request sends.
const LONGEST_ATTACHMENT: u64 = 256 * 1024 * 1024;

/// Returns the canonical path, also for a file that does not exist yet.
pub fn real_path(path: &Path) -> PathBuf {
    if is_in_memory(path) || operations::is_operation(path) {
        return path.to_path_buf();
    }
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

/// Reads a file of certificates.
///
/// # Errors
///
/// A message, if it cannot be read.
pub fn certificate_file(path: &Path) -> Result<Vec<u8>, String> {
    bounded::regular(path, LONGEST_CERTIFICATES)
}

/// Reads the certificate files of a resource; paths are relative to the project's folder.
///
/// # Errors
///
/// A message.
pub fn certificates(root: &Path, files: &TlsFiles, system: bool) -> Result<TlsOptions, String> {
    let read = |key: &str, path: &str| {
        bounded::regular(&root.join(path), LONGEST_CERTIFICATES)
            .map_err(|words| format!("`tls.{key}`: `{path}` {words}"))
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

/// Formats an I/O error without its OS error number.
pub fn plain(error: &std::io::Error) -> String {
    let words = error.to_string();
    match words.find(" (os error") {
        Some(end) => words[..end].to_lowercase(),
        None if error.get_ref().is_some() => words,
        None => words.to_lowercase(),
    }
}

/// Returns the user id of a file's owner, on Unix.
pub fn owner(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(path).ok().map(|metadata| metadata.uid())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

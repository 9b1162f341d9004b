//! Names of files that come from elsewhere.

use std::path::Path;

/// The maximum length of a name, in bytes, as on all common file systems.
const LONGEST_NAME: usize = 255;

/// The maximum length of a path below the folder, in bytes.
const LONGEST_PATH: usize = 3_000;

/// Names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The files and folders of a project that decide where tokens go and which programs run.
const OF_PROJECT: [&str; 4] = ["queries", "resources", "runner.yaml", "runner.yml"];

/// Refuses a path that could leave its folder, that is no name on some systems, that looks like
/// another, or that belongs to Git.
pub fn check(name: &str) -> Result<(), String> {
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
        .any(|letter| letter.is_control() || is_invisible(letter))
    {
        return Err("the path has a control character".to_owned());
    }
    if name.contains('\\') {
        return Err("the path has a `\\`, which separates folders on Windows".to_owned());
    }
    name.split('/').try_for_each(check_part)
}

/// Refuses a path below a folder that leads into the project's own files. Both folders are resolved.
pub fn check_place(folder: &Path, name: &str, project: &Path) -> Result<(), String> {
    let lower = |part: &std::ffi::OsStr| part.to_string_lossy().to_lowercase();
    let mut parts: Vec<String> = folder.iter().map(lower).collect();
    let given = parts.len();
    parts.extend(name.split('/').map(str::to_lowercase));
    let project: Vec<String> = project.iter().map(lower).collect();
    let Some([first, rest @ ..]) = parts.strip_prefix(project.as_slice()) else {
        return Ok(());
    };
    let is_test = first == "tests" && (rest.iter().any(|part| is_yaml(part)));
    if OF_PROJECT.contains(&first.as_str()) || is_test {
        return Err("it would be a file of the project that is run".to_owned());
    }
    // A hidden folder that a person gave is theirs to fill.
    if first.starts_with('.') && project.len() >= given {
        return Err("it would be a hidden file of the project".to_owned());
    }
    Ok(())
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
    if is_of_git(part) {
        return Err(format!(
            "`{part}` begins with `.git`, where programs to run are named"
        ));
    }
    let lower = part.to_ascii_lowercase();
    let own = lower.strip_prefix(".runner-");
    if own.is_some_and(|own| own.strip_suffix(".part").is_some()) {
        return Err(format!("`{part}` is the name of a temporary file"));
    }
    if cfg!(windows) && part.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return Err(format!(
            "`{part}` has a character that is not allowed on Windows"
        ));
    }
    Ok(())
}

/// Returns true for `.git`, `.gitmodules`, `.github` and everything that begins so, and for the short
/// name of `.git` on Windows. Some file systems ignore case and joiners.
fn is_of_git(part: &str) -> bool {
    let seen: String = part
        .chars()
        .filter(|letter| !is_joiner(*letter))
        .flat_map(char::to_lowercase)
        .collect();
    seen.starts_with(".git") || seen.starts_with("git~")
}

fn is_yaml(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
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

/// Returns true for characters that are not seen, or that change the direction of text, so that a
/// name looks like another.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns true for the characters that join letters in some scripts and in emoji.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
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
            "a\u{200b}b",
            "a\u{61c}b",
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
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in [
            "x",
            "a/b/c.txt",
            ".hidden",
            "console",
            "com10",
            "a b",
            "ab:c",
            "..x",
            "नमस्\u{200d}ते.txt",
        ] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn nothing_of_git_or_of_a_run_under_way_is_written() {
        for name in [
            ".git",
            ".git/config",
            "a/.GIT/hooks/pre-commit",
            ".gitmodules",
            "a/.gitattributes",
            ".github/workflows/x.yaml",
            ".g\u{200c}it/config",
            "GIT~1/config",
            "a/.runner-Abc123Def456.part",
        ] {
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in ["git/config", "a.git", "git", ".runner-notes"] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
    }
}

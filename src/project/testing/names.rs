//! Names of cases, and the names of files made from them.

use std::path::Path;

use crate::project::testing::ANSWERS;

/// The maximum length of the name of a case, in characters.
pub const LONGEST: usize = 80;

/// Returns the reason why a text cannot be the name of a case, as the end of "a name …".
pub fn fault(name: &str) -> Option<String> {
    let is_allowed = |letter: char| letter.is_alphanumeric() || " -_.".contains(letter);
    if name.chars().count() > LONGEST {
        Some(format!("has at most {LONGEST} characters"))
    } else if name.is_empty() || !name.chars().all(is_allowed) {
        Some("consists of letters, digits, spaces, `-`, `_` and `.`".to_owned())
    } else if !name.starts_with(char::is_alphanumeric) || name.ends_with([' ', '.']) {
        // It begins the name of a file: a dot would hide it.
        Some("begins with a letter or digit, and does not end with a space or dot".to_owned())
    } else {
        None
    }
}

/// Returns the form of a name in paths of files.
pub fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// Returns true if a file has recorded answers.
pub fn is_recording(path: &Path) -> bool {
    file_name(path).ends_with(ANSWERS)
}

/// Returns the last name of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Returns true if a file belongs to the case with this slug.
pub fn belongs_to(file_name: &str, slug: &str) -> bool {
    let rest = file_name.strip_prefix(slug);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for name in [
            "usual",
            "one workflow is gone",
            "v1.2",
            "404",
            "größe_1",
            "A-b",
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
        for name in [
            "", " a", "a ", ".a", "-a", "a.", "a/b", "a\\b", "a:b", "a\nb", "über*",
        ] {
            assert!(fault(name).is_some(), "{name}");
        }
        assert_eq!(fault(&"a".repeat(80)), None);
        assert!(fault(&"a".repeat(81)).is_some());
        assert_eq!(slug("One workflow is Gone"), "one-workflow-is-gone");
    }

    #[test]
    fn a_file_belongs_to_the_case_it_is_named_after() {
        assert!(belongs_to("usual.answers.yaml", "usual"));
        assert!(belongs_to("v1.2.json", "v1.2"));
        assert!(!belongs_to("usually.json", "usual"));
        assert!(!belongs_to("usual", "usual"));
    }
}

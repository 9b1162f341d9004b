//! The ids of operations: parts of names, unique in a description.

use std::collections::HashSet;

/// The longest id, in characters.
const LONGEST: usize = 120;

/// The ids in use.
#[derive(Default)]
pub struct Ids(HashSet<String>);

impl Ids {
    /// Returns the id, with a number if it is in use already.
    pub fn unique(&mut self, id: &str) -> String {
        let mut unique = id.to_owned();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{id}_{number}");
            number += 1;
        }
        unique
    }
}

/// Replaces the characters that an id cannot have. Slashes remain between words: `repos/get`.
pub fn plain(id: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    let id = id.trim().chars().take(LONGEST);
    let replaced: String = id.map(|c| if is_plain(c) { c } else { '_' }).collect();
    let words = replaced.split('/').filter(|word| !word.is_empty());
    let words = words.map(|word| {
        if word.chars().all(|c| c == '.') {
            "_"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join("/")
}

/// Makes an id from a route: `GET /users/{id}/keys` → `getUsersIdKeys`.
pub fn derived_id(method: &str, path: &str) -> String {
    let mut id = method.to_lowercase();
    for word in path.split(|c: char| !c.is_alphanumeric()) {
        let mut characters = word.chars();
        id.extend(characters.next().into_iter().flat_map(char::to_uppercase));
        id.push_str(characters.as_str());
    }
    id.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parts_of_names() {
        for (id, expected) in [
            ("repos/get", "repos/get"),
            ("list pets\n", "list_pets"),
            ("pets:list", "pets_list"),
            ("..", "_"),
            ("/../a//b/", "_/a/b"),
            ("größe", "größe"),
            ("  ", ""),
        ] {
            assert_eq!(plain(id), expected, "{id}");
        }
        let mut ids = Ids::default();
        let unique: Vec<String> = ["a", "a", "a_2", "a"].map(|id| ids.unique(id)).into();
        assert_eq!(unique, ["a", "a_2", "a_2_2", "a_3"]);
    }
}

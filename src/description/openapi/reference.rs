//! References (`$ref`) inside a document and between files.

use serde_json::Value;

use crate::description::openapi::OpenApi;

/// The maximum number of references that lead to each other.
const LONGEST_CHAIN: usize = 32;

/// The maximum number of files.
const MOST_FILES: usize = 500;

/// A value of a document.
#[derive(Clone, Copy)]
pub struct At<'d> {
    /// The index of the document.
    pub document: usize,
    /// The value; null if there is none.
    pub value: &'d Value,
}

impl<'d> At<'d> {
    fn with(self, value: Option<&'d Value>) -> Self {
        Self {
            document: self.document,
            value: value.unwrap_or(&Value::Null),
        }
    }

    /// Returns a member.
    pub fn get(self, key: &str) -> Self {
        self.with(self.value.get(key))
    }

    /// Returns the first member of an object.
    pub fn first(self) -> Self {
        let object = self.value.as_object();
        self.with(object.and_then(|object| object.values().next()))
    }

    /// Returns the elements of a list.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let list = self.value.as_array();
        list.into_iter()
            .flatten()
            .map(move |value| self.with(Some(value)))
    }

    /// Returns the members of an object.
    pub fn members(self) -> impl Iterator<Item = (&'d str, Self)> {
        let object = self.value.as_object();
        let members = object.into_iter().flatten();
        members.map(move |(key, value)| (key.as_str(), self.with(Some(value))))
    }
}

/// The parts of a reference: the file, relative to the document it stands in, and the pointer.
fn parts(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// Joins the path of a file with that of the document it is named in.
fn join(base: &str, file: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." if path.last().is_some_and(|last| *last != "..") => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path.join("/")
}

/// Returns the path of a file, with its escapes decoded.
///
/// # Errors
///
/// A message, if it is an address or an absolute path.
fn relative(file: &str) -> Result<String, String> {
    let is_address = file.contains("://") || file.starts_with("//");
    if is_address
        || file
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("file:"))
    {
        return Err(format!(
            "it refers to `{file}`, which is never fetched: save it beside the document"
        ));
    }
    if file.starts_with(['/', '\\']) {
        return Err(format!(
            "it refers to `{file}`: only files inside the project are read"
        ));
    }
    let decoded = percent_encoding::percent_decode_str(file).decode_utf8_lossy();
    Ok(decoded.into_owned())
}

/// The members whose content is data of the API, in which a `$ref` has no meaning.
const DATA: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// The members whose own members have any names.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Reads all files that a document refers to, directly or not.
pub fn with_files(
    root: Value,
    read_file: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<Vec<(String, Value)>, String> {
    let mut documents = vec![(String::new(), root)];
    let mut next = 0;
    while next < documents.len() {
        let mut named = Vec::new();
        collect(&documents[next].1, &mut named);
        let base = documents[next].0.clone();
        for file in named {
            let path = join(&base, &relative(&file)?);
            if documents.iter().any(|(known, _)| *known == path) {
                continue;
            }
            if documents.len() > MOST_FILES {
                return Err(format!("it refers to more than {MOST_FILES} files"));
            }
            let value = read_file(&path)?;
            documents.push((path, value));
        }
        next += 1;
    }
    Ok(documents)
}

/// Lists the files in references, once each.
fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let (file, _) = parts(reference);
                if !file.is_empty() && !found.iter().any(|known| known == file) {
                    found.push(file.to_owned());
                }
            }
            for (name, member) in members {
                match member {
                    Value::Object(named) if NAMED.contains(&name.as_str()) => {
                        named.values().for_each(|member| collect(member, found));
                    }
                    _ if DATA.contains(&name.as_str()) || name.starts_with("x-") => {}
                    _ => collect(member, found),
                }
            }
        }
        _ => {}
    }
}

impl OpenApi {
    /// Follows references; a broken one leads to null.
    pub(super) fn resolve<'d>(&'d self, at: At<'d>) -> At<'d> {
        let mut at = at;
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = at.value.get("$ref").and_then(Value::as_str) else {
                return at;
            };
            at = self.target(at.document, reference);
        }
        at.with(None)
    }

    /// Returns the place that a reference leads to, by file and pointer.
    pub(super) fn target(&self, document: usize, reference: &str) -> At<'_> {
        let (file, pointer) = parts(reference);
        let nowhere = At {
            document,
            value: &Value::Null,
        };
        let document = if file.is_empty() {
            Some(document)
        } else {
            relative(file).ok().and_then(|file| {
                let path = join(&self.documents[document].0, &file);
                self.documents.iter().position(|(known, _)| *known == path)
            })
        };
        let Some(document) = document else {
            return nowhere;
        };
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
        At {
            document,
            value: self.documents[document]
                .1
                .pointer(&pointer)
                .unwrap_or(&Value::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_they_stand_in() {
        for (base, file, expected) in [
            ("", "a.yaml", "a.yaml"),
            ("", "./schemas/a.yaml", "schemas/a.yaml"),
            ("schemas/a.yaml", "b.yaml", "schemas/b.yaml"),
            ("schemas/a.yaml", "../b.yaml", "b.yaml"),
            ("", "../b.yaml", "../b.yaml"),
            ("a.yaml", "../../b.yaml", "../../b.yaml"),
        ] {
            assert_eq!(join(base, file), expected, "{base} {file}");
        }
    }
}

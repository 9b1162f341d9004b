//! Operations of an API as queries without a file: `circleci:listEnvironments`,
//! `circleci:GET /deploy/environments`.
//!
//! The prefix is the name of a resource, so that their names never meet those of the project's
//! queries. An operation is written as a query file, and read like one.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::name;
use crate::core::source::SourceFile;
use crate::description::{Description, Entry, RouteMatch, Segment};
use crate::project::describe::ReadDescription;
use crate::project::draft::{Draft, of_operation};
use crate::project::{Project, ResourceFile};
use crate::resource::Speak;

/// The folder of all operations; no file on disk is in it, since paths of projects are absolute.
const FOLDER: &str = "operation:";

/// The methods that can begin the name of an operation.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Splits the name of an operation in the resource and the rest: an id or a route.
pub fn split_name(word: &str) -> Option<(&str, &str)> {
    let (resource, operation) = word.split_once(':')?;
    let is_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let is_route = operation.split_once(' ').is_some_and(|(method, _)| {
        METHODS
            .iter()
            .any(|known| method.eq_ignore_ascii_case(known))
    });
    let is_id = !operation.starts_with(['/', '\\', '=']) && !operation.contains(' ');
    let is_operation = !resource.is_empty() && resource.chars().all(is_name);
    (is_operation && (is_route || is_id)).then_some((resource, operation))
}

/// Returns true for the path of an operation.
pub fn is_operation(path: &Path) -> bool {
    path.starts_with(FOLDER)
}

/// Returns the name of the operation at such a path.
pub fn name_at(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(FOLDER).ok()?;
    let (resource, id) = inside.to_str()?.split_once('/')?;
    Some(format!("{resource}:{id}"))
}

impl Project {
    /// Returns the path of an operation, by its name.
    ///
    /// # Errors
    ///
    /// If there is no such resource, or its API no such operation.
    pub(super) fn operation_path(&self, word: &str) -> Option<Result<PathBuf, Diagnostic>> {
        let (resource, wanted) = split_name(word)?;
        Some(
            self.operation_of(resource, wanted)
                .map(|(_, description, index)| {
                    let id = &description.entries()[index].id;
                    Path::new(FOLDER).join(resource).join(id)
                }),
        )
    }

    fn operation_of(
        &self,
        resource: &str,
        wanted: &str,
    ) -> Result<(&ResourceFile, Rc<Description>, usize), Diagnostic> {
        let unknown = |words: String| Diagnostic::general(Code::UnknownQuery, words);
        let (file, description) = self.described_resource(resource)?;
        if let Some(index) = description.find(wanted) {
            return Ok((file, description, index));
        }
        let words = if wanted.is_empty() {
            format!("`{resource}:` names no operation")
        } else {
            format!("`{resource}` has no operation `{wanted}`")
        };
        Err(unknown(words)
            .maybe_help(near_operation(resource, wanted, &description))
            .help(format!("list them with `runner list {resource}:`")))
    }

    /// Returns a resource whose API is described.
    ///
    /// # Errors
    ///
    /// If there is no such resource, or no description that can be used.
    pub fn described_resource(
        &self,
        name: &str,
    ) -> Result<(&ResourceFile, Rc<Description>), Diagnostic> {
        let Some(file) = self.resources.iter().find(|file| file.name == name) else {
            let known = self.resources.iter().map(|file| file.name.as_str());
            let hint = name::hint(name, known);
            let words = format!("no resource `{name}`, whose operations could be used");
            return Err(Diagnostic::general(Code::UnknownResource, words).maybe_help(hint));
        };
        let Some(description) = self.description_of(file) else {
            let words = format!("the API of the resource `{name}` has no description");
            let takes_file = file.kind().is_some_and(Speak::takes_openapi);
            let help = takes_file.then_some("name an OpenAPI document as its `openapi`");
            return Err(Diagnostic::general(Code::UnknownQuery, words).maybe_help(help));
        };
        Ok((file, description?))
    }

    /// Returns the resources whose APIs are described.
    pub fn described_resources(&self) -> impl Iterator<Item = (&ResourceFile, ReadDescription)> {
        let files = self.resources.iter();
        files.filter_map(|file| Some((file, self.description_of(file)?)))
    }

    /// Returns the members of a body that are secret by the description of an API. `endpoint` may have
    /// templates.
    pub fn secret_members(&self, resource: &str, method: &str, endpoint: &str) -> Vec<String> {
        let Ok((_, description)) = self.described_resource(resource) else {
            return Vec::new();
        };
        let path = endpoint.split('?').next().unwrap_or_default();
        let segments = path.split('/').filter(|part| !part.is_empty());
        let segments: Vec<Segment> = segments
            .map(|part| {
                if part.contains("{{") {
                    Segment::Value
                } else {
                    Segment::Literal(part.to_owned())
                }
            })
            .collect();
        match description.matching(method, &segments) {
            RouteMatch::One(index) => description.operation(index).secrets.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns the query of an operation, to be written to a file.
    ///
    /// # Errors
    ///
    /// If there is no such operation.
    pub fn operation_draft(&self, word: &str) -> Result<Draft, Diagnostic> {
        let (resource, wanted) = split_name(word).unwrap_or((word, ""));
        let (file, description, index) = self.operation_of(resource, wanted)?;
        let any = file.base.iter().chain(file.environments.values()).next();
        let Some(any) = any else {
            let words = format!("the resource `{resource}` could not be read");
            return Err(Diagnostic::general(Code::UnknownResource, words));
        };
        Ok(of_operation(description.operation(index), any))
    }

    /// Returns the text of an operation's query, by its path.
    pub(super) fn operation_source(&self, path: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
        let name = name_at(path).unwrap_or_default();
        let draft = self.operation_draft(&name)?;
        Ok(SourceFile::new(name, path, draft.to_yaml()))
    }
}

/// Returns a hint on the operation that was meant: another method of the same path, or a similar name.
fn near_operation(resource: &str, wanted: &str, description: &Description) -> Option<String> {
    let entries = description.entries();
    let Some((method, path)) = wanted.split_once(' ') else {
        let near = name::nearest(wanted, entries.iter().map(|entry| entry.id.as_str()));
        return near.map(|near| format!("did you mean `{resource}:{near}`?"));
    };
    let is_path = |entry: &&Entry| entry.path.trim_matches('/') == path.trim().trim_matches('/');
    let methods: Vec<&str> = entries
        .iter()
        .filter(is_path)
        .map(|entry| entry.method.as_str())
        .collect();
    if !methods.is_empty() {
        let methods = name::one_of(&methods).replace(" or ", " and ");
        return Some(format!("the path takes {methods}"));
    }
    let same = entries
        .iter()
        .filter(|entry| entry.method.eq_ignore_ascii_case(method));
    let paths: Vec<&str> = same.map(|entry| entry.path.as_str()).collect();
    let near = name::nearest(path.trim(), paths)?;
    Some(format!(
        "did you mean `{resource}:{} {near}`?",
        method.to_uppercase()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::diagnostic::Diagnostics;
    use crate::project::Trust;

    #[test]
    fn every_operation_is_a_query_that_its_description_accepts() {
        let here = Path::new("/");
        let trust = Trust::new(&std::collections::BTreeMap::new());
        let project = Project::built_in(here, &["json"], &trust);
        let mut count = 0;
        for (file, description) in project.described_resources() {
            let description = description.expect("a built-in description");
            for entry in description.entries() {
                let name = format!("{}:{}", file.name, entry.id);
                let query = project
                    .query_named(&name)
                    .unwrap_or_else(|faults| panic!("{name}: {:?}", faults.into_sorted()));
                assert_eq!(query.name, name);
                let by_route = project.query_named(&format!("{}:{entry}", file.name));
                assert_eq!(by_route.expect("the same").name, name);
                let mut faults = Diagnostics::new();
                project.check_route(&query, &mut faults);
                let faults = faults.into_sorted();
                let is_deprecation = |fault: &Diagnostic| fault.code == Code::ApiDeprecated;
                assert!(faults.iter().all(is_deprecation), "{name}: {faults:?}");
                count += 1;
            }
        }
        assert_eq!(count, 114 + 87);
    }

    #[test]
    fn an_operation_has_the_name_of_its_resource() {
        for (word, expected) in [
            (
                "circleci:listEnvironments",
                Some(("circleci", "listEnvironments")),
            ),
            ("circleci:GET /deploy", Some(("circleci", "GET /deploy"))),
            ("github:repos/get", Some(("github", "repos/get"))),
            ("circleci:get /deploy", Some(("circleci", "get /deploy"))),
            ("circleci:", Some(("circleci", ""))),
            ("C:\\queries\\a.yaml", None),
            ("built-in:/queries/a", None),
            ("name:=1", None),
            ("a b:c", None),
            ("circleci:no such", None),
            ("plain", None),
        ] {
            assert_eq!(split_name(word), expected, "{word}");
        }
    }
}

//! Chooses the resource of a query in an environment.

use std::collections::BTreeSet;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::name;
use crate::project::{Project, Query, ResourceFile};
use crate::resource::Resource;

impl Project {
    /// Returns the resource of a query in an environment; `None` if it sends no request.
    ///
    /// # Errors
    ///
    /// If its file is invalid, or the environment does not exist.
    pub fn resource_of(
        &self,
        query: &Query,
        environment: Option<&str>,
    ) -> Result<Option<Resource>, Diagnostics> {
        let Some(call) = query.call() else {
            return Ok(None);
        };
        let name = &call.resource;
        let file = self
            .resources
            .iter()
            .find(|file| *file.name == *name.value)
            .ok_or_else(|| {
                let words = format!("no resource `{}`", name.value);
                let fault = Diagnostic::at(&name.place, Code::UnknownResource, words);
                Diagnostics::from(fault)
            })?;
        self.in_environment(file, environment).map(Some)
    }

    /// Returns the names of the environments of all resources, sorted.
    pub fn environment_names(&self) -> Vec<String> {
        let files = self.resources.iter();
        let names = files.flat_map(|file| file.environments.keys().cloned());
        let names: BTreeSet<String> = names.collect();
        names.into_iter().collect()
    }

    /// Returns a resource in an environment.
    ///
    /// # Errors
    ///
    /// As [`Project::resource_of`].
    pub fn in_environment(
        &self,
        file: &ResourceFile,
        environment: Option<&str>,
    ) -> Result<Resource, Diagnostics> {
        let faults = self
            .resource_faults
            .iter()
            .filter(|(source, _)| source.name() == file.source.name());
        if let Some((_, faults)) = faults.into_iter().next() {
            return Err(faults.clone());
        }
        let known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
        let usual = self.settings.environment.as_ref();
        let environment = environment.or(usual.map(|name| &*name.value));
        let resource = match environment {
            None => file.base.as_ref(),
            Some(name) => match file.environments.get(name) {
                Some(resource) => Some(resource),
                // The environment belongs to another resource: this one is the same everywhere.
                None if known.is_empty() && self.has_environment(name) => file.base.as_ref(),
                None => {
                    let fault = self.unknown_environment(file, name);
                    let written = usual.filter(|usual| std::ptr::eq(&raw const *usual.value, name));
                    return Err(match written {
                        Some(usual) => fault.moved_to(&usual.place),
                        None => fault,
                    }
                    .into());
                }
            },
        };
        resource.cloned().ok_or_else(|| {
            let words = format!("the resource `{}` requires an environment", file.name);
            Diagnostics::from(
                Diagnostic::at(&file.place, Code::NeedsEnvironment, words)
                    .help(format!("choose one with `--env`: {}", name::one_of(&known))),
            )
        })
    }

    /// Reports the environment of `runner.yaml` for each resource that does not have it. Resources
    /// without environments are the same everywhere, if another one has it.
    pub(super) fn check_environment(&self, faults: &mut Diagnostics) {
        let Some(wanted) = &self.settings.environment else {
            return;
        };
        // A file that cannot be read may have it.
        if !self.resource_faults.is_empty() {
            return;
        }
        let is_known = self.has_environment(&wanted.value);
        let lacking = self.resources.iter().filter(|file| {
            let is_same_everywhere = file.environments.is_empty();
            let has_it = file.environments.contains_key(&*wanted.value);
            !has_it && (!is_known || !is_same_everywhere)
        });
        for file in lacking {
            let fault = self.unknown_environment(file, &wanted.value);
            faults.push(fault.moved_to(&wanted.place));
        }
    }

    fn has_environment(&self, name: &str) -> bool {
        self.resources
            .iter()
            .any(|file| file.environments.contains_key(name))
    }

    fn unknown_environment(&self, file: &ResourceFile, wanted: &str) -> Diagnostic {
        let mut known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
        if known.is_empty() {
            known = self
                .resources
                .iter()
                .flat_map(|file| file.environments.keys().map(String::as_str))
                .collect();
            known.sort_unstable();
            known.dedup();
        }
        let words = format!("the resource `{}` has no environment `{wanted}`", file.name);
        Diagnostic::at(&file.place, Code::UnknownEnvironment, words).help(if known.is_empty() {
            "no resource of the project has `environments`".to_owned()
        } else {
            format!(
                "available: {}",
                known
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        })
    }
}

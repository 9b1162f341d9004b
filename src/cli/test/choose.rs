//! Chooses the cases that a command line names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::test::{Task, TestArgs};
use crate::core::code::Code;
use crate::core::name;
use crate::project::testing::{Case, TestFile};
use crate::project::{Project, Query};
use crate::resource::Resource;

/// Returns the files and folders that the names are about, so that faults of others do not matter.
/// All, if one of them is neither.
pub fn below(project: &Project, names: &[String], app: &App) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for name in names {
        let before = paths.len();
        let name = plain(name);
        let starts = [
            project.tests_folder(),
            project.root().to_path_buf(),
            app.working_directory.clone(),
        ];
        for start in &starts {
            let file = start.join(format!("{name}.yaml"));
            let folder = start.join(name);
            paths.extend([file].into_iter().filter(|path| path.is_file()));
            paths.extend([folder].into_iter().filter(|path| path.is_dir()));
            let case_of = name.rsplit_once('/').map(|(file, _)| file);
            let file = case_of.map(|file| start.join(format!("{file}.yaml")));
            paths.extend(file.filter(|path| path.is_file()));
        }
        paths.retain(|path| path.starts_with(project.tests_folder()));
        if paths.len() == before {
            return Vec::new();
        }
    }
    paths
}

/// Returns a name as it is compared: `./tests/parts/` → `tests/parts`.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix("./").unwrap_or(name);
    let name = name.trim_end_matches('/');
    name.strip_suffix(".yaml").unwrap_or(name)
}

/// Returns true if a name stands for a case: that of the case, of its file, or of a folder above.
fn is_named(wanted: &str, file: &TestFile, case: &Case, app: &App) -> bool {
    let wanted = plain(wanted);
    let rest = wanted.strip_prefix(&file.name);
    let of_case = rest.and_then(|rest| rest.strip_prefix('/'));
    let is_above = |name: &str| {
        let rest = name.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
    };
    let path = app.working_directory.join(wanted);
    is_above(&file.name)
        || of_case.is_some_and(|wanted| wanted == case.name || wanted == case.slug)
        || is_above(plain(file.source.name()))
        || path.is_dir() && file.source.path().starts_with(&path)
}

/// Chooses the cases.
///
/// # Errors
///
/// If a name is unknown, or nothing is left.
pub fn tasks<'t>(
    project: &Project,
    files: &'t [TestFile],
    args: &TestArgs,
    app: &App,
) -> Result<Vec<Task<'t>>, Failure> {
    let all = files
        .iter()
        .flat_map(|file| file.cases.iter().map(move |case| (file, case)));
    let all: Vec<(&TestFile, &Case, String)> = all
        .map(|(file, case)| (file, case, format!("{}/{}", file.name, case.name)))
        .collect();
    if all.is_empty() {
        return Err(
            Failure::usage(Code::NoTest, "the project has no tests").help(
                "write cases to `tests/QUERY.yaml`, or record one: `runner record QUERY/usual`",
            ),
        );
    }
    for wanted in &args.names {
        if !all
            .iter()
            .any(|(file, case, _)| is_named(wanted, file, case, app))
        {
            let files = files.iter().map(|file| file.name.as_str());
            let names = all.iter().map(|(_, _, name)| name.as_str());
            let near = name::nearest(wanted, files.chain(names));
            let failure = Failure::usage(Code::NoTest, format!("no test `{wanted}`"));
            return Err(match near {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("list them with `runner test --list`"),
            });
        }
    }
    let chosen = all.into_iter().filter(|(file, case, name)| {
        let names = &args.names;
        (names.is_empty() || names.iter().any(|wanted| is_named(wanted, file, case, app)))
            && args
                .filter
                .as_ref()
                .is_none_or(|filter| matches(filter, name))
    });
    let mut tasks = Vec::new();
    for (file, case, _) in chosen {
        let resources = resources(project, &file.query, case)?;
        tasks.push(Task {
            file,
            case,
            resources,
        });
    }
    if tasks.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        let words = format!("no case matches `{filter}`");
        return Err(Failure::usage(Code::NoTest, words).help("list them with `runner test --list`"));
    }
    Ok(tasks)
}

/// Returns the resources of a query and those it uses, in the environment of a case.
///
/// # Errors
///
/// If one of them cannot be read.
pub fn resources(
    project: &Project,
    query: &Query,
    case: &Case,
) -> Result<BTreeMap<String, Arc<Resource>>, Failure> {
    let mut resources = BTreeMap::new();
    for query in query.with_fed_by() {
        let found = project.resource_of(query, case.environment.as_deref());
        if let Some(resource) = found.map_err(Failure::from_diagnostics)? {
            resources.insert(resource.name.clone(), Arc::new(resource));
        }
    }
    Ok(resources)
}

/// Returns true if a name contains a pattern, whose `*` matches anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut rest = name;
    for part in pattern.split('*') {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

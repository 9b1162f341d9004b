//! The queries of a project that are tools, and those that are not.
//!
//! A query is a tool if it and everything that feeds it only read: judged by what their requests
//! are, never by a name. A query that writes is one only if the person who started the server named
//! it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::failure::Failure;
use crate::cli::mcp::options::ServeArgs;
use crate::cli::mcp::tool_name;
use crate::cli::store_place;
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::core::name;
use crate::core::pattern;
use crate::core::text::counted;
use crate::project::query::Call;
use crate::project::{Project, Query};
use crate::resource::Resource;
use crate::template::DocumentKind;

/// More tools than this confuse models, and some clients refuse them.
const MANY: usize = 40;

/// The effect of a tool on the server that it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Its requests read, as their methods or the API say.
    Reads,
    /// Its requests read, as only their file says.
    DeclaredToRead,
    /// Its requests write.
    Writes,
}

impl Effect {
    /// Returns the effect of a query with everything that feeds it.
    pub fn of(query: &Query) -> Self {
        let queries = query.with_fed_by();
        let calls = || queries.iter().filter_map(|query| query.call());
        if calls().any(|call| !call.is_safe) {
            Self::Writes
        } else if calls().any(|call| call.is_declared_safe) {
            Self::DeclaredToRead
        } else {
            Self::Reads
        }
    }
}

/// A query that is served as a tool.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The name of the tool.
    pub name: String,
    /// The query.
    pub query: Arc<Query>,
    /// Its effect.
    pub effect: Effect,
}

/// The reason why a query is no tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotServed {
    /// Its file has faults, or another one that it needs: which has its path.
    Broken(Option<String>),
    /// Its file says `mcp: false`.
    Hidden,
    /// `--only` does not name it.
    NotChosen,
    /// It writes, or a query that feeds it does: with the method and its query.
    Writes(String),
    /// A request is only safe by `safe: true`, and its file does not say `mcp: true`.
    OnlyDeclared(String),
    /// It writes files.
    Downloads,
    /// It reads a store, and there is none.
    NoStore,
    /// It needs a value for a secret var.
    NeedsSecret(String),
    /// It reports in HTML only.
    OnlyHtml,
    /// The access of a resource forbids it.
    Forbidden(String, &'static str),
    /// The demo does not imitate the API of a resource.
    BeyondDemo(String),
    /// A resource has a fault, or no such environment.
    NoResource(String),
    /// Its name has no form as the name of a tool.
    NoName(String),
    /// Another query has the same name as a tool.
    SameName(String),
}

impl NotServed {
    /// Describes the reason.
    pub fn words(&self) -> String {
        match self {
            Self::Broken(None) => "its file has faults: see `runner check`".to_owned(),
            Self::Broken(Some(file)) => format!("`{file}` has faults: see `runner check`"),
            Self::Hidden => "its file says `mcp: false`".to_owned(),
            Self::NotChosen => "`--only` does not name it".to_owned(),
            Self::Writes(request) => format!("it writes: {request}"),
            Self::OnlyDeclared(request) => format!(
                "{request} is safe only because its file says so, and the file of this query does \
                 not say `mcp: true`"
            ),
            Self::Downloads => "it writes files".to_owned(),
            Self::NoStore => "it reads a store, and there is none: see `runner sync`".to_owned(),
            Self::NeedsSecret(var) => {
                format!("its var `{var}` is secret, has no default, and must not be an argument")
            }
            Self::OnlyHtml => "its report is HTML only".to_owned(),
            Self::Forbidden(resource, access) => format!("the resource `{resource}` is {access}"),
            Self::BeyondDemo(resource) => {
                format!("the demo does not imitate the API of the resource `{resource}`")
            }
            Self::NoResource(resource) => {
                format!("the resource `{resource}` cannot be used: see `runner check`")
            }
            Self::NoName(why) => format!("its name {why}"),
            Self::SameName(other) => format!("`{other}` would be the same tool"),
        }
    }
}

/// The tools of a project.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The tools, sorted by name.
    pub tools: Vec<Tool>,
    /// The queries that are not served, sorted by name, with the reason.
    pub others: Vec<(String, NotServed)>,
}

impl Catalog {
    /// Decides for each query of a project.
    pub fn of(project: &Project, args: &ServeArgs, app: &App) -> Self {
        let paths = project.query_files(&mut Diagnostics::new());
        Self::of_paths(&paths, project, args, app)
    }

    /// Decides for the queries that a name of a tool can mean. Only their files are read.
    pub fn of_name(wanted: &str, project: &Project, args: &ServeArgs, app: &App) -> Self {
        let tool = tool_name::of_query(wanted).unwrap_or_else(|_| wanted.to_owned());
        let is_meant = |name: &String| {
            name == wanted || tool_name::of_query(name).is_ok_and(|name| name == tool)
        };
        let meant = project.named().iter().filter(|(name, _)| is_meant(name));
        let paths: Vec<PathBuf> = meant.map(|(_, path)| path.clone()).collect();
        Self::of_paths(&paths, project, args, app)
    }

    fn of_paths(paths: &[PathBuf], project: &Project, args: &ServeArgs, app: &App) -> Self {
        let has_store = store_place::exists(args.demo, project, app);
        let mut catalog = Self::default();
        let mut named: BTreeMap<String, Vec<Tool>> = BTreeMap::new();
        for path in paths {
            match project.query_at(path) {
                Err(faults) => {
                    let why = NotServed::Broken(elsewhere(&faults, path));
                    catalog.others.push((project.name_of(path), why));
                }
                Ok(query) if is_ambiguous(project, &query.name) => {
                    let why = NotServed::SameName(query.name.clone());
                    catalog.others.push((query.name.clone(), why));
                }
                Ok(query) if query.reads_store() && !has_store => {
                    catalog
                        .others
                        .push((query.name.clone(), NotServed::NoStore));
                }
                Ok(query) => match tool(project, &query, args) {
                    Err(why) => catalog.others.push((query.name.clone(), why)),
                    Ok(tool) => named.entry(tool.name.clone()).or_default().push(tool),
                },
            }
        }
        for mut tools in named.into_values() {
            if tools.len() == 1 {
                catalog.tools.append(&mut tools);
                continue;
            }
            for (index, tool) in tools.iter().enumerate() {
                let other = &tools[usize::from(index == 0)].query.name;
                let why = NotServed::SameName(other.clone());
                catalog.others.push((tool.query.name.clone(), why));
            }
        }
        catalog.others.sort_by(|left, right| left.0.cmp(&right.0));
        catalog
    }

    /// Returns a tool by its own name or that of its query.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        let by_name = self.tools.iter().find(|tool| tool.name == name);
        by_name.or_else(|| self.tools.iter().find(|tool| tool.query.name == name))
    }

    /// Returns the faults of a query's file, if they are why it is no tool.
    pub fn faults_of(&self, name: &str, project: &Project) -> Option<Failure> {
        let is_meant = |query: &String| {
            query == name || tool_name::of_query(query).is_ok_and(|tool| tool == name)
        };
        let mut others = self.others.iter();
        let (query, _) =
            others.find(|(query, why)| matches!(why, NotServed::Broken(_)) && is_meant(query))?;
        project
            .query_named(query)
            .err()
            .map(Failure::from_diagnostics)
    }

    /// Describes the tools in a few lines.
    pub fn summary(&self, args: &ServeArgs) -> Vec<String> {
        let served = counted(self.tools.len() as u64, "query tool");
        let mut lines = vec![format!(
            "serving {served}; not served: {} (see `runner mcp tools`)",
            self.others.len()
        )];
        lines.extend(self.warnings(args));
        lines
    }

    /// Describes the tools that a user may miss, and too many tools.
    pub fn warnings(&self, args: &ServeArgs) -> Vec<String> {
        let mut lines = Vec::new();
        let mut broken: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
        for (name, why) in &self.others {
            if let NotServed::Broken(file) = why {
                let names = broken.entry(file.as_deref()).or_default();
                names.push(format!("`{name}`"));
            }
        }
        for (file, names) in broken {
            let why = match file {
                None => "their files have faults".to_owned(),
                Some(file) => format!("`{file}` has faults"),
            };
            let names = names.join(", ");
            lines.push(format!("warning: not served, since {why}: {names}"));
        }
        let queries = self.tools.iter().map(|tool| &tool.query.name);
        let queries: Vec<&String> = queries
            .chain(self.others.iter().map(|(name, _)| name))
            .collect();
        let is_unused = |only: &&String| {
            !pattern::matches(only, tool_name::RUN_OPERATION)
                && !queries.iter().any(|query| is_meant_by(only, query))
        };
        let unused = args.only.iter().filter(is_unused);
        let unused: Vec<String> = unused.map(|only| format!("`{only}`")).collect();
        if !unused.is_empty() {
            let unused = unused.join(", ");
            lines.push(format!("warning: `--only` matches no query with {unused}"));
        }
        if self.tools.len() > MANY {
            let served = counted(self.tools.len() as u64, "query tool");
            lines.push(format!(
                "warning: {served} are more than models and some clients take well; choose with \
                 `--only`"
            ));
        }
        lines
    }

    /// Checks that the named queries that write exist, write, and are served.
    ///
    /// # Errors
    ///
    /// The first name that is not as expected.
    pub fn check_writers(&self, named: &[String]) -> Result<(), Failure> {
        for wanted in named {
            let found = self.tools.iter().find(|tool| tool.query.name == *wanted);
            let refused = self.others.iter().find(|(name, _)| name == wanted);
            let words = match (found, refused) {
                (Some(tool), _) if tool.effect == Effect::Writes => continue,
                (Some(_), _) => {
                    format!("`--allow-write {wanted}`: this query only reads, and is served anyway")
                }
                (None, Some((_, why))) => {
                    format!(
                        "`--allow-write {wanted}`: this query cannot be served: {}",
                        why.words()
                    )
                }
                (None, None) => {
                    let words = format!("`--allow-write {wanted}`: no query `{wanted}`");
                    let tools = self.tools.iter().map(|tool| tool.query.name.as_str());
                    let others = self.others.iter().map(|(name, _)| name.as_str());
                    let near = name::nearest(wanted, tools.chain(others));
                    let failure = Failure::usage(Code::UnknownQuery, words);
                    return Err(match near {
                        _ if wanted.contains(['*', '?', ',']) => {
                            failure.help("it takes the name of one query, not a pattern")
                        }
                        Some(near) => failure.help(format!("did you mean `{near}`?")),
                        None => failure.help("`runner list` shows the names"),
                    });
                }
            };
            return Err(Failure::usage(Code::Mcp, words));
        }
        Ok(())
    }
}

/// Returns the path of a file with faults, if they are not in the query's own.
fn elsewhere(faults: &Diagnostics, path: &Path) -> Option<String> {
    let mut files = faults
        .iter()
        .filter_map(|fault| Some(&fault.place.as_ref()?.file));
    let first = files.next()?;
    let is_own = first.path() == path || files.any(|file| file.path() == path);
    (!is_own).then(|| first.name().to_owned())
}

/// As [`Catalog::check_writers`], without reading the files of other queries: the first message is
/// answered soon.
///
/// # Errors
///
/// As [`Catalog::check_writers`].
pub fn check_writers(project: &Project, args: &ServeArgs, app: &App) -> Result<(), Failure> {
    for name in &args.allow_write {
        let catalog = Catalog::of_name(name, project, args, app);
        let is_known = catalog.tool(name).is_some() || !catalog.others.is_empty();
        if !is_known {
            // The message names one that is near.
            return Catalog::of(project, args, app).check_writers(&args.allow_write);
        }
        catalog.check_writers(std::slice::from_ref(name))?;
    }
    Ok(())
}

/// Notes the queries of a project that read, and are no tools only because of their names.
pub fn notes_on_names(project: &Project) -> Vec<Diagnostic> {
    let mut notes = Vec::new();
    let mut named: BTreeMap<String, Arc<Query>> = BTreeMap::new();
    for path in project.query_files(&mut Diagnostics::new()) {
        let Ok(query) = project.query_at(&path) else {
            continue;
        };
        if query.mcp == Some(false) || Effect::of(&query) != Effect::Reads {
            continue;
        }
        let words = match tool_name::of_query(&query.name) {
            Err(why) => format!(
                "`{}` is not served by `runner mcp`: its name {why}",
                query.name
            ),
            Ok(name) => match named.insert(name.clone(), Arc::clone(&query)) {
                None => continue,
                // Two queries of one name are a fault of their own.
                Some(other) if other.name == query.name => continue,
                Some(other) => format!(
                    "`{}` and `{}` are not served by `runner mcp`: both would be the tool `{name}`",
                    other.name, query.name
                ),
            },
        };
        let mut note = Diagnostic::general(Code::Mcp, words);
        note.severity = Severity::Note;
        notes.push(note);
    }
    notes
}

/// Returns true if several files have queries of this name.
fn is_ambiguous(project: &Project, name: &str) -> bool {
    let named = project.named().iter();
    named.filter(|(known, _)| known == name).count() > 1
}

/// Decides for a query of the project's files.
fn tool(project: &Project, query: &Arc<Query>, args: &ServeArgs) -> Result<Tool, NotServed> {
    if query.mcp == Some(false) {
        return Err(NotServed::Hidden);
    }
    let is_allowed = args.allow_write.contains(&query.name);
    let mut only = args.only.iter();
    let is_chosen = args.only.is_empty() || only.any(|only| is_meant_by(only, &query.name));
    if !is_chosen && !is_allowed {
        return Err(NotServed::NotChosen);
    }
    let effect = Effect::of(query);
    if effect == Effect::Writes && !is_allowed {
        let writing = request_where(query, |call| !call.is_safe);
        return Err(NotServed::Writes(writing));
    }
    // What feeds a query that writes is asked before anything is confirmed.
    let is_declared = |fed_by: &&Query| {
        let is_declared = fed_by.call().is_some_and(|call| call.is_declared_safe);
        is_declared && fed_by.mcp != Some(true)
    };
    let mut fed_by = query.with_fed_by().into_iter().skip(1);
    if effect == Effect::Writes && fed_by.any(|fed_by| is_declared(&fed_by)) {
        let declared = request_where(query, |call| call.is_declared_safe);
        return Err(NotServed::OnlyDeclared(declared));
    }
    if effect == Effect::DeclaredToRead && query.mcp != Some(true) {
        let declared = request_where(query, |call| call.is_declared_safe);
        return Err(NotServed::OnlyDeclared(declared));
    }
    check_use(project, query, args)?;
    let name = tool_name::of_query(&query.name).map_err(NotServed::NoName)?;
    Ok(Tool {
        name,
        query: Arc::clone(query),
        effect,
    })
}

/// Returns true if a pattern of `--only` matches a query or its tool.
fn is_meant_by(only: &str, query: &str) -> bool {
    pattern::matches(only, query)
        || tool_name::of_query(query).is_ok_and(|tool| pattern::matches(only, &tool))
}

/// Decides for an operation of an API, which has no file: it is served if it reads.
///
/// # Errors
///
/// Why it is not served.
pub fn operation(
    project: &Project,
    query: &Arc<Query>,
    args: &ServeArgs,
) -> Result<Tool, NotServed> {
    if Effect::of(query) != Effect::Reads {
        return Err(NotServed::Writes(request_where(query, |_| true)));
    }
    check_use(project, query, args)?;
    Ok(Tool {
        name: query.name.clone(),
        query: Arc::clone(query),
        effect: Effect::Reads,
    })
}

/// Checks what a tool needs, whatever its effect.
fn check_use(project: &Project, query: &Query, args: &ServeArgs) -> Result<(), NotServed> {
    if query.with_fed_by().iter().any(|query| query.is_download()) {
        return Err(NotServed::Downloads);
    }
    let mut vars = query.vars.iter();
    if let Some(var) = vars.find(|var| var.secret && var.required) {
        return Err(NotServed::NeedsSecret(var.name.clone()));
    }
    if let Some(report) = &query.report {
        let mut documents = report.documents.iter();
        if documents.all(|document| document.kind() == DocumentKind::Html) {
            return Err(NotServed::OnlyHtml);
        }
    }
    let connect = args.connect();
    for asking in query.with_fed_by() {
        let found = project.resource_of(asking, connect.environment());
        let resource = match found {
            Ok(None) => continue,
            Ok(Some(resource)) => resource,
            Err(_) => {
                let name = asking.call().map(|call| call.resource.value.to_string());
                return Err(NotServed::NoResource(name.unwrap_or_default()));
            }
        };
        if !may_use(&resource, asking) {
            let access = resource.access.name();
            return Err(NotServed::Forbidden(resource.name.clone(), access));
        }
        if args.demo && !World::can_answer_for(&resource) {
            return Err(NotServed::BeyondDemo(resource.name.clone()));
        }
    }
    Ok(())
}

fn may_use(resource: &Resource, query: &Query) -> bool {
    if query.is_safe() {
        resource.access.may_read()
    } else {
        resource.access.may_write()
    }
}

/// Returns the first request of a query and its dependencies for which a condition holds:
/// ``POST of `trigger-pipeline` ``.
fn request_where(query: &Query, holds: impl Fn(&Call) -> bool) -> String {
    let queries = query.with_fed_by();
    let mut calls = queries
        .iter()
        .filter_map(|query| Some((query, query.call()?)));
    let found = calls.find(|(_, call)| holds(call));
    found.map_or_else(String::new, |(asking, call)| {
        if asking.name == query.name {
            format!("{} {}", call.method, call.address.source())
                .trim_end()
                .to_owned()
        } else {
            format!("{} of `{}`", call.method, asking.name)
        }
    })
}

#[cfg(test)]
#[path = "catalog/tests.rs"]
mod tests;

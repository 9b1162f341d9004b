//! The queries to sync, each bound as a job.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::failure::Failure;
use crate::cli::options::ConnectArgs;
use crate::cli::{error_hints, run, setup};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::engine::sync::Job;
use crate::plan::{Inputs, PlanError};
use crate::project::{Project, Query};

/// Returns the queries to sync, with their project: the named ones, or all that are kept.
///
/// # Errors
///
/// If a query cannot be read or is not kept, or none is.
pub fn chosen(names: &[String], app: &App) -> Result<(Rc<Project>, Vec<Arc<Query>>), Failure> {
    let mut project = None;
    let mut wanted: Vec<Arc<Query>> = Vec::new();
    for name in names {
        let (found, query) = run::find(name, app)?;
        let query = query.map_err(Failure::from_diagnostics)?;
        if query.keeping.is_none() {
            let words = format!("`{}` is not kept: it has no `store`", query.name);
            return Err(Failure::usage(Code::Store, words).help(
                "add `store: { key: id }` to the query, with the column that identifies a row",
            ));
        }
        project.get_or_insert(Rc::new(found));
        wanted.push(query);
    }
    let project = match project {
        Some(project) => project,
        None => Rc::new(setup::project_here(app)?),
    };
    if names.is_empty() {
        for name in project.query_names().map(str::to_owned).collect::<Vec<_>>() {
            match project.query_named(&name) {
                Ok(query) if query.keeping.is_some() => wanted.push(query),
                // Its table would silently be left out.
                Err(faults) if keeps_rows(&faults) => {
                    return Err(Failure::from_diagnostics(faults));
                }
                // Another query with a fault has no part in this.
                Ok(_) | Err(_) => {}
            }
        }
        if wanted.is_empty() {
            return Err(
                Failure::usage(Code::Store, "no query of the project has `store`").help(
                    "add `store: { key: id }` to a query, with the column that identifies a row",
                ),
            );
        }
    }
    Ok((project, wanted))
}

/// Returns true if the faults are those of a file with `store`.
fn keeps_rows(faults: &Diagnostics) -> bool {
    let mut places = faults.iter().filter_map(|fault| fault.place.as_ref());
    places.any(|place| {
        place
            .file
            .text()
            .lines()
            .any(|line| line.starts_with("store:"))
    })
}

/// Prepares the syncs of queries, each after those of the tables that it depends on.
///
/// # Errors
///
/// If a query cannot be bound, or none has a var that is given.
pub fn prepare(
    project: &Rc<Project>,
    queries: Vec<Arc<Query>>,
    given: &Inputs,
    world: &World,
    connect: &ConnectArgs,
    app: &App,
) -> Result<Vec<Job>, Failure> {
    let mut jobs = Vec::new();
    let mut known = BTreeSet::new();
    for query in queries {
        known.extend(query.vars.iter().map(|var| var.name.clone()));
        let job = self::job(project, query, given, world, connect, app)?;
        add_job(job, project, world, connect, &mut jobs, app)?;
    }
    refuse_unknown_vars(given, &known)?;
    Ok(jobs)
}

/// Adds a query after the kept ones that its items come from, with the vars that it gives them.
fn add_job(
    job: Job,
    project: &Rc<Project>,
    world: &World,
    connect: &ConnectArgs,
    jobs: &mut Vec<Job>,
    app: &App,
) -> Result<(), Failure> {
    let failed =
        |error: PlanError, job: &Job| error_hints::plan_error_in(&error, &job.binding, app);
    let identity = job.identity(None).map_err(|error| failed(error, &job))?;
    let is_known = |known: &Job| {
        known.query.source.path() == job.query.source.path()
            && known.identity(None).is_ok_and(|known| known == identity)
    };
    if jobs.iter().any(is_known) {
        return Ok(());
    }
    if let Some((parent, inputs)) = job.parent().map_err(|error| failed(error, &job))? {
        let parent = self::job(project, parent, &inputs, world, connect, app)?;
        add_job(parent, project, world, connect, jobs, app)?;
    }
    jobs.push(job);
    Ok(())
}

fn job(
    project: &Rc<Project>,
    query: Arc<Query>,
    given: &Inputs,
    world: &World,
    connect: &ConnectArgs,
    app: &App,
) -> Result<Job, Failure> {
    let binding = world.binding(project, &query, connect, app)?;
    let mut inputs = given.clone();
    inputs.retain(|name, _| query.var(name).is_some());
    let columns = project.record_schema(&query).into_iter();
    let columns = columns.map(|column| {
        let kind = column.table_type();
        (column.name, kind)
    });
    let keeping = query
        .keeping
        .clone()
        .ok_or_else(|| Failure::usage(Code::Store, format!("`{}` is not kept", query.name)))?;
    Ok(Job {
        columns: columns.collect(),
        keeping,
        binding,
        inputs,
        query,
    })
}

fn refuse_unknown_vars(given: &Inputs, known: &BTreeSet<String>) -> Result<(), Failure> {
    for name in given.keys() {
        if !known.contains(name) {
            let words = format!("none of the queries has a var `{name}`");
            return Err(Failure::usage(Code::UnknownVar, words));
        }
    }
    Ok(())
}

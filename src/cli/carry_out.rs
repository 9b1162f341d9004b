//! Runs plans over the network: checks what they may do, prepares outputs, cache and downloads.

use std::path::Path;
use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::cache::RunCache;
use crate::cli::execute::Execution;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::{CacheArgs, MessageArgs, RunOptions};
use crate::cli::output::Writers;
use crate::cli::state::State;
use crate::cli::{confirm, connect, error_hints, execute, store_place};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::engine::{Downloads, ExecutionOptions, Write};
use crate::plan::{Plan, RequestPlan};
use crate::project::load;
use crate::sink::Folder;

/// Prints the requests that the plans would write.
pub fn preview(plans: &[Rc<Plan>], options: &RunOptions, app: &Rc<App>) -> Result<Exit, Stopped> {
    plans
        .iter()
        .try_for_each(|plan| confirm::check_preview(plan))?;
    admit(plans, options, app)?;
    let execution = ExecutionOptions {
        fail_fast: options.fail_fast,
        remembers: true,
        ..ExecutionOptions::default()
    };
    connect::block_on(
        &options.connect,
        app,
        options.messages,
        Some(execution),
        async |session| {
            let mut exit = Exit::Done;
            for plan in plans {
                exit = exit.max(confirm::preview(plan, &session, options, app).await?);
            }
            Ok(exit)
        },
    )
}

/// Refuses, before the first request, plans without a credential or permission to write; asks
/// before single writes.
pub fn admit(plans: &[Rc<Plan>], options: &RunOptions, app: &App) -> Result<(), Failure> {
    let has_credential = |requests: RequestPlan<'_>| {
        requests
            .check_credential()
            .map_err(|error| error_hints::plan_error(&error, Some(requests.resource()), app))
    };
    execute::admit(plans, options, &has_credential, app)
}

/// Runs the plans and writes their results.
///
/// # Errors
///
/// The first failure.
pub fn carry_out(plans: &[Rc<Plan>], options: &RunOptions, app: &Rc<App>) -> Result<Exit, Stopped> {
    admit(plans, options, app)?;
    let mut writers = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let place = (plans.len() > 1).then_some(index);
        writers.push(Writers::new(plan, options, place, app)?);
    }
    if options.results.csv.is_some() && !writers.iter().any(Writers::write_csv) {
        let words = "`--csv` has no effect: no output is CSV";
        return Err(Failure::usage(Code::Csv, words)
            .help("add `-o csv`, or `--out` with a `.csv` file")
            .into());
    }
    if options.store.is_some() && !plans.iter().any(|plan| plan.query.reads_store()) {
        let words = "`--store` has no effect: no query reads kept records";
        return Err(Failure::usage(Code::Store, words)
            .help("under `data`, use `{ store: NAME }`; `runner sync` writes to a store")
            .into());
    }
    let states = states(plans, options, app)?;
    let execution = Execution::new(plans, options, app);
    let cache = cache(plans, options, app);
    let engine_options = ExecutionOptions {
        fail_fast: options.fail_fast,
        unordered: options.unordered,
        remembers: execute::remembers(plans),
        cache: cache.as_ref().map(RunCache::cache),
        downloads: downloads(plans, options, app)?,
        shard: options.shard,
        store: store_place::read_by(plans, options.store.as_deref(), options.connect.demo, app)?,
        ..ExecutionOptions::default()
    };
    let result = connect::block_on(
        &options.connect,
        app,
        options.messages,
        Some(engine_options),
        async |session| execution.run(&session, writers, &states).await,
    );
    if let Some(cache) = cache {
        cache.finish(app, options.messages.quiet);
    }
    let result = result.map_err(|stopped| match stopped {
        Stopped::Closed => Stopped::Closed,
        Stopped::Failed(failure) => execution.how_far(failure).into(),
    });
    name_unconfirmed(result, &execution.unconfirmed(), options, app)
}

/// Returns the folder for downloads, if a query has them: `--out`, or the working directory.
fn downloads(
    plans: &[Rc<Plan>],
    options: &RunOptions,
    app: &App,
) -> Result<Option<Downloads>, Failure> {
    if !plans.iter().any(|plan| plan.query.is_download()) {
        return Ok(None);
    }
    let folder = match options.results.out.as_slice() {
        [] => None,
        [folder] => Some(folder.as_path()),
        _ => {
            let words = "downloads go to one folder, and `--out` is given several times";
            return Err(Failure::usage(Code::Out, words));
        }
    };
    let here = &app.working_directory;
    if let Some(folder) = folder.filter(|folder| is_no_folder(&here.join(folder), folder)) {
        let words = format!(
            "`--out` takes the folder for the downloads, and `{}` is not a folder",
            folder.display()
        );
        return Err(Failure::usage(Code::Out, words));
    }
    let run = plans.iter().map(|plan| plan.root.clone());
    let around = folder.and_then(|folder| load::root_of(&here.join(folder)));
    // Where there is no project, files could make one.
    let around_here = load::root_of(here).or_else(|| Some(here.clone()));
    let projects = run.chain(around).chain(around_here).collect();
    Ok(Some(Downloads {
        folder: Rc::new(Folder::new(here, folder, projects)),
        refreshes: options.cache.refresh,
    }))
}

/// Returns true if a path is something other than a folder, or standard output.
fn is_no_folder(path: &Path, given: &Path) -> bool {
    given.as_os_str() == "-" || (path.exists() && !path.is_dir())
}

/// Adds the requests that may have been carried out although no response confirms it, to any
/// result.
pub fn name_unconfirmed(
    result: Result<Exit, Stopped>,
    writes: &[Write],
    options: &RunOptions,
    app: &App,
) -> Result<Exit, Stopped> {
    if writes.is_empty() {
        return result;
    }
    match result {
        Err(Stopped::Failed(failure)) if failure.diagnostics.is_empty() => {
            Err(failure.unconfirmed(writes).may_have_written().into())
        }
        result => {
            let requests = counted(writes.len() as u64, "request");
            let words = format!("{requests} may have been carried out nevertheless");
            Failure::new(Exit::Partial, Code::Unconfirmed, words)
                .unconfirmed(writes)
                .help("check before sending anything again")
                .show(app, options.messages.error_format);
            match result {
                Err(Stopped::Failed(failure)) => Err(failure.into()),
                Ok(exit) if exit != Exit::Done => Ok(exit),
                _ => Ok(Exit::Partial),
            }
        }
    }
}

/// Returns the cache, if a query uses it.
fn cache(plans: &[Rc<Plan>], options: &RunOptions, app: &App) -> Option<RunCache> {
    let is_demo = options.connect.demo;
    cache_of(plans, options.cache, is_demo, options.messages, app)
}

/// Returns the cache, if a query uses it. Responses of the demo are not cached, since they are not
/// real.
pub fn cache_of(
    plans: &[Rc<Plan>],
    args: CacheArgs,
    is_demo: bool,
    messages: MessageArgs,
    app: &App,
) -> Option<RunCache> {
    let is_wanted = plans
        .iter()
        .flat_map(|plan| plan.query.with_fed_by())
        .any(|query| query.call().is_some_and(|call| call.cache.is_some()));
    if !is_wanted || is_demo {
        return None;
    }
    RunCache::new(args, app, messages.quiet)
}

/// Opens the states of the queries, each locked until the run is over.
fn states(
    plans: &[Rc<Plan>],
    options: &RunOptions,
    app: &App,
) -> Result<Vec<Option<State>>, Failure> {
    let states = plans.iter().map(|plan| {
        let folder = options.state.as_ref();
        folder
            .map(|folder| State::open(folder, plan, app))
            .transpose()
    });
    states.collect()
}

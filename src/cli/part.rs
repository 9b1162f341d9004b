//! `runner run --part`: runs parts of a divided walk.

pub mod open;

#[cfg(unix)]
mod guard;
#[cfg(not(unix))]
#[path = "part/guard_none.rs"]
mod guard;
mod records;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::json;

use crate::cli::app::App;
use crate::cli::cache::RunCache;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::options::{CacheArgs, ConnectArgs, MessageArgs, RunOptions};
use crate::cli::part::guard::Parent;
use crate::cli::part::open::{Opened, Use};
use crate::cli::part::records::PartRecords;
use crate::cli::shard::{Numbers, ShardArg};
use crate::cli::{carry_out, connect, error_hints, outcome};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::engine::{self, ExecutionOptions, RunErrorKind, RunReport, Session, TaggedSite};
use crate::format;
use crate::parts::{Facts, Group, PartOf, PlanOf};
use crate::plan::{Plan, Site};
use crate::project::load;

/// The maximum number of kinds of failure that a part tells.
const KINDS: usize = 20;

/// The parts to run, and options.
pub struct PartArgs<'a> {
    /// `PLAN#K`, or `-`.
    pub part: &'a str,
    /// Chooses parts by their numbers.
    pub shard: Option<ShardArg>,
    /// The file of the records.
    pub out: Option<&'a Path>,
    /// Options of the cache.
    pub cache: CacheArgs,
    /// Options of connections.
    pub connect: &'a ConnectArgs,
    /// Options of messages.
    pub messages: MessageArgs,
}

/// Runs parts, and shows what failed: the last line on standard error is a summary.
pub fn run(args: &PartArgs<'_>, app: &Rc<App>) -> Exit {
    let mut facts = Facts::default();
    let mut is_worth_a_retry = false;
    let exit = match run_part(args, &mut facts, app) {
        Ok(Ended { exit, retry }) => {
            is_worth_a_retry = retry;
            exit
        }
        Err(stopped) => {
            let failure = match stopped {
                Stopped::Failed(failure) => failure,
                Stopped::Closed => crate::cli::shutdown::Cause::ReaderGone.failure(),
            };
            is_worth_a_retry |= is_passing(&failure);
            failure.show(app, args.messages.error_format);
            facts.complete = false;
            failure.exit
        }
    };
    say_summary(&facts, exit, is_worth_a_retry, args.messages, app);
    exit
}

/// The end of a part's run.
struct Ended {
    exit: Exit,
    /// True if it may well succeed if it is run again.
    retry: bool,
}

/// Returns true if the same part may succeed if it is run again: after a network error, an
/// interruption, or an error of the server that is not about the request.
fn is_passing(failure: &Failure) -> bool {
    match failure.exit {
        Exit::Network | Exit::Interrupted => true,
        Exit::Refused => match failure.code {
            Code::Http(status) => status >= 500 || status == 429,
            _ => false,
        },
        _ => false,
    }
}

/// Refuses a file whose name says another format.
fn check_name(out: &Path) -> Result<(), Failure> {
    let extension = out.extension().map(|extension| extension.to_string_lossy());
    let other = extension
        .and_then(|extension| format::by_extension(&extension))
        .filter(|format| format.name != format::NDJSON.name);
    other.map_or(Ok(()), |other| {
        let words = format!(
            "a part is written as NDJSON, and `{}` is the name of a file of {}",
            out.display(),
            other.name
        );
        Err(Failure::usage(Code::Out, words)
            .help("name it `part-K.ndjson`: `runner merge` writes any format"))
    })
}

fn run_part(args: &PartArgs<'_>, facts: &mut Facts, app: &Rc<App>) -> Result<Ended, Stopped> {
    // Before the plan is read: the parent may end as soon as it has written it.
    let parent = Parent::now();
    args.out.map_or(Ok(()), check_name)?;
    let document = chosen(args, app)?;
    let parts: Vec<&PartOf> = document.parts.iter().flatten().collect();
    facts.plan.clone_from(&document.id);
    facts.of.clone_from(&document.of);
    facts.parts = parts.iter().map(|part| part.part).collect();
    facts.items = parts.iter().map(|part| part.items).sum();
    let mut connect = args.connect.clone();
    connect.share = connect.share.or_else(|| share(&document));
    let opened = open::open(&document, Use::Part, &connect, args.messages, app)?;
    // A plan of the demo is run with it, and with no shared budget.
    connect.demo = document.demo;
    let plan = &opened.plan;
    let plans = std::slice::from_ref(plan);
    carry_out::admit(plans, &RunOptions::default(), app)?;
    let mut delivery = PartRecords::open(args.out, plan, app)?;
    parent.watch(&app.shutdown, delivery.is_stream());
    let items = tagged(&opened, &parts);
    let cache = carry_out::cache_of(plans, args.cache, connect.demo, args.messages, app);
    let execution = ExecutionOptions {
        remembers: true,
        cache: cache.as_ref().map(RunCache::cache),
        ..ExecutionOptions::default()
    };
    let Opened { level, data, .. } = &opened;
    let delivered = &mut delivery;
    let requests = Cell::new(0);
    let work = async |session: Rc<Session>| {
        let data = std::sync::Arc::clone(data);
        let report = engine::run_part(plan, &session, level, items, data, delivered).await;
        requests.set(match &report {
            Ok(report) => report.requests,
            Err(failed) => failed.requests,
        });
        finished(plan, report, &session, args.messages, app)
    };
    let reported = connect::block_on(&connect, app, args.messages, Some(execution), work);
    if let Some(cache) = cache {
        cache.finish(app, args.messages.quiet);
    }
    facts.records = delivery.records();
    facts.requests = requests.get();
    let Found {
        report,
        exit,
        unmet,
    } = reported?;
    tell(facts, plan, &report, &parts, app);
    facts.counts = delivery.counts(&parts);
    if !matches!(exit, Exit::Done | Exit::Partial) {
        // Nothing was found: a file would look like an answer.
        return Ok(Ended {
            exit,
            retry: has_passing_failure(plan, &report, app),
        });
    }
    delivery.finish(facts)?;
    if let Some(failure) = unmet {
        failure.show(app, args.messages.error_format);
        return Ok(Ended {
            exit: failure.exit,
            retry: false,
        });
    }
    Ok(Ended {
        exit,
        retry: exit == Exit::Partial && has_passing_failure(plan, &report, app),
    })
}

/// Reads the plan, and leaves only the chosen parts in it.
fn chosen(args: &PartArgs<'_>, app: &App) -> Result<PlanOf, Failure> {
    if args.part == "-" {
        let mut document = open::read(Path::new("-"), app)?;
        let Some(part) = document.part.take() else {
            let words = "the document on standard input has no `part`";
            return Err(Failure::usage(Code::PlanFile, words)
                .help("it is the plan with `part`, one of its parts, in place of `parts`"));
        };
        document.parts = Some(vec![part]);
        return Ok(document);
    }
    let (path, numbers) = match (args.part.rsplit_once('#'), args.shard) {
        (Some((path, numbers)), None) => (path, Numbers::parse(numbers)?),
        (None, Some(shard)) => (args.part, Numbers::of_shard(shard, app)?),
        (Some(_), Some(_)) => {
            let words = "`--part PLAN#K` names its parts, and `--shard` chooses others";
            return Err(Failure::usage(Code::PlanFile, words));
        }
        (None, None) => {
            let words = format!("`--part {}` does not say which part", args.part);
            return Err(Failure::usage(Code::PlanFile, words).help(format!(
                "write `{0}#3`, `{0}#3,11`, or add `--shard auto`",
                args.part
            )));
        }
    };
    let real = |path: &Path| load::real_path(&app.working_directory.join(path));
    if args
        .out
        .is_some_and(|out| real(out) == real(Path::new(path)))
    {
        let words = format!("`--out {path}` would replace the plan");
        return Err(Failure::usage(Code::Out, words));
    }
    let mut document = open::read(&PathBuf::from(path), app)?;
    let all = document.parts.take().unwrap_or_default();
    document.parts = Some(numbers.choose(all, path)?);
    Ok(document)
}

/// Returns the share of the rate limit that a part has: that of one of those that run at once.
fn share(document: &PlanOf) -> Option<std::num::NonZeroU32> {
    std::num::NonZeroU32::new(document.at_once)
}

/// Returns the items of parts in the order of the walk.
fn tagged(opened: &Opened, parts: &[&PartOf]) -> Vec<TaggedSite> {
    let plan = &opened.level.plan;
    let indexed = parts.iter().flat_map(|part| part.indexed());
    let mut items: Vec<TaggedSite> = indexed
        .map(|(index, names)| {
            let start: Site = plan.site();
            let site = names.iter().fold(start, |site, (name, item)| {
                plan.site_with(&site, name, item)
            });
            TaggedSite {
                tag: Some(index),
                site,
            }
        })
        .collect();
    items.sort_by_key(|item| item.tag);
    items
}

/// The end of the walk of parts.
struct Found {
    report: RunReport,
    exit: Exit,
    /// The last expectation of inner queries that is not met. The records are valid regardless.
    unmet: Option<Failure>,
}

/// Reports the end of the walk.
fn finished(
    plan: &Plan,
    report: Result<RunReport, Box<engine::FailedRun>>,
    session: &Session,
    messages: MessageArgs,
    app: &App,
) -> Result<Found, Stopped> {
    let report = report.map_err(|failed| match &failed.error.kind {
        RunErrorKind::Sink(error) => Stopped::from_output(error),
        _ => outcome::report_failed(plan, &failed, messages, app).into(),
    })?;
    for note in report.notes.iter().filter(|_| !messages.quiet) {
        app.eprintln(&format!("note: {note}"));
    }
    if report.is_stopped {
        // The cause of the stop is reported elsewhere.
        return Err(Stopped::Closed);
    }
    let exit = match outcome::report_run(plan, &report, session, messages, app) {
        // What is wrong with all items of a part is not wrong with all of the walk: the file says so,
        // and the merge tells it.
        Exit::Refused | Exit::Expectation | Exit::Usage => Exit::Partial,
        exit => exit,
    };
    let unmet = outcome::report_unmet(plan, &report.unmet, messages, app);
    Ok(Found {
        report,
        exit,
        unmet,
    })
}

/// Adds what a report says to the facts.
fn tell(facts: &mut Facts, plan: &Plan, report: &RunReport, parts: &[&PartOf], app: &App) {
    let ledger = &report.ledger;
    let cuts: u64 = ledger.cuts().iter().map(|cut| cut.count).sum();
    facts.requests = report.requests;
    facts.failures = (ledger.count() + cuts).max(u64::from(!report.is_whole()));
    facts.complete = report.is_whole();
    let all = parts.iter().flat_map(|part| part.indexed());
    let all = all.map(|(index, _)| index);
    let is_known = !report.incomplete.all && !report.incomplete.items.is_empty();
    facts.incomplete = match (facts.complete, is_known) {
        (true, _) => Vec::new(),
        (false, true) => report.incomplete.items.iter().copied().collect(),
        // What failed belongs to no item: any may lack records.
        (false, false) => all.collect(),
    };
    let groups = ledger.failures().iter().take(KINDS).map(|failures| {
        let example = error_hints::run_error(&failures.example, plan, app);
        Group {
            query: failures.example.query.clone(),
            code: example.code.to_string(),
            count: failures.count,
            example: app.scrubber.text(&example.message).into_owned(),
        }
    });
    let cuts = ledger.cuts().iter().map(|cut| Group {
        query: cut.query.clone(),
        code: Code::Cut.to_string(),
        count: cut.count,
        example: format!("a listing of `{}` was cut", cut.query),
    });
    facts.groups = groups.chain(cuts).collect();
    let unmet = report.unmet.errors.iter().map(|error| {
        let message = error_hints::run_error(error, plan, app).message;
        app.scrubber.text(&message).into_owned()
    });
    facts.unmet = unmet.collect();
    facts.failed = report.failures.list.to_vec().unwrap_or_default();
}

/// Returns true if a failure may be gone the next time.
fn has_passing_failure(plan: &Plan, report: &RunReport, app: &App) -> bool {
    let mut failures = report.ledger.failures().iter();
    failures.any(|failures| is_passing(&error_hints::run_error(&failures.example, plan, app)))
}

/// Prints the summary, the last line on standard error.
fn say_summary(facts: &Facts, exit: Exit, retry: bool, messages: MessageArgs, app: &App) {
    let parts = &facts.parts;
    if messages.error_format == ErrorFormat::Json {
        let summary = json!({
            "level": "summary",
            "plan": (!facts.plan.is_empty()).then_some(&facts.plan),
            "part": if parts.len() == 1 { parts.first() } else { None },
            "parts": parts,
            "items": facts.items,
            "records": facts.records,
            "failures": facts.failures,
            "requests": facts.requests,
            "complete": facts.complete,
            "exit_code": exit.code(),
            "retry": retry,
        });
        return app.eprintln(&summary.to_string());
    }
    if messages.quiet || facts.plan.is_empty() {
        return;
    }
    if parts.is_empty() {
        return app.eprintln("no parts: this share has none");
    }
    let numbers: Vec<String> = parts.iter().map(u32::to_string).collect();
    let noun = if parts.len() == 1 { "part" } else { "parts" };
    let incomplete = match (facts.complete, retry) {
        (true, _) => "",
        (false, true) => ", incomplete: run it again",
        (false, false) => ", incomplete",
    };
    app.eprintln(&format!(
        "{noun} {}: {}, {}, {}{incomplete}",
        numbers.join(", "),
        counted(facts.items, "item"),
        counted(facts.records, "record"),
        counted(facts.requests, "request"),
    ));
}

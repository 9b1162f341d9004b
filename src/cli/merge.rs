//! `runner merge`: completes a walk from the files of its parts.

mod order;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::merge::order::{Damaged, InOrder};
use crate::cli::options::{self, ConnectArgs, MessageArgs, ResultArgs, RunOptions};
use crate::cli::output::{ReportFacts, ResultContext, WriterDelivery, Writers};
use crate::cli::part::open::{self, Use};
use crate::cli::part_files::PartFiles;
use crate::cli::{connect, outcome};
use crate::core::code::Code;
use crate::engine::{self, ResultKind, RunReport};
use crate::format::Format;
use crate::parts::PlanOf;
use crate::plan::Plan;
use crate::project::load;

const EXAMPLES: &str = "\
Examples:
  runner merge plan.json part-*.ndjson --out jobs.csv
  runner merge plan.json part-*.ndjson again-*.ndjson -o table";

/// The maximum number of numbers or files that are listed.
const LISTED: usize = 20;

/// Options of `merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP))]
pub struct MergeArgs {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,

    /// The files of its parts, in any order
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[arg(short, long, value_name = "FORMAT", value_parser = options::format_name,
        help = options::format_help(|_| true))]
    pub output: Option<&'static Format>,

    #[command(flatten)]
    pub results: ResultArgs,

    #[command(flatten)]
    pub messages: MessageArgs,
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &MergeArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let document = open::read_whole(&args.plan, app)?;
    let connect = ConnectArgs::default();
    let opened = open::open(&document, Use::Merge, &connect, quiet(args.messages), app)?;
    let plan = &opened.plan;
    let parts = PartFiles::read(&document, &args.files, app);
    if parts.files.is_empty() && document.count() > 0 {
        // An empty result would replace a file that has one.
        return Ok(tell(&document, &parts, args.messages, app));
    }
    refuse_inputs_as_outputs(args, app)?;
    let options = RunOptions {
        output: args.output,
        results: args.results.clone(),
        messages: args.messages,
        ..RunOptions::default()
    };
    let writers = Writers::new(plan, &options, None, app)?;
    if writers.result_kind() == ResultKind::Content {
        let words = "`-o raw` prints a response, and parts have records";
        return Err(Failure::usage(Code::Out, words).into());
    }
    let writer = RefCell::new(Some(writers));
    let is_partial = !document.complete || !parts.are_whole();
    let work = async |session| {
        let mut delivery = WriterDelivery {
            writer: &writer,
            plan,
            app,
            messages: args.messages,
            stored: None,
        };
        let mut in_order = InOrder::new(plan, &parts, is_partial);
        let data = Arc::clone(&opened.data);
        let report = engine::merge(plan, &session, &mut in_order, data, &mut delivery).await;
        report.map_err(|failed| match failed.error.kind {
            engine::RunErrorKind::Sink(error) => unread(&error),
            _ => outcome::report_failed(plan, &failed, args.messages, app).into(),
        })
    };
    let report = connect::block_on(&connect, app, args.messages, None, work)?;
    let is_closed = write(plan, &report, &writer, args.messages, app)?;
    let exit = tell(&document, &parts, args.messages, app);
    let unmet = parts.unmet();
    for words in unmet.iter().take(LISTED) {
        Failure::new(Exit::Expectation, Code::Expectation, words.as_str())
            .show(app, args.messages.error_format);
    }
    match outcome::report_unmet(plan, &report.unmet, args.messages, app) {
        None if !unmet.is_empty() => Ok(Exit::Expectation),
        None if is_closed && exit == Exit::Done => Err(Stopped::Closed),
        None => Ok(exit),
        Some(failure) => Err(failure.into()),
    }
}

/// Refuses to write to a file that is read.
fn refuse_inputs_as_outputs(args: &MergeArgs, app: &App) -> Result<(), Failure> {
    let real = |path: &PathBuf| load::real_path(&app.working_directory.join(path));
    let inputs: Vec<PathBuf> = args.files.iter().chain([&args.plan]).map(real).collect();
    let written = args
        .results
        .out
        .iter()
        .find(|out| inputs.contains(&real(out)));
    written.map_or(Ok(()), |out| {
        let words = format!(
            "`--out {}` would replace a file that is merged",
            out.display()
        );
        Err(Failure::usage(Code::Out, words))
    })
}

/// Converts an error of reading or writing records.
fn unread(error: &io::Error) -> Stopped {
    let damaged = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Damaged>());
    match damaged {
        Some(damaged) => Failure::usage(Code::PartFile, damaged.to_string())
            .help("run its part again")
            .into(),
        None => Stopped::from_output(error),
    }
}

/// Returns the options without notes about how requests are sent: there are none.
fn quiet(messages: MessageArgs) -> MessageArgs {
    MessageArgs {
        quiet: true,
        ..messages
    }
}

/// Completes the outputs. Returns true if their reader is gone.
fn write(
    plan: &Rc<Plan>,
    report: &RunReport,
    writer: &RefCell<Option<Writers>>,
    messages: MessageArgs,
    app: &App,
) -> Result<bool, Stopped> {
    let Some(writers) = writer.take() else {
        return Ok(false);
    };
    for note in report.notes.iter().filter(|_| !messages.quiet) {
        app.eprintln(&format!("note: {note}"));
    }
    let facts = writers.have_report().then(|| ReportFacts {
        plan: Rc::clone(plan),
        data: Arc::clone(&report.data),
        run: engine::run_facts(plan, report.requests, report.is_partial),
        failures: report.failures.clone(),
        previous: json!({}),
        is_quiet: messages.quiet,
        cover: None,
    });
    let context = ResultContext {
        content: &[],
        report: facts.as_ref(),
    };
    writers.complete(&context, messages.quiet, app)
}

/// Tells what is missing.
fn tell(document: &PlanOf, parts: &PartFiles, messages: MessageArgs, app: &App) -> Exit {
    if document.complete && parts.are_whole() {
        return Exit::Done;
    }
    let mut words = Vec::new();
    let told = [
        ("missing", &parts.missing),
        ("incomplete", &parts.incomplete),
        ("doubled", &parts.doubled),
    ];
    for (what, list) in told.iter().filter(|(_, list)| !list.is_empty()) {
        words.push(format!("{what}: {}", numbers(list)));
    }
    if !parts.unused.is_empty() {
        words.push(match parts.unused.len() {
            1 => "1 file is not used".to_owned(),
            count => format!("{count} files are not used"),
        });
    }
    if !document.complete {
        words.push("the plan itself is incomplete".to_owned());
    }
    let name = &document.query;
    let head = if parts.wanting.is_empty() && document.complete {
        format!("all parts of `{name}` are there, but not they alone")
    } else {
        format!("the parts of `{name}` are not whole")
    };
    let message = format!("{head}: {}", words.join("; "));
    let mut failure = Failure::new(Exit::Partial, Code::Parts, message);
    if messages.error_format == ErrorFormat::Json {
        for (what, list) in told {
            failure = failure.fact(what, list.clone());
        }
        failure = failure.fact("unused", parts.unused.clone());
    }
    failure.causes = parts
        .unused
        .iter()
        .take(LISTED)
        .cloned()
        .chain(parts.groups())
        .chain(document.missing.iter().cloned())
        .collect();
    if !document.complete {
        failure = failure.help("make a new plan: what could not be listed is in no part");
    }
    if !parts.wanting.is_empty() {
        failure = failure.help(
            "run these parts again, or their failed items alone: `runner plan --from-failures PLAN FILE…`",
        );
    }
    failure.show(app, messages.error_format);
    Exit::Partial
}

/// Lists numbers.
fn numbers(list: &[u32]) -> String {
    let shown: Vec<String> = list.iter().take(LISTED).map(u32::to_string).collect();
    let shown = shown.join(", ");
    match list.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

//! `runner api`: one request without a query file, for a first look at an answer.
//!
//! The request is a [`Draft`] of a query file, which is read and run like any other. The first
//! response decides how it is shown: a list as its records, anything but JSON as it is. It is sent
//! once.

mod first;
mod request;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::api::first::FirstResponse;
use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::execute::Execution;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, Stopped};
use crate::cli::new_query::NewQuery;
use crate::cli::options::{self, ConnectArgs, MessageArgs, ResultArgs, RunOptions};
use crate::cli::output::Writers;
use crate::cli::{carry_out, connect, dry_run, error_hints, outcome, setup};
use crate::core::code::Code;
use crate::core::json;
use crate::engine::{self, Discard, Exchange, ExecutionOptions, ResultKind, RunReport, Session};
use crate::format::{Format, RAW};
use crate::plan::{Inputs, Plan};
use crate::project::Project;
use crate::project::draft::{Draft, columns_of, records_of, rows_of};

const EXAMPLES: &str = "\
Examples:
  runner api /me
  runner api /me --demo
  runner api /project/gh/acme/web/pipeline -F branch=main --all -o csv
  runner api circleci-v3 /users -f 'filter[user_id]=me'
  runner api -X POST /project/gh/acme/web/pipeline --json branch=main --yes
  runner api /project/gh/acme/web/pipeline --save my-pipelines";

/// Options of `api`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "runner api [OPTIONS] [RESOURCE] <ENDPOINT>",
    after_help = format!("{EXAMPLES}\n\n{}", crate::cli::exit::HELP)
)]
pub struct ApiArgs {
    /// Path below the base URL of the resource, or its whole URL; `?a=b` adds parameters
    ///
    /// The resource is named before it. Without one, it is the resource that a whole URL belongs to,
    /// `circleci`, or the only one of the project. Templates can use `env`, `git` and `now()`.
    #[arg(value_name = "ENDPOINT", num_args = 1..=2, required = true)]
    pub words: Vec<String>,

    /// Method (default: GET, or POST with a body)
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub method: Option<String>,

    /// Add a URL parameter: NAME=VALUE or NAME:=JSON
    #[arg(
        short = 'f',
        short_alias = 'F',
        visible_alias = "field",
        long = "param",
        value_name = "NAME=VALUE"
    )]
    pub params: Vec<String>,

    /// Add a member to the JSON body: NAME=VALUE or NAME:=JSON
    #[arg(long, value_name = "NAME=VALUE", conflicts_with_all = ["body", "form"])]
    pub json: Vec<String>,

    /// Add a field to the body, a URL-encoded form
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "body")]
    pub form: Vec<String>,

    /// Send this body: text, @FILE, or `-` for standard input; sent as JSON if it is JSON
    #[arg(long, value_name = "BODY", allow_hyphen_values = true)]
    pub body: Option<String>,

    /// Add a header field
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,

    /// Declare that the request changes nothing, whatever its method (no confirmation)
    #[arg(long)]
    pub safe: bool,

    /// JSONPath of the records (default: the list in the answer, if it is one)
    #[arg(long, value_name = "JSONPATH")]
    pub rows: Option<String>,

    /// Request all pages (default: the first one)
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,

    /// Return at most this many records, from as many pages as that takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    #[arg(short, long, value_name = "FORMAT", value_parser = options::row_format_name,
        help = options::row_format_help())]
    pub output: Option<&'static Format>,

    #[command(flatten)]
    pub results: ResultArgs,

    /// Write the request and the columns of the answer to `queries/NAME.yaml`
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,

    /// Send a request that writes, without prompting for confirmation
    #[arg(short, long)]
    pub yes: bool,

    /// Print the request with masked secrets, and send nothing
    #[arg(long, conflicts_with = "curl")]
    pub dry_run: bool,

    /// Print the equivalent curl command, and send nothing
    #[arg(long)]
    pub curl: bool,

    #[command(flatten)]
    pub connect: ConnectArgs,

    #[command(flatten)]
    pub messages: MessageArgs,
}

impl ApiArgs {
    /// Returns the format of errors.
    pub fn error_format(&self) -> ErrorFormat {
        self.messages.error_format
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            output: self.output,
            results: self.results.clone(),
            yes: self.yes,
            connect: self.connect.clone(),
            messages: self.messages,
            ..RunOptions::default()
        }
    }

    /// Returns true if the first page is enough.
    fn reads_one_page(&self) -> bool {
        !self.all && self.limit.is_none()
    }
}

/// Runs the verb.
///
/// # Errors
///
/// The first failure.
pub fn run(args: &ApiArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    app.shutdown.limit(args.connect.timeout);
    let project = setup::project_here(app)?;
    setup::note_built_in(&project, args.messages.quiet, app);
    let new_query = args
        .save
        .as_ref()
        .map(|name| NewQuery::new(name, &project, app))
        .transpose()?;
    let draft = request::draft(args, &project, app)?;
    let world = World::new(app, &args.connect, args.messages, None)?;
    let look = Look {
        args,
        project: &project,
        world: &world,
        app,
    };
    let plan = look.plan(&draft)?;
    if args.dry_run || args.curl {
        let exit = dry_run::show(&[plan], args.curl, app)?;
        if let Some(new_query) = new_query {
            let draft = Draft {
                rows: args.rows.clone(),
                ..draft
            };
            new_query.write(&draft, args.messages.quiet, app)?;
        }
        return Ok(exit);
    }
    let (exit, answer) = look.carry_out(&plan, &draft)?;
    if let Some(new_query) = new_query.filter(|_| matches!(exit, Exit::Done | Exit::Partial)) {
        let saved = with_columns(draft, args.rows.as_deref(), answer.as_ref());
        new_query.write(&saved, args.messages.quiet, app)?;
    }
    Ok(exit)
}

/// Adds the rows and columns that an answer has.
fn with_columns(draft: Draft, rows: Option<&str>, answer: Option<&Value>) -> Draft {
    let Some(answer) = answer else { return draft };
    match rows {
        // The records of another path are not looked at.
        Some(rows) => Draft {
            rows: Some(rows.to_owned()),
            ..draft
        },
        None => Draft {
            rows: rows_of(answer),
            extract: columns_of(&records_of(answer)),
            ..draft
        },
    }
}

/// A first look at an answer.
struct Look<'l> {
    args: &'l ApiArgs,
    project: &'l Project,
    world: &'l World,
    app: &'l Rc<App>,
}

impl Look<'_> {
    /// Returns the plan of a draft.
    fn plan(&self, draft: &Draft) -> Result<Rc<Plan>, Failure> {
        let query = self
            .project
            .drafted_query(draft, &draft.endpoint, None)
            .map_err(Failure::from_diagnostics)?;
        let connect = &self.args.connect;
        let binding = self
            .world
            .binding(self.project, &query, connect, self.app)?;
        let mut plan = Plan::bind(Arc::new(query), &binding, &Inputs::new())
            .map_err(|error| error_hints::plan_error_in(&error, &binding, self.app))?;
        if let Some(limit) = self.args.limit {
            plan.limit_to(limit);
        }
        Ok(Rc::new(plan))
    }

    /// Sends the request and shows the answer. Returns the answer, if it is JSON.
    fn carry_out(&self, plan: &Rc<Plan>, draft: &Draft) -> Result<(Exit, Option<Value>), Stopped> {
        let (args, app) = (self.args, self.app);
        let options = args.options();
        carry_out::admit(&[Rc::clone(plan)], &options, app)?;
        // A place that cannot be written fails before anything is sent.
        drop(Writers::new(plan, &options, None, app)?);
        let first: OnceCell<Rc<FirstResponse>> = OnceCell::new();
        let around = |live: Rc<dyn Exchange>| {
            let first = first.get_or_init(|| Rc::new(FirstResponse::new(live)));
            Rc::clone(first) as Rc<dyn Exchange>
        };
        let session_kept: RefCell<Option<Rc<Session>>> = RefCell::default();
        let answer: RefCell<Option<Value>> = RefCell::default();
        let result = connect::block_on_with(
            &args.connect,
            app,
            args.messages,
            Some(ExecutionOptions::default()),
            &around,
            async |session| {
                session_kept.replace(Some(Rc::clone(&session)));
                let report = self.ask(plan, &session).await?;
                answer.replace(json::parse(&report.body).ok());
                let draft = self.shown(plan, draft, answer.borrow().as_ref());
                self.show(&draft, &report, &session).await
            },
        );
        let writes = session_kept.take();
        let writes = writes.map_or_else(Vec::new, |session| session.writes().unconfirmed());
        let exit = carry_out::name_unconfirmed(result, &writes, &options, app)?;
        Ok((exit, answer.take()))
    }

    /// Sends the request.
    async fn ask(&self, plan: &Rc<Plan>, session: &Rc<Session>) -> Result<RunReport, Stopped> {
        let report = engine::run(plan, session, ResultKind::Content, None, &mut Discard).await;
        let report = report.map_err(|failed| {
            outcome::report_failed(plan, &failed, self.args.messages, self.app)
        })?;
        if report.is_stopped {
            return Err(Stopped::Closed);
        }
        Ok(report)
    }

    /// Adds to a draft how its answer is shown.
    fn shown(&self, plan: &Plan, draft: &Draft, answer: Option<&Value>) -> Draft {
        let args = self.args;
        // A request that writes has no pages.
        let one_page = plan.is_safe() && args.reads_one_page();
        Draft {
            rows: args.rows.clone().or_else(|| rows_of(answer?)),
            paginate: one_page.then(|| json!({ "max_pages": 1 })),
            ..draft.clone()
        }
    }

    /// Shows the answer as the request's records, and requests further pages if they are wanted.
    async fn show(
        &self,
        draft: &Draft,
        report: &RunReport,
        session: &Rc<Session>,
    ) -> Result<Exit, Stopped> {
        let args = self.args;
        let mut options = args.options();
        let is_json = report.body.is_empty() || json::parse(&report.body).is_ok();
        if !is_json && options.output.is_none() {
            options.output = Some(RAW);
        }
        let shows_body = options.output.is_some_and(Format::shows_body);
        if shows_body && args.all {
            let words = "`raw` prints one response unchanged, and `--all` asks for several";
            return Err(Failure::usage(Code::Raw, words).into());
        }
        let plans = [self.plan(draft)?];
        let mut execution = Execution::new(&plans, &options, self.app);
        if args.reads_one_page() {
            execution = execution.of_first_page();
        }
        let writers = Writers::new(&plans[0], &options, None, self.app)?;
        execution.run(session, vec![writers], &[None]).await
    }
}

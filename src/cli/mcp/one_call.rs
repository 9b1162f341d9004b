//! One call of a tool.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::mcp::advice::Advice;
use crate::cli::mcp::answer::{Limits, text_result};
use crate::cli::mcp::arguments;
use crate::cli::mcp::call::{CallOutcome, CallRun, Caller, StopCause};
use crate::cli::mcp::catalog::{Catalog, Effect, Tool, operation};
use crate::cli::mcp::extra::{self, Extra};
use crate::cli::mcp::gate::WriteGate;
use crate::cli::mcp::given::{self, Given};
use crate::cli::mcp::input_schema;
use crate::cli::mcp::reply::Reply;
use crate::cli::mcp::server::{CallPlace, Server};
use crate::cli::mcp::writing::{NotConfirmed, Requests, Writing};
use crate::cli::{carry_out, confirm, outcome};
use crate::core::code::Code;
use crate::core::name;
use crate::engine::FoundItems;
use crate::plan::Plan;
use crate::project::split_operation;

/// A call of a tool. Its result is `None` if the client does not wait for it any more.
#[derive(Clone, Copy)]
pub struct OneCall<'c> {
    /// The server.
    pub server: &'c Server,
    /// The proposals of writes.
    pub writing: &'c Writing,
    /// The surroundings of the call.
    pub place: &'c CallPlace,
    /// The client.
    pub caller: &'c Caller,
}

impl OneCall<'_> {
    /// Calls a tool that reads.
    ///
    /// # Errors
    ///
    /// If an argument is invalid, or the run is refused before the first request.
    pub async fn read(
        &self,
        tool: &Tool,
        given: &Map<String, Value>,
    ) -> Result<Option<Value>, Failure> {
        let query = &tool.query;
        let mut given = given.clone();
        let most = match query.var(input_schema::MAX_RECORDS) {
            None => given.shift_remove(input_schema::MAX_RECORDS),
            Some(_) => None,
        };
        let most = most.map_or(Ok(None), |most| given::most_records(&most))?;
        let inputs = arguments::inputs(query, &given)?;
        arguments::check_needed(query, &inputs, &self.place.world.outside)?;
        let plan = self.server.plan(self.place, query, &inputs)?;
        self.run(&plan, None, most).await
    }

    /// Runs a plan and replies with its result.
    async fn run(
        &self,
        plan: &Rc<Plan>,
        approved: Option<FoundItems>,
        most: Option<usize>,
    ) -> Result<Option<Value>, Failure> {
        let limits = self.server.limits(most);
        let ran = self.runs(limits).plan(plan, approved).await?;
        Ok(self.reply(plan, limits).of(ran))
    }

    fn runs(&self, limits: Limits) -> CallRun<'_> {
        CallRun {
            server: self.server,
            place: self.place,
            caller: self.caller,
            most_records: limits.records,
        }
    }

    fn reply<'r>(&'r self, plan: &'r Plan, limits: Limits) -> Reply<'r> {
        let shows_progress = self.caller.progress_token.is_some();
        let sql_tool = Extra::Sql.name(&self.place.project);
        Reply {
            app: &self.place.app,
            limits,
            plan,
            advice: Advice::of(&plan.query, &sql_tool),
            time_limit: self.server.args.limit_words(shows_progress),
            pause: self.server.pause(),
        }
    }

    /// Calls a tool that writes: shows what it would send, or sends what was shown. One such call
    /// runs at a time.
    ///
    /// # Errors
    ///
    /// As [`OneCall::read`].
    pub async fn write(
        &self,
        tool: &Tool,
        given: &Map<String, Value>,
    ) -> Result<Option<Value>, Failure> {
        let _one_at_a_time = tokio::select! {
            turn = self.writing.turn.lock() => turn,
            cause = self.caller.stopped() => match cause {
                StopCause::Cancelled => return Ok(None),
                StopCause::Late => {
                    let words = "the call was stopped while another one that writes was running";
                    return Err(Failure::new(Exit::Network, Code::OutOfTime, words));
                }
            },
        };
        let proposals = &self.writing.proposals;
        let mut given = given.clone();
        let argument = input_schema::own_argument(&tool.query, input_schema::CONFIRM);
        let digest = digest(given.shift_remove(&argument))?;
        let proposed = digest.as_ref();
        let proposed = proposed.and_then(|digest| proposals.time_of(&tool.name, digest));
        // The files are read now, not before the turn: a lock that was set meanwhile holds. A template
        // that uses the time means that of the proposal.
        let place = self.server.place(proposed.unwrap_or(self.place.app.now))?;
        let tool = self.server.tool(&tool.query.name, &place.project);
        let Some(tool) = tool.filter(|tool| tool.effect == Effect::Writes) else {
            let words = "the query has changed meanwhile, and cannot be called any more";
            return Err(Failure::usage(Code::UnknownQuery, words));
        };
        let query = &tool.query;
        let inputs = arguments::inputs(query, &given)?;
        arguments::check_needed(query, &inputs, &place.world.outside)?;
        let call = OneCall {
            place: &place,
            ..*self
        };
        let plan = self.server.plan(&place, query, &inputs)?;
        let found = match call.find(&plan).await? {
            Found::Items(found) => *found,
            Found::Stopped(StopCause::Cancelled) => return Ok(None),
            Found::Stopped(StopCause::Late) => {
                let limits = self.server.limits(None);
                return Ok(call.reply(&plan, limits).of(CallOutcome::late()));
            }
        };
        let requests = Requests {
            plan: &plan,
            found: &found,
            files: place.project.files_of(query),
            environment: self.server.args.env.as_deref(),
        };
        let confirmed = match (&digest, proposed) {
            (None, _) => None,
            (Some(_), None) => Some(Err(NotConfirmed::Unknown)),
            (Some(digest), Some(_)) => {
                Some(proposals.take(&tool.name, digest, &requests, &place.app)?)
            }
        };
        match confirmed {
            Some(Ok(())) => call.send(&plan, found).await,
            Some(Err(why)) => call.propose(&tool, Some(why), &requests).map(Some),
            None => call.propose(&tool, None, &requests).map(Some),
        }
    }

    /// Sends what was approved.
    async fn send(&self, plan: &Rc<Plan>, found: FoundItems) -> Result<Option<Value>, Failure> {
        let mut sent = self.run(plan, Some(found), None).await?;
        if let Some(Value::Object(result)) = &mut sent {
            // A proposal has none, and both are of one tool.
            result.remove("structuredContent");
        }
        if sent.is_none() {
            let words = format!(
                "`{}` was cancelled after it was confirmed: requests may have been sent",
                plan.query.name
            );
            self.server.app.eprintln(&words);
            for message in self.place.app.messages() {
                self.server.app.eprintln(&message);
            }
        }
        Ok(sent)
    }

    /// Shows what a call would send, with the digest that confirms it.
    fn propose(
        &self,
        tool: &Tool,
        refused: Option<NotConfirmed>,
        requests: &Requests<'_>,
    ) -> Result<Value, Failure> {
        let app = &self.place.app;
        let mut parts: Vec<String> = Vec::new();
        parts.extend(refused.map(|why| why.words().to_owned()));
        parts.extend(app.messages());
        let limits = self.server.limits(None);
        if requests.is_empty() {
            parts.push("There is nothing to send.".to_owned());
            return Ok(text_result(&parts.join("\n\n"), limits, None));
        }
        let proposals = &self.writing.proposals;
        let digest = proposals.propose(&tool.name, app.now, requests, app)?;
        let argument = input_schema::own_argument(&tool.query, input_schema::CONFIRM);
        // Before the requests, since a long answer is cut.
        parts.push(format!(
            "Nothing was sent yet. To send exactly this, call again with the same arguments and \
             {argument}: \"{digest}\". It holds for 5 minutes and for one call."
        ));
        parts.push(requests.text(app)?);
        let text = parts.join("\n\n");
        Ok(text_result(&text, limits, None))
    }

    /// Finds the items of a walk that writes, and the results that its requests use.
    async fn find(&self, plan: &Rc<Plan>) -> Result<Found, Failure> {
        let place = self.place;
        let run = self.runs(self.server.limits(None));
        let options = run.options();
        carry_out::admit(&[Rc::clone(plan)], &options, &place.app)?;
        let gate = Rc::new(WriteGate::new(self.server.exchange(&place.project)));
        let session = run.session(&[Rc::clone(plan)], &gate)?;
        let work = confirm::find(plan, &session, &options, &place.app);
        let (result, stopped) = run.watched(work, Duration::ZERO, &session, &gate).await;
        let found = match (result, stopped) {
            (Ok(found), _) => found,
            (Err(Stopped::Failed(failure)), _) => return Err(failure),
            (Err(Stopped::Closed), cause) => {
                return Ok(Found::Stopped(cause.unwrap_or(StopCause::Cancelled)));
            }
        };
        // The proposal says which items are missing.
        outcome::report_items(plan, &found, options.messages, &place.app);
        for note in &found.notes {
            place.app.eprintln(&format!("note: {note}"));
        }
        Ok(Found::Items(Box::new(found)))
    }

    /// Calls a tool that is not a query.
    ///
    /// # Errors
    ///
    /// As [`OneCall::read`].
    pub async fn extra(
        &self,
        extra: Extra,
        catalog: &Catalog,
        given: &Map<String, Value>,
    ) -> Result<Option<Value>, Failure> {
        let given = Given::new(extra, given)?;
        let server = self.server;
        let limits = server.limits(None);
        let project = &self.place.project;
        let text = match extra {
            Extra::ListQueries => return extra::list(&given, catalog, limits).map(Some),
            Extra::FindOperation => {
                return extra::find(&given, project, &server.args, limits).map(Some);
            }
            Extra::RunOperation => {
                let tool = self.operation(given.text("operation")?, catalog)?;
                let mut arguments = given.object("arguments")?;
                if let Some(most) = given.most_records()?
                    && tool.query.var(input_schema::MAX_RECORDS).is_none()
                {
                    arguments.insert(input_schema::MAX_RECORDS.to_owned(), json!(most));
                }
                return self.read(&tool, &arguments).await;
            }
            Extra::Sql => {
                let plan = extra::sql(&given, server, self.place, catalog)?;
                return self.run(&plan, None, given.most_records()?).await;
            }
            Extra::ShowQuery => {
                let name = given.text("name")?;
                let tool = match catalog.tool(name) {
                    Some(tool) => tool.clone(),
                    None => self.operation(name, catalog)?,
                };
                extra::show(&tool, project)
            }
            Extra::Check => extra::check(&given, project, &self.place.app)?,
        };
        Ok(Some(text_result(&text, limits, None)))
    }

    /// Returns an operation that reads.
    fn operation(&self, wanted: &str, catalog: &Catalog) -> Result<Tool, Failure> {
        let (project, args) = (&self.place.project, &self.server.args);
        if let Some(tool) = catalog.tool(wanted) {
            let words = format!("`{wanted}` is a query: call the tool `{}`", tool.name);
            return Err(Failure::usage(Code::UnknownQuery, words));
        }
        let unknown = || {
            let words = format!("there is no query or operation `{wanted}` here");
            let failure = Failure::usage(Code::UnknownQuery, words);
            let tools = catalog.tools.iter().map(|tool| tool.query.name.clone());
            // Only what can be run is named.
            let operations = extra::named(wanted, project, args);
            let known: Vec<String> = operations.into_iter().chain(tools).collect();
            match name::nearest(wanted, known.iter().map(String::as_str)) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("find them with `list_queries` and `find_operation`"),
            }
        };
        if split_operation(wanted).is_none() {
            return Err(unknown());
        }
        let query = project.query_named(wanted).map_err(|_| unknown())?;
        if !query.is_operation() {
            return Err(unknown());
        }
        operation(project, &query, args).map_err(|_| unknown())
    }
}

/// Reads the digest that confirms a call.
fn digest(argument: Option<Value>) -> Result<Option<String>, Failure> {
    match argument {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(digest)) if digest.is_empty() => Ok(None),
        Some(Value::String(digest)) => Ok(Some(digest.trim().to_lowercase())),
        Some(_) => {
            let words = "the digest is the text that the first call returned";
            Err(Failure::usage(Code::Var, words))
        }
    }
}

/// The items of a call that writes.
enum Found {
    /// All items.
    Items(Box<FoundItems>),
    /// The call was stopped before they were found.
    Stopped(StopCause),
}

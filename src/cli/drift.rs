//! `runner test --drift`: asks the API what was recorded, and compares the shapes of the answers.
//!
//! Of a change, only what a query reads is a failure. Values are never compared: they change all
//! the time. Nothing is written, and only safe requests are sent.
//!
//! The cases are run with their recordings first ([`capture`]): so the requests are those of the
//! engine. Then some of them are sent ([`ask`]), and the answers are compared ([`compare`]).
//!
//! This verb is apart from `test`, which must not reach a network.

mod ask;
mod capture;
mod compare;
mod judge;
mod readings;
mod shape;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::error_hints;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::{ConnectArgs, MessageArgs};
use crate::cli::test::case::{self, Setting};
use crate::cli::test::show::TestFormat;
use crate::cli::test::{self, Task, TestArgs};
use crate::core::code::Code;
use crate::engine::Exchange;
use crate::plan::Plan;
use crate::project::Project;
use crate::project::testing::Tests;
use crate::recording::Recording;
use crate::recording::matching::Library;
use crate::template::Clock;

use ask::Asked;
use capture::{Capture, Captured};
use judge::Report;

/// Runs the verb.
///
/// # Errors
///
/// If files have faults, nothing matches, or nothing could be checked.
pub fn run(args: &TestArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    if args.format == TestFormat::Junit {
        let words = "`--drift` compares routes, not cases, and has no form in JUnit XML";
        return Err(Failure::usage(Code::Usage, words)
            .help("use `--format text`, `json` or `github`")
            .into());
    }
    let project = test::open(app)?;
    let Tests { files, faults, .. } = project.tests(&test::below(&project, &args.names, app));
    if !faults.is_empty() {
        return Err(Failure::from_diagnostics(faults).into());
    }
    let tasks = test::tasks(&project, &files, args, app)?;
    let messages = MessageArgs {
        quiet: args.quiet,
        ..MessageArgs::default()
    };
    let connect = ConnectArgs {
        env: args
            .env
            .clone()
            .or_else(|| app.env.get("RUNNER_ENV").cloned()),
        demo: args.demo,
        timeout: args.timeout,
        system_certs: args.system_certs,
        ..ConnectArgs::default()
    };
    let drift = Drift {
        app,
        project: &project,
        world: World::new(app, &connect, messages, None)?,
        connect,
        messages,
    };
    let mut report = Report::default();
    let mut captured = Vec::new();
    let mut recordings = 0;
    for task in &tasks {
        let Some(recording) = drift.recording(task)? else {
            continue;
        };
        recordings += 1;
        match drift.capture(task, recording) {
            Ok(requests) => captured.push(requests),
            Err(failure) => report.skip(task.name(), failure.words().to_owned(), failure.exit),
        }
    }
    if recordings == 0 {
        let words = "none of the chosen cases has a recording of its own";
        return Err(Failure::usage(Code::NoTest, words)
            .help("record one: `runner record QUERY/usual`")
            .into());
    }
    let groups = ask::choose(captured);
    let asked = drift.ask(&groups)?;
    for (group, answers) in groups.iter().zip(asked) {
        judge::judge(group, answers, &mut report);
    }
    let text = show::render(&report, args, app);
    test::put(&text, args, app)?;
    if args.out.is_some() && !args.quiet {
        app.eprintln(&show::summary(&report));
    }
    Ok(report.exit())
}

/// The requests of one case, with the plan that sends them.
struct CaseRequests {
    plan: Rc<Plan>,
    environment: Option<String>,
    requests: Vec<Captured>,
}

struct Drift<'d> {
    app: &'d Rc<App>,
    project: &'d Project,
    world: World,
    connect: ConnectArgs,
    messages: MessageArgs,
}

impl Drift<'_> {
    /// Returns a case's own recording.
    fn recording(&self, task: &Task<'_>) -> Result<Option<Recording>, Failure> {
        match test::judge::recording_of(task, self.project.root()) {
            Ok((recording, true)) => Ok(recording),
            Ok((_, false)) => Ok(None),
            Err(problems) => {
                let problem = problems.into_iter().next();
                let (words, place) = problem.map_or_else(
                    || ("a recording cannot be read".to_owned(), None),
                    |problem| (problem.message, problem.place),
                );
                let failure = Failure::usage(Code::Answers, words);
                Err(match place {
                    Some(place) => failure.at(&place),
                    None => failure,
                })
            }
        }
    }

    /// Runs a case with its recording, bound to the real resources, and returns its requests.
    fn capture(&self, task: &Task<'_>, mut recording: Recording) -> Result<CaseRequests, Failure> {
        let query = &task.file.query;
        let mut case = task.case.clone();
        let facts = case.git.clone();
        let mut world = self.world.with_git(Arc::new(move |name| {
            facts.get(name).map(|fact| fact.as_str().into())
        }));
        // Variables of a case win; secrets are only in the real environment.
        let mut env: BTreeMap<String, String> = (*self.app.env).clone();
        env.extend(case.env.clone());
        case.env.clone_from(&env);
        world.outside.env = Arc::new(env);
        world.outside.clock = Clock(case.now.unwrap_or(case::NOW));
        let mut connect = self.connect.clone();
        if connect.environment().is_none() {
            connect.env.clone_from(&case.environment);
        }
        let binding = world.binding(self.project, query, &connect, self.app)?;
        for (here, there) in world.stand_ins() {
            for recorded in &mut recording.exchanges {
                recorded.replace_text(there, &here);
            }
        }
        let inputs = case.vars.iter();
        let inputs = inputs.map(|(name, value, _)| (name.clone(), case::input(value)));
        let plan = Plan::bind(Arc::clone(query), &binding, &inputs.collect());
        let plan = plan.map_err(|error| error_hints::plan_error_in(&error, &binding, self.app))?;
        let capture: std::cell::OnceCell<Rc<Capture>> = std::cell::OnceCell::new();
        let around = |inner: Rc<dyn Exchange>| {
            let made = capture.get_or_init(|| {
                let library = Library::new(Vec::new(), recording.exchanges.clone());
                Rc::new(Capture::new(inner, library, Arc::clone(query)))
            });
            Rc::clone(made) as Rc<dyn Exchange>
        };
        let setting = Setting {
            query,
            case: &case,
            resources: binding.resources.clone(),
            recording: recording.clone(),
            root: self.project.root(),
            keeps_exchanges: false,
            covers: false,
        };
        let played = setting.play_through(&around)?;
        let requests = capture
            .get()
            .map_or_else(Vec::new, |capture| capture.take());
        if requests.is_empty() && !recording.exchanges.is_empty() {
            let line = played
                .messages
                .lines()
                .next()
                .unwrap_or("none of its requests can be sent again");
            return Err(Failure::usage(Code::Replay, line));
        }
        Ok(CaseRequests {
            plan: Rc::new(plan),
            environment: connect.environment().map(str::to_owned),
            requests,
        })
    }

    /// Sends the chosen requests. Resources of another environment have connections of their own.
    fn ask(&self, groups: &[ask::Group]) -> Result<Vec<Vec<Asked>>, Failure> {
        let mut asked: Vec<Vec<Asked>> = groups.iter().map(|_| Vec::new()).collect();
        for environment in ask::environments(groups) {
            let answers = crate::cli::connect::block_on(
                &self.connect,
                self.app,
                self.messages,
                None,
                async |session| {
                    Ok::<_, Failure>(
                        ask::send_all(&session, groups, environment.as_deref(), self.app).await,
                    )
                },
            )?;
            for (group, answer) in answers {
                asked[group].push(answer);
            }
        }
        Ok(asked)
    }
}

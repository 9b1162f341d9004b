//! The outside of verbs that send requests: the demo, the session, the runtime.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::auth::{self, InHeader};
use crate::cli::app::App;
use crate::cli::cache;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::git;
use crate::cli::options::{ConnectArgs, MessageArgs};
use crate::cli::progress::Progress;
use crate::cli::shutdown::LAST_WORDS;
use crate::cli::watch::Watch;
use crate::core::code::Code;
use crate::core::secret::Secret;
use crate::core::source::{SourceFile, Span, Text};
use crate::core::time::{TIME_EXAMPLE, parse_time};
use crate::demo::{self, Demo};
use crate::engine::{BudgetOptions, Exchange, ExecutionOptions, Live, LiveOptions, Session, Shelf};
use crate::http::{LinkHost, Observe};
use crate::plan::{Binding, Outside, SharedPlans};
use crate::project::{Project, Query};
use crate::resource::{DemoPlace, Resource, TlsFiles};
use crate::sink::Scratch;
use crate::template::{Clock, Lookup, Template};

/// The environment variable with the part of declared limits that this process uses.
const SHARE: &str = "RUNNER_SHARE";

/// The environment variable with the address of the budget that processes share.
const BUDGET: &str = "RUNNER_BUDGET";

/// The outside of a run: real, or the demo's.
#[derive(Clone)]
pub struct World {
    /// Clock, environment and git.
    pub outside: Outside,
    demo: Option<Rc<Demo>>,
}

impl World {
    /// Creates the outside of a run. Starts the demo if requested, with a note.
    pub fn new(
        app: &App,
        connect: &ConnectArgs,
        messages: MessageArgs,
        now: Option<&str>,
    ) -> Result<Self, Failure> {
        let start = if connect.demo { demo::NOW } else { app.now };
        let moment = match now {
            None => start,
            Some(text) => parse_time(text, start).ok_or_else(|| {
                Failure::usage(
                    Code::Now,
                    format!("`--now` takes {TIME_EXAMPLE}, got `{text}`"),
                )
            })?,
        };
        if !connect.demo {
            return Ok(Self {
                outside: Outside {
                    clock: Clock(moment),
                    ..Self::outside_of(app)
                },
                demo: None,
            });
        }
        Self::of_demo(app, messages, demo::Options::default(), moment)
    }

    /// Starts a demo, with a note, and creates the outside of a run at a moment in it.
    pub fn of_demo(
        app: &App,
        messages: MessageArgs,
        options: demo::Options,
        moment: Timestamp,
    ) -> Result<Self, Failure> {
        let story = options.story;
        let demo = Demo::start(options).map_err(|error| {
            Failure::new(
                Exit::Network,
                Code::Demo,
                format!("cannot start the demo: {error}"),
            )
        })?;
        if !messages.quiet {
            app.eprintln("demo: using an embedded CircleCI with synthetic data");
            if let Some(story) = story {
                let name = story.name;
                app.eprintln(&format!("demo: the story `{name}` stands at {moment}"));
            }
        }
        Ok(Self {
            outside: Outside {
                clock: Clock(moment),
                env: Arc::clone(&app.env),
                git: demo_facts(),
            },
            demo: Some(Rc::new(demo)),
        })
    }

    /// Returns the outside with other facts about the repository.
    pub fn with_git(&self, git: Lookup) -> Self {
        Self {
            outside: Outside {
                git,
                ..self.outside.clone()
            },
            demo: self.demo.clone(),
        }
    }

    /// Returns the addresses of the demo with those that they stand for, which links of resources
    /// lead to.
    pub fn stand_ins(&self) -> Vec<(String, &'static str)> {
        self.demo.as_ref().map_or_else(Vec::new, |demo| {
            vec![
                (demo.origin().to_owned(), "https://circleci.com"),
                (
                    demo.storage_origin().to_owned(),
                    "https://output.circle-artifacts.com",
                ),
            ]
        })
    }

    /// Returns the real outside: clock, environment, repository.
    pub fn outside_of(app: &App) -> Outside {
        Outside {
            clock: Clock(app.now),
            env: Arc::clone(&app.env),
            git: git::facts(&app.working_directory),
        }
    }

    /// Returns the binding of a query and its dependencies.
    pub fn binding(
        &self,
        project: &Project,
        query: &Query,
        connect: &ConnectArgs,
        app: &App,
    ) -> Result<Rc<Binding>, Failure> {
        let resources = Self::resources(project, query, connect, app)?;
        self.bound_to(project, resources, app)
    }

    /// As [`World::binding`], with the folder of the files that requests and TLS use.
    pub fn binding_at(
        &self,
        root: PathBuf,
        project: &Project,
        query: &Query,
        connect: &ConnectArgs,
        app: &App,
    ) -> Result<Rc<Binding>, Failure> {
        let resources = Self::resources(project, query, connect, app)?;
        self.bound_at(root, resources, app)
    }

    /// Returns the resources of a query and its dependencies by name.
    fn resources(
        project: &Project,
        query: &Query,
        connect: &ConnectArgs,
        app: &App,
    ) -> Result<Vec<(String, Resource)>, Failure> {
        let mut resources = Vec::new();
        for query in query.with_fed_by() {
            let resource = project
                .resource_of(query, connect.environment())
                .map_err(|faults| connect.explain(faults, app))?;
            if let Some(resource) = resource {
                resources.push((resource.name.clone(), resource));
            }
        }
        Ok(resources)
    }

    /// Returns the binding of resources by name.
    pub fn bound_to(
        &self,
        project: &Project,
        resources: impl IntoIterator<Item = (String, Resource)>,
        app: &App,
    ) -> Result<Rc<Binding>, Failure> {
        self.bound_at(project.root().to_path_buf(), resources, app)
    }

    /// As [`World::bound_to`], with the folder of the files that requests and TLS use.
    fn bound_at(
        &self,
        root: PathBuf,
        resources: impl IntoIterator<Item = (String, Resource)>,
        app: &App,
    ) -> Result<Rc<Binding>, Failure> {
        let mut reached = BTreeMap::new();
        for (name, resource) in resources {
            reached.insert(name, Arc::new(self.resource(resource)?));
        }
        Ok(Rc::new(Binding {
            resources: reached,
            outside: self.outside.clone(),
            root,
            scrubber: app.scrubber.clone(),
            plans: SharedPlans::default(),
            since: None,
        }))
    }

    /// Returns true if the demo implements the resource's kind of API.
    pub fn can_answer_for(resource: &Resource) -> bool {
        resource.kind.demo().is_some()
    }

    /// Returns the resource to use: with the demo, its URL and token are replaced.
    fn resource(&self, resource: Resource) -> Result<Resource, Failure> {
        let Some(demo) = &self.demo else {
            return Ok(resource);
        };
        let base_url = match resource.kind.demo() {
            Some(DemoPlace::Api(path)) => format!("{}{path}", demo.origin()),
            Some(DemoPlace::Storage) => demo.storage_origin().to_owned(),
            None => {
                let words = format!(
                    "the demo imitates CircleCI, and the resource `{}` is of another kind",
                    resource.name
                );
                return Err(Failure::usage(Code::Demo, words).at(&resource.place()));
            }
        };
        let mut links = resource.links.clone();
        let storage = demo.storage_origin().trim_start_matches("http://");
        let hosts = [
            storage.to_owned(),
            storage.replacen("127.0.0.1", "localhost", 1),
        ];
        for host in hosts.iter().filter_map(|host| LinkHost::parse(host).ok()) {
            links.push(host);
        }
        let constant = |text: &str| {
            let file = SourceFile::new("the demo", "the demo", text);
            let span = Span::new(0, text.len());
            Template::parse(&Text::new(text, &crate::core::source::Place { file, span }))
                .map_err(|_| Failure::usage(Code::Demo, "the demo's address is not a URL"))
        };
        let auth = match resource.kind.token_scheme() {
            Some(scheme) => {
                let (name, prefix) = scheme.header();
                InHeader::auth(name, prefix, constant(demo::TOKEN)?)
            }
            None => auth::none(),
        };
        Ok(Resource {
            base_url: constant(&base_url)?,
            links,
            auth,
            proxy: None,
            budget: None,
            tls: TlsFiles::default(),
            ..resource
        })
    }
}

/// Returns the facts of the demo's repository.
fn demo_facts() -> Lookup {
    Arc::new(|name| match name {
        "branch" => Some(Value::from("main")),
        "sha" => Some(Value::from("5a1f9c7e3b2d4860a7c1e9f0d3b58264c7e1a0f2")),
        "project_slug" => Some(Value::from(demo::PROJECT_SLUG)),
        _ => None,
    })
}

/// Returns a runtime of one thread.
///
/// # Errors
///
/// If it cannot be started.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(Code::Runtime, format!("cannot start: {error}")))
}

/// The way to servers: connections, rate limits and credentials, shared by the sessions of a process.
pub struct Reach {
    options: LiveOptions,
    /// Reports and counts what is sent.
    pub watch: Rc<Watch>,
}

impl Reach {
    /// Prepares the way to servers.
    ///
    /// # Errors
    ///
    /// If the environment has an invalid share of limits.
    pub fn new(
        connect: &ConnectArgs,
        app: &Rc<App>,
        messages: MessageArgs,
    ) -> Result<Self, Failure> {
        let watch = Watch::new(Rc::clone(app), messages.verbose, messages.quiet);
        let watch = Rc::new(watch);
        Ok(Self {
            options: LiveOptions {
                system_certs: connect.system_certs || app.names_certificates(),
                deadline: None,
                proxies: app.proxies(),
                clock: cache::now,
                jitter: Rc::new(fastrand::f64),
                observer: Rc::clone(&watch) as Rc<dyn Observe>,
                budget: shared_limits(connect, app)?,
            },
            watch,
        })
    }

    /// Returns an exchange that sends requests, until a time limit if there is one. Called within a
    /// runtime.
    pub fn exchange(&self, timeout: Option<Duration>) -> Rc<dyn Exchange> {
        Rc::new(Live::new(LiveOptions {
            deadline: timeout.map(|limit| tokio::time::Instant::now() + limit),
            ..self.options.clone()
        }))
    }

    /// Returns a session of runs over an exchange.
    pub fn session(&self, exchange: Rc<dyn Exchange>, execution: ExecutionOptions) -> Session {
        let observer = Rc::clone(&self.watch) as Rc<dyn Observe>;
        let responses = Box::new(ResponseShelf(Scratch::default()));
        Session::new(exchange, observer, execution, responses)
    }
}

/// Runs a future until it is done, interrupted, or out of time. Shows progress if options for it
/// are given.
pub fn block_on<T, E: From<Failure>>(
    connect: &ConnectArgs,
    app: &Rc<App>,
    messages: MessageArgs,
    execution: Option<ExecutionOptions>,
    work: impl AsyncFnOnce(Rc<Session>) -> Result<T, E>,
) -> Result<T, E> {
    block_on_with(connect, app, messages, execution, &|live| live, work)
}

/// As [`block_on`], with an exchange around the live one.
pub fn block_on_with<T, E: From<Failure>>(
    connect: &ConnectArgs,
    app: &Rc<App>,
    messages: MessageArgs,
    execution: Option<ExecutionOptions>,
    around: &dyn Fn(Rc<dyn Exchange>) -> Rc<dyn Exchange>,
    work: impl AsyncFnOnce(Rc<Session>) -> Result<T, E>,
) -> Result<T, E> {
    let reach = Reach::new(connect, app, messages)?;
    let runtime = runtime()?;
    let started = std::time::Instant::now();
    app.shutdown.limit(connect.timeout);
    app.shutdown.listen();
    let shows_progress = execution.is_some();
    let watch = Rc::clone(&reach.watch);
    let result = runtime.block_on(async {
        let live = reach.exchange(connect.timeout);
        let session = Rc::new(reach.session(around(live), execution.unwrap_or_default()));
        let draws = shows_progress
            && app.stderr.is_terminal
            && app.stderr.moves_cursor
            && !messages.quiet
            && messages.verbose == 0;
        let reports = shows_progress && !draws && !messages.quiet;
        let progress = || Progress::new(app, &session, watch.stats());
        let mut work = std::pin::pin!(work(Rc::clone(&session)));
        let ended = tokio::select! {
            result = &mut work => return result,
            cause = app.shutdown.noticed() => cause.failure(),
            never = progress().draw(), if draws => never,
            never = progress().report(|words| app.eprintln(words)), if reports => never,
        };
        // Completed work is delivered; everything else is dropped.
        session.stop().set();
        tokio::select! {
            _ = tokio::time::timeout(LAST_WORDS, &mut work) => {}
            _ = app.shutdown.noticed() => {}
        }
        Err(ended.into())
    });
    app.shutdown.finish();
    app.clear_progress();
    if messages.verbose > 0 {
        app.eprintln(&watch.stats().summary(started.elapsed()));
    }
    result
}

/// Returns how the limits of resources are shared with other processes.
fn shared_limits(connect: &ConnectArgs, app: &App) -> Result<BudgetOptions, Failure> {
    let set = |name: &str| app.env.get(name).filter(|value| !value.is_empty());
    let share = match set(SHARE) {
        None => connect.share,
        Some(text) => {
            let count = text.strip_prefix("1/").and_then(|count| count.parse().ok());
            let words = format!("`{SHARE}` takes a part such as `1/8`, got `{text}`");
            Some(count.ok_or_else(|| Failure::usage(Code::Usage, words))?)
        }
    };
    Ok(BudgetOptions {
        address: set(BUDGET).cloned(),
        password: app.database_password().map(Secret::new),
        share,
        is_off: connect.demo,
    })
}

/// Responses kept for the run, in an unnamed file.
struct ResponseShelf(Scratch);

impl Shelf for ResponseShelf {
    fn push(&mut self, bytes: &[u8]) -> Option<u64> {
        self.0.push(bytes)
    }

    fn read(&mut self, at: u64) -> Option<Vec<u8>> {
        self.0.read(at)
    }
}

//! The state of a server: what all calls share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::app::App;
use crate::cli::cache::RunCache;
use crate::cli::connect::{Reach, World};
use crate::cli::failure::Failure;
use crate::cli::mcp::answer::Limits;
use crate::cli::mcp::catalog::{Catalog, Tool};
use crate::cli::mcp::options::ServeArgs;
use crate::cli::mcp::output::Output;
use crate::cli::options::{CacheArgs, MessageArgs};
use crate::cli::{error_hints, setup};
use crate::core::code::Code;
use crate::core::time::format_duration;
use crate::engine::{Cache, Exchange};
use crate::plan::{Inputs, Outside, Plan};
use crate::project::{Project, Query};

/// The state of a server: what all calls share.
pub struct Server {
    /// The outside, in the folder of the project.
    pub app: Rc<App>,
    /// The options.
    pub args: ServeArgs,
    /// The way to servers.
    reach: Reach,
    /// The exchange that sends requests, and the resource files that its connections are made from.
    exchange: RefCell<Option<(ResourceTexts, Rc<dyn Exchange>)>>,
    /// The embedded CircleCI, if it is asked.
    demo: Option<World>,
    /// The responses of earlier calls, for queries with `cache`.
    cache: Option<RunCache>,
    /// The last report of the tools.
    told: RefCell<Option<Vec<String>>>,
    /// Standard output.
    pub output: Output,
    /// True if the built-in queries are served.
    is_built_in: bool,
}

/// The texts of resource files by path.
type ResourceTexts = BTreeMap<PathBuf, String>;

/// The surroundings of a call.
#[derive(Clone)]
pub struct CallPlace {
    /// The outside, which collects messages.
    pub app: Rc<App>,
    /// The project, as its files are now.
    pub project: Rc<Project>,
    /// Clock, environment and git.
    pub world: World,
}

impl Server {
    /// Prepares a server in a folder.
    ///
    /// # Errors
    ///
    /// If an option or the environment is invalid.
    pub fn new(args: ServeArgs, is_built_in: bool, app: &Rc<App>) -> Result<Self, Failure> {
        let connect = args.connect();
        let messages = args.messages();
        let now = args.now.as_deref();
        let demo = args.demo.then(|| World::new(app, &connect, messages, now));
        if !args.demo {
            // An invalid `--now` is reported at the start.
            World::new(app, &connect, messages, now)?;
        }
        Ok(Self {
            app: Rc::clone(app),
            reach: Reach::new(&connect, app, messages)?,
            exchange: RefCell::default(),
            demo: demo.transpose()?,
            cache: if args.demo {
                None
            } else {
                RunCache::new(CacheArgs::default(), app, false)
            },
            told: RefCell::default(),
            output: Output::start(app.scrubber.clone()),
            is_built_in,
            args,
        })
    }

    /// Opens the project as its files are now.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn project(&self) -> Result<Project, Failure> {
        self.opened(&self.app)
    }

    fn opened(&self, app: &App) -> Result<Project, Failure> {
        let project = setup::project_here(app)?;
        if project.is_built_in() && !self.is_built_in {
            let folder = self.app.working_directory.display();
            let words = format!("the project in `{folder}` is gone");
            return Err(Failure::usage(Code::NoProject, words));
        }
        Ok(project)
    }

    /// Returns the tools of a project. Reports how many there are, and files with faults.
    pub fn catalog(&self, project: &Project) -> Catalog {
        let catalog = Catalog::of(project, &self.args, &self.app);
        let summary = catalog.summary(&self.args);
        let is_new = self.told.borrow().as_ref() != Some(&summary);
        if is_new {
            for line in &summary {
                self.app.eprintln(line);
            }
            self.told.replace(Some(summary));
        }
        catalog
    }

    /// Returns clock, environment and git, as a call that starts now sees them.
    pub fn outside(&self) -> Outside {
        match &self.demo {
            Some(world) => world.outside.clone(),
            None => World::outside_of(&self.app),
        }
    }

    /// Returns the tool that a name means, if there is one.
    pub fn tool(&self, name: &str, project: &Project) -> Option<Tool> {
        let catalog = Catalog::of_name(name, project, &self.args, &self.app);
        catalog.tool(name).cloned()
    }

    /// Returns the limits of an answer, with fewer records if a call wants so.
    pub fn limits(&self, wanted: Option<usize>) -> Limits {
        let most = usize::from(self.args.max_records);
        Limits {
            records: wanted.map_or(most, |wanted| wanted.min(most)),
            bytes: self.args.max_bytes as usize,
        }
    }

    /// Returns the surroundings of a call, at a time.
    ///
    /// # Errors
    ///
    /// If the project cannot be opened.
    pub fn place(&self, now: Timestamp) -> Result<CallPlace, Failure> {
        let app = Rc::new(self.app.of_call(now));
        let project = Rc::new(self.opened(&app)?);
        let world = if let Some(world) = &self.demo {
            world.clone()
        } else {
            let connect = self.args.connect();
            let now = self.args.now.as_deref();
            World::new(&app, &connect, MessageArgs::default(), now)?
        };
        Ok(CallPlace {
            app,
            project,
            world,
        })
    }

    /// Returns the exchange that sends requests. Its connections, limits and credentials are shared
    /// by all calls, until a resource file changes. Called within the runtime.
    pub fn exchange(&self, project: &Project) -> Rc<dyn Exchange> {
        let resources = project.resources().iter();
        let texts: ResourceTexts = resources
            .map(|file| {
                let path = file.source.path().to_path_buf();
                (path, file.source.text().to_owned())
            })
            .collect();
        let mut known = self.exchange.borrow_mut();
        match &*known {
            Some((of, exchange)) if *of == texts => Rc::clone(exchange),
            _ => {
                let exchange = self.reach.exchange(None);
                *known = Some((texts, Rc::clone(&exchange)));
                exchange
            }
        }
    }

    /// Describes how long requests wait for a rate limit, if they do.
    pub fn pause(&self) -> Option<String> {
        let until = self.reach.watch.stats().waits_until.get()?;
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let left = std::time::Duration::from_secs(left.as_secs());
        (!left.is_zero()).then(|| {
            format!(
                "the rate limit of a server is used up: requests go on in {}",
                format_duration(left)
            )
        })
    }

    /// Makes the next call ask for credentials again: a program or a server that issues them may have
    /// failed for a while only, and a token may have been changed.
    pub fn forget_exchange(&self) {
        self.exchange.replace(None);
    }

    /// Returns the way to servers.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Returns the responses of earlier calls.
    pub fn cache(&self) -> Option<Cache> {
        self.cache.as_ref().map(RunCache::cache)
    }

    /// Waits for the last messages to be read, and sweeps the cache.
    pub fn finish(&self) {
        self.output.finish();
        if let Some(cache) = &self.cache {
            cache.finish(&self.app, false);
        }
    }

    /// Binds a query for a call.
    ///
    /// # Errors
    ///
    /// If inputs are missing or invalid, or a template fails.
    pub fn plan(
        &self,
        place: &CallPlace,
        query: &Arc<Query>,
        inputs: &Inputs,
    ) -> Result<Rc<Plan>, Failure> {
        let connect = self.args.connect();
        let app = &place.app;
        let binding = place.world.binding(&place.project, query, &connect, app)?;
        let plan = Plan::bind(Arc::clone(query), &binding, inputs);
        let plan = plan.map_err(|error| error_hints::plan_error_in(&error, &binding, app))?;
        Ok(Rc::new(plan))
    }
}

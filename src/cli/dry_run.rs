//! `--dry-run` and `--curl`: prints requests without sending them.

use std::collections::HashSet;
use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::{describe, error_hints, request_text};
use crate::core::code::Code;
use crate::core::text::printable_lines;
use crate::plan::{Feed, Plan, PlanId};
use crate::project::query::Items;
use crate::template::RenderError;

/// Prints the requests of plans, as curl commands if `as_curl` is true.
///
/// # Errors
///
/// If a request cannot be rendered, or no curl command is equivalent.
pub fn show(plans: &[Rc<Plan>], as_curl: bool, app: &App) -> Result<Exit, Stopped> {
    let mut is_first = true;
    for plan in plans {
        for mut text in texts(plan, as_curl, app)? {
            if app.stdout.is_terminal {
                text = printable_lines(&text).into_owned();
            }
            if !std::mem::take(&mut is_first) {
                text.insert(0, '\n');
            }
            app.print(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// Returns the requests of a plan as texts, as far as they are known: for a walk, those of the
/// queries that it uses first, and one that represents all items.
fn texts(plan: &Plan, as_curl: bool, app: &App) -> Result<Vec<String>, Failure> {
    let explained = |error: &RenderError| error_hints::render_error(error, app);
    if let Some(requests) = plan.requests().filter(|plan| plan.data.is_empty()) {
        let sites = plan
            .listed_sites()
            .map_err(|error| error_hints::plan_error(&error, Some(requests.resource()), app))?;
        if let Some(sites) = sites {
            let texts = sites.iter().map(|site| {
                let shown = requests.shown_request_at(site);
                let shown = shown.map_err(|error| explained(&error))?;
                if !as_curl {
                    return Ok(request_text::dry_run(&shown));
                }
                request_text::curl(&shown, requests).map_err(|words| {
                    Failure::usage(Code::Curl, words).help("print it masked with `--dry-run`")
                })
            });
            return texts.collect();
        }
    }
    if as_curl {
        let words = format!(
            "`{}` depends on other queries, so no single curl command is equivalent",
            plan.query.name
        );
        return Err(Failure::usage(Code::Curl, words).help("print its requests with `--dry-run`"));
    }
    let mut chain = Chain {
        app,
        plans: HashSet::new(),
        texts: Vec::new(),
    };
    chain.add(plan)?;
    Ok(chain.texts)
}

/// The requests of a plan and of all plans it uses, in the order of sending.
struct Chain<'a> {
    app: &'a App,
    /// The plans that were added.
    plans: HashSet<PlanId>,
    texts: Vec<String>,
}

impl Chain<'_> {
    fn add(&mut self, plan: &Plan) -> Result<(), Failure> {
        if !self.plans.insert(plan.id) {
            return Ok(());
        }
        for (position, feed) in plan.feeds.iter().enumerate() {
            match feed {
                Feed::Plan(plan) => self.add(plan)?,
                Feed::Dependent => self.add_dependent(plan, position)?,
                Feed::List => {}
            }
        }
        for data in &plan.data {
            self.add(data)?;
        }
        let Some(requests) = plan.requests() else {
            return Ok(());
        };
        let shown = requests.shown_request();
        let shown = shown.map_err(|error| error_hints::render_error(&error, self.app))?;
        let mut about = format!("# {}", plan.query.name);
        if plan.query.is_walk() {
            let loops = plan.loops().iter();
            let items: Vec<String> = loops.map(|feed| describe::items_of(plan, feed)).collect();
            about.push_str(&format!(": for each {}", items.join(", and each ")));
        }
        self.push(format!("{about}\n{}", request_text::dry_run(&shown)));
        Ok(())
    }

    /// Adds a query whose vars depend on the items before it.
    fn add_dependent(&mut self, plan: &Plan, position: usize) -> Result<(), Failure> {
        if let Ok(plans) = plan.fed_by_for_display(position) {
            return plans.iter().try_for_each(|plan| self.add(plan));
        }
        let Items::Query { query, .. } = &plan.loops()[position].items else {
            return Ok(());
        };
        let mut queries = query.with_fed_by();
        queries.reverse();
        for query in queries {
            if let Some(call) = query.call() {
                let (name, method) = (&query.name, &call.method);
                let address = call.address.source();
                self.push(format!(
                    "# {name}, with vars of items\n{method} {address}\n"
                ));
            }
        }
        Ok(())
    }

    /// Adds a text, unless another plan has the same request.
    fn push(&mut self, text: String) {
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }
}

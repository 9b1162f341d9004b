//! `--dry-run` and `--curl`: prints requests without sending them.

use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::{confirm, explain, request_text};
use crate::core::code::Code;
use crate::core::text::printable_lines;
use crate::plan::{Plan, RequestPlan, ShownRequest};
use crate::template::RenderError;

/// Prints the requests of plans, as curl commands if `as_curl` is true.
///
/// # Errors
///
/// If a request cannot be rendered, or no curl command is equivalent.
pub fn show(plans: &[Rc<Plan>], as_curl: bool, app: &App) -> Result<Exit, Stopped> {
    let mut is_first = true;
    for plan in plans {
        for (plan, about, request) in shown_requests(plan, as_curl, app)? {
            let mut text = if as_curl {
                request_text::curl(&request, plan).map_err(|words| {
                    Failure::usage(Code::Curl, words).help("print it masked with `--dry-run`")
                })?
            } else {
                format!("{about}{}", request_text::dry_run(&request))
            };
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

/// A heading before a request of a walk, and the request.
type Shown<'p> = (RequestPlan<'p>, String, ShownRequest);

/// Returns the requests of a plan, as far as they are known: for a walk, the initial ones, and one
/// that represents all items.
fn shown_requests<'p>(plan: &'p Plan, as_curl: bool, app: &App) -> Result<Vec<Shown<'p>>, Failure> {
    let explained = |error: &RenderError| explain::render_error(error, app);
    if let Some(requests) = plan.requests().filter(|plan| plan.data.is_empty()) {
        let sites = plan
            .listed_sites()
            .map_err(|error| explain::plan_error(&error, Some(requests.resource()), app))?;
        if let Some(sites) = sites {
            let shown = sites.iter().map(|site| {
                let request = requests.shown_request_at(site);
                request.map(|request| (requests, String::new(), request))
            });
            return shown
                .collect::<Result<_, _>>()
                .map_err(|error| explained(&error));
        }
    }
    if as_curl {
        let words = format!(
            "`{}` depends on other queries, so no single curl command is equivalent",
            plan.query.name
        );
        return Err(Failure::usage(Code::Curl, words).help("print its requests with `--dry-run`"));
    }
    let mut shown = Vec::new();
    let mut parts = plan.with_fed_by();
    // In the order of sending.
    parts.reverse();
    for part in parts.into_iter().filter_map(Plan::requests) {
        let about = if part.call.is_walk() {
            let items: Vec<String> = part.loops().iter().map(confirm::items_of).collect();
            format!(
                "# {}: for each {}\n",
                part.query.name,
                items.join(", and each ")
            )
        } else {
            format!("# {}\n", part.query.name)
        };
        let request = part.shown_request().map_err(|error| explained(&error))?;
        shown.push((part, about, request));
    }
    Ok(shown)
}

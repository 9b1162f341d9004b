//! Triggering pipelines.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::demo::api::{Route, definitions, project, text};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::project::Triggered;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::post("/project/{project-slug}/pipeline", |w, c, p| {
        old(w, c, &p[0])
    }),
    Route::post(
        "/project/{provider}/{organization}/{project}/pipeline/run",
        |w, c, p| run(w, c, &p[0]),
    ),
];

/// A run on this branch is skipped, since its commit says `[skip ci]`.
pub const SKIPPED_BRANCH: &str = "docs/skip-ci";

const NOTHING_STARTED: &str = "no workflow was started";

const MOST_PARAMETERS: usize = 100;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 512;

/// `POST /project/{slug}/pipeline`.
pub fn old(world: &mut World, call: &Call, slug: &str) -> Outcome {
    if project(world, slug)?.is_app() {
        return Err(Fault::bad(
            "This project's pipelines are triggered at pipeline/run.",
        ));
    }
    let body = call.object()?;
    let parameters = parameters(&body)?;
    let (branch, tag) = reference(&body)?;
    if branch.as_deref() == Some(SKIPPED_BRANCH) {
        // As the real service responds if no workflow matches: a success status without a pipeline.
        return Ok(Answer::message(StatusCode::CREATED, NOTHING_STARTED));
    }
    start(world, slug, branch, tag, parameters, false)
}

/// `POST /project/{provider}/{organization}/{project}/pipeline/run`.
pub fn run(world: &mut World, call: &Call, slug: &str) -> Outcome {
    let place = project(world, slug)?.place;
    let body = call.object()?;
    let parameters = parameters(&body)?;
    if let Some(definition) = text(&body, "definition_id")?
        && !definitions::has(world, &world.project_id(place), definition)
    {
        return Err(Fault::missing("Pipeline definition not found."));
    }
    reference(&section(&body, "config")?)?;
    let (branch, tag) = reference(&section(&body, "checkout")?)?;
    if branch.as_deref() == Some(SKIPPED_BRANCH) {
        let message = "Ignoring pipeline due to CI skip in the commit";
        return Ok(Answer::message(StatusCode::OK, message));
    }
    start(world, slug, branch, tag, parameters, true)
}

fn start(
    world: &mut World,
    slug: &str,
    branch: Option<String>,
    tag: Option<String>,
    parameters: Map<String, Value>,
    is_app: bool,
) -> Outcome {
    let place = project(world, slug)?.place;
    let created_at = world.moment_of_writing();
    let branch = match tag {
        Some(_) => None,
        None => Some(branch.unwrap_or_else(|| "main".to_owned())),
    };
    let triggered = Triggered {
        created_at,
        branch,
        tag,
        parameters,
        is_app,
    };
    let pipeline = world
        .trigger(place, triggered)
        .ok_or_else(|| Fault::missing("Project not found."))?;
    let shown = json!({
        "id": world.pipeline_id(place, pipeline.number),
        "state": "pending",
        "number": pipeline.number,
        "created_at": precise(created_at),
    });
    Ok(Answer::with(StatusCode::CREATED, shown))
}

fn section(body: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, Fault> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section.clone()),
        Some(_) => Err(Fault::bad(format!("{name}: must be an object"))),
    }
}

/// Returns the branch or the tag in a body.
fn reference(body: &Map<String, Value>) -> Result<(Option<String>, Option<String>), Fault> {
    let branch = text(body, "branch")?.map(str::to_owned);
    let tag = text(body, "tag")?.map(str::to_owned);
    if branch.is_some() && tag.is_some() {
        return Err(Fault::bad("branch and tag are mutually exclusive"));
    }
    Ok((branch, tag))
}

fn parameters(body: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    let parameters = match body.get("parameters") {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(parameters)) => parameters,
        Some(_) => return Err(Fault::bad("parameters: must be an object")),
    };
    if parameters.len() > MOST_PARAMETERS {
        return Err(Fault::bad(format!(
            "parameters: at most {MOST_PARAMETERS} are allowed"
        )));
    }
    for (name, value) in parameters {
        if name.len() > LONGEST_KEY {
            return Err(Fault::bad(format!(
                "parameters: a name has at most {LONGEST_KEY} characters"
            )));
        }
        match value {
            Value::String(text) if text.chars().count() > LONGEST_VALUE => {
                let message =
                    format!("parameters.{name}: at most {LONGEST_VALUE} characters are allowed");
                return Err(Fault::bad(message));
            }
            Value::String(_) | Value::Bool(_) => {}
            Value::Number(number) if number.is_i64() || number.is_u64() => {}
            _ => {
                let message =
                    format!("parameters.{name}: must be a string, an integer or a boolean");
                return Err(Fault::bad(message));
            }
        }
    }
    Ok(parameters.clone())
}

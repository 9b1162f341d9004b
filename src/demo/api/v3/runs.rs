//! Runs and their workflows.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::demo::api::v3::{PageRequest, filter, one, phase, progress, resource};
use crate::demo::api::{Route, pipelines, text, workflows};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::calendar::{self, precise};
use crate::demo::world::names::{ME, PEOPLE};
use crate::demo::world::pipeline::Pipeline;
use crate::demo::world::project::Project;
use crate::demo::world::status::Status;
use crate::demo::world::{Workflow, World};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/runs", |w, c, _| list(w, c)),
    Route::post("/runs/search", |w, c, _| search(w, c)),
    Route::get("/runs/{id}", |w, _, p| {
        Ok(one(show(w, &pipelines::find(w, &p[0])?)))
    }),
    Route::get("/workflows", |w, c, _| list_workflows(w, c)),
    Route::get("/workflows/{id}", |w, _, p| get_workflow(w, &p[0])),
    Route::post("/workflows/{id}/cancel", |w, _, p| {
        workflows::cancel(w, &p[0])?;
        let shown = json!({ "data": { "id": p[0] } });
        Ok(Answer::with(StatusCode::ACCEPTED, shown))
    }),
    Route::post("/workflows/{id}/rerun", |w, c, p| rerun(w, c, &p[0])),
];

/// The words of v2 in the order in which one of them holds for a whole run.
const WORDS: [Status; 9] = [
    Status::Failing,
    Status::Running,
    Status::OnHold,
    Status::Failed,
    Status::Error,
    Status::Canceled,
    Status::Unauthorized,
    Status::NotRun,
    Status::Success,
];

/// Returns the status of a run: that of its newest workflows of each name.
fn status(world: &World, pipeline: &Pipeline) -> &'static str {
    if pipeline.error.is_some() {
        return "error";
    }
    let workflows = world.workflows(pipeline);
    let newest = workflows.iter().enumerate().filter(|(place, workflow)| {
        let mut later = workflows[place + 1..].iter();
        !later.any(|later| later.plan.name == workflow.plan.name)
    });
    let newest: Vec<Status> = newest.map(|(_, workflow)| workflow.status).collect();
    let found = WORDS.into_iter().find(|word| newest.contains(word));
    found.map_or("created", Status::as_str)
}

fn show(world: &World, pipeline: &Pipeline) -> Value {
    let project = &world.projects[usize::from(pipeline.project)];
    let errors = pipeline.error.iter();
    let errors = errors.map(|(kind, message)| json!({ "type": kind, "message": message }));
    let mut attributes = progress(status(world, pipeline));
    // Runs only have the current outcome, also after the end.
    if let Value::Object(attributes) = &mut attributes {
        attributes.remove("outcome");
    }
    attributes["number"] = json!(pipeline.number);
    attributes["created_at"] = json!(precise(pipeline.created_at));
    attributes["errors"] = errors.collect();
    let (login, name) = PEOPLE[pipeline.actor];
    let kind = match pipeline.trigger {
        "scheduled_pipeline" => "schedule",
        "webhook" => "push",
        other => other,
    };
    let url = project.url();
    let references = json!({
        "project": { "id": world.project_id(project.place) },
        "user": { "id": world.user_id(pipeline.actor) },
        "trigger": { "attributes": { "event_source": { "type": kind } } },
        "event": { "attributes": { "type": kind, "action": null, "vcs": {
            "branch": pipeline.branch,
            "tag": pipeline.tag,
            "revision": pipeline.revision,
            "origin_repository_url": url,
            "commit": {
                "subject": pipeline.subject,
                "url": format!("{url}/commit/{}", pipeline.revision),
                "author": { "name": name, "login": login },
            },
        } } },
    });
    resource(
        &world.pipeline_id(project.place, pipeline.number),
        attributes,
        references,
    )
}

/// The period of a list of runs.
#[derive(Clone, Copy)]
struct Period {
    from: Option<i64>,
    to: Option<i64>,
}

impl Period {
    fn read(from: Option<&str>, to: Option<&str>) -> Result<Self, Fault> {
        let time = |text: Option<&str>| match text {
            None => Ok(None),
            Some(text) => calendar::read(text)
                .map(Some)
                .ok_or_else(|| Fault::bad(format!("`{text}` is not a time"))),
        };
        Ok(Self {
            from: time(from)?,
            to: time(to)?,
        })
    }

    /// Returns the pipelines of projects in the period, newest first.
    fn pipelines<'w>(
        self,
        world: &World,
        projects: impl Iterator<Item = &'w Project>,
    ) -> Vec<Pipeline> {
        let mut found: Vec<Pipeline> = projects
            .flat_map(|project| {
                let numbers = project.oldest..=project.last();
                numbers.filter_map(move |number| world.pipeline(project, number))
            })
            .filter(|pipeline| self.from.is_none_or(|from| from <= pipeline.created_at))
            .filter(|pipeline| self.to.is_none_or(|to| pipeline.created_at < to))
            .collect();
        found.sort_by_key(|pipeline| std::cmp::Reverse(pipeline.created_at));
        found
    }
}

/// `GET /runs`: the runs of a person.
fn list(world: &World, call: &Call) -> Outcome {
    let user = filter(call, "user_id")?;
    let page = PageRequest::of_query(world, call)?;
    let period = Period::read(call.param("filter[from]"), call.param("filter[to]"))?;
    let (wanted_phase, wanted_outcome) = (
        call.param("filter[phase]"),
        call.param("filter[current_outcome]"),
    );
    let mut found = period.pipelines(world, world.projects.iter());
    found.retain(|pipeline| {
        let is_own = user == world.user_id(pipeline.actor) || user == "me" && pipeline.actor == ME;
        if !is_own || wanted_phase.is_none() && wanted_outcome.is_none() {
            return is_own;
        }
        let (phase, outcome) = phase(status(world, pipeline));
        wanted_phase.is_none_or(|wanted| wanted == phase)
            && wanted_outcome.is_none_or(|wanted| outcome == Some(wanted))
    });
    page.answer(&found, |pipeline| show(world, pipeline))
}

/// `POST /runs/search`.
fn search(world: &World, call: &Call) -> Outcome {
    let body = call.object()?;
    let section = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section.clone()),
        Some(_) => Err(Fault::bad(format!("{name} must be an object"))),
    };
    let (scope, page) = (section("scope")?, section("page")?);
    let Some(Value::Array(ids)) = scope.get("project_ids") else {
        return Err(Fault::bad("scope.project_ids is required"));
    };
    let limit = page.get("limit").map_or(Some(20), Value::as_u64);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let cursor = page.get("cursor").and_then(Value::as_str);
    let page = PageRequest::new(world, call, limit.unwrap_or(0), cursor)?;
    let conditions = conditions(
        text(&body, "filter")
            .unwrap_or_default()
            .unwrap_or_default(),
    )?;
    let period = Period::read(text(&scope, "from")?, text(&scope, "to")?)?;
    let projects = world
        .projects
        .iter()
        .filter(|project| ids.iter().any(|id| *id == world.project_id(project.place)));
    let mut found = period.pipelines(world, projects);
    found.retain(|pipeline| {
        let mut conditions = conditions.iter();
        conditions.all(|(name, wanted)| match *name {
            "pipeline.git.branch" => pipeline.branch.as_deref() == Some(wanted),
            "pipeline.git.tag" => pipeline.tag.as_deref() == Some(wanted),
            _ => status(world, pipeline) == *wanted,
        })
    });
    page.answer(&found, |pipeline| show(world, pipeline))
}

/// Reads `name == "value" and …`.
fn conditions(expression: &str) -> Result<Vec<(&str, &str)>, Fault> {
    let known = ["pipeline.git.branch", "pipeline.git.tag", "pipeline.status"];
    let parts = expression
        .split(" and ")
        .filter(|part| !part.trim().is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once("==")?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            let name = name.trim();
            known.contains(&name).then_some((name, value))
        })
        .map(|condition| condition.ok_or_else(|| Fault::bad("Invalid filter expression")))
        .collect()
}

fn show_workflow(world: &World, workflow: &Workflow<'_>) -> Value {
    let key = workflow.key;
    let mut attributes = progress(workflow.status.as_str());
    attributes["name"] = json!(workflow.plan.name);
    attributes["created_at"] = json!(precise(workflow.created_at));
    attributes["ended_at"] = json!(workflow.stopped_at.map(precise));
    let references = json!({
        "run": { "id": world.pipeline_id(key.project, key.pipeline) },
        "project": { "id": world.project_id(key.project) },
        "user": { "id": world.user_id(workflow.started_by) },
    });
    resource(&world.workflow_id(key), attributes, references)
}

fn list_workflows(world: &mut World, call: &Call) -> Outcome {
    let pipeline = pipelines::find_for_workflows(world, filter(call, "run_id")?)?;
    let page = PageRequest::of_query(world, call)?;
    let mut all = world.workflows(&pipeline);
    all.reverse();
    page.answer(&all, |workflow| show_workflow(world, workflow))
}

fn get_workflow(world: &mut World, id: &str) -> Outcome {
    let key = workflows::find(world, id)?.key;
    world.look_at(key);
    Ok(one(show_workflow(world, &workflows::find(world, id)?)))
}

/// `POST /workflows/{id}/rerun`: members that are not known are ignored.
fn rerun(world: &mut World, call: &Call, id: &str) -> Outcome {
    let is_from_failed = call.object()?.get("is_from_failed") == Some(&json!(true));
    let mut inner = call.clone();
    inner.body = json!({ "from_failed": is_from_failed })
        .to_string()
        .into_bytes();
    let made = workflows::rerun(world, &inner, id)?;
    let id = made.into_json()["workflow_id"].clone();
    let location = format!("/api/v3/workflows/{}", id.as_str().unwrap_or_default());
    let mut answer = Answer::with(StatusCode::CREATED, json!({ "data": { "id": id } }));
    answer.headers.push(("location", location));
    Ok(answer)
}

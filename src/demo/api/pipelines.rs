//! Reading pipelines.

use serde_json::{Map, Value, json};

use crate::demo::api::{Route, project, workflows};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::page::{self, Listing};
use crate::demo::world::World;
use crate::demo::world::calendar::precise;
use crate::demo::world::names::{ME, PEOPLE};
use crate::demo::world::pipeline::Pipeline;
use crate::demo::world::project::Project;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route::get("/pipeline", |w, c, _| of_organization(w, c)),
    Route::post("/pipeline/continue", |_, c, _| resume(c)),
    Route::get("/pipeline/{pipeline-id}", |w, _, p| get(w, &p[0])),
    Route::get("/pipeline/{pipeline-id}/config", |w, _, p| config(w, &p[0])),
    Route::get("/pipeline/{pipeline-id}/values", |w, _, p| values(w, &p[0])),
    Route::get("/pipeline/{pipeline-id}/workflow", |w, c, p| {
        list_workflows(w, c, &p[0])
    }),
    Route::get("/project/{project-slug}/pipeline", |w, c, p| {
        list(w, c, &p[0])
    }),
    Route::get("/project/{project-slug}/pipeline/mine", |w, c, p| {
        mine(w, c, &p[0])
    }),
    Route::get(
        "/project/{project-slug}/pipeline/{pipeline-number}",
        |w, _, p| get_by_number(w, &p[0], &p[1]),
    ),
];

/// A selection of pipelines.
#[derive(Debug, Clone, Copy, Default)]
struct Filter<'c> {
    branch: Option<&'c str>,
    mine: bool,
}

impl Filter<'_> {
    fn takes(self, pipeline: &Pipeline) -> bool {
        let is_on_branch = self
            .branch
            .is_none_or(|branch| pipeline.branch.as_deref() == Some(branch));
        is_on_branch && (!self.mine || pipeline.actor == ME)
    }
}

/// `GET /project/{slug}/pipeline`.
pub fn list(world: &World, call: &Call, slug: &str) -> Outcome {
    let branch = call.param("branch");
    of_project(
        world,
        call,
        slug,
        Filter {
            branch,
            mine: false,
        },
    )
}

/// `GET /project/{slug}/pipeline/mine`.
pub fn mine(world: &World, call: &Call, slug: &str) -> Outcome {
    of_project(
        world,
        call,
        slug,
        Filter {
            branch: None,
            mine: true,
        },
    )
}

/// Page positions are pipeline numbers, so that newly triggered pipelines do not shift the pages. In a
/// story they do, as in any listing that is read by position.
fn of_project(world: &World, call: &Call, slug: &str, filter: Filter<'_>) -> Outcome {
    let project = project(world, slug)?;
    if world.moment().is_some() {
        return by_position(world, call, vec![project], filter);
    }
    let listing = Listing::new(world.options.seed, call);
    let begin = listing.asked(call)?.map_or(project.last(), |place| {
        u32::try_from(place).unwrap_or(0).min(project.last())
    });
    let size = usize::try_from(world.options.page_size.max(1)).unwrap_or(usize::MAX);
    let mut items = Vec::with_capacity(size.min(250));
    let mut next = None;
    for number in (project.oldest..=begin).rev() {
        let Some(pipeline) = world.pipeline(project, number) else {
            continue;
        };
        if !filter.takes(&pipeline) {
            continue;
        }
        if items.len() == size {
            next = Some(listing.token(u64::from(number)));
            break;
        }
        items.push(show(world, &pipeline));
    }
    Ok(Answer::ok(
        json!({ "items": items, "next_page_token": next }),
    ))
}

/// `GET /pipeline?org-slug=…`: the pipelines of all projects, newest first.
pub fn of_organization(world: &World, call: &Call) -> Outcome {
    let Some(slug) = call.param("org-slug") else {
        return Err(Fault::bad("org-slug: is required"));
    };
    let projects = world.organization(&crate::demo::path::short_provider(slug));
    if projects.is_empty() {
        return Err(Fault::missing("Organization not found."));
    }
    let filter = Filter {
        branch: None,
        mine: call.flag("mine"),
    };
    by_position(world, call, projects, filter)
}

/// Returns a page of the pipelines of projects, newest first.
fn by_position(world: &World, call: &Call, projects: Vec<&Project>, filter: Filter<'_>) -> Outcome {
    let mut pipelines: Vec<Pipeline> = projects
        .into_iter()
        .flat_map(|project| {
            (project.oldest..=project.last()).filter_map(|number| world.pipeline(project, number))
        })
        .filter(|pipeline| filter.takes(pipeline))
        .collect();
    pipelines.sort_by_key(|pipeline| std::cmp::Reverse(pipeline.created_at));
    page::slice(
        world.options.seed,
        call,
        world.options.page_size,
        &pipelines,
        |pipeline| show(world, pipeline),
    )
}

/// `GET /pipeline/{id}`.
pub fn get(world: &mut World, id: &str) -> Outcome {
    let pipeline = look_at(world, id)?;
    Ok(Answer::ok(show(world, &pipeline)))
}

/// `GET /project/{slug}/pipeline/{number}`.
pub fn get_by_number(world: &World, slug: &str, number: &str) -> Outcome {
    let project = project(world, slug)?;
    let number: u32 = number
        .parse()
        .map_err(|_| Fault::bad("pipeline-number: must be an integer"))?;
    let pipeline = world.pipeline(project, number).ok_or_else(missing)?;
    Ok(Answer::ok(show(world, &pipeline)))
}

/// `GET /pipeline/{id}/workflow`, newest first.
pub fn list_workflows(world: &mut World, call: &Call, id: &str) -> Outcome {
    let pipeline = find_for_workflows(world, id)?;
    let mut all = world.workflows(&pipeline);
    all.reverse();
    page::slice(
        world.options.seed,
        call,
        world.options.page_size,
        &all,
        |workflow| workflows::show(world, workflow),
    )
}

/// Returns the pipeline with an id, with its workflows: a request for them brings them on.
pub fn find_for_workflows(world: &mut World, id: &str) -> Result<Pipeline, Fault> {
    let pipeline = look_at(world, id)?;
    if world.is_forgotten(&pipeline) {
        return Err(missing());
    }
    world.look_at_all(&pipeline);
    Ok(pipeline)
}

fn look_at(world: &mut World, id: &str) -> Result<Pipeline, Fault> {
    let pipeline = find(world, id)?;
    world.look_at_pipeline(&pipeline);
    find(world, id)
}

/// `GET /pipeline/{id}/config`.
pub fn config(world: &World, id: &str) -> Outcome {
    let pipeline = find(world, id)?;
    let project = &world.projects[usize::from(pipeline.project)];
    let source = configuration(project, false);
    let compiled = configuration(project, true);
    Ok(Answer::ok(
        json!({ "source": source, "compiled": compiled }),
    ))
}

fn configuration(project: &Project, is_compiled: bool) -> String {
    use std::fmt::Write;

    let mut text = String::from("version: 2.1\n");
    if !is_compiled {
        text.push_str("orbs:\n  node: circleci/node@7.1.0\n");
    }
    text.push_str("workflows:\n");
    for plan in &project.plans {
        let _ = write!(text, "  {}:\n    jobs:\n", plan.name);
        for job in &plan.jobs {
            let _ = writeln!(text, "      - {}:", job.name);
            if job.approval {
                text.push_str("          type: approval\n");
            }
            let needs: Vec<&str> = job
                .needs
                .iter()
                .map(|need| &*plan.jobs[*need].name)
                .collect();
            let _ = writeln!(text, "          requires: [{}]", needs.join(", "));
        }
    }
    text
}

/// `GET /pipeline/{id}/values`.
pub fn values(world: &World, id: &str) -> Outcome {
    let pipeline = find(world, id)?;
    let project = &world.projects[usize::from(pipeline.project)];
    let mut values = Map::new();
    let mut add = |name: &str, value: Value| {
        values.insert(format!("pipeline.{name}"), value);
    };
    add(
        "id",
        json!(world.pipeline_id(pipeline.project, pipeline.number)),
    );
    add("number", json!(pipeline.number));
    add("project.git_url", json!(project.url()));
    add("project.type", json!("github"));
    add(
        "git.branch",
        json!(pipeline.branch.as_deref().unwrap_or("")),
    );
    add("git.tag", json!(pipeline.tag.as_deref().unwrap_or("")));
    add("git.revision", json!(pipeline.revision));
    add("in_setup", json!(false));
    add("trigger_source", json!(pipeline.trigger));
    for (name, value) in &pipeline.parameters {
        add(&format!("parameters.{name}"), value.clone());
    }
    Ok(Answer::ok(Value::Object(values)))
}

/// `POST /pipeline/continue`: the demo's pipelines have all been continued.
pub fn resume(call: &Call) -> Outcome {
    let body = call.object()?;
    super::required(&body, "continuation-key")?;
    super::required(&body, "configuration")?;
    Err(Fault::missing(
        "No pipeline waits for this continuation-key.",
    ))
}

/// Returns the pipeline with an id.
pub fn find(world: &World, id: &str) -> Result<Pipeline, Fault> {
    world.pipeline_by_id(id).ok_or_else(missing)
}

fn missing() -> Fault {
    Fault::missing("Pipeline not found.")
}

/// Returns a pipeline in the API's format.
pub fn show(world: &World, pipeline: &Pipeline) -> Value {
    let project = &world.projects[usize::from(pipeline.project)];
    let created_at = precise(pipeline.created_at);
    let errors: Vec<Value> = pipeline
        .error
        .iter()
        .map(|(kind, message)| json!({ "type": kind, "message": message }))
        .collect();
    let mut shown = json!({
        "id": world.pipeline_id(pipeline.project, pipeline.number),
        "errors": errors,
        "project_slug": project.slug,
        "updated_at": created_at,
        "number": pipeline.number,
        "state": pipeline.state,
        "created_at": created_at,
        "trigger": {
            "type": pipeline.trigger,
            "received_at": precise(pipeline.created_at - 350),
            "actor": actor(pipeline.actor),
        },
    });
    if pipeline.is_app {
        shown["trigger_parameters"] = trigger_parameters(pipeline, project);
    } else {
        shown["vcs"] = vcs(pipeline, project);
    }
    shown
}

fn actor(place: usize) -> Value {
    let (login, _) = PEOPLE[place];
    json!({ "login": login, "avatar_url": avatar(place) })
}

/// Returns the avatar of a person; the scheduler has none.
pub fn avatar(place: usize) -> Option<String> {
    (place < 6).then(|| format!("https://avatars.example.invalid/u/{}", 1000 + place))
}

fn vcs(pipeline: &Pipeline, project: &Project) -> Value {
    let mut vcs = json!({
        "provider_name": "GitHub",
        "target_repository_url": project.url(),
        "origin_repository_url": project.url(),
        "revision": pipeline.revision,
        "commit": { "subject": pipeline.subject, "body": pipeline.body },
    });
    if let Some(branch) = &pipeline.branch {
        vcs["branch"] = json!(branch);
    }
    if let Some(tag) = &pipeline.tag {
        vcs["tag"] = json!(tag);
    }
    if let Some(review) = pipeline.review {
        vcs["review_id"] = json!(review.to_string());
        vcs["review_url"] = json!(format!("{}/pull/{review}", project.url()));
    }
    vcs
}

fn trigger_parameters(pipeline: &Pipeline, project: &Project) -> Value {
    let (login, name) = PEOPLE[pipeline.actor];
    let branch = pipeline.branch.as_deref().unwrap_or_default();
    let reference = match &pipeline.tag {
        Some(tag) => format!("refs/tags/{tag}"),
        None => format!("refs/heads/{branch}"),
    };
    json!({
        "git": {
            "branch": branch,
            "tag": pipeline.tag.as_deref().unwrap_or_default(),
            "ref": reference,
            "checkout_sha": pipeline.revision,
            "commit_title": pipeline.subject,
            "commit_message": format!("{}\n\n{}", pipeline.subject, pipeline.body),
            "commit_author_name": name,
            "repo_name": project.name,
            "repo_owner": project.org_name,
            "repo_url": project.url(),
            "default_branch": "main",
        },
        "github_app": {
            "commit_sha": pipeline.revision,
            "commit_title": pipeline.subject,
            "branch": branch,
            "user_username": login,
            "repo_full_name": format!("{}/{}", project.org_name, project.name),
            "trigger_type": "push",
        },
        "circleci": {
            "event_type": if pipeline.trigger == "api" { "api" } else { "push" },
            "trigger_type": "github_app",
        },
    })
}

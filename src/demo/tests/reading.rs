//! Reading requests and their errors.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::demo::tests::{all, get, jobs_of, post, refusal, send, text, time, world};
use crate::demo::world::World;
use crate::demo::world::names::HOSTILE;
use crate::demo::{Options, Shape};

#[test]
fn the_example_is_answered_to_the_letter() {
    let expected = json!({
        "pipeline_id": "5034460f-c7c4-4c43-9457",
        "canceled_by": "026a6d28-c22e-4aab-a8b4-bd7131a8ea35",
        "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
        "name": "build-and-test",
        "project_slug": "gh/CircleCI-Public/api-preview-docs",
        "errored_by": "c6e40f70-a80a-4ccc-af88-8d985a7bc622",
        "tag": "setup",
        "status": "success",
        "started_by": "03987f6a-4c27-4dc1-b6ab-c7e83bb3e713",
        "pipeline_number": "25",
        "created_at": "2019-08-24T14:15:22Z",
        "stopped_at": "2019-08-24T14:15:22Z",
    });
    let mut world = world();
    assert_eq!(
        get(&mut world, "/workflow/5034460f-c7c4-4c43-9457"),
        expected
    );
    assert_eq!(
        get(&mut world, "/workflow/497f6eca-6276-4993-bfeb-53cbbbba6f08"),
        expected
    );
    let jobs = all(&mut world, "/workflow/5034460f-c7c4-4c43-9457/job");
    assert_eq!(jobs.len(), 2);
    let pipeline = get(&mut world, "/pipeline/5034460f-c7c4-4c43-9457");
    assert_eq!(pipeline["number"], 25);
    assert_eq!(pipeline["created_at"], "2019-08-24T14:15:22.000Z");
    let workflows = all(&mut world, "/pipeline/5034460f-c7c4-4c43-9457/workflow");
    assert_eq!(workflows, [expected]);
}

#[test]
fn lists_are_paged_and_filtered() {
    let mut world = world();
    let pipelines = all(&mut world, "/project/gh/acme/web/pipeline");
    assert_eq!(pipelines.len(), 240);
    let numbers: Vec<u64> = pipelines
        .iter()
        .map(|p| p["number"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|newer, older| *newer == *older + 1));
    let ids: BTreeSet<&str> = pipelines
        .iter()
        .map(|pipeline| text(pipeline, "id"))
        .collect();
    assert_eq!(ids.len(), 240);
    let on_main = all(&mut world, "/project/gh/acme/web/pipeline?branch=main");
    assert!(
        on_main.len() > 40 && on_main.len() < 200,
        "{}",
        on_main.len()
    );
    assert!(
        on_main
            .iter()
            .all(|pipeline| pipeline["vcs"]["branch"] == "main")
    );
    let on_branch = all(
        &mut world,
        "/project/gh/acme/web/pipeline?branch=feature%2Fcheckout-redesign",
    );
    assert!(!on_branch.is_empty());
    let everywhere = all(&mut world, "/pipeline?org-slug=gh%2Facme");
    assert_eq!(everywhere.len(), 480);
    let times: Vec<i64> = everywhere
        .iter()
        .map(|p| time(p, "created_at").unwrap())
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
    let mine = all(&mut world, "/pipeline?org-slug=gh/acme&mine=true");
    assert!(!mine.is_empty() && mine.len() < 200);
    assert_eq!(
        refusal(
            &mut world,
            "GET",
            "/project/gh/acme/web/pipeline?page-token=x",
            &Value::Null
        )
        .0,
        400
    );
    assert_eq!(refusal(&mut world, "GET", "/pipeline", &Value::Null).0, 400);
}

#[test]
fn people_and_organisations() {
    let mut world = world();
    let me = get(&mut world, "/me");
    assert_eq!(me["login"], "mika");
    assert_eq!(get(&mut world, &format!("/user/{}", text(&me, "id"))), me);
    let collaborations = get(&mut world, "/me/collaborations");
    assert_eq!(collaborations[0]["slug"], "gh/acme");
    assert_eq!(collaborations[0]["vcs_type"], "github");
    let organization = get(&mut world, "/organization/gh/acme");
    let by_id = get(
        &mut world,
        &format!("/organization/{}", text(&organization, "id")),
    );
    assert_eq!(by_id, organization);
    let project = get(&mut world, "/project/github/acme/web");
    assert_eq!(project["organization_id"], organization["id"]);
}

#[test]
fn what_does_not_exist_is_not_found() {
    let mut world = world();
    for (target, message) in [
        ("/project/gh/acme/nope", "Project not found."),
        ("/project/gh/acme/nope/pipeline", "Project not found."),
        ("/project/gh/acme/web/pipeline/1", "Pipeline not found."),
        (
            "/pipeline/5034460f-c7c4-4c43-9457-de07e2029e7b",
            "Pipeline not found.",
        ),
        ("/workflow/nope", "Workflow not found."),
        (
            "/workflow/5034460f-c7c4-4c43-9457-de07e2029e7b/job",
            "Workflow not found.",
        ),
        ("/project/gh/acme/web/job/1", "Job not found."),
        ("/project/gh/acme/web/99999999999/tests", "Job not found."),
        ("/organization/gh/nope", "Organization not found."),
        ("/nope", "Not Found"),
        ("/me/", "Not Found"),
    ] {
        assert_eq!(
            refusal(&mut world, "GET", target, &Value::Null),
            (404, message.to_owned())
        );
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let mut world = world();
    let answer = send(
        &mut world,
        "DELETE",
        "/project/gh/acme/web/pipeline",
        &Value::Null,
    );
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers, [("allow", "GET, POST".to_owned())]);
    assert_eq!(
        send(&mut world, "GET", "/workflow/x/rerun", &Value::Null).status,
        405
    );
    assert_eq!(send(&mut world, "HEAD", "/me", &Value::Null).status, 200);
}

#[test]
fn equal_seeds_give_equal_answers() {
    let targets = [
        "/project/gh/acme/web/pipeline",
        "/insights/gh/acme/api/flaky-tests",
        "/me",
    ];
    for target in targets {
        assert_eq!(get(&mut world(), target), get(&mut world(), target));
    }
    let mut other = World::new(Options {
        seed: 7,
        ..Options::default()
    });
    assert_ne!(get(&mut other, "/me"), get(&mut world(), "/me"));
}

#[test]
fn a_shape_makes_every_pipeline_alike() {
    let mut world = World::new(Options {
        pipelines: 45,
        shape: Some(Shape {
            workflows: 2,
            jobs: 5,
        }),
        ..Options::default()
    });
    let pipelines = all(&mut world, "/project/gh/acme/web/pipeline");
    assert_eq!(pipelines.len(), 45);
    let mut ids = BTreeSet::new();
    for pipeline in &pipelines {
        let workflows = all(
            &mut world,
            &format!("/pipeline/{}/workflow", text(pipeline, "id")),
        );
        assert_eq!(workflows.len(), 2);
        for workflow in &workflows {
            let jobs = jobs_of(&mut world, workflow);
            assert_eq!(jobs.len(), 5);
            ids.extend(jobs.iter().map(|job| text(job, "id").to_owned()));
        }
    }
    assert_eq!(ids.len(), 450);
}

#[test]
fn no_pipelines_at_all() {
    let mut world = World::new(Options {
        pipelines: 0,
        ..Options::default()
    });
    assert!(all(&mut world, "/project/gh/acme/web/pipeline").is_empty());
    assert!(all(&mut world, "/insights/gh/acme/web/workflows").is_empty());
    assert_eq!(
        get(&mut world, "/insights/gh/acme/web/flaky-tests")["total_flaky_tests"],
        0
    );
    let made = post(
        &mut world,
        "/project/gh/acme/web/pipeline",
        &Value::Null,
        201,
    );
    assert_eq!(
        all(&mut world, "/project/gh/acme/web/pipeline")[0]["id"],
        made["id"]
    );
}

#[test]
fn hostile_names_are_spread_when_asked_for() {
    let mut world = World::new(Options {
        hostile: true,
        ..Options::default()
    });
    let pipelines = all(&mut world, "/project/gh/acme/web/pipeline");
    let subjects: BTreeSet<&str> = pipelines
        .iter()
        .filter_map(|pipeline| pipeline["vcs"]["commit"]["subject"].as_str())
        .collect();
    for name in HOSTILE {
        assert!(subjects.contains(name), "{name}");
    }
    assert!(subjects.iter().any(|subject| subject.len() > 10_000));
    let branch: String = url::form_urlencoded::byte_serialize(HOSTILE[0].as_bytes()).collect();
    let found = all(
        &mut world,
        &format!("/project/gh/acme/web/pipeline?branch={branch}"),
    );
    assert!(!found.is_empty());
}

//! Stories: what is shown follows from the seed and the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::demo::tests::{all, get, post, refusal, send, text, time};
use crate::demo::world::World;
use crate::demo::world::calendar::{DAY, HOUR};
use crate::demo::world::usage::{self, Export};
use crate::demo::{Options, Story};

const SLUGS: [&str; 2] = ["gh/acme/web", "gh/acme/api"];

fn story(name: &str, seed: u64) -> World {
    let story = Story::named(name).unwrap();
    World::new(Options {
        seed,
        now: story.begin(),
        story: Some(story),
        ..Options::default()
    })
}

fn week() -> World {
    story("week", 1)
}

fn at(world: &mut World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    assert!(world.set_clock(time.as_millisecond()));
}

/// Returns the workflows of a pipeline; `None` if they were forgotten.
fn workflows_of(world: &mut World, pipeline: &Value) -> Option<Vec<Value>> {
    let target = format!("/pipeline/{}/workflow", text(pipeline, "id"));
    let answer = send(world, "GET", &target, &Value::Null);
    match answer.status.as_u16() {
        200 => Some(all(world, &target)),
        404 => None,
        status => panic!("{status}: {}", answer.body),
    }
}

/// Returns all pipelines by their ids.
fn pipelines(world: &mut World) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for slug in SLUGS {
        for pipeline in all(world, &format!("/project/{slug}/pipeline")) {
            let double = found.insert(text(&pipeline, "id").to_owned(), pipeline);
            assert_eq!(double, None);
        }
    }
    found
}

/// Returns all workflows that have an id, by their ids.
fn workflows(world: &mut World) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for pipeline in pipelines(world).values() {
        for workflow in workflows_of(world, pipeline).unwrap_or_default() {
            if let Some(id) = workflow["id"].as_str() {
                found.insert(id.to_owned(), workflow);
            }
        }
    }
    found
}

/// Returns everything that the API lists.
fn everything(world: &mut World) -> Vec<Value> {
    let mut seen = Vec::new();
    for slug in SLUGS {
        for pipeline in all(world, &format!("/project/{slug}/pipeline")) {
            for workflow in workflows_of(world, &pipeline).unwrap_or_default() {
                if let Some(id) = workflow["id"].as_str() {
                    let target = format!("/workflow/{id}/job");
                    seen.push(json!(all(world, &target)));
                }
                seen.push(workflow);
            }
            seen.push(pipeline);
        }
        for name in ["workflows", "flaky-tests", "branches"] {
            seen.push(get(world, &format!("/insights/{slug}/{name}")));
        }
    }
    seen
}

fn status<'v>(workflows: &'v BTreeMap<String, Value>, id: &str) -> &'v str {
    text(&workflows[id], "status")
}

fn is_open(status: &str) -> bool {
    matches!(status, "running" | "failing" | "on_hold")
}

#[test]
fn a_state_does_not_depend_on_how_the_clock_got_there() {
    let times = [
        "2026-11-18T10:31:00Z",
        "2026-11-20T16:02:30Z",
        "2026-11-26T09:00:00Z",
    ];
    let mut walked = week();
    let mut seen = Vec::new();
    for time in times {
        at(&mut walked, time);
        seen.push(everything(&mut walked));
    }
    assert_ne!(seen[0], seen[1]);
    for (time, seen) in times.iter().zip(&seen).rev() {
        at(&mut walked, time);
        assert!(everything(&mut walked) == *seen, "back at {time}");
        let mut jumped = week();
        at(&mut jumped, time);
        assert!(everything(&mut jumped) == *seen, "at once at {time}");
    }
    let mut other = story("week", 2);
    at(&mut other, times[0]);
    assert_ne!(everything(&mut other), seen[0]);
}

/// Every five hours: what has ended stays as it is, nothing is later than now, and nothing that
/// is listed gets lost but by expiry and deletion.
#[test]
fn time_only_brings_workflows_on() {
    let mut world = week();
    let mut before: BTreeMap<String, Value> = BTreeMap::new();
    let mut statuses = BTreeSet::new();
    let (begin, end) = (Story::WEEK.begin(), Story::WEEK.end());
    let mut now = begin.as_millisecond();
    while now <= end.as_millisecond() {
        world.set_clock(now);
        let current = workflows(&mut world);
        let listed = pipelines(&mut world);
        for (id, workflow) in &current {
            assert!(time(workflow, "created_at").unwrap() <= now);
            assert!(time(workflow, "stopped_at").unwrap_or(now) <= now);
            let is_open = is_open(text(workflow, "status"));
            assert_eq!(workflow.get("stopped_at").is_none(), is_open);
            assert_eq!(&get(&mut world, &format!("/workflow/{id}")), workflow);
            statuses.insert(text(workflow, "status").to_owned());
        }
        for (id, workflow) in &before {
            let pipeline = listed.get(text(workflow, "pipeline_id"));
            match current.get(id) {
                Some(same) if !is_open_value(workflow) => assert_eq!(same, workflow),
                Some(_) => {}
                None => assert!(
                    pipeline.is_none_or(|pipeline| {
                        time(pipeline, "created_at").unwrap() + 90 * DAY <= now
                    }),
                    "{workflow}"
                ),
            }
        }
        before = current;
        now += 5 * HOUR;
    }
    let expected = [
        "canceled",
        "error",
        "failed",
        "not_run",
        "on_hold",
        "running",
        "success",
        "unauthorized",
    ];
    // `failing` passes within minutes.
    let missing: Vec<&str> = expected
        .into_iter()
        .filter(|word| !statuses.contains(*word))
        .collect();
    assert_eq!(missing, [""; 0]);
}

fn is_open_value(workflow: &Value) -> bool {
    is_open(text(workflow, "status"))
}

#[test]
fn a_working_day_has_some_twenty_pipelines() {
    let mut world = week();
    at(&mut world, "2026-11-17T00:00:00Z");
    let before = pipelines(&mut world).len();
    at(&mut world, "2026-11-18T00:00:00Z");
    let after = pipelines(&mut world).len();
    assert!((18..=22).contains(&(after - before)), "{before} {after}");
    at(&mut world, "2026-11-26T09:00:00Z");
    let end = pipelines(&mut world).len();
    at(&mut world, "2027-01-05T09:00:00Z");
    let listed: BTreeSet<String> = pipelines(&mut world).into_keys().collect();
    assert!(listed.len() < end, "nothing starts after the end");
}

/// A rerun is a new workflow of an old pipeline, whose record does not tell.
#[test]
fn old_pipelines_are_rerun() {
    let mut world = week();
    at(&mut world, "2026-11-23T09:00:00Z");
    let (pipelines_before, before) = (pipelines(&mut world), workflows(&mut world));
    at(&mut world, "2026-11-24T09:00:00Z");
    let (pipelines_after, after) = (pipelines(&mut world), workflows(&mut world));
    let mut ages = Vec::new();
    for workflow in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
        let pipeline = text(workflow.1, "pipeline_id");
        let Some(known) = pipelines_before.get(pipeline) else {
            continue;
        };
        assert_eq!(&pipelines_after[pipeline], known);
        assert_eq!(known["updated_at"], known["created_at"]);
        let pause = time(workflow.1, "created_at").unwrap() - time(known, "created_at").unwrap();
        ages.push(pause / DAY);
    }
    assert!(ages.iter().any(|days| *days >= 2), "{ages:?}");
}

#[test]
fn approvals_wait_for_days() {
    let mut world = week();
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    let mut given = 0;
    for day in 16..26 {
        at(&mut world, &format!("2026-11-{day}T20:00:00Z"));
        let current = workflows(&mut world);
        for (id, days) in &mut held {
            if *days > 0 && current.contains_key(id) && status(&current, id) == "success" {
                given += usize::from(*days >= 2);
                *days = 0;
            }
        }
        let waiting = current.iter().filter(|(_, w)| w["status"] == "on_hold");
        for (id, _) in waiting {
            *held.entry(id.clone()).or_default() += 1;
        }
    }
    assert!(given > 0, "{held:?}");
}

#[test]
fn records_expire_and_pipelines_are_deleted() {
    for name in ["week", "quarter"] {
        let mut world = story(name, 1);
        let end = Story::named(name).unwrap().end().as_millisecond();
        world.set_clock(end - 3 * DAY);
        let before = pipelines(&mut world);
        let jobs: Vec<String> = workflows(&mut world).into_keys().collect();
        world.set_clock(end);
        let mut kinds = BTreeSet::new();
        let after = pipelines(&mut world);
        for pipeline in after.values() {
            let age = end - time(pipeline, "created_at").unwrap();
            let kind = match workflows_of(&mut world, pipeline) {
                None => "forgotten",
                Some(list) if list.iter().any(|workflow| workflow["id"].is_null()) => "nameless",
                Some(_) => "kept",
            };
            if pipeline["state"] != "errored" {
                assert_eq!(kind == "kept", age < 90 * DAY, "{pipeline}");
            }
            kinds.insert(kind);
        }
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        let deleted = before.values().find(|pipeline| {
            let age = end - time(pipeline, "created_at").unwrap();
            age < 90 * DAY && !after.contains_key(text(pipeline, "id"))
        });
        let id = text(deleted.unwrap(), "id");
        let gone = refusal(
            &mut world,
            "GET",
            &format!("/pipeline/{id}/workflow"),
            &Value::Null,
        );
        assert_eq!(gone, (404, "Pipeline not found.".to_owned()));
        let expired = jobs.iter().find(|id| {
            let target = format!("/workflow/{id}/job");
            send(&mut world, "GET", &target, &Value::Null).status == 404
        });
        assert!(expired.is_some());
    }
}

#[test]
fn pages_shift_while_they_are_read() {
    let mut world = week();
    at(&mut world, "2026-11-20T09:00:00Z");
    let target = "/project/gh/acme/web/pipeline";
    let first = get(&mut world, target);
    let token: String =
        url::form_urlencoded::byte_serialize(first["next_page_token"].as_str().unwrap().as_bytes())
            .collect();
    at(&mut world, "2026-11-20T12:00:00Z");
    let second = get(&mut world, &format!("{target}?page-token={token}"));
    let last = &first["items"][19];
    assert!(
        second["items"].as_array().unwrap().contains(last),
        "new pipelines push others to the next page"
    );
}

/// A rerun by a request goes on with the clock, and is not there before it was made.
#[test]
fn writes_join_the_story() {
    let mut world = week();
    at(&mut world, "2026-11-20T09:00:00Z");
    let failed = workflows(&mut world)
        .into_iter()
        .find(|(_, workflow)| workflow["status"] == "failed");
    let (id, workflow) = failed.unwrap();
    let made = post(
        &mut world,
        &format!("/workflow/{id}/rerun"),
        &json!({}),
        202,
    );
    let target = format!("/workflow/{}", text(&made, "workflow_id"));
    for _ in 0..9 {
        assert_eq!(get(&mut world, &target)["status"], "running");
    }
    at(&mut world, "2026-11-20T09:30:00Z");
    assert_eq!(get(&mut world, &target)["status"], "success");
    let list = format!("/pipeline/{}/workflow", text(&workflow, "pipeline_id"));
    assert_eq!(all(&mut world, &list)[0]["id"], made["workflow_id"]);
    at(&mut world, "2026-11-20T08:00:00Z");
    let (status, _) = refusal(&mut world, "GET", &target, &Value::Null);
    assert_eq!(status, 404);
}

#[test]
fn an_approval_by_a_request_replaces_that_of_the_story() {
    let mut world = week();
    at(&mut world, "2026-11-20T20:00:00Z");
    let held = workflows(&mut world)
        .into_iter()
        .find(|(_, workflow)| workflow["status"] == "on_hold");
    let (id, _) = held.unwrap();
    let jobs = all(&mut world, &format!("/workflow/{id}/job"));
    let approval = jobs.iter().find(|job| job["status"] == "on_hold").unwrap();
    let target = format!(
        "/workflow/{id}/approve/{}",
        text(approval, "approval_request_id")
    );
    post(&mut world, &target, &Value::Null, 202);
    let target = format!("/workflow/{id}");
    assert_eq!(get(&mut world, &target)["status"], "running");
    at(&mut world, "2026-11-20T21:00:00Z");
    let settled = get(&mut world, &target);
    assert_eq!(settled["status"], "success");
    at(&mut world, "2026-11-26T09:00:00Z");
    assert_eq!(get(&mut world, &target), settled);
}

#[test]
fn insights_and_usage_follow_the_clock() {
    let mut world = week();
    let mut totals = Vec::new();
    for day in ["18", "24"] {
        at(&mut world, &format!("2026-11-{day}T09:00:00Z"));
        let (mut runs, mut flaky) = (0, 0);
        for slug in SLUGS {
            let target = format!("/insights/{slug}/workflows?all-branches=true");
            for workflow in all(&mut world, &target) {
                runs += workflow["metrics"]["total_runs"].as_i64().unwrap();
            }
            let target = format!("/insights/{slug}/flaky-tests");
            flaky += get(&mut world, &target)["total_flaky_tests"]
                .as_i64()
                .unwrap();
        }
        totals.push([runs, flaky, usage_rows(&world)]);
    }
    let grows = totals[0]
        .iter()
        .zip(totals[1])
        .all(|(first, last)| *first < last);
    assert!(grows, "{totals:?}");
}

/// Returns the number of jobs in an export of the days until now.
fn usage_rows(world: &World) -> i64 {
    let export = Export {
        id: "export".to_owned(),
        org_slug: "gh/acme".to_owned(),
        from: world.now() - 9 * DAY,
        to: world.now(),
        requested_at: 0,
        polls: 0,
    };
    let bytes = usage::part(world, &export, 0).unwrap();
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    i64::try_from(text.lines().count()).unwrap()
}

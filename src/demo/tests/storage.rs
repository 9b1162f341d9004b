//! Usage exports, artifacts and output of steps.

use std::collections::BTreeMap;
use std::io::Read;

use hyper::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::demo::message::{Answer, Body, Call};
use crate::demo::storage;
use crate::demo::tests::{all, answer, get, jobs_of, post, refusal, text, workflow_in, world};
use crate::demo::world::World;

/// Fetches an address of the storage.
fn fetch(world: &World, address: &str, headers: &[(&'static str, &str)]) -> Answer {
    let target = address.strip_prefix(&world.storage_origin).unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    let call = Call::new(Method::GET, target, &map, Vec::new());
    storage::respond(world, &call, target, &map)
}

fn bytes(answer: Answer) -> Vec<u8> {
    match answer.body {
        Body::Raw { bytes, .. } => bytes,
        Body::Json(body) => panic!("{body}"),
    }
}

fn export(world: &mut World, start: &str, end: &str) -> Vec<String> {
    let organization = get(world, "/organization/gh/acme");
    let target = format!(
        "/organizations/{}/usage_export_job",
        text(&organization, "id")
    );
    let made = post(world, &target, &json!({ "start": start, "end": end }), 201);
    let target = format!("{target}/{}", text(&made, "usage_export_job_id"));
    let states = [made, get(world, &target), get(world, &target)];
    let words = states.each_ref().map(|state| text(state, "state"));
    assert_eq!(words, ["created", "processing", "completed"]);
    let urls = states[2]["download_urls"].as_array().unwrap();
    urls.iter()
        .map(|url| url.as_str().unwrap().to_owned())
        .collect()
}

fn rows(world: &World, urls: &[String]) -> Vec<BTreeMap<String, String>> {
    let mut rows = Vec::new();
    for url in urls {
        let part = bytes(fetch(world, url, &[]));
        let mut plain = String::new();
        let mut decoder = flate2::read::GzDecoder::new(part.as_slice());
        decoder.read_to_string(&mut plain).unwrap();
        let mut lines = plain.lines().map(|line| line.split(','));
        let names: Vec<&str> = lines.next().unwrap().collect();
        for line in lines {
            let cells = line.map(str::to_owned);
            rows.push(
                names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .zip(cells)
                    .collect(),
            );
        }
    }
    rows
}

#[test]
fn a_usage_export_agrees_with_the_api() {
    let mut world = world();
    let urls = export(&mut world, "2026-09-01T00:00:00Z", "2026-09-16T12:00:00Z");
    assert_eq!(urls.len(), 2);
    let rows = rows(&world, &urls);
    let failed = workflow_in(&mut world, "failed");
    let jobs: Vec<Value> = jobs_of(&mut world, &failed)
        .into_iter()
        .filter(|job| job.get("stopped_at").is_some())
        .collect();
    let own: Vec<_> = rows
        .iter()
        .filter(|row| row["WORKFLOW_ID"] == text(&failed, "id"))
        .collect();
    assert_eq!(own.len(), jobs.len());
    for (row, job) in own.iter().zip(&jobs) {
        assert_eq!(row["JOB_ID"], text(job, "id"));
        assert_eq!(row["JOB_NAME"], text(job, "name"));
        assert_eq!(row["JOB_RUN_NUMBER"], job["job_number"].to_string());
        assert_eq!(row["JOB_RUN_STARTED_AT"], text(job, "started_at"));
        assert_eq!(row["JOB_BUILD_STATUS"], text(job, "status"));
        assert_eq!(row["PROJECT_NAME"], "web");
    }
    let mut numbers: Vec<&String> = rows.iter().map(|row| &row["JOB_ID"]).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "no job is in two parts");
}

#[test]
fn usage_reaches_back_over_two_months_and_shows_what_is_too_large() {
    let mut world = world();
    let credits = |rows: &[BTreeMap<String, String>]| -> f64 {
        let credits = rows.iter().map(|row| row["TOTAL_CREDITS"].parse::<f64>());
        credits.map(Result::unwrap).sum()
    };
    let july = export(&mut world, "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z");
    let july = rows(&world, &july);
    let august = export(&mut world, "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z");
    let august = rows(&world, &august);
    assert!(july.len() > 3000 && august.len() > 3000);
    let change = credits(&august) / credits(&july);
    assert!(
        (0.5..2.0).contains(&change) && credits(&july) > 100_000.0,
        "{change}"
    );
    let of = |job: &str, column: &str| -> f64 {
        let values = august.iter().filter(|row| row["JOB_NAME"] == job);
        let values: Vec<f64> = values.filter_map(|row| row[column].parse().ok()).collect();
        values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap())
    };
    assert!(of("build-image", "MAX_CPU_UTILIZATION_PCT") < 40.0);
    assert!(of("compile", "MEDIAN_CPU_UTILIZATION_PCT") > 80.0);
    assert!(august.iter().any(|row| row["VCS_BRANCH"] == "\\N"));
}

#[test]
fn a_usage_export_refuses_what_does_not_fit_and_too_many() {
    let mut world = world();
    let organization = get(&mut world, "/organization/gh/acme");
    let target = format!(
        "/organizations/{}/usage_export_job",
        text(&organization, "id")
    );
    for (start, end) in [
        ("2026-07-01T00:00:00Z", "2026-08-03T00:00:00Z"),
        ("2026-09-01T00:00:00Z", "2026-09-17T00:00:00Z"),
        ("2026-09-02T00:00:00Z", "2026-09-01T00:00:00Z"),
        ("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"),
        ("yesterday", "2026-09-01T00:00:00Z"),
    ] {
        let body = json!({ "start": start, "end": end });
        assert_eq!(refusal(&mut world, "POST", &target, &body).0, 400, "{body}");
    }
    let body = json!({ "start": "2026-09-01T00:00:00Z", "end": "2026-09-02T00:00:00Z" });
    for _ in 0..10 {
        post(&mut world, &target, &body, 201);
    }
    assert_eq!(refusal(&mut world, "POST", &target, &body).0, 429);
    let organization = get(&mut world, "/organization/gh/CircleCI-Public");
    let target = format!(
        "/organizations/{}/usage_export_job",
        text(&organization, "id")
    );
    let made = post(&mut world, &target, &body, 201);
    let target = format!("{target}/{}", text(&made, "usage_export_job_id"));
    get(&mut world, &target);
    let failed = get(&mut world, &target);
    assert_eq!(failed["state"], "failed");
    assert!(failed["error_reason"].is_string());
}

#[test]
fn a_presigned_address_takes_no_change_and_no_credential() {
    let mut world = world();
    let urls = export(&mut world, "2026-09-14T00:00:00Z", "2026-09-15T00:00:00Z");
    let url = &urls[0];
    assert_eq!(fetch(&world, url, &[]).status, 200);
    for changed in [
        url.replace("%7E", "~"),
        url.replace("%2F", "%2f"),
        url.replace("%20", "+"),
        url.replace("part-0", "part-1"),
        format!("{url}&x=1"),
        url.split_once('?').unwrap().0.to_owned(),
    ] {
        assert_eq!(fetch(&world, &changed, &[]).status, 403, "{changed}");
    }
    for header in [
        ("circle-token", "demo-token"),
        ("authorization", "Bearer x"),
    ] {
        assert_eq!(fetch(&world, url, &[header]).status, 400);
    }
}

#[test]
fn artifacts_are_stored_and_come_in_ranges() {
    let mut world = world();
    let failed = workflow_in(&mut world, "failed");
    let mut kinds = BTreeMap::new();
    for job in jobs_of(&mut world, &failed) {
        let Some(number) = job.get("job_number") else {
            continue;
        };
        for artifact in all(
            &mut world,
            &format!("/project/gh/acme/web/{number}/artifacts"),
        ) {
            let answer = fetch(&world, text(&artifact, "url"), &[]);
            assert_eq!(answer.status, 200, "{artifact}");
            kinds.insert(text(&artifact, "path").to_owned(), bytes(answer));
        }
    }
    assert!(kinds["test-results/junit.xml"].starts_with(b"<?xml"));
    let coverage: Value = serde_json::from_slice(&kinds["coverage/coverage.json"]).unwrap();
    assert!(coverage["total"]["lines"]["pct"].is_i64());
    assert!(kinds["dist/build.tar.gz"].len() > 300_000);
    assert!(kinds["logs/output.log"].ends_with(b"done\r\n"));
    assert!(kinds.contains_key("screenshots/failed test #1.png"));
}

#[test]
fn a_range_is_a_part_and_a_tag_saves_the_whole() {
    let mut world = world();
    let failed = workflow_in(&mut world, "failed");
    let jobs = jobs_of(&mut world, &failed);
    let number = &jobs.iter().find(|job| job["name"] == "build").unwrap()["job_number"];
    let artifacts = all(
        &mut world,
        &format!("/project/gh/acme/web/{number}/artifacts"),
    );
    let url = text(&artifacts[1], "url");
    let whole = fetch(&world, url, &[]);
    let tag = whole.headers.iter().find(|(name, _)| *name == "etag");
    let tag = tag.unwrap().1.clone();
    let whole = bytes(whole);
    for (range, part) in [
        ("bytes=10-19", &whole[10..20]),
        ("bytes=307000-", &whole[307_000..]),
        ("bytes=-4", &whole[whole.len() - 4..]),
    ] {
        let answer = fetch(&world, url, &[("range", range), ("if-range", &tag)]);
        assert_eq!(answer.status, 206);
        assert_eq!(bytes(answer), part);
    }
    let answer = fetch(
        &world,
        url,
        &[("range", "bytes=1-2"), ("if-range", "\"x\"")],
    );
    assert_eq!(answer.status, 200);
    assert_eq!(
        fetch(&world, url, &[("range", "bytes=9999999-")]).status,
        416
    );
    assert_eq!(fetch(&world, url, &[("if-none-match", &tag)]).status, 304);
    let elsewhere = url.replace("dist/build", "dist/../build");
    assert_eq!(fetch(&world, &elsewhere, &[]).status, 404);
}

#[test]
fn the_output_of_a_failed_step_says_why() {
    let mut world = world();
    let failed = workflow_in(&mut world, "failed");
    let jobs = jobs_of(&mut world, &failed);
    let job = jobs.iter().find(|job| job["status"] == "failed").unwrap();
    let target = format!("/api/v1.1/project/github/acme/web/{}", job["job_number"]);
    let shown = answer(&mut world, "GET", &target, &Value::Null);
    assert_eq!(shown.status, 200);
    let shown = shown.json();
    assert_eq!(shown["workflows"]["workflow_id"], failed["id"]);
    let actions = shown["steps"].as_array().unwrap().iter();
    let actions = actions.flat_map(|step| step["actions"].as_array().unwrap());
    let failed: Vec<&Value> = actions.filter(|action| action["failed"] == true).collect();
    assert_eq!(failed.len(), 1);
    let output = bytes(fetch(&world, text(failed[0], "output_url"), &[]));
    let output: Value = serde_json::from_slice(&output).unwrap();
    let last = output.as_array().unwrap().last().unwrap();
    assert_eq!(last["type"], "err");
    assert!(text(last, "message").ends_with("Exited with code exit status 1\r\n"));
    assert!(text(last, "message").lines().count() > 2);
}

//! The content of artifacts.

use serde_json::{Map, Value, json};

use crate::demo::world::Workflow;
use crate::demo::world::course::Job;
use crate::demo::world::names::SUITES;
use crate::demo::world::random::Dice;
use crate::demo::world::steps;
use crate::demo::world::suite::{self, Artifact};

/// The size of a binary in words of eight bytes: some 300 kB.
const WORDS: usize = 38_400;

/// Returns the type and the bytes of an artifact.
pub fn content(
    seed: u64,
    workflow: &Workflow<'_>,
    job: &Job,
    artifact: &Artifact,
) -> (&'static str, Vec<u8>) {
    let path = artifact.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut dice = Dice::new(
        seed,
        &[
            u64::from(workflow.key.pipeline),
            u64::from(artifact.node),
            path.len() as u64,
        ],
    );
    let extension = name.rsplit('.').next().unwrap_or_default();
    match extension {
        "xml" => ("text/xml", junit(seed, workflow, job).into_bytes()),
        "json" if name.starts_with("coverage") => (
            "application/json",
            coverage(&mut dice).to_string().into_bytes(),
        ),
        "json" => {
            let summary = json!({ "job": workflow.job_plan(job).name, "node": artifact.node, "ok": !job.status.is_failure() });
            ("application/json", summary.to_string().into_bytes())
        }
        "info" => ("text/plain", lcov(&mut dice).into_bytes()),
        "html" => ("text/html", page(&mut dice).into_bytes()),
        "log" => (
            "text/plain",
            log(seed, workflow, job, artifact.node).into_bytes(),
        ),
        "png" => {
            let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
            bytes.extend(noise(512, &mut dice));
            ("image/png", bytes)
        }
        _ => {
            let mut bytes = b"\x1f\x8b\x08\x00".to_vec();
            bytes.extend(noise(WORDS, &mut dice));
            ("application/octet-stream", bytes)
        }
    }
}

fn noise(words: usize, dice: &mut Dice) -> Vec<u8> {
    (0..words).flat_map(|_| dice.roll().to_be_bytes()).collect()
}

/// Returns the test results of the job, which are the same in each parallel run.
fn junit(seed: u64, workflow: &Workflow<'_>, job: &Job) -> String {
    let tests = suite::tests(seed, workflow, job);
    let failures = tests.iter().filter(|test| test.result == "failure").count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">\n",
        workflow.job_plan(job).name,
        tests.len(),
    );
    for test in &tests {
        let seconds = f64::from(test.millis) / 1000.0;
        text.push_str(&format!(
            "  <testcase classname=\"{}\" name=\"{}\" file=\"{}\" time=\"{seconds}\">",
            escaped(test.class),
            escaped(&test.name),
            escaped(test.file),
        ));
        match test.result {
            "failure" => text.push_str(&format!("<failure>{}</failure>", escaped(&test.message))),
            "skipped" => text.push_str("<skipped/>"),
            _ => {}
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("</testsuite>\n");
    text
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns covered and total lines of each file.
fn coverage(dice: &mut Dice) -> Value {
    let (mut files, mut all, mut hit) = (Map::new(), 0, 0);
    for (file, covered, total) in covered(dice) {
        files.insert(
            file,
            json!({ "lines": { "total": total, "covered": covered } }),
        );
        all += total;
        hit += covered;
    }
    let percent = (hit * 10_000 / all) / 100;
    json!({ "total": { "lines": { "total": all, "covered": hit, "pct": percent } }, "files": files })
}

fn covered(dice: &mut Dice) -> Vec<(String, i64, i64)> {
    SUITES
        .iter()
        .map(|(file, _)| {
            let total = dice.between(80, 400);
            (
                file.replace(".test", ""),
                total * dice.between(55, 99) / 100,
                total,
            )
        })
        .collect()
}

fn lcov(dice: &mut Dice) -> String {
    let record = |(file, covered, total): &(String, i64, i64)| {
        format!("SF:{file}\nLF:{total}\nLH:{covered}\nend_of_record\n")
    };
    covered(dice).iter().map(record).collect()
}

fn page(dice: &mut Dice) -> String {
    let row = |(file, covered, total): &(String, i64, i64)| {
        format!("<tr><td>{file}</td><td>{covered} / {total}</td></tr>\n")
    };
    let rows: String = covered(dice).iter().map(row).collect();
    format!("<!doctype html>\n<title>Coverage</title>\n<table>\n{rows}</table>\n")
}

fn log(seed: u64, workflow: &Workflow<'_>, job: &Job, node: u32) -> String {
    steps::of(seed, workflow, job)
        .iter()
        .map(|step| steps::text(&steps::output(seed, workflow, job, step, node), None))
        .collect()
}

//! The baseline for `bench/walk.sh`: the walk of `queries/project-jobs.yaml`, hand-written as
//! plainly as a fast one can be. One client with keep-alive, a fixed number of concurrent requests,
//! and children requested while their parent's next page is pending. It only supports this query,
//! never retries, and stops at the first unexpected response.
//!
//! ```text
//! walk-control BASE_URL CONCURRENCY > records.ndjson
//! ```

use std::io::Write;
use std::rc::Rc;

use mimalloc::MiMalloc;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

/// As `runner` has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
    in_flight: Semaphore,
}

impl Api {
    async fn page(&self, path: &str, cursor: Option<&str>) -> Result<Value> {
        let mut url: url::Url = format!("{}{path}", self.base).parse()?;
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("page-token", cursor);
        }
        let _permit = self.in_flight.acquire().await?;
        let request = self.client.get(url).header("circle-token", &self.token);
        let response = request.send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }

    /// Asks for all pages, and gives every item away as soon as it is there.
    async fn each<C>(&self, path: &str, child: impl Fn(Value) -> C) -> Result<Vec<C>> {
        let mut children = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut page = self.page(path, cursor.as_deref()).await?;
            let Value::Array(items) = page["items"].take() else {
                return Err(format!("{path}: no items").into());
            };
            children.extend(items.into_iter().map(&child));
            cursor = page["next_page_token"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(children);
            }
        }
    }
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap_or_default()
}

/// The records of one workflow.
fn jobs(api: &Rc<Api>, pipeline: &Rc<Value>, workflow: Value) -> JoinHandle<Result<Vec<u8>>> {
    let (api, pipeline) = (Rc::clone(api), Rc::clone(pipeline));
    spawn_local(async move {
        let path = format!("/workflow/{}/job", id(&workflow));
        let mut lines = Vec::new();
        for job in api.each(&path, |job| job).await? {
            serde_json::to_writer(&mut lines, &record(&pipeline, &workflow, &job))?;
            lines.push(b'\n');
        }
        Ok(lines)
    })
}

/// Pipelines of a GitHub App say in `trigger_parameters` what others say in `vcs`.
fn branch(pipeline: &Value) -> Option<&str> {
    let places = ["/vcs/branch", "/trigger_parameters/git/branch"];
    let named = |place: &&str| pipeline.pointer(place).and_then(Value::as_str);
    let found = places.iter().find_map(named);
    found.filter(|name| !name.is_empty())
}

fn record(pipeline: &Value, workflow: &Value, job: &Value) -> Value {
    let seconds = |key: &str| {
        let time: jiff::Timestamp = job[key].as_str()?.parse().ok()?;
        Some(time.as_duration().as_secs_f64())
    };
    let minutes = seconds("stopped_at")
        .zip(seconds("started_at"))
        .map(|(end, start)| {
            let minutes = ((end - start) / 60.0 * 100.0).round() / 100.0;
            // As JSON of other hands has it: 2, not 2.0.
            if minutes.fract() == 0.0 {
                json!(format!("{minutes}").parse::<i64>().unwrap_or_default())
            } else {
                json!(minutes)
            }
        });
    json!({
        "pipeline_number": pipeline["number"],
        "branch": branch(pipeline),
        "workflow": workflow["name"],
        "job_number": job["job_number"],
        "name": job["name"],
        "type": job["type"],
        "status": job["status"],
        "minutes": minutes,
        "started_at": job["started_at"],
        "stopped_at": job["stopped_at"],
        "workflow_id": workflow["id"],
    })
}

async fn walk(base: String, concurrency: usize) -> Result<()> {
    let api = Rc::new(Api {
        client: reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(concurrency)
            .build()?,
        base,
        token: std::env::var("CIRCLE_TOKEN")?,
        in_flight: Semaphore::new(concurrency),
    });
    let pipelines = api.each("/project/gh%2Facme%2Fweb/pipeline", |pipeline| {
        let (api, pipeline) = (Rc::clone(&api), Rc::new(pipeline));
        spawn_local(async move {
            let path = format!("/pipeline/{}/workflow", id(&pipeline));
            api.each(&path, |workflow| jobs(&api, &pipeline, workflow))
                .await
        })
    });
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for workflows in pipelines.await? {
        for lines in workflows.await?? {
            out.write_all(&lines.await??)?;
        }
    }
    Ok(out.flush()?)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().ok_or("a base URL is missing")?;
    let concurrency = arguments.next().ok_or("a number is missing")?.parse()?;
    // The client wants one, though nothing is encrypted here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(LocalSet::new().run_until(walk(base, concurrency)))
}

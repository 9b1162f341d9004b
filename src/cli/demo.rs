//! `runner demo`: serves the embedded CircleCI on a port.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use crate::cli::app::App;
use crate::cli::connect;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::options::duration;
use crate::core::code::Code;
use crate::core::time::{TIME_EXAMPLE, parse_time};
use crate::demo::{self, CLOCK_PATH, Listeners, Options, RateLimit, Shape, Story};

const EXAMPLES: &str = "\
Examples:
  runner demo                                     on port 4010
  runner demo --port 0                            on a free port, which it prints
  runner demo --latency 20ms --rate-limit 30/1s   slow, with a rate limit
  runner demo --fail-every 53:503                 every 53rd response is a 503
  runner demo --pipelines 200 --shape 2x5         200 pipelines with 2 workflows of 5 jobs
  runner demo --story week                        ten days, under a clock that requests move

Any token is accepted: `export CIRCLE_TOKEN=demo-token`, and in the resource file
`base_url: http://127.0.0.1:4010/api/v2`.";

/// Options of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Port on 127.0.0.1; 0 chooses a free one
    #[arg(long, default_value_t = 4010, value_name = "PORT")]
    pub port: u16,

    /// Delay before each response
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub latency: Option<Duration>,

    /// Rate limit, enforced with 429, for example 30/1s or 5000/1h
    #[arg(long, value_parser = rate_limit, value_name = "N/DURATION")]
    pub rate_limit: Option<(u32, Duration)>,

    /// Burst size of the rate limit
    #[arg(long, value_name = "N", requires = "rate_limit")]
    pub burst: Option<u32>,

    /// Return an error status for every Nth request, for example 53:503
    #[arg(long, value_parser = fail_every, value_name = "N[:STATUS]")]
    pub fail_every: Option<(u32, u16)>,

    /// The only valid token (default: any)
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,

    /// Number of pipelines in each of the two projects
    #[arg(long, value_name = "N")]
    pub pipelines: Option<u32>,

    /// Workflows per pipeline x jobs per workflow, for example 2x5
    #[arg(long, value_parser = shape, value_name = "WORKFLOWSxJOBS")]
    pub shape: Option<Shape>,

    /// Items per page
    #[arg(long, value_name = "N")]
    pub page_size: Option<u32>,

    /// Seed of the synthetic data
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Show a period day by day, as requests move the clock (`POST /__clock`)
    #[arg(
        long,
        value_parser = PossibleValuesParser::new(Story::ALL.map(|story| story.name)),
        conflicts_with_all = ["pipelines", "shape"],
        value_name = "NAME"
    )]
    pub story: Option<String>,

    /// Clock: `real`, or a fixed time (default: a Wednesday in 2026, or the story's begin)
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,

    /// Use names that break careless programs (markup, control characters, 10,000 letters)
    #[arg(long)]
    pub hostile: bool,
}

fn rate_limit(text: &str) -> Result<(u32, Duration), String> {
    text.split_once('/')
        .and_then(|(number, per)| Some((number.parse().ok()?, duration(per).ok()?)))
        .filter(|(number, _)| *number > 0)
        .ok_or_else(|| "expected a number and a duration, such as `30/1s`".to_owned())
}

fn fail_every(text: &str) -> Result<(u32, u16), String> {
    let (number, status) = text.split_once(':').unwrap_or((text, "503"));
    match (number.parse::<u32>(), status.parse::<u16>()) {
        (Ok(number), Ok(status)) if number > 0 && (400..=599).contains(&status) => {
            Ok((number, status))
        }
        _ => Err("expected a number and a status, such as `53:503`".to_owned()),
    }
}

fn shape(text: &str) -> Result<Shape, String> {
    text.split_once('x')
        .and_then(|(workflows, jobs)| {
            Some(Shape {
                workflows: workflows.parse().ok()?,
                jobs: jobs.parse().ok()?,
            })
        })
        .filter(|shape| shape.workflows <= 500 && shape.jobs <= 500)
        .ok_or_else(|| "expected two numbers up to 500, such as `2x5`".to_owned())
}

/// Runs the verb until it is interrupted.
///
/// # Errors
///
/// If the port is in use.
pub fn run(args: &DemoArgs, app: &Rc<App>) -> Result<Exit, Failure> {
    let options = options(args, app.now)?;
    let failed = |words: String| Failure::new(Exit::Network, Code::Demo, words);
    connect::runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
            .await
            .map_err(|error| {
                let words = crate::project::load::plain(&error);
                failed(format!("cannot use port {}: {words}", args.port))
                    .help("use `--port 0` for a free port")
            })?;
        let address = listener
            .local_addr()
            .map_err(|error| failed(error.to_string()))?;
        let listeners = Listeners::with_storage(listener).await;
        let listeners = listeners.map_err(|error| failed(error.to_string()))?;
        let storage = listeners.storage.local_addr();
        let storage = storage.map_err(|error| failed(error.to_string()))?;
        // Handles signals before the address is printed.
        app.shutdown.listen();
        // Only the address is on standard output, for scripts that wait for it.
        let _ = app.print(&format!("http://{address}/api/v2\n"));
        app.eprintln("demo: an embedded CircleCI with synthetic data; press Ctrl-C to stop");
        app.eprintln(&format!(
            "demo: artifacts, step output and usage exports are on {storage}"
        ));
        if let Some(story) = options.story {
            app.eprintln(&introduce(story, options.now, address));
        }
        tokio::select! {
            result = demo::serve(listeners, options) => {
                result.map_err(|error| failed(error.to_string()))?;
                Ok(Exit::Done)
            }
            _ = app.shutdown.noticed() => Ok(Exit::Done),
        }
    })
}

/// Returns the commands that show and move the clock of a story.
fn introduce(story: Story, now: Timestamp, address: SocketAddr) -> String {
    let (name, end) = (story.name, story.end());
    let clock = format!("http://{address}{CLOCK_PATH}");
    format!(
        "demo: the story `{name}` stands at {now} and ends at {end}; its clock is shown and moved by\n  \
         curl {clock}\n  \
         curl -d '{{\"by\": \"1d\"}}' {clock}\n  \
         curl -d '{{\"to\": \"{end}\"}}' {clock}"
    )
}

fn options(args: &DemoArgs, real_now: Timestamp) -> Result<Options, Failure> {
    let default = Options::default();
    let story = args.story.as_deref().and_then(Story::named);
    let (now, ticking) = match args.now.as_deref() {
        None => (story.map_or(default.now, Story::begin), false),
        Some("real") if story.is_some() => {
            let words = "`--now real` does not go with `--story`, whose clock requests move";
            return Err(Failure::usage(Code::Demo, words));
        }
        Some("real") => (real_now, true),
        Some(text) => {
            let time = parse_time(text, real_now).ok_or_else(|| {
                let words = format!("`--now` takes `real` or {TIME_EXAMPLE}, got `{text}`");
                Failure::usage(Code::Demo, words)
            })?;
            (time, false)
        }
    };
    Ok(Options {
        seed: args.seed.unwrap_or(default.seed),
        now,
        story,
        ticking,
        pipelines: args.pipelines.unwrap_or(default.pipelines),
        page_size: args.page_size.unwrap_or(default.page_size).clamp(1, 1000),
        shape: args.shape,
        hostile: args.hostile,
        latency: args.latency.unwrap_or_default(),
        rate_limit: args.rate_limit.map(|(requests, per)| RateLimit {
            requests,
            per,
            burst: args.burst.unwrap_or(requests).max(1),
        }),
        fail_every: args.fail_every,
        token: args.token.clone(),
        ..default
    })
}

//! Tests that define a kind of each sort outside of its folder and run it against the demo:
//! everything about a kind is in its trait.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::auth::{Authenticate, Context, Credential, CredentialError, Field, Obtained, Obtaining};
use crate::cli::app::App;
use crate::cli::cache;
use crate::cli::watch::Watch;
use crate::core::secret::{Scrubber, Secret};
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::demo::{self, Demo};
use crate::engine::{
    self, BudgetOptions, Deliver, ExecutionOptions, Live, LiveOptions, ResultKind, Session, Shelf,
};
use crate::format::{Format, FormatError, Render, Shape};
use crate::http::{HeaderName, HeaderValue, Method, Observe, Request};
use crate::paginate::{Change, Next, Page, Paginate, Style};
use crate::plan::{Binding, Input, Outside, Plan, SharedPlans};
use crate::project::{Project, Trust};
use crate::resource::{Resource, Speak};
use crate::template::{Clock, RenderError, Scope, Template};

/// Sends the number of the credential, and signs the route. The demo only accepts the second one.
#[derive(Debug, Default)]
struct Numbered(AtomicU32);

impl Numbered {
    const ACCEPTED: &str = "toy-2";
}

impl Authenticate for Numbered {
    fn templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    fn ready(&self, _: &Scope) -> Result<(), CredentialError> {
        Ok(())
    }

    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let token = Secret::new(format!("toy-{number}"));
        context.scrubber.add(&token);
        let name = HeaderName::from_static("circle-token");
        let credential = Credential::header(name, "", token);
        Box::pin(std::future::ready(Ok(Obtained::from(credential))))
    }

    fn sign(
        &self,
        request: &mut Request,
        credential: &Credential,
        _: &Context<'_>,
    ) -> Result<(), String> {
        let route = Secret::new(request.url.path());
        let signature = Credential::header(HeaderName::from_static("x-route"), "over ", route);
        credential.clone().and(signature).apply(request)
    }

    fn can_renew(&self) -> bool {
        true
    }

    fn shown(&self, _: &Scope, mark: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        let name = HeaderName::from_static("circle-token");
        Ok(Credential::header(name, "", Secret::new(mark("TOY"))))
    }

    fn words(&self) -> String {
        "a number".to_owned()
    }
}

/// Pages by the demo's token.
#[derive(Debug)]
struct ByToken;

impl Paginate for ByToken {
    fn decide(&self, page: &Page<'_>) -> Next {
        match page.body["next_page_token"].as_str() {
            Some(token) => Next::More(Change::Param("page-token".to_owned(), token.to_owned())),
            None => Next::End,
        }
    }
}

/// The demo under another name.
struct Toy;

impl Speak for Toy {
    fn kind(&self) -> &'static str {
        "toy"
    }

    fn headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        static TOY: [(HeaderName, HeaderValue); 1] = [(
            HeaderName::from_static("x-toy"),
            HeaderValue::from_static("yes"),
        )];
        &TOY
    }

    fn pagination(&self, _: &Method, _: &str) -> Option<Style> {
        Some(Arc::new(ByToken))
    }
}

/// One line per record: its number.
static NUMBERS: Format = Format {
    streams: true,
    separator: |name, _| format!("{name}:\n"),
    ..Format::new("numbers", |_| Box::new(Numbers))
};

struct Numbers;

impl Render for Numbers {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(format!("{}\n", record["number"]).as_bytes());
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }
}

/// Writes records in a format.
struct Written {
    render: Box<dyn Render>,
    out: Vec<u8>,
}

impl Deliver for Written {
    fn record(&mut self, record: Value) -> io::Result<()> {
        let written = self.render.record(&record, &mut self.out);
        written.map_err(io::Error::other)
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps no response.
pub(super) struct NoShelf;

impl Shelf for NoShelf {
    fn push(&mut self, _: &[u8]) -> Option<u64> {
        None
    }

    fn read(&mut self, _: u64) -> Option<Vec<u8>> {
        None
    }
}

fn constant(text: &str) -> Template {
    let file = SourceFile::new("toy", "toy", text);
    let place = Place {
        file,
        span: Span::new(0, text.len()),
    };
    Template::parse(&Text::new(text, &place)).expect("a template")
}

/// Returns the shipped query for pipelines, bound to the test kinds.
fn plan(base_url: &str) -> Rc<Plan> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let trust = Trust::new(&BTreeMap::new());
    let project = Project::open(root, root, &[], &trust).expect("this project");
    let query = project.query_named("project-pipelines").expect("a query");
    let resource = project.resource_of(&query, None).expect("resources");
    let resource = Resource {
        kind: &Toy,
        auth: Arc::new(Numbered::default()),
        base_url: constant(base_url),
        ..resource.expect("a resource")
    };
    let binding = Binding {
        resources: BTreeMap::from([(resource.name.clone(), Arc::new(resource))]),
        outside: Outside {
            clock: Clock(demo::NOW),
            env: Arc::default(),
            git: Arc::new(|_| None),
        },
        root: root.to_path_buf(),
        scrubber: Scrubber::new(),
        plans: SharedPlans::default(),
        since: None,
    };
    let text = |text: &str| Input::Text(text.to_owned());
    let inputs = BTreeMap::from([
        ("project_slug".to_owned(), text(demo::PROJECT_SLUG)),
        ("limit".to_owned(), text("50")),
    ]);
    match Plan::bind(query, &Rc::new(binding), &inputs) {
        Ok(plan) => Rc::new(plan),
        Err(error) => panic!("{}", error.message()),
    }
}

/// Returns a session without resources.
pub fn session() -> Rc<Session> {
    let app = Rc::new(App::new(Arc::default()));
    let observer: Rc<dyn Observe> = Rc::new(Watch::new(app, 0, true));
    let live = Live::new(LiveOptions {
        system_certs: false,
        deadline: None,
        clock: cache::now,
        jitter: Rc::new(|| 0.0),
        proxies: Vec::new(),
        observer: Rc::clone(&observer),
        budget: BudgetOptions::default(),
    });
    let execution = ExecutionOptions::default();
    Rc::new(Session::new(
        Rc::new(live),
        observer,
        execution,
        Box::new(NoShelf),
    ))
}

#[test]
fn a_kind_of_each_sort_is_driven_from_outside_its_folder() {
    let demo = Demo::start(demo::Options {
        token: Some(Numbered::ACCEPTED.to_owned()),
        ..demo::Options::default()
    });
    let demo = demo.expect("a port");
    let plan = plan(&format!("{}/api/v2", demo.origin()));
    let mut written = Written {
        render: NUMBERS.renderer(&Shape::default()),
        out: (NUMBERS.separator)("pipelines", 0).into_bytes(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let report = runtime.block_on(engine::run(
        &plan,
        &session(),
        ResultKind::Records,
        None,
        &mut written,
    ));
    let report = report.unwrap_or_else(|failed| panic!("{}", failed.error.message()));
    // Three pages of the demo, with the credential that replaced a refused one.
    assert_eq!(report.records, 50);
    let text = String::from_utf8(written.out).expect("text");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("pipelines:"));
    let numbers: Vec<u64> = lines.map(|line| line.parse().expect("a number")).collect();
    assert_eq!(numbers.len(), 50);
    assert!(numbers.windows(2).all(|pair| pair[0] > pair[1]), "{text}");
}

#[test]
fn a_dry_run_shows_what_a_kind_says_of_itself() {
    let plan = plan("http://127.0.0.1:1");
    let requests = plan.requests().expect("requests");
    let shown = requests.shown_request().expect("a request");
    assert_eq!(shown.headers["x-toy"], "yes");
    let [Field::Header { name, .. }] = shown.credential.fields() else {
        panic!("one field");
    };
    assert_eq!(name, "circle-token");
    assert_eq!(requests.resource().auth.words(), "a number");
}

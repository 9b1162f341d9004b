//! The projects of the demo.

use serde_json::{Map, Value};

use crate::demo::options::{
    APP_ORG_SLUG, APP_SLUG, ODD_SLUG, ORG_SLUG, Options, PROJECT_SLUG, SECOND_SLUG,
};
use crate::demo::world::calendar;
use crate::demo::world::plan::{self, WorkflowPlan};
use crate::demo::world::story::calendar as story_calendar;

/// The index of the project in the service's documentation examples.
pub const EXAMPLE: u8 = 2;

/// The index of the project of the GitHub App.
pub const APP: u8 = 3;

/// The index of the project in which little goes well.
pub const ODD: u8 = 4;

/// The time of the example's only pipeline, 2019-08-24T14:15:22Z.
const EXAMPLE_TIME: i64 = 1_566_656_122_000;
const EXAMPLE_NUMBER: u32 = 25;

/// A pipeline triggered by a request.
#[derive(Debug, Clone)]
pub struct Triggered {
    /// The creation time.
    pub created_at: i64,
    /// The branch.
    pub branch: Option<String>,
    /// The tag.
    pub tag: Option<String>,
    /// The parameters.
    pub parameters: Map<String, Value>,
    /// True if triggered through the route for the GitHub App.
    pub is_app: bool,
}

/// A project and the range of its history.
#[derive(Debug, Clone)]
pub struct Project {
    /// The index in the list.
    pub place: u8,
    /// The slug.
    pub slug: &'static str,
    /// The slug of its organization.
    pub org_slug: &'static str,
    /// The name of its organization.
    pub org_name: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its workflows.
    pub plans: Vec<WorkflowPlan>,
    /// The number of the oldest pipeline.
    pub oldest: u32,
    /// The number of the newest generated pipeline.
    pub newest: u32,
    /// The slot of the newest pipeline; for the example, its time instead.
    pub newest_slot: i64,
    /// The number of workflows per pipeline, if all are alike.
    pub regular: Option<usize>,
    /// True if its artifacts are only for those with a token.
    pub is_private: bool,
    /// Pipelines triggered by requests, after the newest.
    pub triggered: Vec<Triggered>,
}

impl Project {
    /// Returns the number of the newest pipeline, including triggered ones.
    pub fn last(&self) -> u32 {
        let triggered = u32::try_from(self.triggered.len()).unwrap_or(u32::MAX);
        self.newest.saturating_add(triggered)
    }

    /// Returns true if it belongs to the GitHub App: its pipelines have no `vcs`.
    pub fn is_app(&self) -> bool {
        self.slug.starts_with("circleci/")
    }

    /// Returns the part of its slug that is its id, for a project of the GitHub App.
    pub fn own_id(&self) -> Option<&'static str> {
        self.slug.strip_prefix(APP_ORG_SLUG)?.strip_prefix('/')
    }

    /// Returns the URL of the repository.
    pub fn url(&self) -> String {
        format!("https://github.com/{}/{}", self.org_name, self.name)
    }
}

/// Returns all projects.
pub fn all(options: &Options) -> Vec<Project> {
    let now = options.now.as_millisecond();
    let main = |place, slug, name, history: u32, plans| {
        let newest = history.max(options.pipelines);
        let (oldest, newest) = match options.story {
            Some(story) => story_calendar::numbers(story, history),
            None => (newest - options.pipelines + 1, newest),
        };
        Project {
            place,
            slug,
            org_slug: ORG_SLUG,
            org_name: "acme",
            name,
            plans,
            oldest,
            newest,
            newest_slot: calendar::newest_slot(now),
            regular: options.shape.map(|shape| shape.workflows.min(500) as usize),
            is_private: false,
            triggered: Vec::new(),
        }
    };
    let (web, api) = match options.shape {
        Some(shape) => (plan::regular(shape), plan::regular(shape)),
        None => (plan::web(), plan::api()),
    };
    let example = Project {
        place: EXAMPLE,
        slug: "gh/CircleCI-Public/api-preview-docs",
        org_slug: "gh/CircleCI-Public",
        org_name: "CircleCI-Public",
        name: "api-preview-docs",
        plans: plan::example(),
        oldest: EXAMPLE_NUMBER,
        newest: EXAMPLE_NUMBER,
        newest_slot: EXAMPLE_TIME,
        regular: None,
        is_private: false,
        triggered: Vec::new(),
    };
    let app = |place, slug, name, newest, count, plans| Project {
        place,
        slug,
        org_slug: APP_ORG_SLUG,
        org_name: "acme-labs",
        name,
        plans,
        // A story is one of the main projects.
        oldest: newest + 1 - options.story.map_or(count, |_| 0),
        newest,
        newest_slot: calendar::newest_slot(now),
        regular: None,
        is_private: place == APP,
        triggered: Vec::new(),
    };
    vec![
        main(0, PROJECT_SLUG, "web", 4821, web),
        main(1, SECOND_SLUG, "api", 2304, api),
        example,
        app(APP, APP_SLUG, "mobile", 318, 60, plan::web()),
        app(ODD, ODD_SLUG, "sandbox", 41, 12, plan::api()),
    ]
}

//! The organization in the demo, generated on demand.
//!
//! A pipeline follows from the seed and its number, a workflow from its pipeline, a job from its
//! workflow. None of them are stored; changes by write requests are stored separately and applied on
//! top. The world knows nothing of HTTP: it returns plain values, and `api/` formats them.

pub mod calendar;
pub mod change;
pub mod course;
pub mod cut;
pub mod desk;
pub mod files;
pub mod id;
mod ids;
pub mod names;
pub mod pipeline;
pub mod plan;
pub mod project;
pub mod random;
pub mod status;
pub mod steps;
pub mod story;
pub mod suite;
pub mod usage;
mod workflow;
mod writes;

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;

pub use crate::demo::world::workflow::{Workflow, WorkflowKey};

use crate::demo::options::Options;
use crate::demo::story::Story;
use crate::demo::world::change::Change;
use crate::demo::world::desk::Desk;
use crate::demo::world::id::Kind;
use crate::demo::world::pipeline::{Pipeline, Style};
use crate::demo::world::plan::SETUP;
use crate::demo::world::project::{EXAMPLE, Project};
use crate::demo::world::usage::Export;
use crate::demo::world::workflow::{Rerun, Strides};

/// The id in the service's documentation example; it is not a complete UUID, and is used for the
/// workflow and for its pipeline.
pub const EXAMPLE_ID: &str = "5034460f-c7c4-4c43-9457";
/// The id in the response for the example workflow.
pub const EXAMPLE_WORKFLOW: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";

/// The number of requests for a triggered pipeline of the GitHub App until it has workflows.
const LOOKS: u32 = 2;

/// The maximum number of reruns per pipeline.
const SPARE_WORKFLOWS: usize = 24;

/// The organization, with all changes since the demo started.
#[derive(Debug)]
pub struct World {
    /// The options.
    pub options: Options,
    /// The projects; `Project::place` is the index.
    pub projects: Vec<Project>,
    /// Objects set up by users: contexts, variables, keys, webhooks, schedules.
    pub desk: Desk,
    /// Usage exports.
    pub exports: Vec<Export>,
    /// The origin of the storage, which has another port than the API.
    pub storage_origin: String,
    /// The time by which each request moves the clock of a story, in milliseconds.
    pub each_request: i64,
    /// The clock of a story.
    clock: i64,
    began: Instant,
    writes: i64,
    reruns: HashMap<(u8, u32), Vec<Rerun>>,
    changes: HashMap<WorkflowKey, Vec<Change>>,
    looks: HashMap<WorkflowKey, u32>,
    listings: HashMap<WorkflowKey, u32>,
    pipeline_looks: HashMap<(u8, u32), u32>,
    strides: Strides,
}

impl World {
    /// Creates an unchanged world.
    pub fn new(mut options: Options) -> Self {
        let clock = options.now.as_millisecond();
        if let Some(story) = options.story {
            // What is as old as the demo does not depend on where the clock begins.
            options.now = story.first_day;
        }
        let projects = project::all(&options);
        let jobs = projects.iter().flat_map(|project| &project.plans);
        let jobs = jobs.map(|plan| plan.jobs.len()).max().unwrap_or(0).max(8);
        let regular = projects[0].regular.unwrap_or(8);
        let desk = Desk::new(options.seed, options.now.as_millisecond());
        let mut world = Self {
            options,
            projects,
            desk,
            exports: Vec::new(),
            storage_origin: "http://127.0.0.1:4011".to_owned(),
            each_request: 0,
            clock,
            began: Instant::now(),
            writes: 0,
            reruns: HashMap::new(),
            changes: HashMap::new(),
            looks: HashMap::new(),
            listings: HashMap::new(),
            pipeline_looks: HashMap::new(),
            strides: Strides {
                jobs: jobs as u64,
                workflows: (regular + SPARE_WORKFLOWS) as u64,
            },
        };
        for place in 0..world.projects.len() {
            let project = &world.projects[place];
            let id = world.project_id(project.place);
            world.desk.define(project, &id);
        }
        world
    }

    /// Returns the time of the demo's clock.
    pub fn now(&self) -> i64 {
        if self.options.story.is_some() {
            return self.clock;
        }
        let start = self.options.now.as_millisecond();
        if self.options.ticking {
            return start.saturating_add(self.elapsed());
        }
        start + self.writes * 1000
    }

    /// Returns the real time since the demo started, in milliseconds.
    pub fn elapsed(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Returns the time of a write. It advances a stopped clock, so that no two writes have the
    /// same time.
    pub fn moment_of_writing(&mut self) -> i64 {
        self.writes += 1;
        self.clock += 1000;
        self.now()
    }

    /// Moves the clock of a story, also backwards. Returns false if it has no such time.
    pub fn set_clock(&mut self, to: i64) -> bool {
        let has_time = Timestamp::from_millisecond(to).is_ok();
        if has_time {
            self.clock = to;
        }
        has_time
    }

    /// Moves the clock of a story as each request does.
    pub fn pass_request(&mut self) {
        self.set_clock(self.clock.saturating_add(self.each_request));
    }

    /// Returns the time of the clock in a story. Otherwise what happens does not depend on it.
    pub fn moment(&self) -> Option<i64> {
        self.options.story.map(|_| self.now())
    }

    /// Returns the maximum age of a pipeline at which jobs of it start.
    pub fn latest_rerun(&self) -> i64 {
        let story = self.options.story;
        story.map_or(calendar::DAY, |_| story::LATEST_RERUN)
    }

    /// Returns the project with a slug.
    pub fn project(&self, slug: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.slug == slug)
    }

    /// Returns the main projects, which Insights and lists of the organization cover.
    pub fn organization(&self, org_slug: &str) -> Vec<&Project> {
        self.projects
            .iter()
            .filter(|project| project.org_slug == org_slug)
            .collect()
    }

    /// Returns the pipeline with a number.
    pub fn pipeline(&self, project: &Project, number: u32) -> Option<Pipeline> {
        if number < project.oldest {
            return None;
        }
        let pipeline = self.recorded_pipeline(project, number)?;
        let is_gone = self.moment().is_some_and(|now| {
            pipeline.deleted_at.is_some_and(|at| at <= now)
                || pipeline.created_at + story::LISTED <= now
        });
        (!is_gone).then_some(pipeline)
    }

    /// As [`Self::pipeline`], but also for pipelines that are older than those that are listed.
    pub fn recorded_pipeline(&self, project: &Project, number: u32) -> Option<Pipeline> {
        if number <= project.newest {
            return match self.options.story {
                Some(story) if project.place != EXAMPLE => {
                    self.scripted_pipeline(story, project, number)
                }
                _ => Some(pipeline::make(self.style(), project, number)),
            };
        }
        let place = usize::try_from(number - project.newest - 1).ok()?;
        let triggered = project.triggered.get(place)?;
        if self.moment().is_some_and(|now| triggered.created_at > now) {
            return None;
        }
        let mut made = pipeline::of_trigger(self.options.seed, project, number, triggered);
        let looks = self.pipeline_looks.get(&(project.place, number));
        if project.is_app() && looks.is_none_or(|looks| *looks < LOOKS) && made.error.is_none() {
            made.state = "pending";
            made.courses.clear();
        }
        Some(made)
    }

    /// Returns a pipeline of a story if it has started.
    fn scripted_pipeline(&self, story: Story, project: &Project, number: u32) -> Option<Pipeline> {
        let now = self.now();
        let mut pipeline = story::script::make(self.style(), story, project, number);
        if pipeline.error.is_none() {
            let starts = pipeline.courses.iter();
            let starts = starts.filter(|course| course.cue.is_some_and(|cue| cue.at <= now));
            let begun: Vec<usize> = starts.map(|course| course.plan).collect();
            pipeline.state = match begun.as_slice() {
                [] => "pending",
                [SETUP] => "setup",
                _ => "created",
            };
        }
        (pipeline.created_at <= now).then_some(pipeline)
    }

    fn style(&self) -> Style {
        Style {
            seed: self.options.seed,
            hostile: self.options.hostile,
        }
    }

    /// Returns the pipeline with an id.
    pub fn pipeline_by_id(&self, id: &str) -> Option<Pipeline> {
        let key = if id == EXAMPLE_ID {
            let number = self.projects[usize::from(EXAMPLE)].newest;
            (EXAMPLE, number)
        } else {
            let key = id::find(self.options.seed, id)?;
            (key.kind == Kind::Pipeline).then_some((key.project, key.number))?
        };
        self.pipeline(self.projects.get(usize::from(key.0))?, key.1)
    }
}

//! Generates pipelines: their triggers, branches and results.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::demo::world::calendar;
use crate::demo::world::course::Course;
use crate::demo::world::names::{BOT, BOT_SUBJECTS, BRANCHES, HOSTILE, ME, SCHEDULER, SUBJECTS};
use crate::demo::world::plan::{BUILD, DEPLOY, NIGHTLY, RELEASE, SETUP};
use crate::demo::world::project::{APP, EXAMPLE, ODD, Project, Triggered};
use crate::demo::world::random::Dice;
use crate::demo::world::status::Status;

/// A pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The index of the project.
    pub project: u8,
    /// Its number in the project.
    pub number: u32,
    /// The creation time.
    pub created_at: i64,
    /// The type of its trigger, in the API's terms.
    pub trigger: &'static str,
    /// The index of the person who triggered it.
    pub actor: usize,
    /// The branch, unless it was triggered by a tag.
    pub branch: Option<Cow<'static, str>>,
    /// The tag.
    pub tag: Option<String>,
    /// The commit.
    pub revision: String,
    /// The first line of the commit message.
    pub subject: Cow<'static, str>,
    /// The rest of the commit message.
    pub body: &'static str,
    /// The pull request.
    pub review: Option<u64>,
    /// True if triggered through the GitHub App: `vcs` is absent.
    pub is_app: bool,
    /// The state in the API's terms, which never tells if the pipeline succeeded.
    pub state: &'static str,
    /// The error, if there are no workflows.
    pub error: Option<(&'static str, &'static str)>,
    /// The parameters.
    pub parameters: Map<String, Value>,
    /// The workflows, oldest first; in a story also those that have not started.
    pub courses: Vec<Course>,
    /// The time at which it is deleted.
    pub deleted_at: Option<i64>,
}

/// The occasion of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A schedule.
    Night,
    /// A merge into the main branch.
    Merge,
    /// A push to a branch.
    Push,
    /// A tag.
    Tag,
    /// A push that the GitHub App reports.
    App,
}

/// The seed and style of generated data.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The seed.
    pub seed: u64,
    /// True to use names that break careless programs.
    pub hostile: bool,
}

use Occasion::{App, Merge, Push, Tag};
use Status::{Canceled, Error, Failed, Failing, NotRun, OnHold, Running, Success, Unauthorized};

/// The newest pipelines are fixed, so that every status is on the first page.
type Pinned = (Occasion, &'static [(usize, Status)]);

/// A pipeline that is fixed with its branch.
type PinnedOn = (&'static str, &'static [(usize, Status)]);

/// Running workflows that are superseded, reruns, an approval that is given and one that is not.
const PINNED_APP: [PinnedOn; 9] = [
    ("feature/checkout-redesign", &[(BUILD, Running)]),
    ("feature/checkout-redesign", &[(BUILD, Failing)]),
    ("main", &[(BUILD, Success), (DEPLOY, OnHold)]),
    ("feature/checkout-redesign", &[(BUILD, Running)]),
    (
        "fix/cart-rounding",
        &[(BUILD, Failed), (BUILD, Failed), (BUILD, Success)],
    ),
    ("fix/login-redirect-loop", &[(BUILD, Failed)]),
    ("main", &[(BUILD, Success), (DEPLOY, Success)]),
    ("perf/lazy-images", &[(BUILD, Failed), (BUILD, Running)]),
    ("main", &[(BUILD, Success), (DEPLOY, Success)]),
];

/// No workflow yet, errors in the configuration, setup, a record that has expired.
const PINNED_ODD: [PinnedOn; 12] = [
    ("feature/search/facets", &[]),
    ("main", &[]),
    ("refactor/api-client", &[(SETUP, Running)]),
    ("main", &[(SETUP, Success), (BUILD, Success)]),
    ("fix/cart-rounding", &[]),
    ("refactor/api-client", &[(SETUP, Success), (BUILD, Failed)]),
    ("main", &[(BUILD, Success), (DEPLOY, Success)]),
    ("perf/lazy-images", &[(BUILD, Unauthorized)]),
    ("perf/lazy-images", &[(BUILD, Error)]),
    ("docs/readme-badges", &[(BUILD, NotRun)]),
    ("main", &[(BUILD, Success), (DEPLOY, OnHold)]),
    ("main", &[(SETUP, Failed)]),
];

const PINNED_WEB: [Pinned; 11] = [
    (Push, &[(BUILD, Running)]),
    (Push, &[(BUILD, Failing)]),
    (Merge, &[(BUILD, Success), (DEPLOY, OnHold)]),
    (Push, &[(BUILD, Failed), (BUILD, Success)]),
    (Push, &[(BUILD, Canceled)]),
    (Merge, &[(BUILD, Success), (DEPLOY, Error)]),
    (Push, &[(BUILD, Unauthorized)]),
    (Push, &[(BUILD, NotRun)]),
    (App, &[(BUILD, Success)]),
    (Push, &[(BUILD, Failed), (BUILD, Failed), (BUILD, Running)]),
    (Tag, &[(RELEASE, OnHold)]),
];

const PINNED_API: [Pinned; 6] = [
    (Push, &[]),
    (Push, &[(SETUP, Running)]),
    (Push, &[(SETUP, Success), (BUILD, Running)]),
    (Merge, &[(BUILD, Success), (DEPLOY, OnHold)]),
    (Push, &[(BUILD, Failed)]),
    (Merge, &[(BUILD, Success), (DEPLOY, Running)]),
];

/// The error of a pipeline whose configuration cannot be read.
pub(super) const CONFIG_ERROR: (&str, &str) = (
    "config",
    "Error calling workflow: 'build-and-test'\nCannot find a definition for command named cache-restore",
);

/// A pipeline that is triggered on this branch has an error in its configuration.
pub const BROKEN_BRANCH: &str = "broken/config";

/// Generates the pipeline with a number.
pub fn make(style: Style, project: &Project, number: u32) -> Pipeline {
    let names = [u64::from(project.place), u64::from(number)];
    let mut dice = Dice::new(style.seed, &names);
    let age = project.newest - number;
    let slot = project.newest_slot - i64::from(age);
    let pinned = pinned(project, age);
    let occasion = match pinned {
        Some(Pin { occasion, .. }) => occasion,
        None if calendar::is_nightly(slot) => Occasion::Night,
        None => occasion(&mut dice),
    };
    let mut pipeline = scene(occasion, number, &mut dice);
    pipeline.project = project.place;
    pipeline.is_app |= project.is_app();
    if let Some(branch) = pinned.and_then(|pin| pin.branch) {
        pipeline.branch = Some(Cow::Borrowed(branch));
    }
    pipeline.created_at = match project.place {
        EXAMPLE => project.newest_slot,
        _ => calendar::time_of(slot, &mut dice),
    };
    if style.hostile && dice.chance(30) {
        disturb(&mut pipeline, &mut dice);
    }
    pipeline.courses = match (project.regular, pinned) {
        (Some(workflows), _) => regular(workflows, &mut dice),
        (None, Some(pin)) => set_courses(pin.courses),
        (None, None) if number.is_multiple_of(37) && occasion == Push => Vec::new(),
        (None, None) => set_courses(&outcomes(occasion, project.plans.len() > SETUP, &mut dice)),
    };
    if pipeline.courses.is_empty() {
        if age == 0 {
            pipeline.state = "pending";
        } else {
            pipeline.state = "errored";
            pipeline.error = Some(CONFIG_ERROR);
        }
    } else if pipeline.courses.len() == 1 && pipeline.courses[0].plan == SETUP {
        pipeline.state = "setup";
    }
    pipeline
}

/// Generates a pipeline triggered by a request.
pub fn of_trigger(seed: u64, project: &Project, number: u32, triggered: &Triggered) -> Pipeline {
    let names = [u64::from(project.place), u64::from(number)];
    let mut dice = Dice::new(seed, &names);
    let mut pipeline = scene(if triggered.is_app { App } else { Push }, number, &mut dice);
    pipeline.project = project.place;
    pipeline.created_at = triggered.created_at;
    pipeline.trigger = "api";
    pipeline.actor = ME;
    pipeline.branch = triggered.branch.clone().map(Cow::Owned);
    pipeline.tag.clone_from(&triggered.tag);
    pipeline.review = None;
    pipeline.parameters.clone_from(&triggered.parameters);
    let workflows = project.regular.unwrap_or(1);
    if triggered.branch.as_deref() == Some(BROKEN_BRANCH) {
        pipeline.state = "errored";
        pipeline.error = Some(CONFIG_ERROR);
    } else {
        pipeline.courses = (0..workflows).map(|plan| course(plan, Running)).collect();
    }
    pipeline
}

/// A fixed pipeline.
#[derive(Clone, Copy)]
struct Pin {
    occasion: Occasion,
    branch: Option<&'static str>,
    courses: &'static [(usize, Status)],
}

fn pinned(project: &Project, age: u32) -> Option<Pin> {
    const EXAMPLE_PIPELINE: [Pinned; 1] = [(Push, &[(BUILD, Success)])];
    let age = usize::try_from(age).ok()?;
    let of = |pins: &[Pinned]| {
        let (occasion, courses) = *pins.get(age)?;
        Some(Pin {
            occasion,
            branch: None,
            courses,
        })
    };
    let on_branch = |pins: &[PinnedOn]| {
        let (branch, courses) = *pins.get(age)?;
        Some(Pin {
            occasion: if branch == "main" { Merge } else { App },
            branch: Some(branch),
            courses,
        })
    };
    match (project.regular, project.place) {
        (Some(_), _) => None,
        (None, 0) => of(&PINNED_WEB),
        (None, 1) => of(&PINNED_API),
        (None, APP) => on_branch(&PINNED_APP),
        (None, ODD) => on_branch(&PINNED_ODD),
        (None, _) => of(&EXAMPLE_PIPELINE),
    }
}

/// Chooses an occasion other than the night.
pub(super) fn occasion(dice: &mut Dice) -> Occasion {
    match dice.below(100) {
        0..30 => Merge,
        30..36 => Tag,
        36..38 => App,
        _ => Push,
    }
}

/// Generates the person, branch and commit.
pub(super) fn scene(occasion: Occasion, number: u32, dice: &mut Dice) -> Pipeline {
    let window = u64::from(number) / 7 + dice.below(4);
    let topic = BRANCHES[usize::try_from(window % BRANCHES.len() as u64).unwrap_or(0)];
    let is_bot = topic.starts_with("renovate/") && matches!(occasion, Push | App);
    let person = usize::try_from(dice.below(5)).unwrap_or(ME);
    let (trigger, actor) = match occasion {
        Occasion::Night => ("scheduled_pipeline", SCHEDULER),
        _ if is_bot => ("webhook", BOT),
        Push if dice.chance(6) => ("explicit", person),
        Push if dice.chance(6) => ("api", person),
        _ => ("webhook", person),
    };
    let branch = match occasion {
        Occasion::Night | Merge => Some("main"),
        Push | App => Some(topic),
        Tag => None,
    };
    let revision = format!(
        "{:016x}{:016x}{:08x}",
        dice.roll(),
        dice.roll(),
        dice.roll() >> 32
    );
    let subjects: &'static [&'static str] = if is_bot { &BOT_SUBJECTS } else { &SUBJECTS };
    let body = match dice.below(4) {
        0 => {
            "The old way asked the server twice.\n\nCo-authored-by: Noor El-Amin <noor@example.invalid>"
        }
        _ => "",
    };
    Pipeline {
        project: 0,
        number,
        created_at: 0,
        trigger,
        actor,
        branch: branch.map(Cow::Borrowed),
        tag: (occasion == Tag).then(|| format!("v2.{}.{}", number / 100, number % 100)),
        revision,
        subject: Cow::Borrowed(*dice.pick(subjects)),
        body,
        review: matches!(occasion, Push).then(|| 300 + window),
        is_app: occasion == App,
        state: "created",
        error: None,
        parameters: Map::new(),
        courses: Vec::new(),
        deleted_at: None,
    }
}

/// Gives the pipeline names that break careless programs.
pub(super) fn disturb(pipeline: &mut Pipeline, dice: &mut Dice) {
    let name = if dice.chance(10) {
        Cow::Owned(format!("long/{}", "x".repeat(10_000)))
    } else {
        Cow::Borrowed(*dice.pick(&HOSTILE))
    };
    if pipeline
        .branch
        .as_deref()
        .is_some_and(|name| name != "main")
    {
        pipeline.branch = Some(name.clone());
    }
    pipeline.subject = name;
}

fn course(plan: usize, status: Status) -> Course {
    Course {
        plan,
        status,
        attempt: 0,
        recovers: false,
        cue: None,
    }
}

/// Makes courses of plans and statuses: later ones of a plan are reruns.
pub(super) fn set_courses(courses: &[(usize, Status)]) -> Vec<Course> {
    let mut made: Vec<Course> = Vec::with_capacity(courses.len());
    for (place, (plan, status)) in courses.iter().enumerate() {
        let earlier = made.iter().filter(|course| course.plan == *plan).count();
        let later = courses[place + 1..].iter();
        made.push(Course {
            attempt: u32::try_from(earlier).unwrap_or(0),
            recovers: later
                .filter(|(other, _)| other == plan)
                .any(|(_, status)| *status == Success),
            ..course(*plan, *status)
        });
    }
    made
}

fn regular(workflows: usize, dice: &mut Dice) -> Vec<Course> {
    (0..workflows)
        .map(|plan| course(plan, if dice.chance(85) { Success } else { Failed }))
        .collect()
}

/// Chooses the workflows of a pipeline, with their statuses.
pub(super) fn outcomes(
    occasion: Occasion,
    has_setup: bool,
    dice: &mut Dice,
) -> Vec<(usize, Status)> {
    let mut courses = Vec::new();
    match occasion {
        Occasion::Night => courses.push((NIGHTLY, outcome(70, dice))),
        Tag => courses.push((RELEASE, ending([70, 20, 5, 5], dice))),
        Merge | Push | App => {
            if has_setup && dice.chance(15) {
                courses.push((SETUP, Success));
            }
            attempts(if occasion == Merge { 90 } else { 74 }, dice, &mut courses);
            let went_well = courses.last().is_some_and(|(_, status)| *status == Success);
            if occasion == Merge && went_well {
                courses.push((DEPLOY, ending([80, 5, 9, 6], dice)));
            }
        }
    }
    courses
}

/// Generates a first run and its reruns.
fn attempts(good: u64, dice: &mut Dice, courses: &mut Vec<(usize, Status)>) {
    let mut status = outcome(good, dice);
    courses.push((BUILD, status));
    for good in [65, 50] {
        if status != Failed || !dice.chance(55) {
            break;
        }
        status = if dice.chance(good) { Success } else { Failed };
        courses.push((BUILD, status));
    }
}

fn outcome(good: u64, dice: &mut Dice) -> Status {
    if dice.chance(good) {
        return Success;
    }
    match dice.below(100) {
        0..72 => Failed,
        72..86 => Canceled,
        86..92 => Error,
        92..96 => Unauthorized,
        _ => NotRun,
    }
}

/// Chooses the status of a workflow with an approval: percentages of success, on hold, failed; the
/// rest is cancelled.
fn ending([success, on_hold, failed, _]: [u64; 4], dice: &mut Dice) -> Status {
    let roll = dice.below(100);
    if roll < success {
        Success
    } else if roll < success + on_hold {
        OnHold
    } else if roll < success + on_hold + failed {
        Failed
    } else {
        Canceled
    }
}

//! The script of a story: what its pipelines are, and what their workflows do.
//!
//! The script is complete from the beginning. The world shows what has happened of it at the time of
//! the clock.

use crate::demo::story::Story;
use crate::demo::world::calendar::{DAY, HOUR, MINUTE};
use crate::demo::world::course::{Course, Cue};
use crate::demo::world::pipeline::{self, Occasion, Pipeline, Style};
use crate::demo::world::plan::{BUILD, DEPLOY, NIGHTLY, SETUP};
use crate::demo::world::project::Project;
use crate::demo::world::random::Dice;
use crate::demo::world::status::Status;
use crate::demo::world::story::calendar::{BEFORE, is_nightly, time_of};

/// Generates the pipeline with a number, with all that will ever happen to it.
pub fn make(style: Style, story: Story, project: &Project, number: u32) -> Pipeline {
    let names = [0x57_04, u64::from(project.place), u64::from(number)];
    let mut dice = Dice::new(style.seed, &names);
    let index = i64::from(number) - i64::from(project.oldest) - BEFORE;
    let created_at = time_of(story.first_day.as_millisecond(), index, &mut dice);
    let occasion = if is_nightly(index) {
        Occasion::Night
    } else {
        pipeline::occasion(&mut dice)
    };
    let mut made = pipeline::scene(occasion, number, &mut dice);
    made.project = project.place;
    made.created_at = created_at;
    if style.hostile && dice.chance(30) {
        pipeline::disturb(&mut made, &mut dice);
    }
    if occasion == Occasion::Push && dice.chance(4) {
        made.state = "errored";
        made.error = Some(pipeline::CONFIG_ERROR);
    } else {
        let has_setup = project.plans.len() > SETUP;
        let mut outcomes = pipeline::outcomes(occasion, has_setup, &mut dice);
        let builds = outcomes
            .iter()
            .position(|outcome| *outcome == (BUILD, Status::Success));
        if let Some(place) = builds.filter(|_| dice.chance(30)) {
            // It passes only when it is rerun.
            outcomes.insert(place, (BUILD, Status::Failed));
        }
        outcomes.extend(afterthought(&outcomes, &mut dice));
        made.courses = pipeline::set_courses(&outcomes);
        schedule(&mut made.courses, created_at, index < 0, &mut dice);
    }
    if index >= 0 && dice.chance(4) {
        made.deleted_at = Some(created_at + dice.between(20, 90) * HOUR);
    }
    made
}

/// Returns the rerun of a workflow that was believed to be done: a deployment that is brought back, a
/// failure that somebody looks into.
fn afterthought(outcomes: &[(usize, Status)], dice: &mut Dice) -> Option<(usize, Status)> {
    let percent = match outcomes.last()? {
        (DEPLOY, Status::Success) => 25,
        (BUILD | NIGHTLY, Status::Failed) => 70,
        (BUILD, Status::Success | Status::Canceled) => 8,
        _ => 0,
    };
    let status = if dice.chance(75) {
        Status::Success
    } else {
        Status::Failed
    };
    let (plan, _) = outcomes.last()?;
    dice.chance(percent).then_some((*plan, status))
}

/// Gives each workflow its start, and its approvals their duration.
fn schedule(courses: &mut [Course], created_at: i64, is_old: bool, dice: &mut Dice) {
    let has_setup = courses.first().is_some_and(|course| course.plan == SETUP);
    let begin = created_at.div_euclid(1000) * 1000 + dice.between(2, 5) * 1000;
    for place in 0..courses.len() {
        let mut earlier = courses[..place].iter().rev();
        let before = earlier.find(|course| course.plan == courses[place].plan);
        let at = match before.and_then(|course| Some((course.status, course.cue?))) {
            // The setup job takes a minute at most.
            None if has_setup && place > 0 => begin + 75_000,
            None => begin,
            Some((status, cue)) => {
                let wait = if is_old {
                    dice.between(5, 9) * DAY
                } else if status == Status::Success {
                    dice.between(2, 8) * DAY
                } else if dice.chance(35) {
                    dice.between(35, 45) * MINUTE
                } else {
                    dice.between(1, 4) * DAY
                };
                cue.at + cue.approval + wait + dice.between(0, 90) * 1000
            }
        };
        let approval = if dice.chance(30) {
            dice.between(20, 70) * HOUR
        } else {
            dice.between(5, 90) * MINUTE
        };
        courses[place].cue = Some(Cue { at, approval });
    }
}

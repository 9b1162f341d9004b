//! Shares of a walk: `--shard K/N`, and the numbers of parts.

use std::rc::Rc;
use std::str::FromStr;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::options::MessageArgs;
use crate::core::code::Code;
use crate::engine::Shard;
use crate::parts::PartOf;
use crate::plan::Plan;

/// The variables by which schedulers tell a process its number among several: the number, the first
/// number, and their count.
const VARIABLES: [(&str, u32, &str); 5] = [
    // CircleCI: https://circleci.com/docs/env-vars/
    ("CIRCLE_NODE_INDEX", 0, "CIRCLE_NODE_TOTAL"),
    // GitLab counts from 1.
    ("CI_NODE_INDEX", 1, "CI_NODE_TOTAL"),
    ("BUILDKITE_PARALLEL_JOB", 0, "BUILDKITE_PARALLEL_JOB_COUNT"),
    // Kubernetes sets the index only; the count is given to the pod by its manifest.
    ("JOB_COMPLETION_INDEX", 0, "JOB_COMPLETIONS"),
    ("SLURM_ARRAY_TASK_ID", 0, "SLURM_ARRAY_TASK_COUNT"),
];

/// The value of `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardArg {
    /// `K/N`, from 1.
    Given(Shard),
    /// `auto`: from the environment.
    Auto,
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let numbers = text.split_once('/').and_then(|(number, count)| {
            Some((number.parse::<u32>().ok()?, count.parse::<u32>().ok()?))
        });
        let shard = numbers.filter(|(number, count)| (1..=*count).contains(number));
        shard
            .map(|(number, count)| {
                Self::Given(Shard {
                    index: number - 1,
                    count,
                })
            })
            .ok_or_else(|| "expected `K/N` with K from 1 to N, or `auto`".to_owned())
    }
}

impl ShardArg {
    /// Returns the share.
    ///
    /// # Errors
    ///
    /// If the environment does not tell it.
    pub fn shard(self, app: &App) -> Result<Shard, Failure> {
        match self {
            Self::Given(shard) => Ok(shard),
            Self::Auto => of_environment(app),
        }
    }
}

fn of_environment(app: &App) -> Result<Shard, Failure> {
    let is_set = |name: &str| app.env.get(name).is_some_and(|value| !value.is_empty());
    let known = VARIABLES.iter().filter(|(index, _, _)| is_set(index));
    let mut found: Vec<(&str, Shard)> = Vec::new();
    for (index, first, count) in known {
        found.push((index, of_variables(app, index, *first, count)?));
    }
    let Some((name, shard)) = found.first().copied() else {
        let names = VARIABLES.map(|(name, _, _)| format!("`{name}`"));
        let words = format!("`--shard auto` finds none of {}", names.join(", "));
        return Err(Failure::usage(Code::Shard, words)
            .help("write the number and the count: `--shard 3/8`"));
    };
    if let Some((other, _)) = found.iter().find(|(_, other)| *other != shard) {
        let words = format!("`--shard auto`: `{name}` and `{other}` say different shares");
        return Err(Failure::usage(Code::Shard, words)
            .help("write the number and the count: `--shard 3/8`"));
    }
    Ok(shard)
}

/// Returns the share that the variables of one scheduler say.
fn of_variables(app: &App, name: &str, first: u32, count_name: &str) -> Result<Shard, Failure> {
    let value = |name: &str| app.env.get(name).filter(|value| !value.is_empty());
    let number = |name: &str| -> Result<u32, Failure> {
        let text = value(name).map_or("", String::as_str);
        text.trim().parse().map_err(|_| {
            let words = if text.is_empty() {
                format!("`--shard auto`: `{name}` is not set")
            } else {
                format!("`--shard auto`: `{name}` is not a number: `{text}`")
            };
            let failure = Failure::usage(Code::Shard, words);
            if name == "JOB_COMPLETIONS" {
                failure.help("set it to the `completions` of the Job, under `env` of its container")
            } else {
                failure
            }
        })
    };
    let or = |name: &str, otherwise| value(name).map_or(Ok(otherwise), |_| number(name));
    let (first, step) = if name == "SLURM_ARRAY_TASK_ID" {
        (
            or("SLURM_ARRAY_TASK_MIN", first)?,
            or("SLURM_ARRAY_TASK_STEP", 1)?,
        )
    } else {
        (first, 1)
    };
    let (own, count) = (number(name)?, number(count_name)?);
    let index = own.checked_sub(first).map(|from| from / step.max(1));
    let index = index.filter(|index| *index < count).ok_or_else(|| {
        let words = format!(
            "`--shard auto`: `{name}` is {own}, and `{count_name}` is {count}: that is none of the shards"
        );
        Failure::usage(Code::Shard, words)
    })?;
    Ok(Shard { index, count })
}

/// Refuses runs of which a share would be wrong, and notes what is about the share only.
///
/// # Errors
///
/// The first refusal.
pub fn check(
    plans: &[Rc<Plan>],
    shard: Shard,
    messages: MessageArgs,
    app: &App,
) -> Result<(), Failure> {
    for plan in plans {
        let query = &plan.query;
        let name = &query.name;
        let refuse = |words: String| Failure::usage(Code::NotInParts, words);
        if !query.is_safe() {
            let words =
                format!("`{name}` writes, and a share may run twice: it is not run in shares");
            return Err(Failure::new(Exit::Forbidden, Code::NotInParts, words));
        }
        if !query.is_walk() {
            let words = format!("`{name}` has no `for_each`, and so no items to share");
            return Err(refuse(words));
        }
        if plan.limit.is_some() {
            let words = format!("`{name}` has a `limit`, which counts the records of all shares");
            return Err(refuse(words)
                .help("divide the walk with `runner plan`: `runner merge` applies the limit"));
        }
        let shape = &query.shape;
        let of_all = [
            ("unique", shape.unique.is_some()),
            ("expect", !shape.expect.is_empty()),
            ("report", query.report.is_some()),
        ];
        let of_all = of_all.iter().filter(|(_, is_there)| *is_there);
        let of_all: Vec<String> = of_all.map(|(key, _)| format!("`{key}`")).collect();
        if !of_all.is_empty() && !messages.quiet {
            let verb = if of_all.len() == 1 { "sees" } else { "see" };
            app.eprintln(&format!(
                "note: {} of `{name}` {verb} the records of share {} of {} only",
                of_all.join(", "),
                shard.index + 1,
                shard.count
            ));
        }
    }
    Ok(())
}

/// The numbers of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// These.
    Named(Vec<u32>),
    /// Those that leave the index when they are divided by the count.
    Of(Shard),
}

impl Numbers {
    /// Reads `3` or `3,11`.
    ///
    /// # Errors
    ///
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let numbers = text.split(',').map(|number| number.trim().parse());
        let numbers: Result<Vec<u32>, _> = numbers.collect();
        let mut numbers = numbers.map_err(|_| {
            let words = format!("`#{text}` is not the number of a part, such as `#3` or `#3,11`");
            Failure::usage(Code::PlanFile, words)
        })?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Self::Named(numbers))
    }

    /// Returns those of a share.
    ///
    /// # Errors
    ///
    /// As [`ShardArg::shard`].
    pub fn of_shard(shard: ShardArg, app: &App) -> Result<Self, Failure> {
        shard.shard(app).map(Self::Of)
    }

    /// Chooses parts of a plan. A share may have none.
    ///
    /// # Errors
    ///
    /// If the plan has no part with a number.
    pub fn choose(&self, parts: Vec<PartOf>, path: &str) -> Result<Vec<PartOf>, Failure> {
        let count = parts.len();
        match self {
            Self::Of(shard) => {
                let is_chosen = |part: &PartOf| part.part % shard.count == shard.index;
                Ok(parts.into_iter().filter(is_chosen).collect())
            }
            Self::Named(numbers) => {
                if let Some(number) = numbers.iter().find(|number| **number as usize >= count) {
                    let words = format!("`{path}` has no part {number}");
                    let help = match count {
                        0 => "the plan has no items, and so no parts".to_owned(),
                        1 => "it has one part, which is 0".to_owned(),
                        count => format!("its parts are 0 to {}", count - 1),
                    };
                    return Err(Failure::usage(Code::PlanFile, words).help(help));
                }
                let is_chosen = |part: &PartOf| numbers.contains(&part.part);
                Ok(parts.into_iter().filter(is_chosen).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_one() {
        let shard = |text: &str| text.parse::<ShardArg>();
        let given = |index, count| Ok(ShardArg::Given(Shard { index, count }));
        assert_eq!(shard("auto"), Ok(ShardArg::Auto));
        assert_eq!(shard("1/1"), given(0, 1));
        assert_eq!(shard("3/8"), given(2, 8));
        for wrong in ["0/8", "9/8", "0/0", "3", "/8", "-1/8", "1/8/9", "Auto"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}

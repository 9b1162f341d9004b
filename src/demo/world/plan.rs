//! The workflow configurations of each project.

use std::borrow::Cow;

use crate::demo::options::Shape;

/// A workflow in its project's configuration.
#[derive(Debug, Clone)]
pub struct WorkflowPlan {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The jobs; each comes after its dependencies.
    pub jobs: Vec<JobPlan>,
    /// True if the workflow only prepares the configuration of the others.
    pub is_setup: bool,
}

/// A job in its project's configuration.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The indexes of its dependencies.
    pub needs: &'static [usize],
    /// The minimum and maximum duration in seconds.
    pub seconds: (i64, i64),
    /// The number of parallel runs.
    pub parallelism: u32,
    /// The resource class.
    pub class: &'static str,
    /// The executor.
    pub executor: &'static str,
    /// The contexts it uses.
    pub contexts: &'static [&'static str],
    /// The number of tests whose results it stores.
    pub tests: u32,
    /// True if it stores artifacts.
    pub artifacts: bool,
    /// True if it is an approval.
    pub approval: bool,
}

/// The index of the build workflow of a main project.
pub const BUILD: usize = 0;
/// The nightly workflow.
pub const NIGHTLY: usize = 1;
/// The workflow that follows a merge.
pub const DEPLOY: usize = 2;
/// The workflow of a tag.
pub const RELEASE: usize = 3;
/// The workflow that prepares the others; only the second project has one.
pub const SETUP: usize = 4;

impl WorkflowPlan {
    fn new(name: &'static str, jobs: Vec<JobPlan>) -> Self {
        Self {
            name: Cow::Borrowed(name),
            jobs,
            is_setup: false,
        }
    }
}

impl JobPlan {
    fn new(name: &'static str, needs: &'static [usize], seconds: (i64, i64)) -> Self {
        Self {
            name: Cow::Borrowed(name),
            needs,
            seconds,
            parallelism: 1,
            class: "medium",
            executor: "docker",
            contexts: &[],
            tests: 0,
            artifacts: false,
            approval: false,
        }
    }

    fn approval(name: &'static str, needs: &'static [usize]) -> Self {
        Self {
            approval: true,
            class: "",
            ..Self::new(name, needs, (300, 5400))
        }
    }

    fn on(mut self, class: &'static str, parallelism: u32) -> Self {
        self.class = class;
        self.parallelism = parallelism;
        self
    }

    fn machine(mut self) -> Self {
        self.executor = "machine";
        self
    }

    fn with(mut self, contexts: &'static [&'static str]) -> Self {
        self.contexts = contexts;
        self
    }

    fn testing(mut self, tests: u32) -> Self {
        self.tests = tests;
        self.artifacts = true;
        self
    }

    fn storing(mut self) -> Self {
        self.artifacts = true;
        self
    }

    /// Returns the credits per minute of one machine.
    pub fn credits_a_minute(&self) -> i64 {
        match self.class {
            "small" => 5,
            "medium" => 10,
            "arm.medium" => 13,
            "large" => 20,
            "xlarge" => 40,
            _ => 0,
        }
    }
}

/// Returns the plans of `gh/acme/web`.
pub fn web() -> Vec<WorkflowPlan> {
    let job = JobPlan::new;
    vec![
        WorkflowPlan::new(
            "build-and-test",
            vec![
                job("install", &[], (25, 70)),
                job("lint", &[0], (30, 65)).on("small", 1),
                job("unit-tests", &[0], (120, 260))
                    .on("medium", 4)
                    .testing(48),
                job("build", &[0], (80, 150)).on("large", 1).storing(),
                job("e2e-tests", &[3], (200, 420))
                    .on("large", 2)
                    .testing(20),
                job("report-coverage", &[2, 4], (15, 30))
                    .on("small", 1)
                    .with(&["reporting"]),
            ],
        ),
        WorkflowPlan::new(
            "nightly",
            vec![
                job("install", &[], (25, 70)),
                job("full-regression", &[0], (900, 1700))
                    .on("large", 6)
                    .testing(96),
                job("dependency-audit", &[0], (60, 140))
                    .with(&["security"])
                    .storing(),
                job("lighthouse", &[0], (150, 300))
                    .on("arm.medium", 1)
                    .storing(),
            ],
        ),
        WorkflowPlan::new(
            "deploy",
            vec![
                job("build-image", &[], (120, 240))
                    .on("large", 1)
                    .machine()
                    .with(&["registry"]),
                job("deploy-staging", &[0], (60, 120)).with(&["aws-staging", "registry"]),
                job("smoke-tests", &[1], (50, 110)).testing(8),
                JobPlan::approval("hold-production", &[2]),
                job("deploy-production", &[3], (80, 160)).with(&["aws-production", "registry"]),
            ],
        ),
        WorkflowPlan::new(
            "release",
            vec![
                job("build", &[], (90, 160)).on("large", 1).storing(),
                job("changelog", &[], (20, 40)).on("small", 1).storing(),
                JobPlan::approval("approve-release", &[0, 1]),
                job("publish", &[2], (40, 80)).with(&["registry"]),
            ],
        ),
    ]
}

/// Returns the plans of `gh/acme/api`.
pub fn api() -> Vec<WorkflowPlan> {
    let job = JobPlan::new;
    let mut setup = WorkflowPlan::new(
        "setup",
        vec![job("generate-config", &[], (15, 40)).on("small", 1)],
    );
    setup.is_setup = true;
    vec![
        WorkflowPlan::new(
            "build-and-test",
            vec![
                job("compile", &[], (60, 140)).on("large", 1),
                job("clippy", &[], (40, 90)),
                job("unit-tests", &[0], (70, 150))
                    .on("medium", 2)
                    .testing(40),
                job("integration-tests", &[0], (150, 330))
                    .on("large", 3)
                    .machine()
                    .testing(24),
                job("contract-tests", &[0], (60, 120)).testing(12),
                job("build-image", &[2, 3], (60, 120))
                    .machine()
                    .with(&["registry"]),
            ],
        ),
        WorkflowPlan::new(
            "nightly",
            vec![
                job("compile", &[], (60, 140)).on("large", 1),
                job("load-test", &[0], (700, 1300))
                    .on("xlarge", 1)
                    .machine()
                    .storing(),
                job("dependency-audit", &[0], (60, 140))
                    .with(&["security"])
                    .storing(),
            ],
        ),
        WorkflowPlan::new(
            "deploy",
            vec![
                job("migrate-staging", &[], (30, 60)).with(&["aws-staging"]),
                job("deploy-staging", &[0], (60, 120)).with(&["aws-staging", "registry"]),
                JobPlan::approval("approve-production", &[1]),
                job("migrate-production", &[2], (30, 60)).with(&["aws-production"]),
                job("deploy-production", &[3], (80, 160)).with(&["aws-production", "registry"]),
            ],
        ),
        WorkflowPlan::new(
            "release",
            vec![
                job("compile", &[], (60, 140)).on("large", 1),
                JobPlan::approval("approve-release", &[0]),
                job("publish-image", &[1], (40, 80)).with(&["registry"]),
            ],
        ),
        setup,
    ]
}

/// Returns the plan of the project in the service's documentation examples.
pub fn example() -> Vec<WorkflowPlan> {
    vec![WorkflowPlan::new(
        "build-and-test",
        vec![
            JobPlan::new("build", &[], (40, 60)).storing(),
            JobPlan::new("test", &[0], (60, 90)).testing(12),
        ],
    )]
}

/// Returns plans that are all alike.
pub fn regular(shape: Shape) -> Vec<WorkflowPlan> {
    let jobs: Vec<JobPlan> = (1..=shape.jobs.min(500))
        .map(|number| {
            let needs: &[usize] = if number == 1 { &[] } else { &[0] };
            let mut job = JobPlan::new("", needs, (30, 300)).testing(10);
            job.name = Cow::Owned(format!("job-{number}"));
            job
        })
        .collect();
    (1..=shape.workflows.min(500))
        .map(|number| WorkflowPlan {
            name: Cow::Owned(format!("workflow-{number}")),
            jobs: jobs.clone(),
            is_setup: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_come_after_those_they_need() {
        let shape = Shape {
            workflows: 2,
            jobs: 5,
        };
        for plan in [web(), api(), example(), regular(shape)].concat() {
            for (place, job) in plan.jobs.iter().enumerate() {
                assert!(job.needs.iter().all(|need| *need < place), "{}", job.name);
                assert!(job.approval || job.credits_a_minute() > 0, "{}", job.name);
            }
        }
    }
}

//! Conversion between objects and their ids.

use crate::demo::world::id::{self, Key, Kind};
use crate::demo::world::pipeline::Pipeline;
use crate::demo::world::project::{EXAMPLE, ODD, Project};
use crate::demo::world::story::LIFETIME;
use crate::demo::world::workflow::WorkflowKey;
use crate::demo::world::{EXAMPLE_ID, EXAMPLE_WORKFLOW, World};

impl World {
    /// Returns the id of a pipeline.
    pub fn pipeline_id(&self, project: u8, number: u32) -> String {
        if self.is_example(project, number) {
            return EXAMPLE_ID.to_owned();
        }
        let key = Key {
            project,
            ..Key::numbered(Kind::Pipeline, number)
        };
        id::uuid(self.options.seed, key)
    }

    fn is_example(&self, project: u8, number: u32) -> bool {
        project == EXAMPLE && self.projects[usize::from(project)].newest == number
    }

    /// Returns true if it is the workflow of the service's documentation example.
    pub fn is_example_workflow(&self, key: WorkflowKey) -> bool {
        key.place == 0 && self.is_example(key.project, key.pipeline)
    }

    /// Returns true if the record of a workflow has expired, so that it is shown without an id.
    pub fn has_expired(&self, key: WorkflowKey) -> bool {
        if let Some(now) = self.moment() {
            let project = &self.projects[usize::from(key.project)];
            let pipeline = self.recorded_pipeline(project, key.pipeline);
            return key.project != EXAMPLE
                && pipeline.is_some_and(|pipeline| pipeline.created_at + LIFETIME <= now);
        }
        key.project == ODD && key.pipeline + 6 == self.projects[usize::from(ODD)].newest
    }

    /// Returns true if the records of a pipeline's workflows have expired so that there is no list of
    /// them; for every other pipeline the list remains, without their ids.
    pub fn is_forgotten(&self, pipeline: &Pipeline) -> bool {
        let expires = pipeline.created_at + LIFETIME;
        let has_expired = self.moment().is_some_and(|now| expires <= now);
        has_expired && pipeline.project != EXAMPLE && pipeline.number.is_multiple_of(2)
    }

    /// Returns the id of a workflow.
    pub fn workflow_id(&self, key: WorkflowKey) -> String {
        if self.is_example_workflow(key) {
            return EXAMPLE_WORKFLOW.to_owned();
        }
        id::uuid(self.options.seed, whole_key(Kind::Workflow, key, 0))
    }

    /// Returns the id of a job.
    pub fn job_id(&self, key: WorkflowKey, place: usize) -> String {
        id::uuid(self.options.seed, whole_key(Kind::Job, key, place))
    }

    /// Returns the id for approving an approval job.
    pub fn approval_id(&self, key: WorkflowKey, place: usize) -> String {
        id::uuid(self.options.seed, whole_key(Kind::Approval, key, place))
    }

    /// Returns the id of a person.
    pub fn user_id(&self, place: usize) -> String {
        self.numbered_id(Kind::User, place)
    }

    /// Returns the id of a project.
    pub fn project_id(&self, place: u8) -> String {
        let own = self.projects.get(usize::from(place));
        match own.and_then(Project::own_id) {
            Some(id) => id.to_owned(),
            None => self.numbered_id(Kind::Project, usize::from(place)),
        }
    }

    /// Returns the id of the organization with a slug.
    pub fn organization_id(&self, org_slug: &str) -> String {
        if let Some(id) = org_slug.strip_prefix("circleci/") {
            return id.to_owned();
        }
        let place = self
            .projects
            .iter()
            .position(|project| project.org_slug == org_slug);
        self.numbered_id(Kind::Organization, place.unwrap_or(0))
    }

    /// Returns the id of a numbered object.
    pub fn numbered_id(&self, kind: Kind, number: usize) -> String {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        id::uuid(self.options.seed, Key::numbered(kind, number))
    }

    /// Returns the key of the workflow with an id.
    pub fn workflow_key(&self, id: &str) -> Option<WorkflowKey> {
        if id == EXAMPLE_ID || id == EXAMPLE_WORKFLOW {
            return Some(WorkflowKey {
                project: EXAMPLE,
                pipeline: self.projects[usize::from(EXAMPLE)].newest,
                place: 0,
            });
        }
        let key = id::find(self.options.seed, id)?;
        (key.kind == Kind::Workflow).then_some(workflow_of(key))
    }

    /// Returns the workflow and the job index for an id.
    pub fn job_key(&self, kind: Kind, id: &str) -> Option<(WorkflowKey, usize)> {
        let key = id::find(self.options.seed, id)?;
        let place = usize::from(key.job);
        (key.kind == kind).then_some((workflow_of(key), place))
    }
}

fn whole_key(kind: Kind, key: WorkflowKey, job: usize) -> Key {
    Key {
        kind,
        project: key.project,
        number: key.pipeline,
        workflow: key.place,
        job: u16::try_from(job).unwrap_or(u16::MAX),
    }
}

fn workflow_of(key: Key) -> WorkflowKey {
    WorkflowKey {
        project: key.project,
        pipeline: key.number,
        place: key.workflow,
    }
}

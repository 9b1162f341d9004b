//! Changes of the world by write requests.

use crate::demo::world::World;
use crate::demo::world::change::{Change, Deed};
use crate::demo::world::pipeline::Pipeline;
use crate::demo::world::project::Triggered;
use crate::demo::world::status::Status;
use crate::demo::world::workflow::{Rerun, Workflow, WorkflowKey};

impl World {
    /// Returns a workflow by its id; a running one is done after a few such requests.
    pub fn look_at(&mut self, key: WorkflowKey) -> Option<Workflow<'_>> {
        let looks = self.looks.entry(key).or_insert(0);
        *looks += 1;
        let looks = *looks;
        self.settle(key, looks);
        self.workflow(key)
    }

    /// Counts a request for the workflows of a pipeline, after a few of which running ones are done.
    pub fn look_at_all(&mut self, pipeline: &Pipeline) {
        for place in 0..self.workflow_count(pipeline) {
            let key = WorkflowKey {
                project: pipeline.project,
                pipeline: pipeline.number,
                place,
            };
            let listings = self.listings.entry(key).or_insert(0);
            *listings += 1;
            let listings = *listings;
            self.settle(key, listings);
        }
    }

    fn settle(&mut self, key: WorkflowKey, looks: u32) {
        // In a story, only time ends workflows.
        if self.options.story.is_some() {
            return;
        }
        if self.options.settle_after.is_none_or(|limit| looks <= limit) {
            return;
        }
        let status = self.workflow(key).map(|workflow| workflow.status);
        if matches!(status, Some(Status::Running | Status::Failing)) {
            self.change(key, Deed::Settle);
        }
    }

    /// Counts a request for a pipeline, which brings on one that has just been triggered.
    pub fn look_at_pipeline(&mut self, pipeline: &Pipeline) {
        let key = (pipeline.project, pipeline.number);
        *self.pipeline_looks.entry(key).or_insert(0) += 1;
    }

    /// Applies a change to a workflow.
    pub fn change(&mut self, key: WorkflowKey, deed: Deed) {
        let at = self.moment_of_writing();
        self.looks.remove(&key);
        self.listings.remove(&key);
        self.changes
            .entry(key)
            .or_default()
            .push(Change { at, deed });
    }

    /// Reruns some or all jobs of a workflow; `None` if the pipeline has had too many reruns.
    pub fn rerun(&mut self, key: WorkflowKey, jobs: Vec<usize>) -> Option<WorkflowKey> {
        let project = self.projects.get(usize::from(key.project))?;
        let pipeline = self.pipeline(project, key.pipeline)?;
        let place = self.workflow_count(&pipeline);
        if u64::from(place) >= self.strides.workflows {
            return None;
        }
        let at = self.moment_of_writing();
        let rerun = Rerun {
            of: key.place,
            at,
            jobs,
        };
        self.reruns
            .entry((key.project, key.pipeline))
            .or_default()
            .push(rerun);
        Some(WorkflowKey { place, ..key })
    }

    /// Triggers a pipeline.
    pub fn trigger(&mut self, project: u8, triggered: Triggered) -> Option<Pipeline> {
        let project = self.projects.get_mut(usize::from(project))?;
        project.triggered.push(triggered);
        let (place, number) = (project.place, project.last());
        self.pipeline(&self.projects[usize::from(place)], number)
    }
}

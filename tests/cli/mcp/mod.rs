//! `runner mcp` as clients use it: over pipes, in all revisions of the protocol.

mod answers;
mod protocol;
pub mod session;
mod tools;
mod writes;

use crate::support::{Project, Server};

/// A query that reads a list.
const JOBS: &str = "description: The jobs of a workflow.
resource: circleci
vars: { workflow_id: { example: w-1 }, status: { default: null, enum: [success, failed] } }
endpoint: /workflow/{{ workflow_id }}/job
params: { status: \"{{ status }}\" }
rows: $.items[*]
extract: { name: $.name, number: { path: $.number, type: int } }
paginate: false
";

/// A query that writes.
const CANCEL: &str = "resource: circleci
vars: { id: {} }
method: POST
endpoint: /workflow/{{ id }}/cancel
body: { json: { id: \"{{ id }}\", at: \"{{ now() }}\" } }
confirm: Cancel {{ id }}?
extract: { message: $.message }
";

fn project(server: &Server) -> Project {
    Project::new()
        .circleci(server)
        .query("workflow-jobs", JOBS)
        .query("cancel-workflow", CANCEL)
}

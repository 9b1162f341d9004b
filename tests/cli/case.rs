//! One query against a scripted server: most tests are cases.

use crate::support::{Exchange, Outcome, Project, Received, Run, Server};

/// The query `q` of a project with one resource, and how it is run.
#[must_use = "nothing runs until it is asked"]
pub struct Case {
    resource: String,
    query: String,
    files: Vec<(String, Vec<u8>)>,
    args: Vec<String>,
    change: Box<dyn for<'p> FnOnce(Run<'p>) -> Run<'p>>,
}

/// The result of a case for the user and the server.
pub struct Seen {
    /// The user's side.
    pub outcome: Outcome,
    /// The server's side, with requests in order of arrival.
    pub requests: Vec<Received>,
}

impl Case {
    /// A query of CircleCI; the line `resource: circleci` is put in front.
    pub fn query(yaml: &str) -> Self {
        Self {
            resource: circleci(""),
            query: format!("resource: circleci\n{yaml}\n"),
            files: Vec::new(),
            args: Vec::new(),
            change: Box::new(|run| run),
        }
    }

    /// `GET /x` with the answer as it is.
    pub fn get() -> Self {
        Self::query("endpoint: /x")
    }

    /// More lines of the resource file.
    pub fn settings(mut self, lines: &str) -> Self {
        self.resource = circleci(lines);
        self
    }

    /// Another resource file; `URL` in it is the server's.
    pub fn resource(mut self, yaml: &str) -> Self {
        self.resource = format!("name: circleci\n{yaml}\n");
        self
    }

    /// One more file of the project.
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files
            .push((path.to_owned(), content.as_ref().to_vec()));
        self
    }

    /// Adds arguments after `runner run q`.
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Changes the run: its environment, its terminal, its secrets.
    pub fn with(mut self, change: impl for<'p> FnOnce(Run<'p>) -> Run<'p> + 'static) -> Self {
        let before = self.change;
        self.change = Box::new(move |run| change(before(run)));
        self
    }

    /// Asks a server that expects exactly this.
    pub fn asks(self, exchanges: Vec<Exchange>) -> Seen {
        self.asks_at(Server::start(exchanges))
    }

    /// Asks this server, which is finished after it.
    #[expect(
        clippy::print_stderr,
        reason = "what the person saw explains what the server did not"
    )]
    pub fn asks_at(self, server: Server) -> Seen {
        let outcome = self.outcome_at(&server.url());
        eprintln!("{}\n", outcome.snapshot());
        Seen {
            outcome,
            requests: server.finish(),
        }
    }

    /// Runs where no request may be sent: the server expects none.
    pub fn asks_nothing(self) -> Outcome {
        self.asks(Vec::new()).outcome
    }

    /// Runs with this as the server's URL.
    pub fn outcome_at(self, url: &str) -> Outcome {
        let project = self.project_at(url);
        let run = Run::in_(&project).args(["run", "q"]).args(&self.args);
        (self.change)(run).outcome()
    }

    /// Its project, for tests that run more than once.
    pub fn project_at(&self, url: &str) -> Project {
        let project = Project::new()
            .file("resources/circleci.yaml", self.resource.replace("URL", url))
            .query("q", &self.query);
        for (path, content) in &self.files {
            project.write(path, content);
        }
        project
    }
}

impl Seen {
    /// The only request.
    #[track_caller]
    pub fn request(&self) -> &Received {
        let [request] = &self.requests[..] else {
            panic!("{} requests came, not one", self.requests.len());
        };
        request
    }
}

/// Returns a run's standard error and exit code, with placeholders for variable parts.
pub fn told(outcome: &Outcome) -> String {
    let snapshot = outcome.snapshot();
    let (_, stderr) = snapshot
        .split_once("--- stderr\n")
        .expect("the heading of the stream");
    stderr.to_owned()
}

/// The transcripts of several runs.
pub fn transcript<'o>(outcomes: impl IntoIterator<Item = &'o Outcome>) -> String {
    let shown: Vec<String> = outcomes.into_iter().map(Outcome::snapshot).collect();
    shown.join("\n\n")
}

fn circleci(lines: &str) -> String {
    format!(
        "name: circleci\ntype: circleci\nbase_url: URL/api/v2\n\
         auth: {{ token: \"{{{{ env.CIRCLE_TOKEN }}}}\" }}\n{lines}\n"
    )
}

//! Serves the protocol on standard input and output, until the input ends.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{Id, JoinError, JoinSet, LocalSet};
use tokio::time::{Instant, timeout};

use crate::cli::app::App;
use crate::cli::connect;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::mcp::call::{Caller, Cancelled};
use crate::cli::mcp::input::{self, Line};
use crate::cli::mcp::protocol::{
    self, Incoming, Method, RpcError, RpcRequest, ServerIdentity, ToolCall,
};
use crate::cli::mcp::tools::Tools;
use crate::core::text::counted;

/// The time for calls to end after the input has ended.
const LAST_CALLS: Duration = Duration::from_millis(5_500);

/// The calls in progress, by the id of their request.
#[derive(Default)]
struct Calls {
    tasks: JoinSet<Result<(), Stopped>>,
    running: HashMap<Id, Running>,
}

/// A call in progress.
struct Running {
    request: RpcRequest,
    cancelled: Rc<Cancelled>,
    /// Set with the answer: its id may be used again from then on.
    is_answered: Rc<Cell<bool>>,
}

/// A server of the protocol.
pub struct Serving {
    tools: Rc<Tools>,
    identity: Rc<ServerIdentity>,
    app: Rc<App>,
    calls: Calls,
}

impl Serving {
    /// Creates a server.
    pub fn new(tools: Tools, identity: ServerIdentity) -> Self {
        let app = Rc::clone(&tools.server().app);
        Self {
            tools: Rc::new(tools),
            identity: Rc::new(identity),
            app,
            calls: Calls::default(),
        }
    }

    /// Serves until the input ends, or no reader is left.
    ///
    /// # Errors
    ///
    /// If a signal ends it.
    pub fn run(mut self) -> Result<(), Failure> {
        let runtime = connect::runtime()?;
        self.app.shutdown.listen();
        let served = runtime.block_on(LocalSet::new().run_until(async {
            let served = self.serve().await;
            self.cancel_all().await;
            served
        }));
        self.tools.server().finish();
        self.app.shutdown.finish();
        // Threads that look up names or read input end with the process.
        runtime.shutdown_background();
        match served {
            Ok(()) | Err(Stopped::Closed) => Ok(()),
            Err(Stopped::Failed(failure)) => Err(failure),
        }
    }

    async fn serve(&mut self) -> Result<(), Stopped> {
        let mut lines = input::lines();
        let tools = Rc::clone(&self.tools);
        let output = &tools.server().output;
        loop {
            let event = tokio::select! {
                line = lines.recv() => ServerEvent::Line(line),
                Some(ended) = self.calls.tasks.join_next_with_id() => ServerEvent::Ended(ended),
                cause = self.app.shutdown.noticed() => ServerEvent::Shutdown(cause.failure()),
                () = output.closed() => ServerEvent::Closed,
            };
            match event {
                ServerEvent::Line(Some(Line::Whole(line))) => self.line(&line)?,
                ServerEvent::Line(Some(Line::TooLong)) => {
                    self.app
                        .eprintln("warning: a message is too long, and was ignored");
                }
                ServerEvent::Ended(ended) => self.ended(ended)?,
                ServerEvent::Line(None) => break,
                ServerEvent::Shutdown(failure) => return Err(failure.into()),
                ServerEvent::Closed => return Err(Stopped::Closed),
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Stopped> {
        match protocol::read(line) {
            Incoming::Ignored => Ok(()),
            Incoming::NotJson => {
                self.app
                    .eprintln("warning: a line that is not JSON was ignored");
                Ok(())
            }
            Incoming::Wrong(id, error) => self.send(error.answer(id.as_ref())),
            Incoming::Cancelled(id) => {
                let mut running = self.calls.running.values();
                let is_meant =
                    |running: &&Running| running.request.id == id && !running.is_answered.get();
                if let Some(running) = running.find(is_meant) {
                    running.cancelled.set();
                }
                Ok(())
            }
            Incoming::Request(request) => self.request(request),
        }
    }

    fn request(&mut self, request: RpcRequest) -> Result<(), Stopped> {
        let result = match &request.method {
            Method::Initialize(version) => Ok(self.identity.initialized(version.as_deref())),
            Method::Discover => Ok(self.identity.discovered()),
            Method::Ping => Ok(json!({})),
            Method::ListTools(cursor) => self.tools.list(cursor.as_deref()),
            Method::CallTool(call) => return self.start(call.clone(), request),
        };
        self.send(match result {
            Ok(result) => self.identity.answer(&request, result),
            Err(error) => error.answer(Some(&request.id)),
        })
    }

    /// Starts a call, which answers by itself.
    fn start(&mut self, call: ToolCall, request: RpcRequest) -> Result<(), Stopped> {
        let is_known = self
            .calls
            .running
            .values()
            .any(|running| running.request.id == request.id && !running.is_answered.get());
        if is_known {
            let error = RpcError::invalid_request("a call with this id is in progress");
            return self.send(error.answer(Some(&request.id)));
        }
        let cancelled = Rc::new(Cancelled::default());
        let args = &self.tools.server().args;
        let caller = Caller {
            deadline: Instant::now() + args.call_limit(call.progress_token.is_some()),
            progress_token: call.progress_token.clone(),
            cancelled: Rc::clone(&cancelled),
        };
        let (tools, identity) = (Rc::clone(&self.tools), Rc::clone(&self.identity));
        let of_task = request.clone();
        let is_answered = Rc::new(Cell::new(false));
        let answered = Rc::clone(&is_answered);
        let task = self.calls.tasks.spawn_local(async move {
            let answer = match tools.call(&call, &caller).await {
                Ok(None) => return Ok(()),
                Ok(Some(_)) if caller.cancelled.is_set() => return Ok(()),
                Ok(Some(result)) => identity.answer(&of_task, result),
                Err(error) => error.answer(Some(&of_task.id)),
            };
            answered.set(true);
            tools.server().output.send(answer)
        });
        let running = Running {
            request,
            cancelled,
            is_answered,
        };
        self.calls.running.insert(task.id(), running);
        Ok(())
    }

    /// Takes note of the end of a call. One that panicked has not been answered.
    fn ended(
        &mut self,
        ended: Result<(Id, Result<(), Stopped>), JoinError>,
    ) -> Result<(), Stopped> {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Some(result)),
            Err(error) => (error.id(), None),
        };
        let running = self.calls.running.remove(&id);
        match (result, running) {
            (Some(result), _) => result,
            (None, Some(running)) => {
                let error = RpcError::internal();
                self.send(error.answer(Some(&running.request.id)))
            }
            (None, None) => Ok(()),
        }
    }

    /// Cancels all calls and waits for them to end.
    async fn cancel_all(&mut self) {
        let calls = &mut self.calls;
        for running in calls.running.values() {
            running.cancelled.set();
        }
        let all = async { while calls.tasks.join_next().await.is_some() {} };
        if timeout(LAST_CALLS, all).await.is_err() {
            let count = counted(calls.tasks.len() as u64, "call");
            self.app
                .eprintln(&format!("warning: {count} did not end in time"));
        }
    }

    fn send(&self, message: Value) -> Result<(), Stopped> {
        self.tools.server().output.send(message)
    }
}

/// An event that a server waits for.
enum ServerEvent {
    /// The client does not read any more.
    Closed,
    Line(Option<Line>),
    Ended(Result<(Id, Result<(), Stopped>), JoinError>),
    Shutdown(Failure),
}

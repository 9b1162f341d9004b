//! The tools of a server: their list, and their calls.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::mcp::call::Caller;
use crate::cli::mcp::catalog::Effect;
use crate::cli::mcp::definition::definitions;
use crate::cli::mcp::extra::Extra;
use crate::cli::mcp::one_call::OneCall;
use crate::cli::mcp::protocol::{RpcError, ToolCall};
use crate::cli::mcp::reply::failure_result;
use crate::cli::mcp::server::Server;
use crate::cli::mcp::writing::Writing;

/// The number of tools that are listed at once, and the number of a page if there are more.
const MOST_AT_ONCE: usize = 200;
const PAGE: usize = 100;

/// The tools of a server.
pub struct Tools {
    server: Server,
    writing: Writing,
}

impl Tools {
    /// Creates the tools of a server.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn new(server: Server) -> Result<Self, Failure> {
        Ok(Self {
            server,
            writing: Writing::new()?,
        })
    }

    /// Returns the server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns a page of the list of tools.
    ///
    /// # Errors
    ///
    /// If the cursor is not one of an earlier page, or the project is gone.
    pub fn list(&self, cursor: Option<&str>) -> Result<Value, RpcError> {
        let project = self.server.project().map_err(|failure| {
            let app = &self.server.app;
            failure.show(app, ErrorFormat::Text);
            RpcError::failed(app.scrubber.text(&failure.message))
        })?;
        let catalog = self.server.catalog(&project);
        let all = definitions(
            &project,
            &catalog,
            &self.server.args,
            &self.server.outside(),
        );
        let start = match cursor {
            None => 0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|start| *start > 0 && *start < all.len() && *start % PAGE == 0)
                .ok_or_else(|| RpcError::invalid_params("Invalid cursor"))?,
        };
        let most = if start == 0 && all.len() <= MOST_AT_ONCE {
            MOST_AT_ONCE
        } else {
            PAGE
        };
        let end = (start + most).min(all.len());
        let mut page = json!({ "tools": all[start..end] });
        if end < all.len() {
            page["nextCursor"] = json!(end.to_string());
        }
        Ok(page)
    }

    /// Calls a tool; `None` if the client does not wait for the result any more.
    ///
    /// # Errors
    ///
    /// If there is no such tool. Everything that the caller can mend is a result.
    pub async fn call(&self, call: &ToolCall, caller: &Caller) -> Result<Option<Value>, RpcError> {
        let limits = self.server.limits(None);
        let now = Timestamp::now();
        let place = match self.server.place(now) {
            Ok(place) => place,
            Err(failure) => {
                let app = self.server.app.of_call(now);
                return Ok(Some(failure_result(&failure, &app, limits)));
            }
        };
        let one_call = OneCall {
            server: &self.server,
            writing: &self.writing,
            place: &place,
            caller,
        };
        let given = &call.arguments;
        let result = match self.server.tool(&call.name, &place.project) {
            Some(tool) if tool.effect == Effect::Writes => one_call.write(&tool, given).await,
            Some(tool) => one_call.read(&tool, given).await,
            None => {
                let catalog = self.server.catalog(&place.project);
                let mut extras = Extra::of(&place.project, &self.server.args);
                let extra = extras.find(|extra| extra.name(&place.project) == call.name);
                match (extra, catalog.faults_of(&call.name, &place.project)) {
                    (Some(extra), _) => one_call.extra(extra, &catalog, given).await,
                    (None, Some(faults)) => Err(faults),
                    (None, None) => {
                        let words = format!("Unknown tool: {}", call.name);
                        return Err(RpcError::invalid_params(words));
                    }
                }
            }
        };
        Ok(result.unwrap_or_else(|failure| Some(failure_result(&failure, &place.app, limits))))
    }
}

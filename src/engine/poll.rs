//! Polling: the requests for one item until a condition holds.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::core::shutdown;
use crate::core::time::format_duration;
use crate::engine::cover::UsedPart;
use crate::engine::levels::Level;
use crate::engine::listing::{Listing, Step};
use crate::engine::outcome::End;
use crate::engine::outlet::{Gone, Outlet, Taker};
use crate::engine::records::{KeyedRecord, check_all_required, keeps_its_meaning};
use crate::engine::response::{
    all_response_facts, content, graphql_error, meaning, message, refusal,
};
use crate::engine::{Outcome, RunError, RunErrorKind};
use crate::http::{Request, Response};
use crate::project::query::{Poll, StatusMeaning};
use crate::template::RenderError;

/// The minimum and maximum polling interval of a `poll` without `every`.
const POLLS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];

/// The growth of that interval: a wait of minutes takes about a dozen polls, and one of seconds
/// ends promptly.
const POLL_GROWTH: f64 = 1.5;

/// The minimum timeout of the last request of a `poll`.
const LAST_ROUND: Duration = Duration::from_secs(5);

fn unmet(poll: &Poll) -> String {
    format!(
        "`until: {}` is still false after {}",
        poll.until.source(),
        format_duration(poll.timeout)
    )
}

impl Listing<'_> {
    /// Polls until the condition holds, then passes on the records of the last response.
    pub async fn poll(mut self, poll: &Poll, taker: &Taker, outlet: &Outlet) -> End {
        let request = match self.polled_request(poll).await {
            Ok(request) => request,
            Err(error) => return End::Failed(error),
        };
        let started = Instant::now();
        let mut is_again = false;
        let mut pause = poll.every.unwrap_or(POLLS[0]);
        loop {
            let mut round = Self::new(self.run, self.requests, self.site, false);
            Level::count(&self.run.level(self.plan).polls, 1);
            if let Some(cover) = self.run.session.cover().filter(|_| is_again) {
                cover.used(&self.plan.query, UsedPart::PolledAgain);
            }
            is_again = true;
            // `timeout` also bounds a delay requested by the server.
            let time = poll
                .timeout
                .saturating_sub(started.elapsed())
                .max(LAST_ROUND);
            let result = match tokio::time::timeout(time, round.round(poll, &request)).await {
                Ok(result) => result,
                Err(_) => Err(round.fault(None, RunErrorKind::Waited(unmet(poll)))),
            };
            // A page read while the run is ending is truncated.
            if let Ok((kept, ..)) = &result
                && !shutdown::is_requested()
            {
                let state = kept.iter().map(|kept| kept.record.clone());
                let level = self.run.level(self.plan);
                level.last_state.replace(state.collect());
            }
            let left = poll.timeout.saturating_sub(started.elapsed());
            let is_last = left.is_zero();
            match result {
                Ok((kept, outcome, true)) => {
                    if !self.plan.is_safe()
                        && let Err(kind) = check_all_required(self.plan, &kept)
                    {
                        return End::Failed(round.fault(None, kind));
                    }
                    return match round.hand_on(kept, taker, outlet).await {
                        Ok(()) => End::Done(outcome),
                        Err(Gone) => End::Gone,
                    };
                }
                Ok((kept, _, false)) if is_last => {
                    let words = unmet(poll);
                    if round.hand_on(kept, taker, outlet).await.is_err() {
                        return End::Gone;
                    }
                    let error = round.fault(None, RunErrorKind::Waited(words));
                    return End::Done(Outcome::Broken(error.into()));
                }
                Err(error) if !error.kind.is_passing() || is_last => return End::Failed(error),
                // A transient error does not end polling.
                Ok(_) | Err(_) => {}
            }
            // The last request is sent when the time is up, not before.
            tokio::time::sleep(pause.min(left)).await;
            if poll.every.is_none() {
                pause = pause.mul_f64(POLL_GROWTH).min(POLLS[1]);
            }
        }
    }

    /// Returns the request to poll: the query's own, or, after sending that once, the one for
    /// `endpoint`.
    async fn polled_request(&mut self, poll: &Poll) -> Result<Request, RunError> {
        let request = self
            .requests
            .request(self.site)
            .map_err(|error| self.fault(None, RunErrorKind::Render(error)))?;
        let Some(endpoint) = &poll.endpoint else {
            return Ok(request);
        };
        self.note_request(&request);
        let fault = |kind| self.fault(Some(&request), kind);
        let sent = self.run.send_anew(self.requests, &request, self.site).await;
        let response = sent.map_err(fault)?;
        // A response without records has started nothing to wait for.
        let is_failure = match meaning(self.requests.call, &response) {
            StatusMeaning::Ok => false,
            StatusMeaning::Empty => response.status.as_u16() >= 400,
            StatusMeaning::Fail => true,
        };
        if is_failure {
            return Err(fault(refusal(self.requests, &request, &response)));
        }
        if let Some(kind) = graphql_error(self.requests, &request, &response) {
            return Err(fault(kind));
        }
        self.run.note_response();
        let answer = if endpoint.mentions().has("row") {
            content(self.plan, &response).map_err(fault)?
        } else {
            None
        };
        let answer = answer.unwrap_or(Value::Null);
        let polled = self.requests.polled_request(self.site, &answer);
        let polled = polled.map_err(|mut error| {
            // The response may explain the missing value.
            error.help = error.help.or_else(|| message(self.plan, &answer));
            fault(RunErrorKind::Render(error))
        })?;
        Ok(polled.unwrap_or(request))
    }

    /// Sends one polling request; returns its records, and true if the condition holds.
    async fn round(
        &mut self,
        poll: &Poll,
        request: &Request,
    ) -> Result<(Vec<KeyedRecord>, Outcome, bool), RunError> {
        let mut request = request.clone();
        let mut all = Vec::new();
        loop {
            self.note_request(&request);
            let read = match self.run.send_anew(self.requests, &request, self.site).await {
                Ok(response) => self.page(&request, &response).map(|page| (response, page)),
                Err(kind) => Err(kind),
            };
            let (response, (kept, next)) = read.map_err(|kind| self.fault(Some(&request), kind))?;
            all.extend(kept);
            let outcome = match next {
                Step::Next(next) => {
                    request = *next;
                    continue;
                }
                Step::Done(outcome) => outcome,
            };
            let holds = self
                .holds(poll, &all, &response)
                .map_err(|kind| self.fault(Some(&request), kind))?;
            return Ok((all, outcome, holds));
        }
    }

    fn holds(
        &self,
        poll: &Poll,
        all: &[KeyedRecord],
        response: &Response,
    ) -> Result<bool, RunErrorKind> {
        let rows: Value = all.iter().map(|kept| kept.record.clone()).collect();
        let body = response.json().unwrap_or(Value::Null);
        let nothing = Value::Null;
        let first = all.first().map_or(&nothing, |kept| &kept.record);
        let mut scope = self
            .site
            .scope()
            .with_all([("rows", &rows)])
            .with_response(&all_response_facts(self.plan, response, &body));
        // Columns are available by name, as in conditions over records.
        if let Value::Object(members) = first {
            scope = scope.with_all(
                members
                    .iter()
                    .filter(|(name, _)| {
                        let mut columns = self.plan.query.shape.extract.iter();
                        columns.any(|column| column.name == **name)
                            && !keeps_its_meaning(self.plan, name)
                    })
                    .map(|(name, value)| (name.as_str(), value)),
            );
        }
        let raw = if self.plan.query.is_single() {
            &body
        } else {
            first
        };
        let holds = poll.until.holds(&scope.with_row(raw));
        // A value that cannot be read will hardly become readable, and polling would use up the
        // whole timeout.
        if let Some(((_, expected), (_, first))) = scope.take_unreadable().into_iter().next() {
            let words = format!("{first} is not {}", expected.example());
            return Err(RunErrorKind::Render(RenderError::new(
                &poll.until.place(),
                self.plan.scrubber.text(&words),
            )));
        }
        holds.map_err(RunErrorKind::Render)
    }
}

//! Sends recorded requests again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::drift::CaseRequests;
use crate::cli::drift::capture::{Captured, Sender};
use crate::cli::error_hints;
use crate::cli::exit::Exit;
use crate::core::json;
use crate::engine::Session;
use crate::http::TransportErrorKind;
use crate::plan::{Plan, RequestPlan};
use crate::recording::Answer;

/// The maximum number of requests of one query that are sent again.
pub const MOST: usize = 3;

/// The recorded requests of one sender.
pub struct Group {
    /// The sender.
    pub sender: Rc<Sender>,
    /// All its recorded answers.
    pub recorded: Vec<Answer>,
    /// The requests to send.
    pub chosen: Vec<Chosen>,
}

/// A request to send again.
pub struct Chosen {
    /// The request.
    pub captured: Captured,
    /// All recorded answers to it: `poll` repeats a request.
    pub recorded: Vec<Answer>,
    plan: Rc<Plan>,
    environment: Option<String>,
}

/// The outcome of a request.
pub struct Asked {
    /// The index among the chosen requests of its group.
    pub index: usize,
    /// The answer, or the reason why there is none.
    pub result: Result<Live, Unanswered>,
}

/// An answer.
pub struct Live {
    /// The status.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Option<Value>,
}

/// A request without an answer.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// The reason.
    pub reason: String,
    /// The exit code, if nothing else was checked.
    pub exit: Exit,
}

/// Chooses the requests: for each sender the first of each case, then the second ones, at most
/// [`MOST`].
pub fn choose(cases: Vec<CaseRequests>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut turns: Vec<Vec<(usize, Chosen)>> = Vec::new();
    for case in cases {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for captured in case.requests {
            let sender = &captured.sender;
            let is_same = |group: &Group| {
                group.sender.query == sender.query && group.sender.form == sender.form
            };
            let at = groups.iter().position(is_same).unwrap_or_else(|| {
                groups.push(Group {
                    sender: Rc::clone(sender),
                    recorded: Vec::new(),
                    chosen: Vec::new(),
                });
                turns.push(Vec::new());
                groups.len() - 1
            });
            let answer = captured.answer.clone();
            groups[at].recorded.push(answer.clone());
            let known = turns[at].iter_mut().find(|(_, chosen)| {
                chosen.captured.ask == captured.ask && chosen.environment == case.environment
            });
            if let Some((_, known)) = known {
                known.recorded.push(answer);
                continue;
            }
            let turn = counts.entry(at).or_default();
            *turn += 1;
            let chosen = Chosen {
                captured,
                recorded: vec![answer],
                plan: Rc::clone(&case.plan),
                environment: case.environment.clone(),
            };
            turns[at].push((*turn, chosen));
        }
    }
    for (group, mut turns) in groups.iter_mut().zip(turns) {
        turns.sort_by_key(|(turn, _)| *turn);
        group.chosen = turns
            .into_iter()
            .take(MOST)
            .map(|(_, chosen)| chosen)
            .collect();
    }
    groups
}

/// Returns the environments of all chosen requests.
pub fn environments(groups: &[Group]) -> BTreeSet<Option<String>> {
    let chosen = groups.iter().flat_map(|group| &group.chosen);
    chosen.map(|chosen| chosen.environment.clone()).collect()
}

/// Sends the requests of one environment, one after the other, and returns each with the index of
/// its group. After a failure of a connection or a credential, its resource is left alone.
pub async fn send_all(
    session: &Session,
    groups: &[Group],
    environment: Option<&str>,
    app: &App,
) -> Vec<(usize, Asked)> {
    let mut lost: BTreeMap<PathBuf, Unanswered> = BTreeMap::new();
    let mut asked = Vec::new();
    for (group_index, group) in groups.iter().enumerate() {
        let resource = &group.sender.resource;
        for (index, chosen) in group.chosen.iter().enumerate() {
            if chosen.environment.as_deref() != environment {
                continue;
            }
            let result = match lost.get(resource) {
                Some(known) => Err(known.clone()),
                None => send(session, chosen, app).await,
            };
            if let Err(unanswered) = &result
                && matches!(unanswered.exit, Exit::Network | Exit::Credentials)
            {
                lost.insert(resource.clone(), unanswered.clone());
            }
            asked.push((group_index, Asked { index, result }));
        }
    }
    asked
}

async fn send(session: &Session, chosen: &Chosen, app: &App) -> Result<Live, Unanswered> {
    let sender = &chosen.captured.sender;
    let Some(part) = part(&chosen.plan, sender) else {
        return Err(Unanswered {
            reason: "its resource depends on items".to_owned(),
            exit: Exit::Refused,
        });
    };
    part.check_credential().map_err(|error| {
        let failure = error_hints::plan_error(&error, Some(part.resource()), app);
        Unanswered {
            reason: failure.words().to_owned(),
            exit: failure.exit,
        }
    })?;
    let sent = session.send_anew(part, &chosen.captured.request).await;
    let response = sent.map_err(|error| Unanswered {
        exit: match &error.kind {
            TransportErrorKind::Credentials(_) => Exit::Credentials,
            TransportErrorKind::Limited(_) => Exit::Refused,
            _ => Exit::Network,
        },
        reason: error.to_string(),
    })?;
    Ok(Live {
        status: response.status.as_u16(),
        body: json::parse(&response.body).ok(),
    })
}

/// Returns a plan for the resource of a request: that of its query, or any other of the resource.
/// The request is complete, and only needs a connection.
fn part<'p>(plan: &'p Plan, sender: &Sender) -> Option<RequestPlan<'p>> {
    let parts: Vec<RequestPlan<'_>> = plan
        .with_fed_by()
        .into_iter()
        .filter_map(Plan::requests)
        .filter(|part| part.resource().source.path() == sender.resource)
        .collect();
    let own = parts
        .iter()
        .find(|part| part.plan.query.name == sender.query);
    own.or(parts.first()).copied()
}

//! Gives each request of a replayed run its answer.
//!
//! | part | equal if |
//! | --- | --- |
//! | method | the same |
//! | path | equal segment by segment, decoded |
//! | parameters | the same pairs, in any order, decoded as those of a form |
//! | body | equal JSON (numbers by value, members in any order), else the same bytes |
//!
//! Overrides come first: those for one of the requests (`nth`), then those for all, each in the
//! order of the file. Otherwise, equal requests get their answers in the order of the recording. An
//! override replaces a recorded answer: that one is skipped and counts as used.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use crate::core::source::Place;
use crate::core::text::counted;
use crate::recording::nearest::{difference, distance};
use crate::recording::target::{Pattern, RequestKey, Target};
use crate::recording::{Answer, Ask, Override, Recorded};

/// The recorded and written answers of a case.
///
/// Invariant: the indices in `equal` and `state` are those of `recorded` and `overrides`.
#[derive(Debug)]
pub struct Library {
    overrides: Vec<(Override, Pattern)>,
    recorded: Vec<Recorded>,
    targets: Vec<Target>,
    /// The recorded exchanges of equal requests, in order.
    equal: HashMap<RequestKey, Vec<usize>>,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of times that each request was asked.
    asked: HashMap<RequestKey, usize>,
    /// The number of requests of each override's form.
    matched: Vec<usize>,
    /// True for overrides that gave an answer.
    gave: Vec<bool>,
    /// True for recorded answers that were given or replaced.
    is_spent: Vec<bool>,
    /// The recorded answers that were given, in order.
    used: Vec<usize>,
}

/// A request without an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("there is no answer for `{}`{difference}", ask.label())]
pub struct Miss {
    /// The request.
    pub ask: Ask,
    /// The answered request that is most like it.
    pub nearest: Option<Nearest>,
    /// The one part that differs from the nearest.
    pub difference: Difference,
}

/// The answered request nearest to one without an answer.
#[derive(Debug, Clone)]
pub struct Nearest {
    /// `METHOD target`.
    pub label: String,
    /// Its place in the file.
    pub place: Option<Place>,
}

/// The part in which a request differs from the nearest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// There is no request to compare with.
    Nothing,
    /// All answers of the request were given.
    Exhausted(Counts),
    /// One part, in words: "the parameter `branch` is `main`, recorded was `dev`".
    Part(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Exhausted(counts) => write!(formatter, ": {counts}"),
            Self::Part(words) => write!(formatter, ": {words}"),
        }
    }
}

/// The number of times a request was asked and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The number of requests in the run.
    pub asked: usize,
    /// The number of recorded answers.
    pub recorded: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = |count: usize| counted(u64::try_from(count).unwrap_or(u64::MAX), "time");
        write!(
            formatter,
            "asked {}, recorded {}",
            times(self.asked),
            self.recorded
        )
    }
}

impl Library {
    /// Creates a library. No answer is used yet.
    pub fn new(overrides: Vec<Override>, recorded: Vec<Recorded>) -> Self {
        let targets: Vec<Target> = recorded
            .iter()
            .map(|recorded| Target::new(&recorded.ask.target))
            .collect();
        let mut equal: HashMap<RequestKey, Vec<usize>> = HashMap::new();
        for (index, (recorded, target)) in recorded.iter().zip(&targets).enumerate() {
            let key = RequestKey::new(&recorded.ask, target);
            equal.entry(key).or_default().push(index);
        }
        let overrides: Vec<(Override, Pattern)> = overrides
            .into_iter()
            .map(|written| {
                let pattern = Pattern::new(&written);
                (written, pattern)
            })
            .collect();
        let state = State {
            matched: vec![0; overrides.len()],
            gave: vec![false; overrides.len()],
            is_spent: vec![false; recorded.len()],
            ..State::default()
        };
        Self {
            overrides,
            recorded,
            targets,
            equal,
            state: RefCell::new(state),
        }
    }

    /// Returns the answer to a request, and counts it as used.
    ///
    /// # Errors
    ///
    /// Fails if no answer is left for it.
    pub fn answer(&self, ask: &Ask) -> Result<&Answer, Miss> {
        let target = Target::new(&ask.target);
        let key = RequestKey::new(ask, &target);
        let mut state = self.state.borrow_mut();
        let equal = self.equal.get(&key).map_or(&[][..], Vec::as_slice);
        let asked = state.asked.entry(key).or_default();
        *asked += 1;
        let counts = Counts {
            asked: *asked,
            recorded: equal.len(),
        };
        // An overridden answer is spent, too: the next equal request gets the next one.
        let next = equal.get(counts.asked - 1).copied();
        if let Some(index) = next {
            state.is_spent[index] = true;
        }
        if let Some(index) = self.overriding(&mut state, ask, &target) {
            state.gave[index] = true;
            let written = &self.overrides[index].0;
            return Ok(&written.answer);
        }
        let Some(index) = next else {
            drop(state);
            return Err(self.miss(ask, &target, equal, counts));
        };
        state.used.push(index);
        let recorded = &self.recorded[index];
        Ok(&recorded.answer)
    }

    /// Counts the request for each override of its form, and returns the one that answers it.
    fn overriding(&self, state: &mut State, ask: &Ask, target: &Target) -> Option<usize> {
        let mut found: Option<usize> = None;
        for (index, (written, pattern)) in self.overrides.iter().enumerate() {
            if !pattern.matches(ask, target) {
                continue;
            }
            state.matched[index] += 1;
            if !is_nth(written, state.matched[index]) || !pattern.matches_body(ask) {
                continue;
            }
            let is_better = found
                .is_none_or(|found| self.overrides[found].0.nth.is_none() && written.nth.is_some());
            if is_better {
                found = Some(index);
            }
        }
        found
    }

    fn miss(&self, ask: &Ask, target: &Target, equal: &[usize], counts: Counts) -> Miss {
        let miss = |nearest, difference| Miss {
            ask: ask.clone(),
            nearest,
            difference,
        };
        if let Some(last) = equal.last() {
            let nearest = Some(self.nearest(*last));
            return miss(nearest, Difference::Exhausted(counts));
        }
        // An override that is only refused for its body was meant for this request.
        let state = self.state.borrow();
        for (index, (written, pattern)) in self.overrides.iter().enumerate() {
            if is_nth(written, state.matched[index])
                && pattern.matches(ask, target)
                && let Some(words) = pattern.body_difference(ask)
            {
                let nearest = Nearest {
                    label: format!("{} {}", written.method, written.target),
                    place: Some(written.place.clone()),
                };
                return miss(Some(nearest), Difference::Part(words));
            }
        }
        let best = (0..self.recorded.len()).min_by_key(|index| {
            let known = (&self.recorded[*index].ask, &self.targets[*index]);
            (distance((ask, target), known), state.is_spent[*index])
        });
        let Some(best) = best else {
            return miss(None, Difference::Nothing);
        };
        let known = (&self.recorded[best].ask, &self.targets[best]);
        let words = difference((ask, target), known);
        miss(Some(self.nearest(best)), Difference::Part(words))
    }

    fn nearest(&self, index: usize) -> Nearest {
        let recorded = &self.recorded[index];
        Nearest {
            label: recorded.ask.label(),
            place: recorded.place.clone(),
        }
    }

    /// Returns the recorded exchanges that were neither given nor replaced by an override.
    pub fn unused(&self) -> Vec<&Recorded> {
        let state = self.state.borrow();
        self.recorded
            .iter()
            .zip(&state.is_spent)
            .filter(|(_, is_spent)| !**is_spent)
            .map(|(recorded, _)| recorded)
            .collect()
    }

    /// Returns the overrides that gave no answer.
    pub fn unused_overrides(&self) -> Vec<&Override> {
        let state = self.state.borrow();
        self.overrides
            .iter()
            .zip(&state.gave)
            .filter(|(_, gave)| !**gave)
            .map(|((written, _), _)| written)
            .collect()
    }

    /// Returns the indices of the recorded answers that were given, in order.
    pub fn used(&self) -> Vec<usize> {
        self.state.borrow().used.clone()
    }

    /// Returns the number of times that a request was asked and recorded.
    pub fn counts(&self, ask: &Ask) -> Counts {
        let key = RequestKey::new(ask, &Target::new(&ask.target));
        Counts {
            asked: self.state.borrow().asked.get(&key).copied().unwrap_or(0),
            recorded: self.equal.get(&key).map_or(0, Vec::len),
        }
    }

    /// Returns the recorded exchanges.
    pub fn recorded(&self) -> &[Recorded] {
        &self.recorded
    }
}

/// Returns true if an override is for the request with that number among those of its form.
fn is_nth(written: &Override, number: usize) -> bool {
    written
        .nth
        .is_none_or(|nth| usize::try_from(nth).is_ok_and(|nth| nth == number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::source::Span;
    use crate::recording::Content;
    use crate::recording::tests::{file, reading};

    /// Recorded exchanges whose status is their number.
    fn recorded(asks: &[&str]) -> Vec<Recorded> {
        let mut text = String::from("--- # runner answers 1\n");
        for (index, ask) in asks.iter().enumerate() {
            let separator = if index > 0 { "---\n" } else { "" };
            let (ask, sent) = ask.split_once(" <- ").unwrap_or((ask, ""));
            let sent = if sent.is_empty() {
                String::new()
            } else {
                format!("sent: {sent}\n")
            };
            text.push_str(&format!(
                "{separator}ask: {ask}\n{sent}status: {}\n",
                100 + index % 400
            ));
        }
        reading(&text).exchanges
    }

    fn ask(text: &str) -> Ask {
        recorded(&[text]).remove(0).ask
    }

    /// An override whose status is given.
    fn written(pattern: &str, nth: Option<u32>, status: u16) -> Override {
        let request = ask(pattern);
        Override {
            method: request.method,
            target: request.target,
            sent: (request.sent != Content::Empty).then_some(request.sent),
            nth,
            answer: Answer {
                status,
                ..recorded(&["GET /"]).remove(0).answer
            },
            place: Place {
                file: file("x"),
                span: Span::new(0, 1),
            },
        }
    }

    fn given(library: &Library, request: &str) -> String {
        match library.answer(&ask(request)) {
            Ok(answer) => answer.status.to_string(),
            Err(miss) => {
                let nearest = miss.nearest.map_or("none".to_owned(), |near| near.label);
                format!(
                    "{nearest}: {}",
                    miss.difference.to_string().trim_start_matches(": ")
                )
            }
        }
    }

    #[test]
    fn equal_requests_are_recognised() {
        let library = Library::new(
            Vec::new(),
            recorded(&[
                "GET /project/gh%2Facme%2fweb/pipeline?branch=a%20b&tag=x&tag=y",
                "POST /graphql <- {\"a\": 1, \"b\": {\"c\": 1.0, \"d\": []}}",
                "GET https://Example.com:443/x?y",
                "POST /graphql",
                "GET /a@b/~c",
                "GET /search?a=1&b=",
            ]),
        );
        for (request, expected) in [
            (
                "GET /project/gh%2facme%2Fweb/pipeline?tag=y&branch=a+b&tag=x",
                "100",
            ),
            (
                "POST /graphql <- {\"b\": {\"d\": [], \"c\": 1e0}, \"a\": 1}",
                "101",
            ),
            ("GET https://example.com/x?y=", "102"),
            ("POST /graphql", "103"),
            ("GET /a%40b/%7Ec", "104"),
            ("GET /search?b&&a=1", "105"),
        ] {
            assert_eq!(given(&library, request), expected, "{request}");
        }
        assert!(library.unused().is_empty());
        assert_eq!(library.used(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn equal_requests_get_their_answers_in_order() {
        let library = Library::new(Vec::new(), recorded(&["GET /a", "GET /b", "GET /a"]));
        assert_eq!(given(&library, "GET /a"), "100");
        assert_eq!(library.unused().len(), 2);
        assert_eq!(given(&library, "GET /a"), "102");
        assert_eq!(
            given(&library, "GET /a"),
            "GET /a: asked 3 times, recorded 2"
        );
        assert_eq!(library.used(), [0, 2]);
        assert_eq!(library.unused()[0].ask.target, "/b");
    }

    #[test]
    fn a_miss_names_the_nearest_request_and_the_part_that_differs() {
        let library = Library::new(
            Vec::new(),
            recorded(&[
                "GET /project/web/pipeline?branch=dev&page=1",
                "GET /workflow/2/job",
                "POST /graphql <- {\"name\": \"x\", \"list\": [1, 2], \"odd key\": 1}",
                "GET https://host.example/file",
            ]),
        );
        let requests = [
            "GET /project/web/pipeline?branch=main&page=1",
            "GET /project/web/pipeline?branch=dev",
            "GET /project/web/pipeline?branch=dev&page=1&tag=a%20b&tag=c",
            "GET /workflow/1/job",
            "GET /workflow/1/job/7",
            "POST /workflow/2/job",
            "POST /graphql <- {\"name\": \"y\", \"list\": [1, 2], \"odd key\": 1}",
            "POST /graphql <- {\"name\": \"x\", \"list\": [1], \"odd key\": 1}",
            "POST /graphql <- {\"name\": \"x\", \"list\": [1, 2]}",
            "POST /graphql <- {\"name\": \"x\", \"list\": [1, 2], \"odd key\": 1, \"more\": {}}",
            "POST /graphql",
            "GET https://other.example/file",
        ];
        let shown: Vec<String> = requests
            .iter()
            .map(|request| format!("{request}\n    {}", given(&library, request)))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        GET /project/web/pipeline?branch=main&page=1
            GET /project/web/pipeline?branch=dev&page=1: the parameter `branch` is `main`, recorded was `dev`
        GET /project/web/pipeline?branch=dev
            GET /project/web/pipeline?branch=dev&page=1: the parameter `page` is absent, recorded was `1`
        GET /project/web/pipeline?branch=dev&page=1&tag=a%20b&tag=c
            GET /project/web/pipeline?branch=dev&page=1: the parameter `tag` is `a b` and `c`, recorded was none
        GET /workflow/1/job
            GET /workflow/2/job: the path: `/workflow/1/job`, recorded was `/workflow/2/job`
        GET /workflow/1/job/7
            GET /workflow/2/job: the path: `/workflow/1/job/7`, recorded was `/workflow/2/job`
        POST /workflow/2/job
            GET /workflow/2/job: the method: `POST`, recorded was `GET`
        POST /graphql <- {"name": "y", "list": [1, 2], "odd key": 1}
            POST /graphql: the body: `$.name` is `"y"`, recorded was `"x"`
        POST /graphql <- {"name": "x", "list": [1], "odd key": 1}
            POST /graphql: the body: the length of `$.list` is 1, recorded was 2
        POST /graphql <- {"name": "x", "list": [1, 2]}
            POST /graphql: the body: `$['odd key']` is absent, recorded was `1`
        POST /graphql <- {"name": "x", "list": [1, 2], "odd key": 1, "more": {}}
            POST /graphql: the body: `$.more` is `{}`, recorded was none
        POST /graphql
            POST /graphql: the body is empty, recorded was `{"name":"x","list":[1,2],"odd key":1}`
        GET https://other.example/file
            GET https://host.example/file: the path: `https://other.example/file`, recorded was `https://host.example/file`
        "#);
        let empty = Library::new(Vec::new(), Vec::new());
        let miss = empty.answer(&ask("GET /me")).expect_err("a miss");
        assert_eq!(miss.to_string(), "there is no answer for `GET /me`");
    }

    #[test]
    fn overrides_come_first_and_replace_recorded_answers() {
        let library = Library::new(
            vec![
                written("GET /workflow/*/job", None, 500),
                written("GET /workflow/*/job", Some(2), 404),
                written("GET /me?a=1", None, 501),
                written("GET /never", None, 502),
            ],
            recorded(&["GET /workflow/1/job", "GET /workflow/2/job", "GET /me?a=2"]),
        );
        assert_eq!(given(&library, "GET /workflow/1/job?page=2"), "500");
        assert_eq!(given(&library, "GET /workflow/2/job"), "404");
        assert_eq!(given(&library, "GET /workflow/1/job"), "500");
        assert_eq!(given(&library, "GET /me?a=1"), "501");
        assert_eq!(given(&library, "GET /me?a=2"), "102");
        assert!(library.unused().is_empty());
        assert_eq!(library.used(), [2]);
        let unused = library.unused_overrides();
        assert_eq!(unused.len(), 1);
        assert_eq!(unused[0].target, "/never");
    }

    #[test]
    fn one_of_equal_requests_is_replaced() {
        let library = Library::new(
            vec![written("GET /a", Some(2), 500)],
            recorded(&["GET /a", "GET /a", "GET /a"]),
        );
        for expected in ["100", "500", "102"] {
            assert_eq!(given(&library, "GET /a"), expected);
        }
        assert!(library.unused().is_empty());
    }

    #[test]
    fn an_override_can_ask_for_a_body() {
        let library = Library::new(
            vec![written("POST /x <- {\"a\": 1}", None, 201)],
            Vec::new(),
        );
        assert_eq!(given(&library, "POST /x <- {\"a\": 1.0}"), "201");
        assert_eq!(
            given(&library, "POST /x <- {\"a\": 2}"),
            "POST /x: the body: `$.a` is `2`, `sent` is `1`"
        );
    }

    #[test]
    fn ten_thousand_exchanges_are_fast() {
        let asks: Vec<String> = (0..10_000)
            .map(|number| format!("POST /graphql <- {{\"id\": {number}}}"))
            .collect();
        let asks: Vec<&str> = asks.iter().map(String::as_str).collect();
        let recorded = recorded(&asks);
        let requests: Vec<Ask> = recorded.iter().map(|one| one.ask.clone()).collect();
        let library = Library::new(Vec::new(), recorded);
        for request in requests.iter().rev() {
            assert!(library.answer(request).is_ok());
        }
        assert_eq!(library.used().len(), 10_000);
    }
}

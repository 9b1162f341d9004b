//! The clock of a story, which requests read and move.
//!
//! It is outside the API, needs no token, and is neither counted nor limited.

use std::time::Duration;

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::core::time::{DURATION_EXAMPLE, format_duration, parse_duration, parse_timestamp};
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::world::World;

/// The path of the clock.
pub const CLOCK_PATH: &str = "/__clock";

/// Answers a request for the clock. There is none without a story.
pub(super) fn respond(world: &mut World, call: &Call) -> Answer {
    let outcome = match call.method {
        _ if world.options.story.is_none() => Err(Fault::missing("Not Found")),
        Method::GET | Method::HEAD => Ok(()),
        Method::POST => call.object().and_then(|body| set(world, &body)),
        _ => Err(Fault::with(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method Not Allowed",
        )),
    };
    outcome
        .and_then(|()| show(world))
        .unwrap_or_else(Answer::from)
}

/// A move of the clock.
enum Move {
    To(Timestamp),
    By(Duration),
    /// Moves it after every request to the API.
    EachRequest(Duration),
}

impl Move {
    fn read(body: &Map<String, Value>) -> Result<Self, Fault> {
        let members: Vec<_> = body.iter().collect();
        let [(name, value)] = members.as_slice() else {
            return Err(Fault::bad(
                "the body takes one of `to`, `by` and `each_request`, such as {\"by\": \"1d\"}",
            ));
        };
        let text = value.as_str().unwrap_or_default();
        let wrong = |what: &str| Fault::bad(format!("`{name}` takes {what}, got {value}"));
        let duration = || parse_duration(text).ok_or_else(|| wrong(DURATION_EXAMPLE));
        match name.as_str() {
            "to" => parse_timestamp(text)
                .map(Self::To)
                .ok_or_else(|| wrong("a time such as `2026-11-25T09:00:00Z`")),
            "by" => duration().map(Self::By),
            "each_request" => duration().map(Self::EachRequest),
            _ => Err(Fault::bad(format!(
                "there is no `{name}`; the clock takes `to`, `by` or `each_request`"
            ))),
        }
    }
}

fn set(world: &mut World, body: &Map<String, Value>) -> Result<(), Fault> {
    let to = match Move::read(body)? {
        Move::To(time) => time.as_millisecond(),
        Move::By(duration) => world.now().saturating_add(milliseconds(duration)),
        Move::EachRequest(duration) => {
            world.each_request = milliseconds(duration);
            return Ok(());
        }
    };
    if world.set_clock(to) {
        Ok(())
    } else {
        Err(Fault::bad("the clock ends with the year 9999"))
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn show(world: &World) -> Outcome {
    let each_request = Duration::from_millis(world.each_request.unsigned_abs());
    let now = Timestamp::from_millisecond(world.now());
    let (Some(story), Ok(now)) = (world.options.story, now) else {
        return Err(Fault::missing("Not Found"));
    };
    Ok(Answer::ok(json!({
        "now": now.to_string(),
        "each_request": format_duration(each_request),
        "story": story.name,
        "begin": story.begin().to_string(),
        "end": story.end().to_string(),
    })))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;
    use crate::demo::{Options, Story};

    fn world() -> World {
        World::new(Options {
            now: Story::WEEK.begin(),
            story: Some(Story::WEEK),
            ..Options::default()
        })
    }

    fn ask(world: &mut World, method: Method, body: &str) -> (u16, Value) {
        let body = body.as_bytes().to_vec();
        let call = Call::new(method, CLOCK_PATH, &HeaderMap::new(), body);
        let answer = respond(world, &call);
        (answer.status.as_u16(), answer.into_json())
    }

    fn moved(world: &mut World, body: &str) -> String {
        let (status, shown) = ask(world, Method::POST, body);
        assert_eq!(status, 200, "{shown}");
        shown["now"].as_str().unwrap().to_owned()
    }

    #[test]
    fn it_is_shown_and_moved() {
        let mut world = world();
        let shown = json!({
            "now": "2026-11-16T09:00:00Z",
            "each_request": "0 ms",
            "story": "week",
            "begin": "2026-11-16T09:00:00Z",
            "end": "2026-11-26T09:00:00Z",
        });
        assert_eq!(ask(&mut world, Method::GET, ""), (200, shown));
        for (body, now) in [
            (r#"{"by": "1d"}"#, "2026-11-17T09:00:00Z"),
            (r#"{"by": "1h30m"}"#, "2026-11-17T10:30:00Z"),
            (r#"{"to": "2026-11-25T09:00:00Z"}"#, "2026-11-25T09:00:00Z"),
            (r#"{"to": "2026-11-18"}"#, "2026-11-18T00:00:00Z"),
            (r#"{"each_request": "20s"}"#, "2026-11-18T00:00:00Z"),
        ] {
            assert_eq!(moved(&mut world, body), now);
        }
        world.pass_request();
        let (_, shown) = ask(&mut world, Method::GET, "");
        assert_eq!(shown["now"], "2026-11-18T00:00:20Z");
        assert_eq!(shown["each_request"], "20s");
    }

    #[test]
    fn what_it_cannot_do_is_refused_and_changes_nothing() {
        let mut world = world();
        let mut messages = Vec::new();
        for body in [
            "",
            "{}",
            "[]",
            "{",
            r#"{"by": "1d", "to": "2026-11-25"}"#,
            r#"{"by": "-1d"}"#,
            r#"{"by": 3600}"#,
            r#"{"to": "tomorrow"}"#,
            r#"{"until": "2026-11-25"}"#,
            r#"{"by": "500000w"}"#,
        ] {
            let (status, shown) = ask(&mut world, Method::POST, body);
            assert_eq!(status, 400, "{body}");
            messages.push(format!("{body}: {}", shown["message"].as_str().unwrap()));
        }
        assert_eq!(world.now(), Story::WEEK.begin().as_millisecond());
        assert_eq!(ask(&mut world, Method::DELETE, "").0, 405);
        insta::assert_snapshot!(messages.join("\n"), @r#"
        : the body takes one of `to`, `by` and `each_request`, such as {"by": "1d"}
        {}: the body takes one of `to`, `by` and `each_request`, such as {"by": "1d"}
        []: Unexpected request body provided.
        {: Malformed JSON in the request body.
        {"by": "1d", "to": "2026-11-25"}: the body takes one of `to`, `by` and `each_request`, such as {"by": "1d"}
        {"by": "-1d"}: `by` takes a duration such as `30s`, `5m`, `1h30m` or `7d`, got "-1d"
        {"by": 3600}: `by` takes a duration such as `30s`, `5m`, `1h30m` or `7d`, got 3600
        {"to": "tomorrow"}: `to` takes a time such as `2026-11-25T09:00:00Z`, got "tomorrow"
        {"until": "2026-11-25"}: there is no `until`; the clock takes `to`, `by` or `each_request`
        {"by": "500000w"}: the clock ends with the year 9999
        "#);
    }

    #[test]
    fn there_is_none_without_a_story() {
        let mut world = World::new(Options::default());
        assert_eq!(ask(&mut world, Method::GET, "").0, 404);
        assert_eq!(ask(&mut world, Method::POST, r#"{"by": "1d"}"#).0, 404);
    }
}

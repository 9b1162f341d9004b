//! The storage on its own origin: parts of usage exports, output of steps, artifacts.
//!
//! As with the real service, presigned addresses take no other credential, and artifacts of private
//! projects are reached with a token, by a redirect to a presigned address.

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use hyper::{Method, StatusCode};

use crate::demo::gate;
use crate::demo::message::{Answer, Call, Fault, Outcome};
use crate::demo::path;
use crate::demo::sign;
use crate::demo::world::id::Kind;
use crate::demo::world::random::mix;
use crate::demo::world::{World, files, steps, suite, usage};

/// Content with its type.
struct Content {
    kind: &'static str,
    bytes: Vec<u8>,
}

/// Returns the address of a part of a usage export.
pub(super) fn part_url(world: &World, export: &str, part: usize) -> String {
    sign::presigned(
        world,
        &format!("/usage-exports/{export}/part-{part}.csv.gz"),
    )
}

/// Returns the address of the output of a step.
pub(super) fn output_url(world: &World, job_id: &str, step: u32, node: u32) -> String {
    sign::presigned(world, &format!("/step-output/{job_id}/{step}/{node}"))
}

/// Returns the address of an artifact.
pub(super) fn artifact_url(world: &World, job_id: &str, artifact: &suite::Artifact) -> String {
    let path = encoded(&artifact.path);
    let origin = &world.storage_origin;
    format!(
        "{origin}/output/job/{job_id}/artifacts/{}/{path}",
        artifact.node
    )
}

fn encoded(path: &str) -> String {
    path.replace('%', "%25")
        .replace(' ', "%20")
        .replace('#', "%23")
}

/// Answers a request to the storage.
pub(super) fn respond(world: &World, call: &Call, target: &str, headers: &HeaderMap) -> Answer {
    let outcome = match call.method {
        Method::GET | Method::HEAD => find(world, call, target, headers),
        _ => Err(Fault::with(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method Not Allowed",
        )),
    };
    outcome.unwrap_or_else(Answer::from)
}

fn find(world: &World, call: &Call, target: &str, headers: &HeaderMap) -> Outcome {
    let segments = path::segments(&call.path).ok_or_else(missing)?;
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["output", "job", job, "artifacts", node, rest @ ..] = names.as_slice() {
        return artifact_page(world, call, headers, [job, node, &rest.join("/")]);
    }
    let has_credential = call.token.is_some() || headers.contains_key(AUTHORIZATION);
    if has_credential {
        return Ok(refusal(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ));
    }
    // The method is signed too.
    if call.method != Method::GET || !sign::is_valid(world, target) {
        return Ok(refusal(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ));
    }
    let content = match names.as_slice() {
        ["usage-exports", export, part] => part_of(world, export, part),
        ["step-output", job, step, node] => output(world, [job, step, node]),
        ["artifacts", job, node, rest @ ..] => artifact(world, job, node, &rest.join("/")),
        _ => None,
    };
    content
        .map(|content| serve(content, headers))
        .ok_or_else(missing)
}

/// Answers for an artifact's address: its content, or for a private project a redirect.
fn artifact_page(
    world: &World,
    call: &Call,
    headers: &HeaderMap,
    [job, node, path]: [&str; 3],
) -> Outcome {
    let (key, _) = world.job_key(Kind::Job, job).ok_or_else(missing)?;
    let content = artifact(world, job, node, path).ok_or_else(missing)?;
    if !world.projects[usize::from(key.project)].is_private {
        return Ok(serve(content, headers));
    }
    gate::authenticate(call.token.as_deref(), world.options.token.as_deref())
        .map_err(|_| missing())?;
    let mut answer = Answer::message(StatusCode::FOUND, "Found");
    let path = format!("/artifacts/{job}/{node}/{}", encoded(path));
    // As with the real service, on another host, so that no token comes along.
    let location = sign::presigned(world, &path).replacen("127.0.0.1", "localhost", 1);
    answer.headers.push(("location", location));
    Ok(answer)
}

fn part_of(world: &World, export: &str, part: &str) -> Option<Content> {
    let export = world.exports.iter().find(|known| known.id == export)?;
    let part = part.strip_prefix("part-")?.strip_suffix(".csv.gz")?;
    let bytes = usage::part(world, export, part.parse().ok()?)?;
    Some(Content {
        kind: "application/x-gzip",
        bytes,
    })
}

fn output(world: &World, [job, step, node]: [&str; 3]) -> Option<Content> {
    let (key, place) = world.job_key(Kind::Job, job)?;
    let workflow = world.workflow(key)?;
    let job = workflow.jobs.get(place)?;
    let steps = steps::of(world.options.seed, &workflow, job);
    let number: u32 = step.parse().ok()?;
    let step = steps.iter().find(|step| step.number == number)?;
    let lines = steps::output(world.options.seed, &workflow, job, step, node.parse().ok()?);
    Some(Content {
        kind: "application/json",
        bytes: steps::stored(&lines, step).to_string().into_bytes(),
    })
}

fn artifact(world: &World, job: &str, node: &str, path: &str) -> Option<Content> {
    let (key, place) = world.job_key(Kind::Job, job)?;
    let workflow = world.workflow(key)?;
    let job = workflow.jobs.get(place)?;
    let node: u32 = node.parse().ok()?;
    let artifacts = suite::artifacts(&workflow, job);
    let found = artifacts
        .iter()
        .find(|artifact| artifact.node == node && artifact.path == path)?;
    let (kind, bytes) = files::content(world.options.seed, &workflow, job, found);
    Some(Content { kind, bytes })
}

/// Returns the content, a range of it, or that it is unchanged.
fn serve(content: Content, headers: &HeaderMap) -> Answer {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let tag = entity_tag(&content.bytes);
    let total = content.bytes.len();
    let range = header(RANGE).filter(|_| header(IF_RANGE).is_none_or(|given| given == tag));
    let mut answer = match range.map(|range| wanted(range, total)) {
        _ if header(IF_NONE_MATCH) == Some(&tag) => {
            let mut answer = Answer::raw(content.kind, Vec::new());
            answer.status = StatusCode::NOT_MODIFIED;
            answer
        }
        Some(Some((first, last))) => {
            let mut answer = Answer::raw(content.kind, content.bytes[first..=last].to_vec());
            answer.status = StatusCode::PARTIAL_CONTENT;
            let place = format!("bytes {first}-{last}/{total}");
            answer.headers.push(("content-range", place));
            answer
        }
        Some(None) => {
            let mut answer = refusal(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "InvalidRange",
                "The requested range is not satisfiable",
            );
            answer
                .headers
                .push(("content-range", format!("bytes */{total}")));
            answer
        }
        None => Answer::raw(content.kind, content.bytes),
    };
    answer.headers.push(("etag", tag));
    answer.headers.push(("accept-ranges", "bytes".to_owned()));
    answer
}

fn entity_tag(bytes: &[u8]) -> String {
    let hash = bytes.chunks(8).fold(bytes.len() as u64, |hash, chunk| {
        let word = chunk
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        mix(hash, &[word])
    });
    format!("\"{:016x}{hash:016x}\"", mix(hash, &[1]))
}

/// Returns the first and last byte of `bytes=a-b`, `bytes=a-` or `bytes=-n`.
fn wanted(range: &str, total: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.min(total.checked_sub(1)?)),
        (Ok(first), Err(_)) => (first, total.checked_sub(1)?),
        (Err(_), Ok(count)) => (total.saturating_sub(count), total.checked_sub(1)?),
        (Err(_), Err(_)) => return None,
    };
    (first <= last).then_some((first, last))
}

fn missing() -> Fault {
    Fault::missing("Not Found")
}

/// Returns an error in the format of the storage.
fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut answer = Answer::raw("application/xml", text.into_bytes());
    answer.status = status;
    answer
}

//! Parses paths: percent-encoded segments, with slugs as one segment (`gh%2Facme%2Fweb`) or as
//! several (`gh/acme/web`).

use percent_encoding::percent_decode_str;

/// The prefix of the API.
const PREFIX: [&str; 2] = ["api", "v2"];

/// A decoded path with each slug as one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The segments after `/api/v2`; a slug is one segment that contains slashes.
    pub segments: Vec<String>,
    /// True if the slug was sent as several segments, as some routes require.
    pub literal: bool,
}

/// Splits at literal slashes, then decodes each segment, so that an encoded slash does not split.
/// Returns `None` outside the API.
pub(super) fn parse(raw: &str) -> Option<Path> {
    let decoded: Option<Vec<String>> = raw
        .strip_prefix('/')?
        .split('/')
        .map(|segment| Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned()))
        .collect();
    let decoded = decoded?;
    let segments = decoded.strip_prefix(PREFIX.map(str::to_owned).as_slice())?;
    Some(gather(segments))
}

/// Joins the segments of a slug, at the positions where the API has slugs.
fn gather(segments: &[String]) -> Path {
    let plain = |segments: &[String]| Path {
        segments: segments.to_vec(),
        literal: false,
    };
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["insights", "pages" | "time-series", _, ..] => join(segments, 2, 3),
        // `gh/acme/summary` is the page of an organization, `gh/acme/web/…` of a project.
        ["insights", _, _, "summary"] => join(segments, 1, 2),
        ["insights", slug, "summary"] if slug.split('/').count() == 2 => join(segments, 1, 2),
        ["project" | "insights", _, ..] => join(segments, 1, 3),
        ["organization", provider, ..] if is_provider(first_part(provider)) => join(segments, 1, 2),
        _ => plain(segments),
    }
}

/// Joins the segments from `at` on into `parts` parts.
fn join(segments: &[String], at: usize, parts: usize) -> Path {
    let mut slug = String::new();
    let mut used = 0;
    for segment in &segments[at..] {
        if !slug.is_empty() {
            slug.push('/');
        }
        slug.push_str(segment);
        used += 1;
        if slug.split('/').count() >= parts {
            break;
        }
    }
    let mut joined = segments[..at].to_vec();
    joined.push(short_provider(&slug));
    joined.extend_from_slice(&segments[at + used..]);
    Path {
        segments: joined,
        literal: used == parts,
    }
}

fn first_part(slug: &str) -> &str {
    slug.split('/').next().unwrap_or_default()
}

fn is_provider(name: &str) -> bool {
    matches!(name, "gh" | "github" | "bb" | "bitbucket" | "circleci")
}

/// Shortens `github/acme` to `gh/acme`, the form used in responses.
pub(super) fn short_provider(slug: &str) -> String {
    match slug.split_once('/') {
        Some(("github", rest)) => format!("gh/{rest}"),
        Some(("bitbucket", rest)) => format!("bb/{rest}"),
        _ => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(raw: &str) -> Vec<String> {
        parse(raw).unwrap().segments
    }

    #[test]
    fn a_slug_is_one_segment_however_it_was_sent() {
        let expected = ["project", "gh/acme/web", "pipeline"];
        for raw in [
            "/api/v2/project/gh%2Facme%2Fweb/pipeline",
            "/api/v2/project/gh/acme/web/pipeline",
            "/api/v2/project/github/acme/web/pipeline",
            "/api/v2/project/gh%2facme/web/pipeline",
        ] {
            assert_eq!(segments(raw), expected, "{raw}");
        }
    }

    #[test]
    fn only_real_segments_count_as_literal() {
        assert!(
            parse("/api/v2/project/gh/acme/web/settings")
                .unwrap()
                .literal
        );
        assert!(
            !parse("/api/v2/project/gh%2Facme%2Fweb/settings")
                .unwrap()
                .literal
        );
    }

    #[test]
    fn insights_tell_organisations_from_projects() {
        for raw in [
            "/api/v2/insights/gh/acme/summary",
            "/api/v2/insights/gh%2Facme/summary",
        ] {
            assert_eq!(segments(raw), ["insights", "gh/acme", "summary"]);
        }
        assert_eq!(
            segments("/api/v2/insights/gh/acme/web/workflows/a%20b/summary"),
            ["insights", "gh/acme/web", "workflows", "a b", "summary"]
        );
        assert_eq!(
            segments("/api/v2/insights/pages/gh/acme/web/summary"),
            ["insights", "pages", "gh/acme/web", "summary"]
        );
        assert_eq!(
            segments("/api/v2/insights/time-series/gh%2Facme%2Fweb/workflows/w/jobs"),
            [
                "insights",
                "time-series",
                "gh/acme/web",
                "workflows",
                "w",
                "jobs"
            ]
        );
    }

    #[test]
    fn organisations_go_by_slug_and_by_id() {
        assert_eq!(
            segments("/api/v2/organization/gh/acme"),
            ["organization", "gh/acme"]
        );
        assert_eq!(
            segments("/api/v2/organization/gh%2Facme"),
            ["organization", "gh/acme"]
        );
        assert_eq!(
            segments("/api/v2/organization/0a-1b"),
            ["organization", "0a-1b"]
        );
    }

    #[test]
    fn everything_else_is_outside() {
        assert_eq!(parse("/"), None);
        assert_eq!(parse("/api/v1.1/me"), None);
        assert_eq!(parse("/api/v2/%ff"), None);
        assert_eq!(segments("/api/v2/project"), ["project"]);
        assert_eq!(segments("/api/v2/project/gh/acme"), ["project", "gh/acme"]);
    }
}

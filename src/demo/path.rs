//! Matches paths with patterns such as `/project/{project-slug}/job/{job-number}`.
//!
//! A path is split at literal slashes, then each segment is decoded, so that an encoded slash does
//! not split. A slug may be one segment (`gh%2Facme%2Fweb`) or several (`gh/acme/web`).

use percent_encoding::percent_decode_str;

/// Returns the decoded segments of a path; `None` unless it starts with a slash.
pub(super) fn segments(raw: &str) -> Option<Vec<String>> {
    raw.strip_prefix('/')?
        .split('/')
        .map(|segment| Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned()))
        .collect()
}

/// Returns the values of a pattern's parameters if it matches all segments.
///
/// `{project-slug}` and `{org-slug}` take the segments of a slug. `{provider}` begins a project's
/// slug that is only accepted as three segments, and is one value.
pub(super) fn matched(pattern: &str, segments: &[String]) -> Option<Vec<String>> {
    let mut rest = segments;
    let mut values = Vec::new();
    let mut parts = pattern.split('/').skip(1);
    while let Some(part) = parts.next() {
        let Some(name) = part.strip_prefix('{') else {
            rest = rest.split_first().filter(|(first, _)| *first == part)?.1;
            continue;
        };
        let first = rest.first()?;
        let slug_parts = match name {
            "project-slug}" | "provider}" => 3,
            "org-slug}" => 2,
            "org-slug-or-id}" if is_provider(first) => 2,
            // There is no such route for encoded slugs, and no pipeline is called `run`.
            "pipeline-number}" if first == "run" => return None,
            _ => {
                values.push(first.clone());
                rest = &rest[1..];
                continue;
            }
        };
        let (slug, used) = join(rest, slug_parts);
        if name == "provider}" {
            parts.nth(1)?;
            if used != slug_parts {
                return None;
            }
        }
        values.push(short_provider(&slug));
        rest = &rest[used..];
    }
    rest.is_empty().then_some(values)
}

/// Joins segments until there are `parts` parts, and returns the number of segments used.
fn join(segments: &[String], parts: usize) -> (String, usize) {
    let mut slug = String::new();
    for (used, segment) in segments.iter().enumerate() {
        if slug.split('/').count() >= parts && used > 0 {
            return (slug, used);
        }
        if used > 0 {
            slug.push('/');
        }
        slug.push_str(segment);
    }
    (slug, segments.len())
}

/// Returns true if a segment begins a slug.
fn is_provider(segment: &str) -> bool {
    let name = segment.split('/').next().unwrap_or_default();
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

    fn values(pattern: &str, raw: &str) -> Option<Vec<String>> {
        matched(pattern, &segments(raw).unwrap())
    }

    #[test]
    fn a_slug_is_one_value_however_it_was_sent() {
        let pattern = "/project/{project-slug}/pipeline";
        for raw in [
            "/project/gh%2Facme%2Fweb/pipeline",
            "/project/gh/acme/web/pipeline",
            "/project/github/acme/web/pipeline",
            "/project/gh%2facme/web/pipeline",
        ] {
            assert_eq!(values(pattern, raw).unwrap(), ["gh/acme/web"], "{raw}");
        }
        assert_eq!(
            values("/project/{project-slug}", "/project/gh/acme").unwrap(),
            ["gh/acme"]
        );
        assert_eq!(values(pattern, "/project"), None);
        assert_eq!(values(pattern, "/project/gh/acme/web/pipeline/1"), None);
    }

    #[test]
    fn some_routes_want_real_segments() {
        let pattern = "/project/{provider}/{organization}/{project}/settings";
        let raw = "/project/github/acme/web/settings";
        assert_eq!(values(pattern, raw).unwrap(), ["gh/acme/web"]);
        assert_eq!(values(pattern, "/project/gh%2Facme%2Fweb/settings"), None);
        assert_eq!(values(pattern, "/project/gh/acme%2Fweb/settings"), None);
    }

    #[test]
    fn insights_tell_organisations_from_projects() {
        let pattern = "/insights/{org-slug}/summary";
        for raw in ["/insights/gh/acme/summary", "/insights/gh%2Facme/summary"] {
            assert_eq!(values(pattern, raw).unwrap(), ["gh/acme"]);
        }
        let raw = "/insights/gh/acme/web/workflows/a%20b/summary";
        assert_eq!(values(pattern, raw), None);
        let pattern = "/insights/{project-slug}/workflows/{workflow-name}/summary";
        assert_eq!(values(pattern, raw).unwrap(), ["gh/acme/web", "a b"]);
    }

    #[test]
    fn organisations_go_by_slug_and_by_id() {
        let pattern = "/organization/{org-slug-or-id}";
        for (raw, value) in [
            ("/organization/gh/acme", "gh/acme"),
            ("/organization/gh%2Facme", "gh/acme"),
            ("/organization/0a-1b", "0a-1b"),
        ] {
            assert_eq!(values(pattern, raw).unwrap(), [value]);
        }
    }

    #[test]
    fn what_is_not_a_path_has_no_segments() {
        assert_eq!(segments("*"), None);
        assert_eq!(segments("/%ff"), None);
        assert_eq!(segments("/").unwrap(), [""]);
    }
}

//! Matches the endpoint of a query with the paths of a description.

use crate::core::name;
use crate::description::Description;

/// A segment of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text.
    Literal(String),
    /// A segment with a value in it.
    Value,
    /// A value that may hold several segments.
    Values,
}

/// The operations that an endpoint may be.
#[derive(Debug, PartialEq, Eq)]
pub enum RouteMatch<'d> {
    /// Exactly this one, by its index.
    One(usize),
    /// It depends on values.
    Uncertain,
    /// The path exists with other methods.
    OtherMethods {
        /// The methods.
        methods: Vec<&'d str>,
        /// False if a text of the endpoint stands in place of a parameter, so that it may be another
        /// path.
        is_certain: bool,
    },
    /// There is none; perhaps one with a similar path.
    None(Option<&'d str>),
}

/// The names of parameters whose value is written with slashes: a slug.
const SLUG: &str = "slug";

/// The first segments of slugs.
const HOSTS: [&str; 5] = ["gh", "github", "bb", "bitbucket", "circleci"];

/// The number of segments of the longest slug.
const LONGEST_SLUG: usize = 3;

/// The quality of a match; a higher one is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// False if a value would have to be a certain text.
    is_certain: bool,
    points: usize,
}

impl Score {
    const NOTHING: Self = Self {
        is_certain: true,
        points: 0,
    };

    fn plus(self, points: usize) -> Self {
        Self {
            points: self.points + points,
            ..self
        }
    }

    fn uncertain(self) -> Self {
        Self {
            is_certain: false,
            ..self
        }
    }
}

impl Description {
    /// Finds the operation of a method and an endpoint.
    pub fn matching(&self, method: &str, segments: &[Segment]) -> RouteMatch<'_> {
        let mut best: Option<(Score, usize)> = None;
        let mut is_tie = false;
        let mut others = Vec::new();
        let mut is_same_path = false;
        for (index, entry) in self.entries().iter().enumerate() {
            let path: Vec<&str> = split(&entry.path);
            let Some(score) = score(&path, segments) else {
                continue;
            };
            if !entry.method.eq_ignore_ascii_case(method) {
                if score.is_certain && !others.contains(&entry.method.as_str()) {
                    others.push(entry.method.as_str());
                    is_same_path |= path.len() == segments.len()
                        && path.iter().zip(segments).all(|(part, segment)| {
                            part.contains('{') == !matches!(segment, Segment::Literal(_))
                        });
                }
                continue;
            }
            match best {
                Some((known, _)) if known > score => {}
                Some((known, _)) if known == score => is_tie = true,
                _ => {
                    best = Some((score, index));
                    is_tie = false;
                }
            }
        }
        match best {
            Some((score, index)) if score.is_certain && !is_tie => RouteMatch::One(index),
            Some(_) => RouteMatch::Uncertain,
            None if segments.contains(&Segment::Values) => RouteMatch::Uncertain,
            None if !others.is_empty() => RouteMatch::OtherMethods {
                methods: others,
                is_certain: is_same_path,
            },
            None => RouteMatch::None(self.similar(segments)),
        }
    }

    /// Returns the path that is most like an endpoint.
    fn similar(&self, segments: &[Segment]) -> Option<&str> {
        let wanted: Vec<&str> = segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.as_str(),
                Segment::Value | Segment::Values => "{}",
            })
            .collect();
        let plain = |path: &str| {
            let parts: Vec<&str> = split(path)
                .into_iter()
                .map(|part| if part.contains('{') { "{}" } else { part })
                .collect();
            parts.join("/")
        };
        let paths: Vec<String> = self
            .entries()
            .iter()
            .map(|entry| plain(&entry.path))
            .collect();
        let wanted = wanted.join("/");
        let near = name::nearest(&wanted, paths.iter().map(String::as_str))?;
        let index = paths.iter().position(|path| path == near)?;
        Some(&self.entries()[index].path)
    }
}

fn split(path: &str) -> Vec<&str> {
    // A fragment tells routes apart in some documents.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.split('/').filter(|part| !part.is_empty()).collect()
}

/// Compares a path with an endpoint, segment by segment.
fn score(path: &[&str], segments: &[Segment]) -> Option<Score> {
    let (Some((part, path_rest)), Some((segment, segments_rest))) =
        (path.split_first(), segments.split_first())
    else {
        return (path.is_empty() && segments.is_empty()).then_some(Score::NOTHING);
    };
    let is_parameter = part.contains('{');
    let next = |path: &[&str], segments: &[Segment]| score(path, segments);
    match segment {
        Segment::Literal(text) if !is_parameter => (text == part)
            .then(|| next(path_rest, segments_rest))?
            .map(|score| score.plus(3)),
        Segment::Value if !is_parameter => next(path_rest, segments_rest).map(Score::uncertain),
        Segment::Literal(_) | Segment::Value => {
            let is_written =
                matches!(segment, Segment::Literal(text) if HOSTS.contains(&text.as_str()));
            let most = if part.contains(SLUG) && is_written {
                LONGEST_SLUG
            } else {
                1
            };
            let takes = (1..=most.min(segments.len())).filter(|count| {
                *count == 1 || segments[..*count].iter().all(|one| *one != Segment::Values)
            });
            let points = |count: usize| match segment {
                Segment::Value if count == 1 => 2,
                _ => 1,
            };
            takes
                .filter_map(|count| {
                    next(path_rest, &segments[count..]).map(|score| score.plus(points(count)))
                })
                .max()
        }
        Segment::Values => {
            let mut best = None;
            for count in 1..=path.len() {
                let is_certain = path[..count].iter().all(|part| part.contains('{'));
                let found = next(&path[count..], segments_rest).map(|score| {
                    let score = score.plus(count);
                    if is_certain { score } else { score.uncertain() }
                });
                best = best.max(found);
            }
            best
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
GET /project/{project-slug} getProject
GET /project/{project-slug}/pipeline listPipelines
POST /project/{project-slug}/pipeline triggerPipeline
GET /project/{project-slug}/pipeline/mine listMine
GET /project/{project-slug}/pipeline/{pipeline-number} getPipeline
GET /project/{project-slug}/{job-number}/tests getTests
GET /project/{provider}/{organization}/{project}/settings getSettings
GET /workflow/{id}/job listJobs
";

    fn segments(endpoint: &str) -> Vec<Segment> {
        split(endpoint)
            .into_iter()
            .map(|part| match part {
                "*" => Segment::Value,
                "**" => Segment::Values,
                text => Segment::Literal(text.to_owned()),
            })
            .collect()
    }

    #[test]
    fn an_endpoint_is_one_operation_or_none() {
        let description = Description::from_compact(TEXT).expect("a description");
        for (route, expected) in [
            ("GET /project/*", "getProject"),
            ("GET /project/gh/acme/web", "getProject"),
            ("GET /project/**", "getProject"),
            ("GET /project/*/pipeline", "listPipelines"),
            ("POST /project/gh/*/*/pipeline", "triggerPipeline"),
            ("GET /project/*/pipeline/mine", "listMine"),
            ("GET /project/*/pipeline/*", "getPipeline"),
            ("GET /project/*/7/tests", "getTests"),
            ("GET /project/**/settings", "getSettings"),
            ("GET /project/gh/acme/web/settings", "getSettings"),
            ("GET /workflow/*/job", "listJobs"),
        ] {
            let (method, path) = route.split_once(' ').expect("a route");
            let found = description.matching(method, &segments(path));
            let RouteMatch::One(index) = found else {
                panic!("{route}: {found:?}")
            };
            assert_eq!(description.entries()[index].id, expected, "{route}");
        }
        for (route, expected) in [
            ("GET /*/*/job", RouteMatch::Uncertain),
            // The last value may be `pipeline`.
            ("GET /project/*/*", RouteMatch::Uncertain),
            ("GET /project/*/*/*", RouteMatch::Uncertain),
            (
                "PUT /workflow/*/job",
                RouteMatch::OtherMethods {
                    methods: vec!["GET"],
                    is_certain: true,
                },
            ),
            (
                "GET /workflow/*/jobs",
                RouteMatch::None(Some("/workflow/{id}/job")),
            ),
            (
                "GET /workflows/*/job",
                RouteMatch::None(Some("/workflow/{id}/job")),
            ),
            ("GET /otherwise", RouteMatch::None(None)),
        ] {
            let (method, path) = route.split_once(' ').expect("a route");
            assert_eq!(
                description.matching(method, &segments(path)),
                expected,
                "{route}"
            );
        }
    }
}

//! The files of the starter project, from `starter/`.

/// The part of a project that a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The project file.
    Settings,
    /// The connection.
    Resource,
    /// Queries and reports.
    Queries,
    /// Tests of the queries.
    Tests,
    /// Jobs to copy into the configuration of a CI service.
    Ci,
}

impl Part {
    /// Returns the name of the schema of its YAML files, if they have one.
    pub fn schema(self) -> Option<&'static str> {
        match self {
            Self::Settings => Some("project"),
            Self::Resource => Some("resource"),
            Self::Queries => Some("query"),
            Self::Tests => Some("test"),
            Self::Ci => None,
        }
    }
}

macro_rules! starter {
    ($($part:ident $name:literal),+ $(,)?) => {
        /// All files: part, path and content.
        pub const FILES: &[(Part, &str, &str)] = &[
            $((Part::$part, $name, include_str!(concat!("../../../starter/", $name)))),+
        ];
    };
}

starter![
    Settings "runner.yaml",
    Resource "resources/circleci.yaml",
    Queries "queries/pipelines.yaml",
    Queries "queries/workflows.yaml",
    Queries "queries/failed-jobs.yaml",
    Queries "queries/ci-report.yaml",
    Queries "queries/ci-report.md.jinja",
    Tests "tests/failed-jobs.yaml",
    Tests "tests/ci-report.yaml",
    Ci "ci/circleci.yml",
    Ci "ci/github-actions.yml",
];

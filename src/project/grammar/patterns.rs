//! Forms of texts: what a schema can say of them.

use crate::core::key::{TextPattern, UNBOUNDED, ValueForm};

/// The name of a resource or query.
pub const NAME: ValueForm = ValueForm::Pattern(&TextPattern {
    // Letters of any script, digits, `-`, `_` and `.`.
    regex: r"^[^\x00-,/:-@\[-^`{-\x7f]+$",
    expected: "letters, digits, `-`, `_` and `.`",
    examples: &[],
});

/// A size in bytes.
pub const SIZE: ValueForm = ValueForm::Either(&[
    ValueForm::Integer(1, UNBOUNDED),
    ValueForm::Pattern(&TextPattern {
        regex: r"^\s*0*[1-9]\d*\s*(KiB|MiB|GiB|kB|MB|GB)?\s*$",
        expected: "a size such as `64MiB`",
        examples: &["64MiB", "10MB"],
    }),
]);

/// The separator of `csv`.
pub const SEPARATOR: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"^[\t !#-/:-@\[-`{-~]$",
    expected: "one character such as `;`, not a letter, digit or quote",
    examples: &[";", "\t"],
});

/// A point in time.
pub const TIME: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"^\s*\d{4}-\d\d-\d\d",
    expected: "a time such as `2026-11-02T09:00:00Z` or `2026-11-02`",
    examples: &["2026-11-02T09:00:00Z", "2026-11-02"],
});

/// A JSONPath or a template.
pub const PATH_OR_TEMPLATE: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"^\s*\$|\{\{|\{%",
    expected: "a JSONPath, which starts with `$`, or a template with `{{ … }}`",
    examples: &["$.id", "{{ row.name }}"],
});

/// A string that has a template in it.
pub const WITH_TEMPLATE: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"\{\{",
    expected: "a template with `{{ … }}`",
    examples: &["{{ list }}"],
});

/// The regular expression of [`METRIC_NAME`].
pub const METRIC_NAME_REGEX: &str = "^[A-Za-z][A-Za-z0-9_]*$";

/// The name of a metric or label.
pub const METRIC_NAME: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: METRIC_NAME_REGEX,
    expected: "letters, digits and `_`, a letter first",
    examples: &["circleci_queue_seconds"],
});

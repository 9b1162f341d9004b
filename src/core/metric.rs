//! Metrics in the sense of [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/):
//! families of samples, and the rules for their names.

use crate::core::column::ColumnType;

/// The suffix of the samples of a counter.
pub const TOTAL: &str = "_total";

/// Suffixes that samples of other types have. A name that ends with one reads as such a sample.
const RESERVED: [&str; 6] = ["_created", "_bucket", "_count", "_sum", "_gcount", "_gsum"];

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricType {
    /// A value that goes up and down.
    #[default]
    Gauge,
    /// A value that only goes up, from 0.
    Counter,
}

impl MetricType {
    /// All types by name.
    pub const ALL: [(&'static str, Self); 2] = [("gauge", Self::Gauge), ("counter", Self::Counter)];

    /// Returns the name in files and in the format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }

    /// Returns the suffix of the samples.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gauge => "",
            Self::Counter => TOTAL,
        }
    }
}

/// Labels that Prometheus sets itself. A scrape renames those of a sample, and a pushgateway replaces them,
/// so that different series become one.
pub const LABELS_OF_PROMETHEUS: [&str; 2] = ["job", "instance"];

/// A family of samples, as described by `# HELP`, `# TYPE` and `# UNIT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricFamily {
    /// The name, without the suffix of a counter.
    pub name: String,
    /// The description, one or more lines.
    pub help: String,
    /// The type.
    pub metric_type: MetricType,
    /// The unit, with which the name ends.
    pub unit: Option<String>,
}

/// A fault of a name: the message after the name, and a name that would do.
#[derive(Debug, PartialEq, Eq)]
pub struct NameFault {
    /// The fault, to be read after the name.
    pub message: String,
    /// A name to use instead.
    pub instead: Option<String>,
}

/// Returns true for the name of a metric or label: letters, digits and `_`, with a letter first. The
/// specification reserves names that begin with `_`, and colons.
pub fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns the name of a metric or label that is closest to some text, if there is one.
pub fn name_like(text: &str) -> Option<String> {
    let as_allowed = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    let name: String = text.chars().map(as_allowed).collect();
    let name = name.trim_matches('_');
    is_name(name).then(|| name.to_owned())
}

/// Checks the name of a family.
///
/// # Errors
///
/// If the format does not allow it, or a suffix of it has another meaning.
pub fn check_name(name: &str, metric_type: MetricType) -> Result<(), NameFault> {
    if !is_name(name) {
        return Err(NameFault {
            message: "is not the name of a metric: letters, digits and `_`, a letter first".into(),
            instead: name_like(name),
        });
    }
    if let Some(stem) = name.strip_suffix(TOTAL) {
        let message = match metric_type {
            MetricType::Counter => "is a counter, whose samples get the suffix `_total` anyway",
            MetricType::Gauge => "is a gauge, and the suffix `_total` is that of a counter",
        };
        return Err(NameFault {
            message: message.into(),
            instead: is_name(stem).then(|| stem.to_owned()),
        });
    }
    let Some(suffix) = RESERVED.iter().find(|suffix| name.ends_with(**suffix)) else {
        return Ok(());
    };
    Err(NameFault {
        message: format!("ends with `{suffix}`, which is reserved for samples of other types"),
        instead: None,
    })
}

/// Checks a unit against the name of its family and the type of the column, if that is known. Times
/// become seconds since 1970, and booleans 1 and 0.
///
/// # Errors
///
/// The message.
pub fn check_unit(unit: &str, family: &str, column_type: Option<ColumnType>) -> Result<(), String> {
    if !is_name(unit) {
        let rule = "a unit has letters, digits and `_`, such as `seconds`";
        return Err(format!("`{unit}` is not a unit: {rule}"));
    }
    match column_type {
        Some(ColumnType::Bool) => return Err("1 and 0 for a boolean have no `unit`".to_owned()),
        Some(ColumnType::Time) if unit != "seconds" => {
            let rule = "a time is written as seconds since 1970";
            return Err(format!("`unit` is `{unit}`, and {rule}"));
        }
        _ => {}
    }
    let stem = family.strip_suffix(unit);
    if stem.is_some_and(|stem| stem.ends_with('_')) {
        return Ok(());
    }
    Err(format!("`{family}` does not end with its unit, `_{unit}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_in_the_format() {
        for (name, metric_type) in MetricType::ALL {
            assert_eq!(metric_type.name(), name);
        }
    }

    #[test]
    fn names_have_letters_digits_and_underscores() {
        for name in ["a", "A9", "circleci_runs", "a__b", "a_"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "_a", "9a", "a-b", "a:b", "ä", "a b", "a.b", "__name__"] {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!(name_like("job-name").as_deref(), Some("job_name"));
        assert_eq!(name_like("_größe").as_deref(), Some("gr__e"));
        assert_eq!(name_like("9"), None);
        assert_eq!(name_like(""), None);
    }

    #[test]
    fn suffixes_of_samples_are_reserved() {
        fn instead(name: &str, metric_type: MetricType) -> Result<(), Option<String>> {
            check_name(name, metric_type).map_err(|fault| fault.instead)
        }
        assert_eq!(instead("runs", MetricType::Counter), Ok(()));
        assert_eq!(instead("runs_info", MetricType::Gauge), Ok(()));
        assert_eq!(instead("runs_totals", MetricType::Gauge), Ok(()));
        for (_, metric_type) in MetricType::ALL {
            let stem = Some("runs".to_owned());
            assert_eq!(instead("runs_total", metric_type), Err(stem));
            assert_eq!(
                instead("runs-x", metric_type),
                Err(Some("runs_x".to_owned()))
            );
            for suffix in RESERVED {
                assert_eq!(instead(&format!("runs{suffix}"), metric_type), Err(None));
            }
        }
    }

    #[test]
    fn a_unit_ends_the_name_and_suits_the_type() {
        assert_eq!(check_unit("seconds", "queue_seconds", None), Ok(()));
        assert_eq!(
            check_unit("seconds", "ended_seconds", Some(ColumnType::Time)),
            Ok(())
        );
        for (unit, family, column_type) in [
            ("seconds", "queue", None),
            ("seconds", "queue_milliseconds", None),
            ("seconds", "seconds", None),
            ("se conds", "queue_seconds", None),
            ("minutes", "ended_minutes", Some(ColumnType::Time)),
            ("ratio", "green_ratio", Some(ColumnType::Bool)),
        ] {
            assert!(
                check_unit(unit, family, column_type).is_err(),
                "{unit} {family}"
            );
        }
    }
}

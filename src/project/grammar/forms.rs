//! Forms of values that several keys have, or that are longer than a line.

use super::patterns::{METRIC_NAME_REGEX, WITH_TEMPLATE};
use crate::core::key::{UNBOUNDED, ValueForm};

/// A maximum number of records.
pub const LIMIT: ValueForm = ValueForm::Either(&[ValueForm::Integer(1, UNBOUNDED), WITH_TEMPLATE]);

/// A time, or a template of one.
pub const WITH_TIME: ValueForm = ValueForm::Scalar;

/// A value, or a list of values.
pub const FLAT: ValueForm = ValueForm::Either(&[
    ValueForm::Scalar,
    ValueForm::Null,
    ValueForm::List(&ValueForm::Either(&[ValueForm::Scalar, ValueForm::Null])),
]);

/// The default of a var, written without a declaration.
pub const NOT_A_MAPPING: ValueForm = ValueForm::Either(&[
    ValueForm::Scalar,
    ValueForm::Null,
    ValueForm::List(&ValueForm::Any),
]);

/// Labels: columns, or columns and templates by the name of the label.
pub const LABELS: ValueForm = ValueForm::Either(&[
    ValueForm::OneOrMore(&ValueForm::Text),
    ValueForm::MapOf(METRIC_NAME_REGEX, &ValueForm::Template),
]);

//! The words of keys that have a closed list of them, from the code that reads them.

use crate::core::column::ColumnType;
use crate::core::metric::MetricType;
use crate::decode::BodyKind;
use crate::project::query::{OnMisfit, StatusMeaning, Take, VarType};
use crate::resource::{Access, KINDS};

/// Returns the types of resources.
pub fn types() -> Vec<&'static str> {
    let mut types: Vec<_> = KINDS.iter().map(|kind| kind.kind()).collect();
    types.dedup();
    types
}

/// Returns the versions of APIs.
pub fn apis() -> Vec<&'static str> {
    KINDS.iter().filter_map(|kind| kind.api()).collect()
}

/// Returns the values of `access`.
pub fn accesses() -> Vec<&'static str> {
    Access::names().to_vec()
}

/// Returns the values of `decode`.
pub fn contents() -> Vec<&'static str> {
    BodyKind::ALL.map(BodyKind::name).to_vec()
}

/// Returns the values of `on_status`.
pub fn meanings() -> Vec<&'static str> {
    StatusMeaning::ALL.map(|(word, _)| word).to_vec()
}

/// Returns the values of `take`.
pub fn takes() -> Vec<&'static str> {
    Take::ALL.map(|(word, _)| word).to_vec()
}

/// Returns the types of columns.
pub fn column_types() -> Vec<&'static str> {
    ColumnType::ALL.map(|(word, _)| word).to_vec()
}

/// Returns the types of metrics.
pub fn metric_types() -> Vec<&'static str> {
    MetricType::ALL.map(|(word, _)| word).to_vec()
}

/// Returns the values of `on_misfit`.
pub fn misfits() -> Vec<&'static str> {
    OnMisfit::ALL.map(|(word, _)| word).to_vec()
}

/// Returns the types of vars.
pub fn var_types() -> Vec<&'static str> {
    VarType::ALL.map(|(word, _)| word).to_vec()
}

//! Parameters of a statement.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::statement::Statement;
use super::{SqlError, explain, value};
use crate::core::json::plain;
use crate::core::secret::{MASK, SHORTEST};

/// The values of `:name` (`@name` and `$name` are the same).
///
/// A secret is bound as `***`, which also replaces it in records, since they are scrubbed when read.
/// So `where token = :token` matches, and no function can transform the secret.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// The values by name.
    pub values: BTreeMap<String, Value>,
    /// The names of secret parameters. A result column that mentions one is masked.
    pub secrets: BTreeSet<String>,
}

impl Params {
    pub(super) fn bind(
        &self,
        prepared: &mut rusqlite::Statement<'_>,
        statement: &Statement<'_>,
    ) -> Result<(), SqlError> {
        for index in 1..=prepared.parameter_count() {
            let name = prepared.parameter_name(index).unwrap_or("?").to_owned();
            let bare = name.get(1..).unwrap_or_default();
            let place = || {
                let params = statement.params().into_iter();
                let mut params = params.filter(|param| param.name == bare);
                params.next().map(|param| param.range)
            };
            let Some(value) = self.values.get(bare) else {
                let known = self.values.keys().map(String::as_str);
                let message = format!("parameter `{name}` has no value");
                return Err(SqlError::statement(message, place())
                    .maybe_help(crate::core::name::hint(bare, known)));
            };
            let bound = if self.secrets.contains(bare) {
                masked(value).ok_or_else(|| {
                    let message = format!(
                        "`{name}` is a secret of fewer than {SHORTEST} characters, which cannot be \
                         masked in records"
                    );
                    SqlError::statement(message, place())
                })?
            } else {
                value.clone()
            };
            prepared
                .raw_bind_parameter(index, value::Bound(&bound))
                .map_err(|error| explain::own(&error))?;
        }
        Ok(())
    }
}

/// Returns the masked value; `None` if it is too short to be masked in records.
fn masked(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(_) => Some(value.clone()),
        Value::Number(_) | Value::String(_) => {
            (plain(value).trim().len() >= SHORTEST).then(|| Value::from(MASK))
        }
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| Some((key.clone(), masked(member)?)))
            .collect::<Option<_>>()
            .map(Value::Object),
    }
}

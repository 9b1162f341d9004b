//! The GraphQL body of a request.

use crate::core::source::Text;
use crate::project::graphql::{Operation, OperationKind};
use crate::project::template::ValueTemplate;
use crate::template::Template;

/// An operation with the values of its variables.
#[derive(Debug, Clone)]
pub struct GraphqlBody {
    /// The document. It is sent as written: values are in the variables.
    pub document: Text,
    /// The operation that is carried out.
    pub operation: Operation,
    /// The `operationName` to send, if the file chooses the operation by its name.
    pub operation_name: Option<String>,
    /// The values of the variables.
    pub variables: Vec<(String, ValueTemplate)>,
}

impl GraphqlBody {
    /// Returns true if the operation only reads.
    pub fn is_query(&self) -> bool {
        self.operation.kind == OperationKind::Query
    }

    /// Returns the templates of the variables.
    pub fn templates(&self) -> Vec<&Template> {
        let values = self.variables.iter();
        values.flat_map(|(_, value)| value.templates()).collect()
    }
}

//! The query of an operation: everything it takes is a var, everything it answers a column.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::description::{
    BodyKind, Found, Member, Object, Operation, Parameter, ParameterPlace, RequestBody, Schema,
    TextKind,
};
use crate::http::Method;
use crate::paginate::RequestPlace;
use crate::project::draft::fitting::fitted;
use crate::project::draft::{Draft, DraftBody, DraftVar, literal, rows_of};
use crate::project::query::VarType;
use crate::resource::Resource;
use crate::template::reserved;
use crate::template::selector::Selector;

/// The default of a project's slug: that of the repository.
const OWN_PROJECT: &str = "{{ git.project_slug }}";

/// The columns that come first.
const FIRST: [&str; 4] = ["id", "name", "slug", "status"];

/// A value of the request before it is placed.
struct Input<'o> {
    /// The name in the API.
    name: &'o str,
    schema: &'o Schema,
    is_required: bool,
    description: Option<&'o str>,
    default: Option<&'o Value>,
    example: Option<&'o Value>,
}

impl<'o> Input<'o> {
    fn of(parameter: &'o Parameter) -> Self {
        Self {
            name: &parameter.name,
            schema: &parameter.schema,
            is_required: parameter.is_required,
            description: parameter.description.as_deref(),
            default: parameter.default.as_ref(),
            example: parameter.example.as_ref(),
        }
    }
}

/// Builds the query of an operation.
pub fn of_operation(operation: &Operation, resource: &Resource) -> Draft {
    let mut builder = Builder {
        resource,
        operation,
        vars: Vec::new(),
        names: BTreeSet::new(),
    };
    let method = Method::from_bytes(operation.method.as_bytes()).unwrap_or_default();
    let is_safe_method = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let endpoint = builder.endpoint();
    let params = builder.params(&method);
    let headers = builder.headers();
    // RFC 9110, section 9.3.1: a GET has no body, whatever the description says.
    let has_body = !matches!(method, Method::GET | Method::HEAD);
    let body = operation.body.as_ref().filter(|_| has_body);
    let body = body.map(|body| builder.body(body));
    let (rows, extract) = columns(operation);
    let deprecated = operation.deprecated.as_ref().map(|replacement| {
        let instead = if replacement.is_empty() {
            String::new()
        } else {
            format!(": use {replacement}")
        };
        format!("Deprecated{instead}")
    });
    // Required vars first, as on the command line.
    builder.vars.sort_by_key(|var| var.default.is_some());
    Draft {
        comments: deprecated.into_iter().collect(),
        description: operation.summary.clone(),
        resource: Some(resource.name.clone()),
        vars: builder.vars,
        safe: (operation.is_safe && !is_safe_method).then_some(true),
        method,
        endpoint,
        params,
        headers,
        body,
        paginate: operation.paginate.clone(),
        decode: operation.decode.clone(),
        rows,
        extract,
        ..Draft::default()
    }
}

struct Builder<'o> {
    resource: &'o Resource,
    operation: &'o Operation,
    vars: Vec<DraftVar>,
    names: BTreeSet<String>,
}

impl Builder<'_> {
    /// Declares a var, and returns its name.
    fn declare(&mut self, input: &Input<'_>) -> String {
        let mut name = var_name(input.name);
        while reserved::is_reserved(&name) || !self.names.insert(name.clone()) {
            name.push('_');
        }
        let schema = input.schema.without_null().unwrap_or(input.schema);
        let element = match schema {
            Schema::List(element) => &**element,
            other => other,
        };
        let choices: Vec<Value> = element
            .words()
            .unwrap_or_default()
            .into_iter()
            .map(Value::from)
            .collect();
        let kind = var_type(schema);
        let fitting = |value: &Value| fitted(value, kind, schema);
        let default = match input.default.and_then(fitting) {
            Some(default) => Some(default),
            None if input.name == "project-slug" && self.resource.kind.kind() == "circleci" => {
                Some(Value::from(OWN_PROJECT))
            }
            None if !input.is_required => Some(Value::Null),
            None => None,
        };
        let is_secret = self
            .operation
            .secrets
            .iter()
            .any(|secret| secret == input.name);
        self.vars.push(DraftVar {
            description: input
                .description
                .map(|description| literal(description).into_owned()),
            kind,
            default,
            choices,
            secret: is_secret,
            example: input.example.and_then(fitting),
            ..DraftVar::required(&name)
        });
        name
    }

    /// Returns the path with a template for each parameter.
    fn endpoint(&mut self) -> String {
        let mut endpoint = String::new();
        // A fragment, which tells routes apart in some documents, is never sent.
        let mut rest = self.operation.path.split('#').next().unwrap_or_default();
        let parameters: Vec<&Parameter> =
            self.operation.parameters_at(ParameterPlace::Path).collect();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            endpoint.push_str(&literal(before));
            let known = parameters.iter().find(|known| &*known.name == name);
            let text = Schema::Text(TextKind::Plain);
            let input = known.map_or(
                Input {
                    name,
                    schema: &text,
                    is_required: true,
                    description: None,
                    default: None,
                    example: None,
                },
                |known| Input::of(known),
            );
            let var = self.declare(&input);
            let is_list = matches!(input.schema.without_null(), Some(Schema::List(_)));
            let joined = if is_list { " | join(\",\")" } else { "" };
            endpoint.push_str(&format!("{{{{ {var}{joined} }}}}"));
            rest = after;
        }
        endpoint.push_str(&literal(rest));
        endpoint
    }

    /// Returns the parameters of the query, without those that pagination sends.
    fn params(&mut self, method: &Method) -> Vec<(String, Value)> {
        let style = self.resource.kind.pagination(method, &self.operation.path);
        let of_pages: Vec<String> = style
            .iter()
            .flat_map(|style| style.places())
            .filter_map(|place| match place {
                RequestPlace::Param(name) => Some(name),
                RequestPlace::Header(_) | RequestPlace::Body(_) => None,
            })
            .chain(params_of(self.operation.paginate.as_ref()))
            .collect();
        let parameters: Vec<&Parameter> = self
            .operation
            .parameters_at(ParameterPlace::Query)
            .filter(|parameter| !of_pages.iter().any(|name| *name == *parameter.name))
            .collect();
        let mut params = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let var = self.declare(&Input::of(parameter));
            params.push((parameter.name.to_string(), expression(&var)));
        }
        params
    }

    /// Returns the header fields that are required.
    fn headers(&mut self) -> Vec<(String, String)> {
        let parameters = self.operation.parameters_at(ParameterPlace::Header);
        let required: Vec<&Parameter> = parameters.filter(|one| one.is_required).collect();
        let mut headers = Vec::with_capacity(required.len());
        for parameter in required {
            let var = self.declare(&Input::of(parameter));
            headers.push((parameter.name.to_string(), format!("{{{{ {var} }}}}")));
        }
        headers
    }

    fn body(&mut self, body: &RequestBody) -> DraftBody {
        let object = match body.schema.without_null() {
            Some(Schema::Object(object)) if !object.members.is_empty() => Some(&**object),
            _ => None,
        };
        match (body.kind, object) {
            (BodyKind::Json, Some(object)) => DraftBody::Json(self.members(object, body)),
            (BodyKind::Form, Some(object)) => {
                DraftBody::Form(self.fields(object, body, expression))
            }
            (BodyKind::Multipart, Some(object)) => DraftBody::Multipart(self.parts(object, body)),
            (BodyKind::Json, None) => {
                let var = self.whole(body, "body", VarType::Json);
                DraftBody::Json(expression(&var))
            }
            (_, None) | (BodyKind::Other, Some(_)) => {
                let var = self.whole(body, "body_file", VarType::String);
                DraftBody::File(format!("{{{{ {var} }}}}"))
            }
        }
    }

    /// Declares a var for a body whose members are not known.
    fn whole(&mut self, body: &RequestBody, name: &str, kind: VarType) -> String {
        let file = Schema::Text(TextKind::Plain);
        let empty = json!({});
        let is_json = kind == VarType::Json;
        let can_be_empty = is_json && !body.is_needed() && body.schema.allows(&empty);
        let description = if is_json {
            "The body of the request"
        } else {
            "The file with the body of the request"
        };
        self.declare(&Input {
            name,
            schema: if is_json { &body.schema } else { &file },
            is_required: !can_be_empty,
            description: Some(description),
            default: can_be_empty.then_some(&empty),
            example: body.example.as_ref().filter(|_| is_json),
        })
    }

    fn fields(
        &mut self,
        object: &Object,
        body: &RequestBody,
        value: impl Fn(&str) -> Value,
    ) -> Vec<(String, Value)> {
        let mut fields = Vec::with_capacity(object.members.len());
        for member in &object.members {
            let example = body
                .example
                .as_ref()
                .and_then(|body| body.get(&*member.name));
            let var = self.declare(&Input {
                name: &member.name,
                schema: &member.schema,
                // The path of a file cannot be null.
                is_required: member.is_required || is_file(member),
                description: member.description.as_deref(),
                default: None,
                example,
            });
            fields.push((member.name.to_string(), value(&var)));
        }
        fields
    }

    /// Returns the members of a JSON body. An optional one without a value is left out.
    fn members(&mut self, object: &Object, body: &RequestBody) -> Value {
        let fields = self.fields(object, body, |var| Value::from(var));
        let required: Vec<bool> = object.members.iter().map(|one| one.is_required).collect();
        let members = fields.into_iter().zip(required);
        let members = members.map(|((name, var), is_required)| {
            let var = var.as_str().unwrap_or_default();
            let value = if is_required {
                expression(var)
            } else {
                Value::from(format!("{{{{ omit if {var} is none else {var} }}}}"))
            };
            (name, value)
        });
        Value::Object(members.collect::<Map<_, _>>())
    }

    fn parts(&mut self, object: &Object, body: &RequestBody) -> Vec<(String, Value)> {
        let are_files: Vec<bool> = object.members.iter().map(is_file).collect();
        let fields = self
            .fields(object, body, expression)
            .into_iter()
            .zip(are_files);
        let parts = fields.map(|((name, value), is_file)| {
            let value = if is_file {
                json!({ "file": value })
            } else {
                value
            };
            (name, value)
        });
        parts.collect()
    }
}

/// Returns true for a part whose content is a file.
fn is_file(member: &Member) -> bool {
    member.schema.without_null() == Some(&Schema::Text(TextKind::Binary))
}

fn expression(var: &str) -> Value {
    Value::from(format!("{{{{ {var} }}}}"))
}

/// Returns the values of `param` under a pagination.
fn params_of(paginate: Option<&Value>) -> Vec<String> {
    match paginate {
        Some(Value::Object(members)) => {
            let own = members.get("param").and_then(Value::as_str);
            let inner = members.values().flat_map(|value| params_of(Some(value)));
            own.map(str::to_owned).into_iter().chain(inner).collect()
        }
        _ => Vec::new(),
    }
}

/// Makes a name for templates: `filter[org_id]` → `filter_org_id`, `orgID` → `org_id`.
fn var_name(name: &str) -> String {
    let mut var = String::new();
    let mut was_lower = false;
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            if character.is_ascii_uppercase() && was_lower {
                var.push('_');
            }
            was_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
            var.push(character.to_ascii_lowercase());
        } else {
            was_lower = false;
            if !var.is_empty() && !var.ends_with('_') {
                var.push('_');
            }
        }
    }
    let var = var.trim_end_matches('_').to_owned();
    if var.starts_with(|first: char| first.is_ascii_alphabetic()) {
        var
    } else {
        format!("v_{var}").trim_end_matches('_').to_owned()
    }
}

fn var_type(schema: &Schema) -> VarType {
    match schema {
        Schema::Bool => VarType::Bool,
        Schema::Int => VarType::Int,
        Schema::Number => VarType::Number,
        Schema::Text(TextKind::Time) => VarType::Time,
        Schema::Text(_) | Schema::Word(_) => VarType::String,
        Schema::List(_) => VarType::List,
        Schema::Union(_) if schema.words().is_some() => VarType::String,
        Schema::Any | Schema::Null | Schema::Object(_) | Schema::Union(_) => VarType::Json,
    }
}

/// Returns the path of the records and the columns.
fn columns(operation: &Operation) -> (Option<String>, Vec<(String, Value)>) {
    let Some(answer) = &operation.answer else {
        return (None, Vec::new());
    };
    let rows = rows_of(&answer.sample());
    let record = match &rows {
        Some(path) => {
            let steps = Selector::parse(path)
                .ok()
                .and_then(|path| path.reads().pop());
            match steps.map(|steps| answer.follow(&steps, false)) {
                Some(Found::Known(schemas)) => Schema::union(schemas.into_iter().cloned()),
                _ => Schema::Any,
            }
        }
        None => answer.clone(),
    };
    let rows = rows.map(|rows| {
        if operation.has_loose_keys {
            loose(&rows)
        } else {
            rows
        }
    });
    let mut columns = Vec::new();
    for schema in record.alternatives() {
        if let Schema::Object(object) = schema {
            add_columns(object, "$", operation.has_loose_keys, &mut columns);
        }
    }
    // What people look for first.
    let rank = |name: &str| {
        FIRST
            .iter()
            .position(|first| *first == name)
            .unwrap_or(FIRST.len())
    };
    columns.sort_by_key(|(name, _)| rank(name));
    (rows, columns)
}

/// Adds the members of an object. An envelope (`data`) and `attributes`, as JSON:API has them, are
/// opened.
fn add_columns(object: &Object, path: &str, is_loose: bool, columns: &mut Vec<(String, Value)>) {
    let is_envelope = object.members.len() == 1;
    for member in &object.members {
        let step = step(&member.name);
        let inner = match member.schema.without_null() {
            Some(Schema::Object(inner)) if !inner.members.is_empty() => Some(inner),
            _ => None,
        };
        let opens = &*member.name == "attributes" || (is_envelope && &*member.name == "data");
        if let (true, Some(inner)) = (opens, inner) {
            add_columns(inner, &format!("{path}{step}"), is_loose, columns);
            continue;
        }
        let name = var_name(&member.name);
        if reserved::is_reserved(&name) || columns.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let path = format!("{path}{step}");
        // A member that may be absent is no sign of a wrong path.
        let is_always_there = member.is_required && !member.schema.takes_null();
        let value = match (is_loose && loose(&path) != path, is_always_there) {
            (true, true) => json!({ "path": loose(&path), "take": "first" }),
            (true, false) => json!({ "path": loose(&path), "take": "first", "default": null }),
            (false, true) => Value::from(path),
            (false, false) => json!({ "path": path, "default": null }),
        };
        columns.push((name, value));
    }
}

fn step(name: &str) -> String {
    if crate::core::name::is_identifier(name) {
        format!(".{name}")
    } else {
        format!("['{}']", name.replace('\\', r"\\").replace('\'', r"\'"))
    }
}

/// Reads a name with hyphens also with underscores: `['a-b']` → `['a-b','a_b']`.
fn loose(path: &str) -> String {
    let Some((before, rest)) = path.split_once("['") else {
        return path.to_owned();
    };
    let Some((name, after)) = rest.split_once("']") else {
        return path.to_owned();
    };
    if !name.contains('-') {
        return path.to_owned();
    }
    format!(
        "{before}['{name}','{}']{}",
        name.replace('-', "_"),
        loose(after)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_vars() {
        for (name, expected) in [
            ("filter[org_id]", "filter_org_id"),
            ("orgID", "org_id"),
            ("projectID", "project_id"),
            ("page-size", "page_size"),
            ("per.hour", "per_hour"),
            ("3rd", "v_3rd"),
            ("", "v"),
            ("größe", "gr_e"),
        ] {
            assert_eq!(var_name(name), expected, "{name}");
        }
    }

    #[test]
    fn loose_paths_read_both_spellings() {
        assert_eq!(loose("$['a-b'][*]"), "$['a-b','a_b'][*]");
        assert_eq!(loose("$.a['b c'].d"), "$.a['b c'].d");
    }
}

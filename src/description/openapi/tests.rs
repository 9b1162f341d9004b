//! Tests of reading OpenAPI documents.

use serde_json::{Value, json};

use super::*;

fn read(root: Value) -> OpenApi {
    OpenApi::read(root, Some("/"), &mut |path| Err(format!("no {path}"))).expect("a document")
}

fn with_schema(schema: &Value, schemas: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {"/a": {"get": {"responses": {"200": {
            "content": {"application/json; charset=utf-8": {"schema": schema}}
        }}}}},
        "components": {"schemas": schemas},
    })
}

fn answer(schema: &Value, schemas: &Value) -> String {
    let document = read(with_schema(schema, schemas));
    let answer = document.operation(0).answer.expect("an answer");
    answer.to_string()
}

#[test]
fn schemas_become_shapes() {
    for (schema, expected) in [
        (json!({}), "any"),
        (json!(true), "any"),
        (json!({"type": "string", "format": "uuid"}), "uuid"),
        (json!({"type": ["string", "null"]}), "string?"),
        (json!({"type": "string", "nullable": true}), "string?"),
        (json!({"enum": ["a", "b", null]}), r#""a"|"b"?"#),
        (json!({"const": "a"}), r#""a""#),
        (
            json!({"type": "array", "items": {"type": "integer"}}),
            "[int]",
        ),
        (json!({"type": "array"}), "[any]"),
        (json!({"type": "object"}), "{...}"),
        (
            json!({"additionalProperties": {"type": "number"}, "type": "object"}),
            "{*:number}",
        ),
        (
            json!({"properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["a"]}),
            "{a:bool,b?:any}",
        ),
        (
            json!({"allOf": [
                {"type": "integer", "format": "int64"}, {"type": "integer", "minimum": 0}
            ]}),
            "int",
        ),
        (
            json!({"allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}},
                {"$ref": "#/components/schemas/b"},
            ]}),
            "{a?:string,b?:int}",
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
            "string|int",
        ),
        (
            json!({"type": "object", "properties": {"k": {"type": "string"}}, "anyOf": [
                {"$ref": "#/components/schemas/b"}, {"properties": {"c": {"type": "null"}}}
            ]}),
            "{k?:string,b?:int}|{k?:string,c?:null}",
        ),
        (json!({"$ref": "#/components/schemas/none"}), "any"),
    ] {
        let schemas = json!({"b": {"type": "object", "properties": {"b": {"type": "integer"}}}});
        assert_eq!(answer(&schema, &schemas), expected, "{schema}");
    }
}

#[test]
fn a_schema_that_contains_itself_ends() {
    let tree = json!({"tree": {"type": "object", "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/tree"}},
    }}});
    let own = json!({"$ref": "#/components/schemas/tree"});
    assert_eq!(answer(&own, &tree), "{name?:string,children?:[any]}");
    let round = json!({
        "a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/a"},
    });
    assert_eq!(
        answer(&json!({"$ref": "#/components/schemas/a"}), &round),
        "any"
    );
}

#[test]
fn parameters_come_from_the_path_and_the_operation() {
    let document = read(json!({
        "openapi": "3.0.3",
        "paths": {"/users/{id}": {
            "parameters": [
                {"$ref": "#/components/parameters/id"},
                {"in": "query", "name": "limit", "schema": {"type": "string"}},
                {"in": "cookie", "name": "session", "schema": {"type": "string"}},
            ],
            "get": {
                "description": "Get a `user`. And more.",
                "parameters": [
                    {"in": "query", "name": "limit", "required": true, "schema": {
                        "type": "integer", "default": 20
                    }},
                    {"in": "header", "name": "Accept", "schema": {"type": "string"}},
                ],
                "responses": {"204": {"description": "nothing"}},
            },
            "delete": {"operationId": "drop user!", "tags": ["Users"]},
        }},
        "components": {"parameters": {"id": {
            "in": "path", "name": "id", "required": true, "example": 7,
            "schema": {"type": "integer"}
        }}},
    }));
    let entries = document.entries();
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["getUsersId", "drop_user_"]);
    assert_eq!(entries[0].summary.as_deref(), Some("Get a user"));
    let get = document.operation(0);
    let names: Vec<&str> = get.parameters.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["limit", "id"]);
    assert_eq!(get.parameters[0].default, Some(json!(20)));
    assert!(get.parameters[0].is_required && get.parameters[1].is_required);
    assert_eq!(get.parameters[1].example, Some(json!(7)));
    assert_eq!(get.answer, None);
    assert_eq!(document.operation(1).parameters.len(), 2);
}

#[test]
fn files_beside_the_document_are_read() {
    let root = json!({
        "openapi": "3.0.0",
        "paths": {"/a": {"$ref": "paths/a.yaml"}},
    });
    let mut asked = Vec::new();
    let document = OpenApi::read(root, Some("/"), &mut |path| {
        asked.push(path.to_owned());
        Ok(match path {
            "paths/a.yaml" => json!({"post": {"responses": {"201": {"content": {
                "application/json": {"schema": {"$ref": "../schemas.yaml#/user~1s"}}
            }}}}}),
            "schemas.yaml" => json!({"user/s": {"type": "object", "properties": {
                "a": {"$ref": "#/name"}
            }}, "name": {"type": "string"}}),
            other => return Err(format!("no {other}")),
        })
    });
    let document = document.expect("a document");
    let answer = document.operation(0).answer.expect("an answer");
    assert_eq!(answer.to_string(), "{a?:string}");
    assert_eq!(asked, ["paths/a.yaml", "schemas.yaml"]);
}

#[test]
fn other_documents_are_refused() {
    for (root, fault) in [
        (
            json!({"swagger": "2.0"}),
            "it is a Swagger 2.0 document: convert it to OpenAPI 3.0 or 3.1",
        ),
        (
            json!({"openapi": "4.0"}),
            "OpenAPI 4.0 is not supported: 3.0 and 3.1 are",
        ),
        (
            json!({}),
            "it is not an OpenAPI document: it has no `openapi: 3.…`",
        ),
        (
            json!([]),
            "it is not an OpenAPI document: it has no `openapi: 3.…`",
        ),
        (json!({"openapi": "3.0.0"}), "it has no `paths`"),
    ] {
        let read = OpenApi::read(root, Some("/"), &mut |_| Err(String::new()));
        assert_eq!(read.err().as_deref(), Some(fault));
    }
}

#[test]
fn bodies_are_json_if_they_can_be() {
    let document = read(json!({
        "openapi": "3.0.0",
        "paths": {"/a": {
            "post": {"requestBody": {"content": {
                "multipart/form-data": {"schema": {"type": "object"}},
                "application/vnd.api+json": {"schema": {"type": "array"}},
            }, "required": true}},
            "put": {"requestBody": {"content": {"application/octet-stream": {}}}},
        }},
    }));
    let body = document.operation(0).body.expect("a body");
    assert_eq!((body.kind, body.is_required), (BodyKind::Json, true));
    let other = document.operation(1).body.expect("a body");
    assert_eq!((other.kind, other.is_required), (BodyKind::Other, false));
}

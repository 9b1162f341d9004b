//! `openapi` of a resource: descriptions of other APIs.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Exchange, Outcome, Project, Run, Server};

const PETS: &str = r#"openapi: 3.1.0
info: { title: Pets, version: "1" }
servers: [{ url: https://pets.example.com/v1 }]
paths:
  /pets:
    get:
      operationId: listPets
      tags: [pets]
      summary: List all pets.
      parameters:
        - { name: limit, in: query, schema: { type: integer, default: "20" } }
        - { name: status, in: query, schema: { enum: [sold, available] } }
      responses:
        "200":
          content:
            application/json:
              schema: { type: array, items: { $ref: "schemas/pet.json#/Pet" } }
    post:
      operationId: "add pet"
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "schemas/pet.json#/Pet" } } }
      responses: { "201": { description: Added } }
  /pets/search:
    post:
      operationId: searchPets
      requestBody:
        content: { application/json: { schema: { properties: { text: { type: string } } } } }
      responses:
        200:
          content: { application/json: { schema: { properties: { pets: { type: array, items: {} } } } } }
"#;

const PET: &str = r##"{"Pet": {"type": "object", "required": ["name"], "properties": {
    "id": {"type": ["integer", "null"]}, "name": {"type": "string"}, "tags": {"$ref": "#/Tags"}
}}, "Tags": {"type": "array", "items": {"type": "string"}}}"##;

fn run(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

/// A project whose resource `shop` is described by the document.
fn described(base_url: &str, openapi: &str) -> Project {
    let resource = format!("type: rest\nbase_url: {base_url}\nopenapi: {openapi}\n");
    Project::new()
        .file("resources/shop.yaml", resource)
        .file("api/pets.yaml", PETS)
        .file("api/schemas/pet.json", PET)
}

#[test]
fn a_document_of_the_project_describes_a_resource() {
    let pet = json!({"id": 1, "name": "Rex", "tags": []});
    let server = Server::start(vec![
        Exchange::get("/v1/pets?limit=20&status=sold").answers(json!([pet])),
        Exchange::post("/v1/pets")
            .with_json(json!({"name": "Rex", "tags": ["dog"]}))
            .answers((201, json!({}))),
    ]);
    let project = described(&server.url(), "api/pets.yaml");
    let listed = run(&project, &["run", "shop:listPets", "status=sold"]);
    assert_eq!(listed.assert_exit(0).stdout_json(), json!([pet]));
    let add = [
        "run",
        "shop:add_pet",
        "name=Rex",
        "tags:=[\"dog\"]",
        "--yes",
    ];
    run(&project, &add).assert_exit(0);
    server.finish();
    let texts = [
        &["list"][..],
        &["list", "shop:"],
        &["show", "shop"],
        &["show", "shop:listPets"],
        &["run", "shop:listPet"],
        &["check"],
    ];
    let texts = texts.map(|args| run(&project, args).snapshot());
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn the_path_of_the_server_is_added_unless_the_base_url_has_it() {
    for (base_url, endpoint) in [
        ("https://pets.example.com", "/v1/pets"),
        ("https://pets.example.com/v1", "/pets"),
        ("https://gateway.example.com/pets/v1/", "/pets"),
        ("https://gateway.example.com/pets", "/v1/pets"),
        ("\"https://{{ env.HOST }}/v1\"", "/pets"),
        ("\"{{ env.SHOP_URL }}\"", "/pets"),
    ] {
        let project = described(base_url, "api/pets.yaml");
        let shown = run(&project, &["show", "shop:listPets", "-o", "json"]);
        let shown = shown.assert_exit(0).stdout_json();
        assert_eq!(shown["endpoint"], endpoint, "{base_url}");
        let query = format!("resource: shop\nendpoint: {endpoint}\nrows: $[*]\n");
        project.write("queries/pets.yaml", query);
        let checked = run(&project, &["check"]);
        checked.assert_exit(0);
        assert!(!checked.stderr_text().contains("api-"), "{base_url}");
    }
}

#[test]
fn queries_are_compared_with_the_document() {
    let project = described("https://pets.example.com/v1", "api/pets.yaml").query(
        "pets",
        "resource: shop\nendpoint: /pets\nparams: { limits: 2, status: gone }\nrows: $[*]\n\
         extract: { name: $.nam }\n",
    );
    let add =
        "resource: shop\nmethod: POST\nendpoint: /pets\nbody: { json: { name: 1, tag: a } }\n";
    project.write("queries/add.yaml", add);
    project.write("queries/other.yaml", "resource: shop\nendpoint: /pet\n");
    insta::assert_snapshot!(run(&project, &["check"]).snapshot());
}

#[test]
fn corrections_change_the_description() {
    let project = described(
        "https://pets.example.com",
        "{ file: api/pets.yaml, overlay: api/corrections.yaml }",
    );
    let corrections = "POST /pets/search: { safe: true, id: find }\n\
        GET /pets: { params: { limit: null, colour: string } }\n\
        GET /pets/{id}/photo: { summary: Get a photo, decode: bytes }\n";
    project.write("api/corrections.yaml", corrections);
    let texts = [
        &["list", "shop:"][..],
        &["show", "shop:find"],
        &["show", "shop:listPets"],
        &["show", "shop:getPetsIdPhoto"],
    ];
    let texts = texts.map(|args| run(&project, args).snapshot());
    insta::assert_snapshot!(texts.join("\n\n"));
    let faulty = [
        "[a]",
        "pets: {}",
        "GET /pets: { sage: true }",
        "GET /pets:\n  params:\n    limit: { type: int }\n",
        "GET /pets: { answer: \"{\" }",
        "GET /pets: [",
    ];
    let faulty = faulty.map(|corrections| {
        project.write("api/corrections.yaml", corrections);
        let checked = run(&project, &["check"]);
        checked.assert_exit(2).snapshot()
    });
    insta::assert_snapshot!(faulty.join("\n\n"));
}

/// A document with one operation that answers a schema.
fn answering(schema: &str) -> String {
    format!(
        "openapi: 3.0.0\npaths: {{ /a: {{ get: {{ responses: {{ '200': {{ content: {{ \
         application/json: {{ schema: {schema} }} }} }} }} }} }} }}\n"
    )
}

#[test]
fn hostile_documents_are_refused_at_their_name() {
    let mut bomb = "openapi: 3.0.0\na: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (next, last) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        let list = vec![format!("*{last}"); 10].join(",");
        bomb.push_str(&format!("{next}: &{next} [{list}]\n"));
    }
    let deep_json = format!("{{\"openapi\": {}", "[".repeat(100_000));
    let refers = |reference: &str| answering(&format!("{{ $ref: \"{reference}\" }}"));
    let documents: Vec<(&str, String)> = vec![
        ("other.yaml", "title: other\n".to_owned()),
        ("text.yaml", "just text".to_owned()),
        ("empty.yaml", String::new()),
        (
            "swagger.json",
            r#"{"swagger": "2.0", "paths": {}}"#.to_owned(),
        ),
        ("four.yaml", "openapi: 4.0.0\npaths: {}\n".to_owned()),
        ("syntax.yaml", "openapi: 3.0.0\npaths: [\n".to_owned()),
        ("syntax.json", "{\"openapi\": \"3.0.0\",".to_owned()),
        ("bomb.yaml", bomb),
        ("deep.json", deep_json),
        ("deep.yaml", "- ".repeat(100_000)),
        ("nul.yaml", "openapi: 3.0.0\0\n".to_owned()),
        ("passwd.yaml", refers("/etc/passwd")),
        ("up.yaml", refers("../../../../../../etc/passwd")),
        ("http.yaml", refers("http://127.0.0.1:9/a.yaml#/a")),
        ("file.yaml", refers("file:///etc/passwd")),
        ("gone.yaml", refers("gone/schema.yaml")),
        ("folder.yaml", refers("..")),
        (
            "relative.yaml",
            "openapi: 3.0.0\npaths: { pets: {} }\n".to_owned(),
        ),
        ("webhooks.yaml", "openapi: 3.1.0\nwebhooks: {}\n".to_owned()),
    ];
    let project = described("https://pets.example.com", "api/pets.yaml");
    let mut texts = Vec::new();
    let mut try_name = |name: &str| {
        let resource = format!("type: rest\nbase_url: https://example.com\nopenapi: {name}\n");
        project.write("resources/shop.yaml", resource);
        let checked = run(&project, &["check"]);
        texts.push(format!("{name}\n{}", checked.assert_exit(2).stderr_text()));
    };
    for (name, text) in documents {
        project.write(&format!("hostile/{name}"), text);
        try_name(&format!("hostile/{name}"));
    }
    std::os::unix::fs::symlink("/etc/passwd", project.path().join("hostile/link.yaml"))
        .expect("a link");
    for name in [
        "hostile/link.yaml",
        "hostile/none.yaml",
        "api",
        "/etc/passwd",
    ] {
        try_name(name);
    }
    run(&project, &["run", "shop:getA"]).assert_exit(2);
    let listed = run(&project, &["list"]);
    assert!(
        listed
            .assert_exit(0)
            .stdout_text()
            .contains("shop:  (broken)")
    );
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn special_and_large_files_are_refused() {
    let project = described("https://example.com", "special.yaml");
    let path = project.path().join("special.yaml");
    // Not by the support, which looks for secrets in all files of a project.
    let refused = |part: &str| {
        let started = Instant::now();
        let runner = Command::new(env!("CARGO_BIN_EXE_runner"))
            .arg("check")
            .current_dir(project.path())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&runner.stderr).into_owned();
        assert!(text.contains(part), "{text}");
        assert!(started.elapsed() < Duration::from_secs(20));
        fs::remove_file(&path).expect("the file");
    };
    let pipe = Command::new("mkfifo").arg(&path).status();
    assert!(pipe.expect("mkfifo").success());
    refused("is not a regular file");
    let large = fs::File::create(&path).expect("a file");
    large.set_len(1 << 30).expect("a sparse file");
    refused("is longer than 32 MiB");
}

#[test]
fn odd_documents_are_read() {
    let words = (0..100_000)
        .map(|n| format!("w{n}"))
        .collect::<Vec<_>>()
        .join(",");
    let document = format!(
        r##"openapi: "3.0.0"
paths:
  x-note: none
  /: {{ get: {{ operationId: "..", responses: {{}} }} }}
  /a: {{ get: {{ operationId: "a:b c\n", parameters: [
    {{ name: word, in: query, schema: {{ type: string, enum: [{words}] }} }},
    {{ name: round, in: query, schema: {{ $ref: "#/components/schemas/a" }} }},
    {{ name: "", in: query }}, {{ name: tree, in: query, schema: {{ $ref: "#/components/schemas/tree" }} }}
  ] }} }}
  /b: {{ get: {{ operationId: same }}, put: {{ operationId: same }} }}
  /c: {{ $ref: "#/paths/~1d" }}
  /d: {{ $ref: "#/paths/~1c" }}
  "/e/{{{{id}}}}/{{% x %}}#part": {{ get: {{ summary: "{{{{ 7 * 7 }}}}" }} }}
  /f: {{ get: {{ servers: [{{ url: https://files.example.com }}] }} }}
servers: [{{ url: https://example.com }}]
components: {{ schemas: {{
  a: {{ $ref: "#/components/schemas/b" }}, b: {{ $ref: "#/components/schemas/a" }},
  tree: {{ properties: {{ children: {{ items: {{ $ref: "#/components/schemas/tree" }} }} }} }} }} }}
"##
    );
    let resource = "type: rest\nbase_url: http://127.0.0.1:9\nopenapi: api.yaml\n";
    let project = Project::new()
        .file("resources/odd.yaml", resource)
        .file("api.yaml", document);
    let texts = [
        &["check"][..],
        &["list", "odd:"],
        &["show", "odd:_"],
        &["show", "odd:a_b_c"],
        &["show", "odd:same_2"],
        &["show", "odd:GET /e/{{id}}/{% x %}#part"],
    ];
    let texts = texts.map(|args| run(&project, args).snapshot());
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn the_key_is_checked() {
    let texts = [
        "type: circleci\nopenapi: api/pets.yaml\n",
        "type: rest\nbase_url: https://example.com\nopenapi: {}\n",
        "type: rest\nbase_url: https://example.com\nopenapi: { file: 1, overlays: a }\n",
        "type: rest\nbase_url: https://example.com\nopenapi: []\n",
        "type: rest\nenvironments: { a: { base_url: https://example.com, openapi: a.yaml } }\n",
        PETS,
    ];
    let texts = texts.map(|resource| {
        let project = described("https://example.com", "api/pets.yaml");
        project.write("resources/shop.yaml", resource);
        let checked = run(&project, &["check"]);
        checked.assert_exit(2).stderr_text()
    });
    insta::assert_snapshot!(texts.join("\n"));
}

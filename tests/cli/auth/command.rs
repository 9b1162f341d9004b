//! The recipes for password managers, each with a program that stands in for the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::case::{Case, told};
use crate::support::{Exchange, Outcome, Project, Run, Server};

/// The page with the recipes.
const PAGE: &str = include_str!("../../../docs/how-to/connect.md");

const TOKEN: &str = "kept-by-a-manager-1";

/// The password managers: the arguments that the real program takes, how it prints a secret, and
/// how it fails.
const PROGRAMS: [(&str, &str, &str, &str); 7] = [
    (
        "op",
        "read op://ci/circleci/token",
        "echo $STORED",
        "echo '[ERROR] 2026/09/16 12:00:00 You are not currently signed in. Please run `op signin \
         --help` for instructions' >&2; exit 1",
    ),
    (
        "vault",
        "kv get -mount=secret -field=token ci/circleci",
        "printf %s $STORED",
        "echo 'No value found at secret/data/ci/circleci' >&2; exit 2",
    ),
    (
        "aws",
        "secretsmanager get-secret-value --secret-id ci/circleci --query SecretString --output text",
        "echo $STORED",
        "printf '\\nAn error occurred (ResourceNotFoundException) when calling the GetSecretValue \
         operation: Secrets Manager can%st find the specified secret.\\n' \"'\" >&2; exit 254",
    ),
    (
        "aws",
        "secretsmanager get-secret-value --secret-id ci/json --query SecretString --output text",
        "echo '{\"user\": \"ci\", \"token\": \"'$STORED'\"}'",
        "exit 254",
    ),
    (
        "pass",
        "show ci/circleci",
        "echo $STORED",
        "echo 'Error: ci/circleci is not in the password store.' >&2; exit 1",
    ),
    (
        "security",
        "find-generic-password -s circleci -w",
        "echo $STORED",
        "echo 'security: SecKeychainSearchCopyNext: The specified item could not be found in the \
         keychain.' >&2; exit 44",
    ),
    (
        "gh",
        "auth token",
        "echo $STORED",
        "echo 'no oauth token found' >&2; exit 1",
    ),
];

/// Returns the `auth` lines of the page that run a program.
fn recipes() -> Vec<&'static str> {
    let lines = PAGE.lines();
    let recipes: Vec<_> = lines
        .filter(|line| line.starts_with("auth: { command: ["))
        .collect();
    assert_eq!(recipes.len(), 8, "{recipes:?}");
    recipes
}

/// Writes the programs into the folder `bin` of the project.
fn install(project: &Project, action: impl Fn(&'static str, &'static str) -> &'static str) {
    for (name, ..) in PROGRAMS {
        let cases: Vec<String> = PROGRAMS
            .iter()
            .filter(|(known, ..)| *known == name)
            .map(|(_, arguments, prints, fails)| {
                format!("  '{arguments}') {};;\n", action(prints, fails))
            })
            .collect();
        let cases = cases.concat();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n{cases}  *) echo \"unexpected: $*\" >&2; exit 99;;\nesac\n"
        );
        project.write(&format!("bin/{name}"), script);
        let path = project.path().join("bin").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
    }
}

/// Runs a query with a recipe.
fn run(project: &Project) -> Outcome {
    let bin = project.path().join("bin");
    let path = std::env::var("PATH").unwrap_or_default();
    Run::in_(project)
        .args(["run", "q"])
        .env("PATH", format!("{}:{path}", Path::display(&bin)))
        .env("STORED", TOKEN)
        .secret(TOKEN)
        .outcome()
}

#[test]
fn every_recipe_sends_the_stored_token() {
    for recipe in recipes() {
        let server = Server::start(vec![
            Exchange::get("/x").with_header("authorization", format!("Bearer {TOKEN}")),
        ]);
        let resource = format!("type: rest\nbase_url: URL\n{recipe}");
        let project = Case::get().resource(&resource).project_at(&server.url());
        install(&project, |prints, _| prints);
        run(&project).assert_exit(0);
        server.finish();
    }
}

#[test]
fn every_program_that_fails_is_quoted() {
    let server = Server::start(Vec::new());
    let mut seen = Vec::new();
    for recipe in recipes()
        .into_iter()
        .filter(|line| !line.contains("sh, -c"))
    {
        let resource = format!("type: rest\nbase_url: URL\n{recipe}");
        let project = Case::get().resource(&resource).project_at(&server.url());
        install(&project, |_, fails| fails);
        seen.push(told(run(&project).assert_exit(4)));
    }
    insta::assert_snapshot!(seen.join("\n\n"));
    server.finish();
}

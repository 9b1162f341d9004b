//! The files that package the program agree with each other, and with `Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_yaml::Value;

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the first group of each match.
fn all(text: &str, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let groups = pattern.captures_iter(text);
    groups.map(|groups| groups[1].to_owned()).collect()
}

#[test]
fn all_files_have_the_address_of_the_repository() {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let name = repository.trim_start_matches("https://github.com/");
    let (_, own) = name.split_once('/').expect("OWNER/NAME");
    for path in [
        "Dockerfile",
        "docs/how-to/install.md",
        "install.sh",
        "packaging/homebrew/formula",
        "packaging/orb/orb.yml",
    ] {
        let pattern = format!(r"(?:github\.com|ghcr\.io)/([\w.-]+/{own})\b");
        let found = all(&read(path), &pattern);
        assert_eq!(
            found,
            [name.to_owned()].into(),
            "{path}: run `packaging/update`"
        );
    }
}

#[test]
fn the_orb_contains_the_installer() {
    let orb = read("packaging/orb/orb.yml");
    let indented: String = read("install.sh")
        .lines()
        .map(|line| format!("            {line}").trim_end().to_owned() + "\n")
        .collect();
    assert!(orb.contains(&indented), "run `packaging/update`");
    // In an orb, it would begin a parameter.
    assert!(!indented.contains("<<"));
}

#[test]
fn the_steps_of_the_orb_exist() {
    let orb = yaml("packaging/orb/orb.yml");
    let built_in = ["checkout", "run", "store_artifacts", "store_test_results"];
    let commands = orb["commands"].as_mapping().expect("commands");
    for (name, command) in commands {
        let name = name.as_str().expect("a name");
        assert!(!built_in.contains(&name), "`{name}` is a step of CircleCI");
        assert!(command["description"].is_string(), "{name}");
    }
    for (name, job) in orb["jobs"].as_mapping().expect("jobs") {
        assert!(job["description"].is_string(), "{name:?}");
        for step in job["steps"].as_sequence().expect("steps") {
            let (step, given) = match step {
                Value::Mapping(step) => step.iter().next().expect("one key"),
                name => (name, &Value::Null),
            };
            let step = step.as_str().expect("a name");
            if built_in.contains(&step) {
                continue;
            }
            let command = commands
                .get(step)
                .unwrap_or_else(|| panic!("no command `{step}`"));
            for (parameter, _) in given.as_mapping().into_iter().flatten() {
                assert!(
                    command["parameters"].get(parameter).is_some(),
                    "{step}: {parameter:?}"
                );
            }
        }
    }
    for (name, example) in orb["examples"].as_mapping().expect("examples") {
        for (_, workflow) in example["usage"]["workflows"]
            .as_mapping()
            .expect("workflows")
        {
            for job in workflow["jobs"].as_sequence().expect("jobs") {
                let job = match job {
                    Value::Mapping(job) => job.keys().next().expect("one key"),
                    name => name,
                };
                let job = job.as_str().expect("a name").trim_start_matches("runner/");
                assert!(orb["jobs"].get(job).is_some(), "{name:?}: {job}");
            }
        }
    }
}

#[test]
fn the_targets_are_the_same_everywhere() {
    let workflow = read(".github/workflows/release.yml");
    let targets = all(&workflow, r"- target: (\S+)");
    assert_eq!(targets.len(), 5);
    assert_eq!(
        all(
            &read("deny.toml"),
            r#"(?m)^    "((?:x86_64|aarch64)-[\w-]+)",$"#
        ),
        targets
    );
    let page = read("docs/how-to/install.md");
    assert_eq!(
        all(&page, r"(?m)^\| `runner-([\w-]+)\.(?:tar\.gz|zip)`"),
        targets
    );
    let mut unix = targets;
    unix.retain(|target| !target.contains("windows"));
    assert_eq!(
        all(
            &read("packaging/homebrew/formula"),
            r"source_of ([\w-]+-[\w-]+)\)"
        ),
        unix
    );
}

#[test]
fn the_formula_has_the_checksums_of_a_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let sums = folder.path().join("SHA256SUMS");
    let targets = all(
        &read("packaging/homebrew/formula"),
        r"source_of ([\w-]+-[\w-]+)\)",
    );
    let list: Vec<String> = targets
        .iter()
        .zip(1..)
        .map(|(target, digit)| {
            format!("{}  runner-{target}.tar.gz\n", digit.to_string().repeat(64))
        })
        .collect();
    let formula = || {
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/homebrew/formula"))
            .arg("1.2.3")
            .arg(&sums)
            .output()
            .expect("it runs")
    };
    fs::write(&sums, list.concat()).expect("written");
    let output = formula();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in &list {
        let (sum, file) = line.trim().split_once("  ").expect("two words");
        let expected = format!("/download/v1.2.3/{file}\"\n      sha256 \"{sum}\"\n");
        assert!(text.contains(&expected), "{expected}\n{text}");
    }
    fs::write(&sums, list[1..].concat()).expect("written");
    assert!(!formula().status.success(), "a checksum is missing");
}

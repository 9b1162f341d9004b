//! Tests that generate the built-in descriptions: `DESCRIPTION_UPDATE=1 cargo test --lib describe`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::source::SourceFile;
use crate::description::{Description, OpenApi, Operation, apply_overlay, circleci, write};
use crate::project::yaml;

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/description/circleci");
    fs::read_to_string(folder.join(name)).expect("a file of the repository")
}

fn yaml(name: &str) -> Value {
    let source = SourceFile::new(name, name, file(name));
    let mut faults = Diagnostics::new();
    let document = yaml::parse(&source, &mut faults);
    document.expect("YAML").to_json()
}

/// Compares a generated text with the file, or replaces the file.
fn settle(name: &str, head: &str, operations: &[Operation]) {
    let text = write(head, operations);
    if option_env!("DESCRIPTION_UPDATE").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/description/circleci");
        fs::write(folder.join(name), &text).expect("the file can be written");
    }
    assert!(
        file(name) == text,
        "`{name}` differs: run `DESCRIPTION_UPDATE=1 cargo test --lib describe`"
    );
}

#[test]
fn version_2_is_generated_from_its_document_and_the_corrections() {
    let root = serde_json::from_str(&file("v2.openapi.json")).expect("JSON");
    let document =
        OpenApi::read(root, Some("/api/v2"), &mut |path| Err(path.to_owned())).expect("OpenAPI");
    let mut operations: Vec<Operation> = (0..document.entries().len())
        .map(|index| document.operation(index))
        .collect();
    let count = operations.len();
    apply_overlay(&mut operations, &yaml("v2.overlay.yaml")).expect("good corrections");
    assert_eq!(operations.len(), count, "a correction of an unknown route");
    assert_eq!(count, 114);
    let head =
        "# CircleCI API v2. Generated from v2.openapi.json and v2.overlay.yaml: do not edit.\n";
    settle("v2.txt", head, &operations);
    let size = file("v2.txt").len();
    assert!(size <= 55_000, "{size} bytes");
}

#[test]
fn version_3_is_generated_from_the_known_operations() {
    let mut operations = Vec::new();
    apply_overlay(&mut operations, &yaml("v3.yaml")).expect("good operations");
    assert_eq!(operations.len(), 87);
    let head = "# CircleCI API v3, as far as it is known. Generated from v3.yaml: do not edit.\n";
    settle("v3.txt", head, &operations);
}

#[test]
fn all_operations_can_be_read_and_ids_are_unique() {
    for text in [circleci::V2, circleci::V3] {
        let description = Description::from_compact(text).expect("a description");
        let mut ids: Vec<&str> = description
            .entries()
            .iter()
            .map(|entry| entry.id.as_str())
            .collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        for (index, entry) in description.entries().iter().enumerate() {
            let operation = description.operation(index);
            assert_eq!(operation.id, entry.id);
            assert_eq!(description.find(&entry.id), Some(index));
            assert_eq!(description.find(&entry.to_string()), Some(index));
        }
    }
}

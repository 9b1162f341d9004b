use std::collections::BTreeMap;
use std::path::Path;

use clap::Parser;

use super::*;
use crate::project::Trust;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArgs,
}

fn args(words: &[&str]) -> ServeArgs {
    Line::parse_from([&["mcp"], words].concat()).serve
}

fn app() -> App {
    let now = "2026-11-02T09:30:00Z".parse().expect("a time");
    App::of_case(Arc::default(), "/".into(), now)
}

fn shipped() -> Project {
    Project::built_in(
        Path::new("/"),
        &crate::cli::options::format_names(),
        &Trust::new(&BTreeMap::new()),
    )
}

/// The requests with other methods that read, as CircleCI's documentation says.
fn is_known_search(call: &Call) -> bool {
    let source = call.address.source();
    let searches = ["/runs/search", "/analysis/", "/metric/", "/configs/compile"];
    let is_known = searches.iter().any(|path| source.starts_with(path));
    is_known || source == "/orb/packages/validate"
}

fn assert_reads(query: &Query) {
    for asking in query.with_fed_by() {
        let Some(call) = asking.call() else { continue };
        let is_reading = matches!(call.method.as_str(), "GET" | "HEAD") || is_known_search(call);
        assert!(
            is_reading,
            "{}: {} {}",
            query.name,
            call.method,
            call.address.source()
        );
    }
}

#[test]
fn no_shipped_query_that_writes_is_served_without_being_named() {
    let project = shipped();
    let catalog = Catalog::of(&project, &args(&[]), &app());
    assert!(catalog.tools.len() > 30, "{}", catalog.tools.len());
    for tool in &catalog.tools {
        assert_ne!(tool.effect, Effect::Writes, "{}", tool.name);
        assert_reads(&tool.query);
    }
    let is_writing = |(_, why): &&(String, NotServed)| matches!(why, NotServed::Writes(_));
    let refused: Vec<&str> = catalog
        .others
        .iter()
        .filter(is_writing)
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(refused.len() >= 10, "{refused:?}");
    // Each of them is served if it is named, and only it.
    for name in refused {
        let named = Catalog::of(&project, &args(&["--allow-write", name]), &app());
        let writers = named
            .tools
            .iter()
            .filter(|tool| tool.effect == Effect::Writes);
        let writers: Vec<&str> = writers.map(|tool| tool.query.name.as_str()).collect();
        assert_eq!(writers, [name]);
    }
}

#[test]
fn no_operation_that_writes_is_served() {
    let project = shipped();
    let args = args(&["--allow-write", "trigger-pipeline"]);
    let (mut read, mut written) = (0, 0);
    for (file, description) in project.described_resources() {
        let description = description.expect("a description");
        for entry in description.entries() {
            let name = format!("{}:{}", file.name, entry.id);
            let query = project.query_named(&name).expect("an operation");
            if operation(&project, &query, &args).is_ok() {
                assert_reads(&query);
                read += 1;
            } else if !matches!(entry.method.as_str(), "GET" | "HEAD") {
                written += 1;
            }
        }
    }
    assert!(read > 40 && written > 40, "{read} {written}");
}

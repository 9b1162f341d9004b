//! The pages of error codes: their examples give the code, and their list is complete.
//!
//! The YAML blocks of a page are the files of a project. If a page has some, its `text` block is what
//! `check` prints for them.

use std::fs;

use super::{Block, CODES, blocks_of, pages, read, root, runner};

/// Returns the page of each code, without the list of them.
fn code_pages() -> Vec<String> {
    let mut pages = pages();
    pages.retain(|page| page.starts_with(CODES) && !page.ends_with("/README.md"));
    pages
}

/// Returns the code of a page.
fn code(page: &str) -> &str {
    page.trim_start_matches(CODES).trim_end_matches(".md")
}

/// Returns what `check` prints for the files, without the counts at the end.
fn checked(files: &[&Block]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("runner.yaml", "");
    write("resources/circleci.yaml", "type: circleci\n");
    for file in files {
        let path = file.path().expect("the first line is the path");
        // A file of recordings begins with its own first line.
        let (_, text) = file.text.split_once('\n').expect("lines");
        let is_recording = path.ends_with(".answers.yaml");
        write(path, if is_recording { text } else { &file.text });
    }
    let output = runner(folder.path(), &["check".to_owned()]);
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    let (faults, _) = shown.trim_end().rsplit_once("\n\n").unwrap_or_default();
    format!("{faults}\n")
}

#[test]
fn the_examples_of_codes_give_the_code() {
    let updates = std::env::var_os("DOCS_UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in code_pages() {
        let blocks = blocks_of(&page);
        let files: Vec<&Block> = blocks.iter().filter(|block| block.info == "yaml").collect();
        let messages: Vec<&Block> = blocks.iter().filter(|block| block.info != "yaml").collect();
        let [message] = messages[..] else {
            panic!("{page} shows one message");
        };
        let mut shown = message.text.clone();
        if !files.is_empty() {
            count += 1;
            let printed = checked(&files);
            if updates && printed != shown {
                let (old, new) = (
                    format!("```text\n{shown}```"),
                    format!("```text\n{printed}```"),
                );
                let text = read(&page).replacen(&old, &new, 1);
                fs::write(root().join(&page), text).expect("a page");
                shown.clone_from(&printed);
            }
            if printed != shown {
                wrong.push(format!(
                    "{page}\n--- shown\n{shown}\n--- printed\n{printed}"
                ));
            }
        }
        let code = code(&page);
        let label = match code {
            "http" => "error[http-",
            // clap's own message has no code.
            "usage" => "error: ",
            _ => &format!("[{code}]: "),
        };
        if !shown.contains(label) {
            wrong.push(format!("{page}: `{label}` is not in\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "the examples were not found");
}

/// `docs/reference/codes/README.md` is the list that `runner explain` prints.
#[test]
fn the_list_of_codes_is_complete() {
    const PAGE: &str = "docs/reference/codes/README.md";
    let output = runner(root(), &["explain".to_owned()]);
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows: Vec<String> = list
        .lines()
        .map(|line| {
            let (code, summary) = line.split_once(' ').expect("code and summary");
            let file = if code == "http-STATUS" { "http" } else { code };
            format!("| [`{code}`]({file}.md) | {} |", summary.trim())
        })
        .collect();
    assert!(rows.len() > 100, "{list}");
    let table = format!("| code | meaning |\n| --- | --- |\n{}\n", rows.join("\n"));
    let page = read(PAGE);
    let (before, _) = page.split_once("| code |").expect("a table");
    let expected = format!("{before}{table}");
    if std::env::var_os("DOCS_UPDATE").is_some() {
        fs::write(root().join(PAGE), &expected).expect("a page");
    } else {
        assert_eq!(page, expected);
    }
}

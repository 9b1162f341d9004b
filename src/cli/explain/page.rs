//! The pages of error codes: the Markdown files of `docs/reference/codes/`, which are embedded.

use crate::core::markdown::without_targets;
use crate::core::text::wrap;

/// Path and text of each file.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/code_pages.rs"));

/// The stem of the page of all statuses: `http-404`.
const STATUSES: &str = "http";

/// The name of [`STATUSES`] in lists.
const STATUS_CODE: &str = "http-STATUS";

/// Returns the stem and the text of each page.
fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(|(path, text)| {
        let stem = path.rsplit('/').next()?.strip_suffix(".md")?;
        // The list of them.
        (stem != "README").then_some((stem, *text))
    })
}

/// Returns each code with the first sentence of its page.
pub fn summaries() -> impl Iterator<Item = (&'static str, &'static str)> {
    pages().map(|(stem, text)| {
        let code = if stem == STATUSES { STATUS_CODE } else { stem };
        let summary = text.lines().skip(1).find(|line| !line.is_empty());
        (code, summary.unwrap_or_default())
    })
}

/// A page, or for a status the part of it that applies.
#[derive(Debug)]
pub struct Page {
    code: String,
    lines: Vec<&'static str>,
}

impl Page {
    /// Returns the page of a code. `http-404` has the general part of the page of statuses, and the
    /// part on this one; `http` has all of it.
    pub fn of(code: &str) -> Option<Self> {
        let status = code.strip_prefix("http-");
        let number = status.and_then(|status| status.parse::<u16>().ok());
        let stem = match status {
            Some(text) if text.eq_ignore_ascii_case("status") => STATUSES,
            Some(_) => number
                .filter(|number| (400..=599).contains(number))
                .map(|_| STATUSES)?,
            None => code,
        };
        let (_, text) = pages().find(|(known, _)| *known == stem)?;
        let lines = text.lines().skip(1);
        let lines = match number {
            Some(number) => of_status(&lines.collect::<Vec<_>>(), number),
            None => lines.collect(),
        };
        let code = code.to_owned();
        Some(Self { code, lines })
    }

    /// Renders the page: paragraphs are wrapped, code is indented, and links lose their targets.
    pub fn rendered(&self, width: usize, is_bold: bool) -> String {
        let heading = |text: &str| {
            if is_bold {
                format!("\x1b[1m{text}\x1b[0m\n")
            } else {
                format!("{text}\n")
            }
        };
        let mut text = heading(&self.code);
        let mut paragraph = String::new();
        let mut is_code = false;
        for line in self.lines.iter().chain([&""]) {
            if line.starts_with("```") {
                is_code = !is_code;
            } else if is_code {
                let indent = if line.is_empty() { "" } else { "    " };
                text.push_str(&format!("{indent}{line}\n"));
            } else if let Some(title) = line.strip_prefix("## ") {
                text.push_str(&heading(title));
            } else if line.is_empty() {
                if !paragraph.is_empty() {
                    for line in wrap(&without_targets(&paragraph), width.max(20)) {
                        text.push_str(&format!("{line}\n"));
                    }
                    paragraph.clear();
                }
                text.push('\n');
            } else {
                if !paragraph.is_empty() {
                    paragraph.push(' ');
                }
                paragraph.push_str(line);
            }
        }
        format!("{}\n", text.trim_end())
    }
}

/// Returns the lines before the parts on statuses, and those of one status or of its class.
fn of_status<'p>(lines: &[&'p str], status: u16) -> Vec<&'p str> {
    let is_part = |line: &str| {
        let title = line.strip_prefix("## ");
        title.is_some_and(|title| title.starts_with(|c: char| c.is_ascii_digit()))
    };
    let begin = lines.iter().position(|line| is_part(line));
    let (general, parts) = lines.split_at(begin.unwrap_or(lines.len()));
    let titles = [
        format!("## {status}"),
        format!("## {}xx", status / 100),
        "## Other".to_owned(),
    ];
    let part = titles
        .iter()
        .find_map(|title| parts.iter().position(|line| line == title));
    let part = part.map_or(&[][..], |at| &parts[at..]);
    let end = part.iter().skip(1).position(|line| line.starts_with("## "));
    let part = &part[..end.map_or(part.len(), |end| end + 1)];
    general.iter().chain(part).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::code::Code;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let mut codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
        codes.push(STATUS_CODE.to_owned());
        // `timeout` is the code of a request and of a run.
        codes.sort();
        codes.dedup();
        let mut known: Vec<&str> = summaries().map(|(code, _)| code).collect();
        known.sort_unstable();
        assert_eq!(known, codes);
    }

    #[test]
    fn pages_begin_with_their_code_and_one_sentence() {
        for ((stem, text), (code, summary)) in pages().zip(summaries()) {
            let mut lines = text.lines();
            assert_eq!(lines.next(), Some(format!("# `{code}`").as_str()));
            assert!(
                summary.ends_with('.') && summary.len() <= 100,
                "{stem}: {summary}"
            );
            let after = lines.skip_while(|line| *line != summary).nth(1);
            assert_eq!(after, Some(""), "{stem}: the summary is one line");
            assert!(text.contains("## What to do"), "{stem}");
        }
    }

    #[test]
    fn a_status_has_the_general_part_and_its_own() {
        let page = |code| Page::of(code).map(|page| page.rendered(80, false));
        let titles = |code| {
            let text = page(code).expect("a page");
            let has = |title: &str| text.lines().any(|line| line == title);
            ["404", "5xx", "Other", "What to do"].map(has)
        };
        assert_eq!(titles("http-404"), [true, false, false, true]);
        assert_eq!(titles("http-503"), [false, true, false, true]);
        assert_eq!(titles("http-451"), [false, false, true, true]);
        assert_eq!(titles("http"), [true, true, true, true]);
        assert!(page("http-200").is_none() && page("http-x").is_none());
    }

    #[test]
    fn paragraphs_are_wrapped_and_code_is_indented() {
        let page = Page {
            code: "x".to_owned(),
            lines: vec![
                "",
                "One [two](a.md#b) three",
                "four.",
                "",
                "```yaml",
                "a: [b](c)",
                "```",
                "",
                "## What to do",
                "",
                "Five.",
            ],
        };
        assert_eq!(
            page.rendered(20, false),
            "x\n\nOne two three four.\n\n    a: [b](c)\n\nWhat to do\n\nFive.\n"
        );
    }
}

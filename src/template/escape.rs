//! Filters that escape text for Slack and Markdown, and truncate it.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use crate::core::markdown;
use crate::core::text::{ELLIPSIS, clusters};
use crate::template::environment::to_text;
use crate::template::value::{is_null, wrong};

/// The filters of this module.
pub const NAMES: &[&str] = &["markdown_escape", "md", "slack_escape", "truncate"];

/// Registers the filters.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_filter("markdown_escape", markdown_escape);
    environment.add_filter("md", markdown_escape);
    environment.add_filter("slack_escape", slack_escape);
    environment.add_filter("truncate", truncate);
}

fn nullable(
    value: &Value,
    change: impl FnOnce(&str) -> Result<String, Error>,
) -> Result<Value, Error> {
    if is_null(value) {
        return Ok(Value::from(()));
    }
    change(&to_text(value)?).map(Value::from)
}

/// Escapes text for Markdown: no link, HTML, emphasis or heading.
fn markdown_escape(value: &Value) -> Result<Value, Error> {
    nullable(value, |text| Ok(markdown::escape_block(text)))
}

/// `branch | slack_escape`, `text | slack_escape(max=3000)`: escapes `&`, `<` and `>` for Slack,
/// truncated to a number of characters of the result, never inside an escape.
fn slack_escape(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let max: Option<usize> = options.get("max")?;
    options.assert_all_used()?;
    if max == Some(0) {
        return Err(wrong("`max` takes a number of characters, got 0"));
    }
    nullable(value, |text| {
        Ok(cut(text, max.unwrap_or(usize::MAX), "…", |cluster| {
            cluster
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
        }))
    })
}

/// `message | truncate(80)`, `… | truncate(80, end=" …")`: at most this many characters, including
/// the end. User-perceived characters are never split.
fn truncate(value: &Value, length: Option<usize>, options: Kwargs) -> Result<Value, Error> {
    let end: Option<String> = options.get("end")?;
    let named: Option<usize> = options.get("length")?;
    options.assert_all_used()?;
    let Some(length) = length.or(named).filter(|length| *length > 0) else {
        return Err(wrong(
            "`truncate` needs a number of characters: `truncate(80)`",
        ));
    };
    let end = end.unwrap_or_else(|| ELLIPSIS.to_string());
    nullable(value, |text| Ok(cut(text, length, &end, str::to_owned)))
}

/// Maps each character of the text; truncates the result with an end if it does not fit.
fn cut(text: &str, length: usize, end: &str, change: impl Fn(&str) -> String) -> String {
    let mut whole = String::new();
    let mut used = 0;
    // The position to cut at, if the text is too long.
    let mut kept = 0;
    let room = length.saturating_sub(end.chars().count());
    for cluster in clusters(text) {
        let changed = change(cluster);
        used += changed.chars().count();
        if used > length {
            whole.truncate(kept);
            whole.extend(end.chars().take(length));
            return whole;
        }
        whole.push_str(&changed);
        if used <= room {
            kept = whole.len();
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use crate::template::testing::render;

    #[test]
    fn slack_takes_three_escapes() {
        assert_eq!(
            render("{{ '<!channel> a & b' | slack_escape }}"),
            "&lt;!channel&gt; a &amp; b"
        );
        assert_eq!(render("{{ 'abc<d' | slack_escape(max=6) }}"), "abc…");
        assert_eq!(render("{{ 'abc<' | slack_escape(max=7) }}"), "abc&lt;");
        assert_eq!(render("{{ 'a' | slack_escape(max=1) }}"), "a");
        assert_eq!(render("{{ 7 | slack_escape }}"), "7");
    }

    #[test]
    fn texts_are_cut_by_what_is_seen_as_a_character() {
        assert_eq!(render("{{ 'abcdef' | truncate(4) }}"), "abc…");
        assert_eq!(render("{{ 'abcd' | truncate(4) }}"), "abcd");
        assert_eq!(render("{{ 'abcdef' | truncate(5, end='...') }}"), "ab...");
        assert_eq!(render("{{ 'abcdef' | truncate(2, end='...') }}"), "..");
        assert_eq!(render("{{ '日本語です' | truncate(length=3) }}"), "日本…");
        assert_eq!(render("{{ none | truncate(3) | default('-') }}"), "-");
        assert_eq!(
            render("{{ 'x' | truncate }}"),
            "error: `truncate` needs a number of characters: `truncate(80)`"
        );
        assert_eq!(render("{{ ('x' * 10000) | truncate(3) }}"), "xx…");
    }

    #[test]
    fn markdown_shows_the_text_as_it_is() {
        for (text, escaped) in [
            ("# head", r"\# head"),
            ("- item", r"\- item"),
            ("1. item", r"1\. item"),
            ("    code", " code"),
            ("a_b *c* <b> [x](y)", r"a_b \*c\* &lt;b&gt; \[x\](y)"),
            ("1.5 min", "1.5 min"),
            ("-5 %", "-5 %"),
            ("---", r"\---"),
            ("2026-11-02", "2026-11-02"),
        ] {
            assert_eq!(
                render(&format!("{{{{ '{text}' | markdown_escape }}}}")),
                escaped
            );
        }
        assert_eq!(render(r"{{ 'a\nb|c' | md }}"), r"a<br>b\|c");
    }
}

//! Filters that format records as tables: Markdown and CSV.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, State, Value};

use crate::core::markdown::{self, Align};
use crate::core::text::{defused, truncate_to_width};
use crate::template::environment::{filter_names, to_text};
use crate::template::records::{Records, check_by_column, names, of_column};
use crate::template::value::{choice, is_null, wrong};

/// The filters of this module.
pub const NAMES: &[&str] = &["csv", "markdown_table"];

/// Registers the filters.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_filter("csv", csv);
    environment.add_filter("markdown_table", markdown_table);
}

/// Returns the columns to show: those requested, or every key.
fn columns(records: &Records, options: &Kwargs) -> Result<Vec<String>, Error> {
    let columns = names(options, "columns")?;
    Ok(if columns.is_empty() {
        records.keys().to_vec()
    } else {
        columns
    })
}

/// Returns the column headers.
fn headers(columns: &[String], option: Option<&Value>) -> Result<Vec<String>, Error> {
    check_by_column("headers", option, columns)?;
    columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            of_column(option, column, place)
                .map_or_else(|| Ok(column.clone()), |header| to_text(&header))
        })
        .collect()
}

/// Applies a filter given by name, such as `duration` or `percent`.
fn formatted(state: &mut State, name: &Value, value: &Value) -> Result<Value, Error> {
    let known = name
        .as_str()
        .filter(|name| filter_names().any(|known| known == *name));
    let Some(name) = known else {
        return Err(wrong(format!(
            "`formats` takes names of filters such as `duration`, got `{name}`"
        )));
    };
    if is_null(value) {
        return Ok(Value::from(()));
    }
    state.apply_filter(name, std::slice::from_ref(value))
}

/// `rows | markdown_table(columns=["job", "p95"], headers={"p95": "95 %"}, align={"job": "center"},
/// formats={"p95": "duration"}, links={"job": "url"}, max_width=60)`.
///
/// Values are escaped. Numeric columns are right-aligned; `links` names a column with the URLs for
/// another one's cells; `max_width` truncates longer cells.
fn markdown_table(state: &mut State, value: &Value, options: Kwargs) -> Result<String, Error> {
    let records = Records::read("markdown_table", value)?;
    let columns = columns(&records, &options)?;
    let headers_option: Option<Value> = options.get("headers")?;
    let align: Option<Value> = options.get("align")?;
    let formats: Option<Value> = options.get("formats")?;
    let links: Option<Value> = options.get("links")?;
    let max_width: Option<usize> = options.get("max_width")?;
    options.assert_all_used()?;
    let header = headers(&columns, headers_option.as_ref())?;
    for (option, value) in [("align", &align), ("formats", &formats), ("links", &links)] {
        check_by_column(option, value.as_ref(), &columns)?;
    }

    let mut rows = vec![Vec::with_capacity(columns.len()); records.len()];
    let mut aligns = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        let values = records.column(column)?;
        aligns.push(alignment(
            &values,
            of_column(align.as_ref(), column, place),
        )?);
        let format = of_column(formats.as_ref(), column, place);
        let addresses = match of_column(links.as_ref(), column, place) {
            Some(link) => Some(records.column(&to_text(&link)?)?),
            None => None,
        };
        for (index, value) in values.iter().enumerate() {
            let shown = match &format {
                Some(format) => formatted(state, format, value)?,
                None => value.clone(),
            };
            let address = addresses.as_ref().map(|list| &list[index]);
            rows[index].push(cell(&shown, address, max_width)?);
        }
    }
    let header: Vec<String> = header.iter().map(|name| markdown::escape(name)).collect();
    let mut text = markdown::table(&header, &rows, &aligns);
    // The template's own newline follows.
    text.pop();
    Ok(text)
}

fn alignment(values: &[Value], asked: Option<Value>) -> Result<Align, Error> {
    if let Some(asked) = asked {
        let words = ["left", "center", "right"];
        return Ok(match choice("align", &to_text(&asked)?, &words)? {
            "left" => Align::Left,
            "center" => Align::Center,
            _ => Align::Right,
        });
    }
    let mut present = values.iter().filter(|value| !is_null(value)).peekable();
    let are_numbers =
        present.peek().is_some() && present.all(|value| value.kind() == ValueKind::Number);
    Ok(if are_numbers {
        Align::Right
    } else {
        Align::Left
    })
}

fn cell(value: &Value, address: Option<&Value>, max_width: Option<usize>) -> Result<String, Error> {
    if is_null(value) {
        return Ok(String::new());
    }
    let text = to_text(value)?;
    let text = match max_width {
        Some(width) => markdown::escape(&truncate_to_width(&text, width)),
        None => markdown::escape(&text),
    };
    let address = address.and_then(Value::as_str).and_then(web_address);
    Ok(match address {
        Some(address) if !text.is_empty() => format!("[{text}]({address})"),
        _ => text,
    })
}

/// Returns a web address, escaped for a Markdown link; `None` for any other text.
fn web_address(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| {
        url.as_str()
            .replace('(', "%28")
            .replace(')', "%29")
            .replace('|', "%7C")
            .replace('\\', "%5C")
            .replace('`', "%60")
            .replace('<', "%3C")
            .replace('*', "%2A")
    })
}

/// `rows | csv(columns=["job", "p95"], headers={"p95": "95 %"}, separator=";")`: RFC 4180 with line
/// feeds, without a final one. Null is an empty field, an empty string `""`.
fn csv(value: &Value, options: Kwargs) -> Result<String, Error> {
    let records = Records::read("csv", value)?;
    let columns = columns(&records, &options)?;
    let headers_option: Option<Value> = options.get("headers")?;
    let separator: Option<String> = options.get("separator")?;
    let formulas: Option<String> = options.get("formulas")?;
    options.assert_all_used()?;
    let words = ["keep", "escape"];
    let formulas = choice("formulas", formulas.as_deref().unwrap_or("keep"), &words)?;
    let defuse = |text: &str| match formulas {
        "escape" => defused(text).into_owned(),
        _ => text.to_owned(),
    };
    let separator = separator.unwrap_or_else(|| ",".into());
    if separator.chars().count() != 1 || separator.contains(['"', '\r', '\n']) {
        return Err(wrong(format!(
            "`separator` takes one character such as `;`, got `{separator}`"
        )));
    }
    let header = headers(&columns, headers_option.as_ref())?;
    let mut lines = vec![
        header
            .iter()
            .map(|name| field(&defuse(name), &separator))
            .collect::<Vec<_>>(),
    ];
    lines.resize(records.len() + 1, Vec::new());
    for column in &columns {
        for (index, value) in records.column(column)?.iter().enumerate() {
            lines[index + 1].push(if is_null(value) {
                String::new()
            } else if let Some(text) = value.as_str() {
                field(&defuse(text), &separator)
            } else {
                field(&to_text(value)?, &separator)
            });
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| line.join(&separator)).collect();
    Ok(lines.join("\n"))
}

fn field(text: &str, separator: &str) -> String {
    if text.is_empty() || text.contains(['"', '\r', '\n']) || text.contains(separator) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::testing::{render, render_with};

    fn hostile() -> serde_json::Value {
        json!({"rows": [
            {"job": "a|b `c` <script>", "p95": 3671, "url": "https://ci/x (1)|y", "ok": true},
            {"job": "two\nlines [x](javascript:y)", "p95": 12.5, "url": "javascript:alert(1)"},
            {"job": "日本語👍", "p95": null, "url": null, "ok": false},
        ]})
    }

    #[test]
    fn a_table_keeps_hostile_cells_inside() {
        insta::assert_snapshot!(render_with(
            "{{ rows | markdown_table(columns=['job', 'p95', 'ok'], headers={'p95': '95 %'}, \
             formats={'p95': 'duration'}, links={'job': 'url'}, align={'ok': 'center'}) }}",
            &hostile(),
        ), @r"
        | job                              |  95 % |  ok   |
        | -------------------------------- | ----: | :---: |
        | [a\|b \`c\` &lt;script&gt;](https://ci/x%20%281%29%7Cy) | 1h 1m | true  |
        | two<br>lines \[x\](javascript:y) | 12.5s |       |
        | 日本語👍                         |       | false |
        ");
        insta::assert_snapshot!(render_with(
            "{{ rows | markdown_table(max_width=8) }}",
            &hostile(),
        ), @r"
        | job         |  p95 | url      | ok    |
        | ----------- | ---: | -------- | ----- |
        | a\|b \`c\`… | 3671 | https:/… | true  |
        | two<br>lin… | 12.5 | javascr… |       |
        | 日本語👍    |      |          | false |
        ");
    }

    #[test]
    fn an_empty_list_has_its_header_only() {
        assert_eq!(
            render("{{ [] | markdown_table(columns=['a', 'b']) }}"),
            "| a    | b    |\n| ---- | ---- |"
        );
        assert_eq!(render("{{ [] | markdown_table }}|"), "|");
        assert_eq!(render("{{ [] | csv(columns=['a', 'b']) }}"), "a,b");
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        assert_eq!(
            render_with(
                "{{ rows | csv(separator=';', columns=['a', 'b'], headers=['A', 'B;C']) }}",
                &json!({"rows": [{"a": "x;y", "b": null}, {"a": "say \"hi\"", "b": ""}, {"a": [1], "b": "=1+1"}]})
            ),
            "A;\"B;C\"\n\"x;y\";\n\"say \"\"hi\"\"\";\"\"\n[1];=1+1"
        );
    }

    #[test]
    fn wrong_options_are_named() {
        let rows = "{% set rows = [{'job': 1}] %}";
        for (call, message) in [
            (
                "markdown_table(columns=['jbo'])",
                "no record has a column `jbo`; did you mean `job`?",
            ),
            (
                "markdown_table(headers={'jbo': 'x'})",
                "`headers` names the column `jbo`, which is not shown; did you mean `job`?",
            ),
            (
                "markdown_table(align={'job': 'rigth'})",
                "`align` takes `left`, `center` or `right`, got `rigth`",
            ),
            (
                "markdown_table(formats={'job': 'x'})",
                "`formats` takes names of filters such as `duration`, got `x`",
            ),
            (
                "markdown_table(columns=7)",
                "`columns` takes a column or a list of columns, got `7`",
            ),
            (
                "csv(separator='ab')",
                "`separator` takes one character such as `;`, got `ab`",
            ),
        ] {
            assert_eq!(
                render(&format!("{rows}{{{{ rows | {call} }}}}")),
                format!("error: {message}")
            );
        }
        assert_eq!(
            render("{{ 'x' | csv }}"),
            "error: `csv` takes a list of records, got the string `x`"
        );
        assert_eq!(
            render("{{ [{}, 5] | markdown_table }}"),
            "error: `markdown_table` takes a list of records; item 2 is `5`"
        );
    }
}

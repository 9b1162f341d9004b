//! `html`: a page with a table, for a browser or an attachment.
//!
//! One file without scripts or external resources, with light and dark colours. Values are escaped.

use crate::core::file_ending;
use serde_json::Value;

use super::rows::{Columns, Gaps, cell_text, key_values};
use super::{Format, FormatError, OnlyOne, Render, Shape};

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::HTML,
    ..Format::new("html", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    Box::new(Page {
        single: shape.single,
        named: shape.columns.clone(),
        only: OnlyOne::default(),
        columns: Columns::new(shape, Gaps::Cells),
        rows: Vec::new(),
    })
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>runner</title>
<style>
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid #8885; padding: .3rem .7rem; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<div class=\"wide\">
<table>
";

const FOOT: &str = "</tbody>
</table>
</div>
</body>
</html>
";

struct Page {
    single: bool,
    named: Option<Vec<String>>,
    only: OnlyOne,
    columns: Columns,
    /// Rows of cells. Columns may be added later.
    rows: Vec<String>,
}

impl Render for Page {
    fn record(&mut self, record: &Value, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.single {
            self.only.check()?;
            for (key, value) in key_values(record, self.named.as_deref())? {
                let head = format!("<th scope=\"row\">{}</th>", escaped(&key));
                self.rows.push(head + &cell(value));
            }
            return Ok(());
        }
        let row = self.columns.row(record)?;
        let line = row.iter().map(|value| cell(value)).collect();
        self.rows.push(line);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(HEAD.as_bytes());
        if !self.single {
            out.extend_from_slice(b"<thead><tr>");
            for name in self.columns.names() {
                let cell = format!("<th scope=\"col\">{}</th>", escaped(name));
                out.extend_from_slice(cell.as_bytes());
            }
            out.extend_from_slice(b"</tr></thead>\n");
        }
        out.extend_from_slice(b"<tbody>\n");
        for row in &self.rows {
            out.extend_from_slice(format!("<tr>{row}</tr>\n").as_bytes());
        }
        out.extend_from_slice(FOOT.as_bytes());
        Ok(())
    }
}

fn cell(value: &Value) -> String {
    let class = if value.is_number() {
        " class=\"number\""
    } else {
        ""
    };
    let text = cell_text(value).map_or_else(String::new, |text| escaped(&text));
    format!("<td{class}>{text}</td>")
}

/// Escapes text. Control characters are not allowed in HTML (section 13.2.3.5 of the standard).
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("<br>"),
            '\t' => safe.push('\t'),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(shape: &Shape, records: &[Value]) -> String {
        let mut out = Vec::new();
        let mut render = FORMAT.renderer(shape);
        for record in records {
            render.record(record, &mut out).expect("a record");
        }
        render.finish(&mut out).expect("an end");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn values_are_text_and_nothing_else() {
        let record = json!({"a<b": "<script>&\"\u{7}", "n": 1, "null": null});
        let page = written(&Shape::default(), &[record]);
        let (_, body) = page.split_once("<table>").expect("a table");
        assert_eq!(
            body.lines().nth(1),
            Some(
                "<thead><tr><th scope=\"col\">a&lt;b</th><th scope=\"col\">n</th>\
                 <th scope=\"col\">null</th></tr></thead>"
            )
        );
        assert!(body.contains(
            "<td>&lt;script&gt;&amp;&quot;\u{fffd}</td><td class=\"number\">1</td><td></td>"
        ));
    }

    #[test]
    fn one_record_stands_upright() {
        let shape = Shape {
            single: true,
            ..Shape::default()
        };
        let page = written(&shape, &[json!({"id": "x"})]);
        assert!(page.contains("<tr><th scope=\"row\">id</th><td>x</td></tr>"));
        assert!(written(&shape, &[]).contains("<tbody>\n</tbody>"));
    }
}

//! A chart as an HTML figure: the `<svg>` for wide and narrow screens, and its data as a table for
//! screen readers.

use minijinja::Value;

use crate::core::text::truncate_to_width;
use crate::template::chart::frame::Drawing;
use crate::template::chart::options::Options;
use crate::template::chart::svg::{escape, short};

const WIDE: f64 = 720.0;
const NARROW: f64 = 360.0;

/// Fits a drawing into the page even without the style sheet.
const FLUID: &str = " style=\"max-width:100%;height:auto\"";

const FONT: &str = "system-ui,-apple-system,&quot;Segoe UI&quot;,Roboto,&quot;Helvetica Neue&quot;,Arial,&quot;Noto Sans&quot;,sans-serif";

/// The data of a chart in rows: a name, then numbers.
#[derive(Debug, Default)]
pub struct DataTable {
    /// The names of the columns.
    pub header: Vec<String>,
    /// Names and values.
    pub rows: Vec<Vec<String>>,
}

/// The maximum length of a cell.
const LONGEST_CELL: usize = 200;

/// A table with more cells or columns is truncated with a note.
const MOST_CELLS: usize = 20_000;
const MOST_COLUMNS: usize = 200;

/// Returns `<figure class="chart">…</figure>`. `summary` is the default of `description`.
pub fn figure(
    options: &Options,
    summary: &str,
    table: &DataTable,
    draw: impl Fn(f64) -> Drawing,
) -> Value {
    let mut text = String::from("<figure class=\"chart\">");
    if let Some(width) = options.width {
        text.push_str(&svg(options, summary, FLUID, &draw(width)));
    } else {
        let attribute = format!(" class=\"wide\"{FLUID}");
        text.push_str(&svg(options, summary, &attribute, &draw(WIDE)));
        // Shown by the style sheet only, so that without it there is one drawing.
        let attribute = " class=\"narrow\" style=\"display:none\"";
        text.push_str(&svg(options, summary, attribute, &draw(NARROW)));
    }
    if options.with_table && !table.rows.is_empty() {
        push_table(table, &mut text);
    }
    text.push_str("</figure>");
    Value::from_safe_string(text)
}

fn svg(options: &Options, summary: &str, attributes: &str, drawing: &Drawing) -> String {
    let (width, height) = (short(drawing.width), short(drawing.height.ceil()));
    let cut = |text: &str| escape(&truncate_to_width(text, 500));
    let description = options.description.as_deref().unwrap_or(summary);
    let title = options.title.as_deref().filter(|title| !title.is_empty());
    let title = title.map_or_else(
        || format!("<title>{}</title>", cut(description)),
        |title| {
            format!(
                "<title>{}</title><desc>{}</desc>",
                cut(title),
                cut(description)
            )
        },
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"{attributes} viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"{FONT}\">{title}\
         <rect class=\"cb\" width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>{}</svg>",
        drawing.body
    )
}

fn push_table(table: &DataTable, text: &mut String) {
    let cut = |cell: &str| escape(&truncate_to_width(cell, LONGEST_CELL));
    text.push_str("<details><summary>Data</summary><div class=\"data\"><table><thead><tr>");
    let columns = table.header.len().clamp(1, MOST_COLUMNS);
    let rows = table.rows.len().min(MOST_CELLS / columns);
    for (place, name) in table.header.iter().take(columns).enumerate() {
        let class = if place == 0 { "" } else { " class=\"n\"" };
        text.push_str(&format!("<th scope=\"col\"{class}>{}</th>", cut(name)));
    }
    text.push_str("</tr></thead><tbody>");
    for row in &table.rows[..rows] {
        text.push_str("<tr>");
        for (place, cell) in row.iter().take(columns).enumerate() {
            if place == 0 {
                text.push_str(&format!("<th scope=\"row\">{}</th>", cut(cell)));
            } else {
                text.push_str(&format!("<td class=\"n\">{}</td>", cut(cell)));
            }
        }
        text.push_str("</tr>");
    }
    text.push_str("</tbody></table>");
    if rows < table.rows.len() || columns < table.header.len() {
        text.push_str(&format!(
            "<p>{rows} of {} rows and {columns} of {} columns</p>",
            table.rows.len(),
            table.header.len()
        ));
    }
    text.push_str("</div></details>");
}

//! Colours, and the style sheet of a page with charts.
//!
//! Every shape has its light-mode colour as an attribute; the style sheet overrides it with a
//! variable, so that a chart is readable without the sheet. The colours of series are
//! distinguishable with colour blindness, and have a contrast of 3:1 or more (WCAG 2.2, 1.4.11).

use minijinja::Value;

/// The number of colours for series; further series repeat them with dashes.
pub const COLOURS: usize = 8;

/// The class of a filled shape, the class of a line, and the light-mode colour.
pub const SERIES: [(&str, &str, &str); COLOURS] = [
    ("f0", "s0", "#1f6fb4"),
    ("f1", "s1", "#cc5500"),
    ("f2", "s2", "#0b8a6a"),
    ("f3", "s3", "#a8438c"),
    ("f4", "s4", "#8a6d00"),
    ("f5", "s5", "#3592b8"),
    ("f6", "s6", "#6b4fc8"),
    ("f7", "s7", "#6a737d"),
];

const DARK: [&str; COLOURS] = [
    "#5aa9e6", "#ff9457", "#35c59b", "#e58fcb", "#e0c04a", "#7fd0f0", "#a995f5", "#adb5bd",
];

/// The classes of a heat map from low to high, with their light-mode colours.
pub const HEAT: [(&str, &str); 6] = [
    ("h0", "#eaf2fb"),
    ("h1", "#c3dcf2"),
    ("h2", "#93c1e6"),
    ("h3", "#4f97d1"),
    ("h4", "#1f6fb4"),
    ("h5", "#0b4a86"),
];

const DARK_HEAT: [&str; 6] = [
    "#16283a", "#1c3f5f", "#23598a", "#3f86c4", "#78b6ea", "#bfe0ff",
];

/// Text on the pale colours of a heat map.
pub const ON_PALE: (&str, &str) = ("tp", "#1f2328");
/// Text on the strong colours of a heat map.
pub const ON_STRONG: (&str, &str) = ("ts", "#ffffff");

/// Grid lines.
pub const GRID: (&str, &str) = ("cg", "#e4e7eb");
/// The zero line and axes.
pub const AXIS: (&str, &str) = ("ca", "#9aa1a9");
/// Titles.
pub const STRONG: (&str, &str) = ("cs", "#1f2328");
/// Cells of a heat map without a value.
pub const EMPTY: (&str, &str) = ("ce", "#f6f7f9");

/// Returns the colours of a series by its index.
pub fn series(place: usize) -> (&'static str, &'static str, &'static str) {
    SERIES[place % COLOURS]
}

/// `chart_style()`: the style sheet of a page with charts, as `<style>…</style>`.
pub fn chart_style() -> Value {
    let light: String = variables(
        &SERIES.map(|(_, _, colour)| colour),
        &HEAT.map(|(_, colour)| colour),
    );
    let light = format!(
        "--chart-text:#57606a;--chart-strong:#1f2328;--chart-grid:#e4e7eb;--chart-axis:#9aa1a9;\
         --chart-empty:#f6f7f9;--chart-on-pale:#1f2328;--chart-on-strong:#fff;{light}"
    );
    let dark = variables(&DARK, &DARK_HEAT);
    let dark = format!(
        "--chart-text:#a9b4c0;--chart-strong:#e6edf3;--chart-grid:#2b323b;--chart-axis:#6b7683;\
         --chart-empty:#1a2028;--chart-on-pale:#e6edf3;--chart-on-strong:#0d1117;{dark}"
    );
    let mut rules = String::new();
    for (place, (fill, stroke, _)) in SERIES.iter().enumerate() {
        rules.push_str(&format!(
            ".chart .{fill}{{fill:var(--chart-{place})}}.chart .{stroke}{{stroke:var(--chart-{place})}}"
        ));
    }
    for (place, (class, _)) in HEAT.iter().enumerate() {
        rules.push_str(&format!(".chart .{class}{{fill:var(--chart-h{place})}}"));
    }
    Value::from_safe_string(format!(
        "<style>\n.chart{{{light}}}\n\
         @media (prefers-color-scheme:dark){{:root:not([data-theme=light]) .chart{{{dark}}}}}\n\
         [data-theme=dark] .chart{{{dark}}}\n\
         {RULES}{rules}\n</style>"
    ))
}

const RULES: &str = "\
figure.chart{container-type:inline-size;width:100%;max-width:60rem;margin:1.25rem 0}
.chart svg{display:block;width:100%;height:auto}
.chart svg.narrow{display:none!important}
@container (max-width:520px){.chart svg.wide{display:none!important}.chart svg.narrow{display:block!important}}
svg.chart.spark{display:inline-block;vertical-align:middle}
.chart .cb{fill:transparent}.chart .ct{fill:var(--chart-text)}.chart .cs{fill:var(--chart-strong)}
.chart .cg{stroke:var(--chart-grid)}.chart .ca{stroke:var(--chart-axis)}.chart .ce{fill:var(--chart-empty)}
.chart .tp{fill:var(--chart-on-pale)}.chart .ts{fill:var(--chart-on-strong)}
.chart details{margin-top:.25rem;font-size:.8125rem;color:var(--chart-text)}
.chart summary{cursor:pointer;width:max-content}
.chart .data{max-height:24rem;overflow:auto;margin-top:.5rem}
.chart table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.chart th,.chart td{padding:.2rem .75rem .2rem 0;text-align:left;border-bottom:1px solid var(--chart-grid);overflow-wrap:anywhere}
.chart th{color:var(--chart-strong)}
.chart .n{text-align:right;white-space:nowrap}
";

fn variables(series: &[&str], heat: &[&str]) -> String {
    let mut text = String::new();
    for (place, colour) in series.iter().enumerate() {
        text.push_str(&format!("--chart-{place}:{colour};"));
    }
    for (place, colour) in heat.iter().enumerate() {
        text.push_str(&format!("--chart-h{place}:{colour};"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let part = u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour");
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn colours_stand_out_from_their_ground() {
        for (_, _, colour) in SERIES {
            assert!(contrast(colour, "#ffffff") >= 3.0, "{colour}");
        }
        for colour in DARK {
            assert!(contrast(colour, "#0d1117") >= 4.5, "{colour}");
        }
        assert!(contrast("#57606a", "#ffffff") >= 4.5);
        assert!(contrast("#a9b4c0", "#0d1117") >= 4.5);
    }

    #[test]
    fn text_can_be_read_on_every_cell() {
        for (place, (_, colour)) in HEAT.iter().enumerate() {
            let text = if place < 3 { ON_PALE.1 } else { ON_STRONG.1 };
            assert!(contrast(colour, text) >= 3.0, "{colour}");
        }
        for (place, colour) in DARK_HEAT.iter().enumerate() {
            let text = if place < 3 { "#e6edf3" } else { "#0d1117" };
            assert!(contrast(colour, text) >= 3.0, "{colour}");
        }
    }
}

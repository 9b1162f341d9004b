//! Writes SVG: escaped text, short numbers, and estimated text widths.
//!
//! Text is not measured, since the reader's font is unknown; widths are those of common sans-serif
//! fonts, slightly overestimated.

use crate::core::text::{ELLIPSIS, clusters, display_width, one_line};

/// A drawing in progress.
#[derive(Debug, Default)]
pub struct Svg {
    text: String,
}

/// The alignment of a text at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At the start.
    Start,
    /// In the middle.
    Middle,
    /// At the end.
    End,
}

/// The style of a text.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    /// The class, and the colour without a style sheet.
    pub paint: (&'static str, &'static str),
    /// The size in units of the view box.
    pub size: f64,
    /// The alignment.
    pub anchor: Anchor,
}

/// Text of axes and legends.
pub const LABEL: TextStyle = TextStyle {
    paint: ("ct", "#57606a"),
    size: 12.0,
    anchor: Anchor::Start,
};

impl TextStyle {
    /// Returns the style with another alignment.
    #[must_use]
    pub const fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

impl Svg {
    /// Returns the markup.
    pub fn finish(self) -> String {
        self.text
    }

    /// Adds valid markup.
    pub fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// Adds a text at a position.
    pub fn text(&mut self, (x, y): (f64, f64), style: TextStyle, text: &str) {
        self.turned_text((x, y), None, style, text);
    }

    /// Adds a text rotated by some degrees.
    pub fn turned_text(
        &mut self,
        (x, y): (f64, f64),
        degrees: Option<f64>,
        style: TextStyle,
        text: &str,
    ) {
        let (class, fill) = style.paint;
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y, size) = (short(x), short(y), short(style.size));
        let turn = degrees.map_or_else(String::new, |degrees| {
            format!(" transform=\"rotate({} {x} {y})\"", short(degrees))
        });
        self.text.push_str(&format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{fill}\"{anchor}{turn}>{}</text>",
            escape(text)
        ));
    }

    /// Adds a straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), paint: (&str, &str), more: &str) {
        self.text.push_str(&format!(
            "<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{}\"{more}/>",
            paint.0,
            short(from.0),
            short(from.1),
            short(to.0),
            short(to.1),
            paint.1,
        ));
    }

    /// Adds a filled rectangle with a tooltip.
    pub fn rect(&mut self, area: Area, paint: (&str, &str), more: &str, title: &str) {
        let rect = format!(
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"{more}",
            paint.0,
            short(area.x),
            short(area.y),
            short(area.width.max(0.0)),
            short(area.height.max(0.0)),
            paint.1,
        );
        self.text.push_str(&rect);
        self.close("rect", title);
    }

    /// Adds a dot with a tooltip.
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, paint: (&str, &str), title: &str) {
        let (x, y, radius) = (short(x), short(y), short(radius));
        self.text.push_str(&format!(
            "<circle class=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{}\"",
            paint.0, paint.1
        ));
        self.close("circle", title);
    }

    fn close(&mut self, tag: &str, title: &str) {
        if title.is_empty() {
            self.text.push_str("/>");
        } else {
            self.text
                .push_str(&format!("><title>{}</title></{tag}>", escape(title)));
        }
    }
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
}

impl Area {
    /// Returns the right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Returns the lower edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// Formats a number with one decimal; `0` if it is not finite.
pub fn short(number: f64) -> String {
    let tenths = (number * 10.0).round() / 10.0;
    if !tenths.is_finite() || tenths == 0.0 {
        return "0".to_owned();
    }
    format!("{tenths}")
}

/// Escapes a text as content or attribute of XML: one line, with characters allowed in XML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in one_line(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Estimates the width of a text.
pub fn text_width(text: &str, size: f64) -> f64 {
    clusters(text).map(em).sum::<f64>() * size
}

fn em(cluster: &str) -> f64 {
    match cluster {
        "i" | "j" | "l" | "." | "," | ":" | ";" | "'" | "|" | "!" | "I" => 0.3,
        "f" | "t" | "r" | " " | "(" | ")" | "[" | "]" | "/" | "-" | "\"" => 0.38,
        "m" | "w" | "M" | "W" | "%" | "@" => 0.9,
        upper if upper.bytes().all(|byte| byte.is_ascii_uppercase()) => 0.7,
        wide if display_width(wide) > 1 => 1.05,
        _ => 0.58,
    }
}

/// Returns the text in one line, truncated with a `…` if it does not fit.
pub fn fit(text: &str, width: f64, size: f64) -> String {
    // A text that is far too long needs no measuring.
    let head: String = text.chars().take(2_000).collect();
    let text = one_line(&head).into_owned();
    let room = width / size;
    let (mut used, mut kept) = (0.0, 0);
    for cluster in clusters(&text) {
        used += em(cluster);
        if used > room {
            return format!("{}{ELLIPSIS}", text[..kept].trim_end());
        }
        // The ellipsis is as wide as the widest letters.
        if used + 0.9 <= room {
            kept += cluster.len();
        }
    }
    text
}

/// As [`fit`], but truncated in the middle: names often differ only at their ends.
pub fn fit_name(text: &str, width: f64, size: f64) -> String {
    let head: String = text.chars().take(2_000).collect();
    let text = one_line(&head).into_owned();
    if text_width(&text, size) <= width {
        return text;
    }
    let room = width / size - 0.9;
    let all: Vec<&str> = clusters(&text).collect();
    let (mut used, mut start, mut end) = (0.0, 0, all.len());
    // Alternates between characters from both ends.
    while start < end {
        let is_left = start <= all.len() - end;
        let next = if is_left { all[start] } else { all[end - 1] };
        used += em(next);
        if used > room {
            break;
        }
        if is_left {
            start += 1;
        } else {
            end -= 1;
        }
    }
    let (left, right) = (all[..start].concat(), all[end..].concat());
    format!("{}{ELLIPSIS}{}", left.trim_end(), right.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(
            escape("<a href='x'>&\"\n\u{0}\u{ffff}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot; \\u0000\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_short_and_finite() {
        for (number, text) in [
            (1.0, "1"),
            (1.25, "1.3"),
            (-0.04, "0"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
            (720.0, "720"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(fit("build", 100.0, 12.0), "build");
        assert_eq!(fit(&"x".repeat(10_000), 60.0, 12.0), "xxxxxxx…");
        assert_eq!(fit("日本語日本語", 40.0, 12.0), "日本…");
        assert_eq!(fit_name("category-number-17", 80.0, 12.0), "categ…er-17");
        assert_eq!(fit_name("short", 80.0, 12.0), "short");
        assert_eq!(fit_name(&"x".repeat(10_000), 1.0, 12.0), "…");
        assert!(text_width(&fit(&"W ".repeat(99), 80.0, 12.0), 12.0) <= 80.0);
    }
}

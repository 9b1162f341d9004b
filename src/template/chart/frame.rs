//! The parts around the marks of a chart: title, legend, axes, grid, notes.

use crate::template::chart::options::Options;
use crate::template::chart::scale::Scale;
use crate::template::chart::style::{AXIS, COLOURS, GRID, STRONG, series};
use crate::template::chart::svg::{Anchor, Area, LABEL, Svg, TextStyle, fit, text_width};

/// The symbol of a series in a legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swatch {
    /// A piece of the line.
    Line,
    /// A filled square.
    Square,
}

const TITLE: TextStyle = TextStyle {
    paint: STRONG,
    size: 15.0,
    anchor: Anchor::Start,
};

/// The maximum number of legend entries; further ones are counted.
const MOST_ENTRIES: usize = 16;

/// Returns the dashes of a line: none for the first round of colours.
pub fn dashes(place: usize) -> &'static str {
    match place / COLOURS {
        0 => "",
        1 => " stroke-dasharray=\"6 3\"",
        _ => " stroke-dasharray=\"2 3\"",
    }
}

/// A drawing that is built from the top.
pub struct Frame {
    /// The drawing so far.
    pub svg: Svg,
    /// The total width.
    pub width: f64,
    /// The upper edge of the next part.
    pub top: f64,
}

impl Frame {
    /// Starts a drawing with its title.
    pub fn new(options: &Options, width: f64) -> Self {
        let mut frame = Self {
            svg: Svg::default(),
            width,
            top: 10.0,
        };
        if let Some(title) = options.title.as_deref().filter(|title| !title.is_empty()) {
            let title = fit(title, width - 4.0, TITLE.size * 1.06);
            let title_style = TextStyle { ..TITLE };
            frame.svg.raw("<g font-weight=\"600\">");
            frame.svg.text((2.0, 18.0), title_style, &title);
            frame.svg.raw("</g>");
            frame.top = 34.0;
        }
        frame
    }

    /// Adds a legend, if there are several series.
    pub fn legend(&mut self, names: &[&str], swatch: Swatch) {
        if names.len() < 2 {
            return;
        }
        let (mut x, mut y) = (2.0, self.top + 4.0);
        let mut entry = |frame: &mut Self, name: &str, place: Option<usize>| {
            let text = fit(name, (frame.width * 0.45).min(220.0), LABEL.size);
            let wide = text_width(&text, LABEL.size) + 36.0;
            if x > 2.0 && x + wide > frame.width {
                (x, y) = (2.0, y + 19.0);
            }
            let shift = if let Some(place) = place {
                let (fill, stroke, colour) = series(place);
                if swatch == Swatch::Line {
                    let more = format!(" stroke-width=\"2.5\"{}", dashes(place));
                    let line = ((x, y), (x + 16.0, y));
                    frame.svg.line(line.0, line.1, (stroke, colour), &more);
                } else {
                    let area = Area {
                        x: x + 2.0,
                        y: y - 5.5,
                        width: 11.0,
                        height: 11.0,
                    };
                    frame.svg.rect(area, (fill, colour), " rx=\"2\"", "");
                }
                22.0
            } else {
                0.0
            };
            frame.svg.text((x + shift, y + 4.0), LABEL, &text);
            x += wide;
        };
        for (place, name) in names.iter().take(MOST_ENTRIES).enumerate() {
            entry(self, name, Some(place));
        }
        if names.len() > MOST_ENTRIES {
            let more = format!("+{} more", names.len() - MOST_ENTRIES);
            entry(self, &more, None);
        }
        self.top = y + 16.0;
    }

    /// Returns the width needed by the labels of a vertical scale.
    pub fn gutter(scale: &Scale) -> f64 {
        let widest = scale
            .ticks()
            .iter()
            .map(|tick| text_width(&scale.label(*tick), LABEL.size))
            .fold(0.0, f64::max);
        widest.ceil() + 10.0
    }

    /// Adds horizontal grid lines with labels on the left.
    pub fn horizontal_grid(&mut self, scale: &Scale, plot: Area) {
        for tick in scale.ticks() {
            let y = plot.bottom() - scale.part(tick) * plot.height;
            let (low, _) = scale.ends();
            let is_base = tick == 0.0 || (low > 0.0 && tick <= low);
            let paint = if is_base { AXIS } else { GRID };
            self.svg.line((plot.x, y), (plot.right(), y), paint, "");
            let at = (plot.x - 8.0, y + 4.0);
            self.svg
                .text(at, LABEL.anchor(Anchor::End), &scale.label(tick));
        }
    }

    /// Adds vertical grid lines with labels below.
    pub fn vertical_grid(&mut self, scale: &Scale, plot: Area) {
        let mut labels = Vec::new();
        for tick in scale.ticks() {
            let x = plot.x + scale.part(tick) * plot.width;
            let paint = if tick == 0.0 { AXIS } else { GRID };
            self.svg.line((x, plot.y), (x, plot.bottom()), paint, "");
            labels.push((x, scale.label(tick)));
        }
        self.labels_below(&labels, plot.bottom() + 16.0);
    }

    /// Adds labels in a row, skipping those that would touch the previous one.
    pub fn labels_below(&mut self, labels: &[(f64, String)], y: f64) {
        let mut free = f64::NEG_INFINITY;
        for (x, label) in labels {
            let wide = text_width(label, LABEL.size);
            let left = (x - wide / 2.0).min(self.width - wide).max(0.0);
            if left < free {
                continue;
            }
            free = left + wide + 10.0;
            self.svg.text((left, y), LABEL, label);
        }
    }

    /// Finishes an empty plot with a text in its middle.
    pub fn empty(mut self, options: &Options) -> Drawing {
        let height = options.height.unwrap_or(120.0).max(self.top + 40.0);
        let y = f64::midpoint(self.top, height) + 4.0;
        let middle = LABEL.anchor(Anchor::Middle);
        self.svg.text((self.width / 2.0, y), middle, "No data");
        self.finish(height)
    }

    /// Adds a line of small text at the bottom.
    pub fn note(&mut self, note: Option<&str>, y: f64) -> f64 {
        let Some(note) = note else {
            return y;
        };
        let style = TextStyle {
            size: 11.0,
            ..LABEL
        };
        let note = fit(note, self.width - 4.0, style.size);
        self.svg.text((2.0, y + 12.0), style, &note);
        y + 18.0
    }

    /// Finishes the drawing.
    pub fn finish(self, height: f64) -> Drawing {
        Drawing {
            body: self.svg.finish(),
            width: self.width,
            height,
        }
    }
}

/// The content of an `<svg>`.
#[derive(Debug)]
pub struct Drawing {
    /// The markup.
    pub body: String,
    /// The width of the view box.
    pub width: f64,
    /// The height of the view box.
    pub height: f64,
}

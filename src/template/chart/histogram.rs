//! A histogram.

use crate::template::chart::frame::{Drawing, Frame};
use crate::template::chart::options::Options;
use crate::template::chart::scale::{Scale, Unit, value_label};
use crate::template::chart::style::{AXIS, STRONG, series};
use crate::template::chart::svg::{Anchor, Area, LABEL, TextStyle, text_width};
use crate::template::statistics::percentile;
use crate::template::value::{count, index};

/// Numbers in bins of equal width.
#[derive(Debug)]
pub struct Histogram {
    scale: Scale,
    /// The count of each bin.
    pub counts: Vec<usize>,
    /// The percentiles to mark: rank and value.
    marks: Vec<(f64, f64)>,
}

impl Histogram {
    /// Sorts numbers into about `bins` bins, or into a suitable number of them.
    pub fn new(mut numbers: Vec<f64>, bins: Option<usize>, ranks: &[f64], unit: &Unit) -> Self {
        numbers.sort_by(f64::total_cmp);
        let bins = bins.map_or_else(|| count(numbers.len()).sqrt().clamp(5.0, 30.0), count);
        let scale = Scale::over(numbers.iter().copied(), false, bins, unit);
        let (low, high) = scale.ends();
        let length = index(((high - low) / scale.step()).round()).clamp(1, 400);
        let mut counts = vec![0; length];
        for number in &numbers {
            // A number on an edge belongs to the bin that begins there, except at the last edge.
            let place = index(scale.part(*number) * count(length) + 1e-9).min(length - 1);
            counts[place] += 1;
        }
        let marks = ranks
            .iter()
            .filter_map(|rank| Some((*rank, percentile(&numbers, *rank)?)))
            .collect();
        Self {
            scale,
            counts,
            marks,
        }
    }

    /// Returns the label of a bin: `10 min – 20 min`.
    pub fn bin(&self, place: usize, unit: &Unit) -> String {
        let (low, _) = self.scale.ends();
        let start = low + count(place) * self.scale.step();
        format!(
            "{} – {}",
            value_label(start, unit),
            value_label(start + self.scale.step(), unit)
        )
    }

    /// Draws the chart at a width.
    pub fn draw(&self, options: &Options, width: f64) -> Drawing {
        let mut frame = Frame::new(options, width);
        let most = self.counts.iter().copied().max().unwrap_or_default();
        if most == 0 {
            return frame.empty(options);
        }
        let height = options.height.unwrap_or(260.0);
        let steps = ((height - frame.top) / 44.0)
            .clamp(2.0, 6.0)
            .min(count(most));
        let plain = Unit::Text(String::new());
        let counted = Scale::over(std::iter::once(count(most)), true, steps, &plain);
        let left = Frame::gutter(&counted);
        let head = frame.top + 6.0 + 15.0 * count(self.marks.len());
        let plot = Area {
            x: left,
            y: head,
            width: (width - left - 12.0).max(40.0),
            height: (height - 26.0 - head).max(70.0),
        };
        frame.horizontal_grid(&counted, plot);
        let slot = plot.width / count(self.counts.len());
        let (class, _, colour) = series(0);
        for (place, number) in self.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let height = counted.part(count(*number)) * plot.height;
            let area = Area {
                x: plot.x + count(place) * slot,
                y: plot.bottom() - height,
                width: slot - if slot > 4.0 { 1.0 } else { 0.0 },
                height,
            };
            let title = format!("{}: {number}", self.bin(place, &options.unit));
            frame.svg.rect(area, (class, colour), "", &title);
        }
        let base = plot.bottom();
        frame
            .svg
            .line((plot.x, base), (plot.right(), base), AXIS, "");
        let labels: Vec<(f64, String)> = self
            .scale
            .ticks()
            .iter()
            .map(|tick| {
                let x = plot.x + self.scale.part(*tick) * plot.width;
                (x, self.scale.label(*tick))
            })
            .collect();
        frame.labels_below(&labels, base + 17.0);
        for (place, (rank, value)) in self.marks.iter().enumerate() {
            let x = plot.x + self.scale.part(*value) * plot.width;
            let y = plot.y - 15.0 * count(self.marks.len() - place) + 4.0;
            let more = " stroke-dasharray=\"4 3\" stroke-width=\"1.5\"";
            frame.svg.line((x, y), (x, base), ("ca", "#6b7683"), more);
            let label = format!("p{rank} {}", value_label(*value, &options.unit));
            let wide = text_width(&label, LABEL.size);
            let is_left = x + wide + 5.0 > width;
            let style = TextStyle {
                paint: STRONG,
                ..LABEL.anchor(if is_left { Anchor::End } else { Anchor::Start })
            };
            let shift = if is_left { -5.0 } else { 5.0 };
            frame.svg.text((x + shift, y + 8.0), style, &label);
        }
        frame.finish(base + 26.0)
    }
}

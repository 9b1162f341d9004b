//! The labels of an axis and their positions.

use crate::template::chart::data::Axis;
use crate::template::chart::frame::Frame;
use crate::template::chart::options::Options;
use crate::template::chart::scale::Scale;
use crate::template::chart::svg::{Anchor, Area, LABEL, fit, fit_name, text_width};
use crate::template::chart::time_axis::{full_label, is_midnight, ticks};
use crate::template::value::{count, index};

/// Labels under slots of equal width, and the height they need.
pub struct SlotLabels {
    texts: Vec<String>,
    every: usize,
    is_turned: bool,
    /// The height from the axis to the end of the drawing.
    pub height: f64,
}

/// The angle of rotated labels, in degrees.
const TURN: f64 = -35.0;

impl SlotLabels {
    /// Chooses between horizontal, rotated and thinned-out labels. Labels that can be inferred from
    /// their neighbours, such as days, may be thinned out at once; names are rotated first. `left`
    /// is the space before the first slot.
    pub fn new(labels: &[String], left: f64, slot: f64, may_thin: bool) -> Self {
        let widest = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text_width(text, LABEL.size))
                .fold(0.0, f64::max)
        };
        // A text cut to this width would not fit horizontally anyway.
        let texts: Vec<String> = labels
            .iter()
            .map(|label| fit(label, 240.0, LABEL.size))
            .collect();
        let level = widest(&texts) + 10.0;
        let is_level = level <= slot || (may_thin && level <= 110.0);
        if is_level {
            return Self {
                texts,
                every: index((level / slot).ceil()).max(1),
                is_turned: false,
                height: 26.0,
            };
        }
        let texts: Vec<String> = labels
            .iter()
            .enumerate()
            .map(|(place, label)| {
                // It ends below its slot and begins to the left of it, inside the drawing.
                let room = (left + (count(place) + 0.5) * slot) / TURN.to_radians().cos();
                fit_name(label, room.min(110.0), LABEL.size)
            })
            .collect();
        let rise = widest(&texts) * -TURN.to_radians().sin();
        Self {
            every: index((18.0 / slot).ceil()).max(1),
            is_turned: true,
            height: rise.ceil() + 26.0,
            texts,
        }
    }

    /// Draws the labels below an axis.
    pub fn draw(&self, frame: &mut Frame, plot: Area) {
        let slot = plot.width / count(self.texts.len().max(1));
        for (place, text) in self.texts.iter().enumerate().step_by(self.every) {
            let x = plot.x + (count(place) + 0.5) * slot;
            if self.is_turned {
                let at = (x + 4.0, plot.bottom() + 14.0);
                let style = LABEL.anchor(Anchor::End);
                frame.svg.turned_text(at, Some(TURN), style, text);
            } else {
                let wide = text_width(text, LABEL.size);
                let left = (x - wide / 2.0).min(frame.width - wide).max(0.0);
                frame.svg.text((left, plot.bottom() + 17.0), LABEL, text);
            }
        }
    }
}

/// Returns short labels: days without the year if all are in the same year.
pub fn short_labels(axis: &Axis, labels: &[String], options: &Options) -> Vec<String> {
    let Axis::Time(moments) = axis else {
        return labels.to_vec();
    };
    let zoned: Vec<_> = moments
        .iter()
        .map(|moment| moment.to_zoned(options.zone.clone()))
        .collect();
    let are_days = zoned.iter().all(is_midnight);
    zoned
        .iter()
        .map(|zoned| {
            if are_days {
                zoned.strftime("%-d %b").to_string()
            } else {
                zoned.strftime("%-d %b %H:%M").to_string()
            }
        })
        .collect()
}

/// The positions of the places of an axis, and their labels.
pub struct Positions {
    /// The offset of each place from the left edge.
    pub offsets: Vec<f64>,
    /// Round values with their labels; empty if slots have labels.
    pub ticks: Vec<(f64, String)>,
}

impl Positions {
    /// Computes the positions of times and numbers; `None` for names, which have slots.
    pub fn on_scale(axis: &Axis, width: f64, options: &Options) -> Option<Self> {
        let part = |value: f64, low: f64, high: f64| {
            if high > low {
                (value - low) / (high - low) * width
            } else {
                width / 2.0
            }
        };
        match axis {
            Axis::Names => None,
            Axis::Time(moments) => {
                let (first, last) = (*moments.first()?, *moments.last()?);
                let number = |moment: jiff::Timestamp| moment.duration_since(first).as_secs_f64();
                let offset = |moment| part(number(moment), 0.0, number(last));
                let ticks = if first == last {
                    let zoned = first.to_zoned(options.zone.clone());
                    vec![(width / 2.0, full_label(&zoned, is_midnight(&zoned)))]
                } else {
                    ticks(first, last, index(width / 52.0), &options.zone)
                        .into_iter()
                        .map(|tick| (offset(tick.moment), tick.label))
                        .collect()
                };
                Some(Self {
                    offsets: moments.iter().map(|moment| offset(*moment)).collect(),
                    ticks,
                })
            }
            Axis::Number(numbers) => {
                let scale = Scale::between(numbers, (width / 80.0).clamp(2.0, 10.0));
                let offset = |number: f64| scale.part(number) * width;
                Some(Self {
                    offsets: numbers.iter().map(|number| offset(*number)).collect(),
                    ticks: scale
                        .ticks()
                        .into_iter()
                        .map(|tick| (offset(tick), scale.label(tick)))
                        .collect(),
                })
            }
        }
    }
}

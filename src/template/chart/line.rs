//! A line chart over time, numbers or names.

use crate::template::chart::data::{Data, Series};
use crate::template::chart::frame::{Drawing, Frame, Swatch, dashes};
use crate::template::chart::labels::{Positions, SlotLabels, short_labels};
use crate::template::chart::options::Options;
use crate::template::chart::scale::Scale;
use crate::template::chart::style::{STRONG, series};
use crate::template::chart::svg::{Anchor, Area, LABEL, Svg, TextStyle, short};
use crate::template::value::{count, index};

/// A horizontal target line.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The value.
    pub value: f64,
    /// The label.
    pub label: String,
}

impl Goal {
    fn draw(&self, svg: &mut Svg, plot: Area, y: f64) {
        let more = " stroke-dasharray=\"4 3\" stroke-width=\"1.5\"";
        svg.line((plot.x, y), (plot.right(), y), ("ca", "#6b7683"), more);
        let label = TextStyle {
            paint: STRONG,
            ..LABEL.anchor(Anchor::End)
        };
        svg.text((plot.right(), y - 5.0), label, &self.label);
    }
}

/// The maximum number of points that are marked with dots.
const MOST_DOTS: usize = 60;

/// The options of a line chart.
pub struct LineOptions {
    /// True to always start the scale at zero.
    pub from_zero: bool,
    /// A target line.
    pub goal: Option<Goal>,
}

/// Draws the chart at a width.
pub fn draw(data: &Data, options: &Options, line_options: &LineOptions, width: f64) -> Drawing {
    let mut frame = Frame::new(options, width);
    if data.numbers().next().is_none() {
        return frame.empty(options);
    }
    let names: Vec<&str> = data.series.iter().map(|series| &*series.name).collect();
    frame.legend(&names, Swatch::Line);

    let height = options.height.unwrap_or(280.0);
    let steps = ((height - frame.top) / 44.0).clamp(2.0, 8.0);
    let numbers = data
        .numbers()
        .chain(line_options.goal.iter().map(|goal| goal.value));
    let scale = Scale::over(numbers, line_options.from_zero, steps, &options.unit);
    let left = Frame::gutter(&scale);
    let inner = (width - left - 12.0).max(40.0);
    let slot = inner / count(data.labels.len());
    let places = Positions::on_scale(&data.axis, inner, options);
    let slots = places.is_none().then(|| {
        let labels = short_labels(&data.axis, &data.labels, options);
        SlotLabels::new(&labels, left, slot, false)
    });
    let below = slots.as_ref().map_or(26.0, |slots| slots.height);
    let plot = Area {
        x: left,
        y: frame.top + 6.0,
        width: inner,
        height: (height - below - frame.top - 6.0).max(70.0),
    };
    frame.horizontal_grid(&scale, plot);
    let offsets = match (&places, &slots) {
        (Some(places), _) => {
            let labels: Vec<(f64, String)> = places
                .ticks
                .iter()
                .map(|(x, label)| (x + plot.x, label.clone()))
                .collect();
            frame.labels_below(&labels, plot.bottom() + 17.0);
            places.offsets.clone()
        }
        (None, slots) => {
            if let Some(slots) = slots {
                slots.draw(&mut frame, plot);
            }
            (0..data.labels.len())
                .map(|place| (count(place) + 0.5) * slot)
                .collect()
        }
    };

    // The first series is drawn on top.
    for (place, line) in data.series.iter().enumerate().rev() {
        let points: Vec<Option<(f64, f64)>> = offsets
            .iter()
            .zip(&line.values)
            .map(|(x, value)| {
                let y = plot.bottom() - scale.part((*value)?) * plot.height;
                Some((plot.x + x, y))
            })
            .collect();
        if data.series.len() == 1 {
            let base = plot.bottom() - scale.part(0.0) * plot.height;
            area(&mut frame.svg, &points, base);
        }
        path(&mut frame.svg, &points, place);
        dots(&mut frame.svg, data, line, place, &points, options);
    }
    if let Some(goal) = &line_options.goal {
        let y = plot.bottom() - scale.part(goal.value) * plot.height;
        goal.draw(&mut frame.svg, plot, y);
    }
    let height = frame.note(data.note().as_deref(), plot.bottom() + below);
    frame.finish(height)
}

/// Returns runs of points without a gap.
fn runs(points: &[Option<(f64, f64)>]) -> impl Iterator<Item = Vec<(f64, f64)>> {
    points
        .split(Option::is_none)
        .map(|run| run.iter().flatten().copied().collect::<Vec<_>>())
        .filter(|run| !run.is_empty())
}

/// Drops points that are too close to see: of those in one pixel column, the first, lowest, highest
/// and last are kept.
fn thinned(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let column_of = |point: &(f64, f64)| index(point.0 * 2.0);
    for column in run.chunk_by(|left, right| column_of(left) == column_of(right)) {
        if column.len() <= 4 {
            kept.extend(column);
            continue;
        }
        let by = |pick: fn(f64, f64) -> bool| {
            let mut best = 0;
            for (place, point) in column.iter().enumerate() {
                if pick(point.1, column[best].1) {
                    best = place;
                }
            }
            best
        };
        let mut chosen = vec![0, by(|a, b| a < b), by(|a, b| a > b), column.len() - 1];
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|place| column[place]));
    }
    kept
}

fn moves(run: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (place, (x, y)) in run.iter().enumerate() {
        text.push(if place == 0 { 'M' } else { 'L' });
        text.push_str(&format!("{} {}", short(*x), short(*y)));
    }
    text
}

fn path(svg: &mut Svg, points: &[Option<(f64, f64)>], place: usize) {
    let text: String = runs(points)
        .filter(|run| run.len() > 1)
        .map(|run| moves(&thinned(&run)))
        .collect();
    if !text.is_empty() {
        let (_, class, colour) = series(place);
        svg.raw(&format!(
            "<path class=\"{class}\" d=\"{text}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"{}/>",
            dashes(place)
        ));
    }
}

fn area(svg: &mut Svg, points: &[Option<(f64, f64)>], base: f64) {
    let (class, _, colour) = series(0);
    for run in runs(points).filter(|run| run.len() > 1) {
        let run = thinned(&run);
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        svg.raw(&format!(
            "<path class=\"{class}\" d=\"{}L{} {b}L{} {b}Z\" fill=\"{colour}\" fill-opacity=\"0.1\"/>",
            moves(&run),
            short(last),
            short(first),
            b = short(base),
        ));
    }
}

/// Adds dots if there are few points, and for each isolated point, which has no line.
fn dots(
    svg: &mut Svg,
    data: &Data,
    line: &Series,
    place: usize,
    points: &[Option<(f64, f64)>],
    options: &Options,
) {
    let (class, _, colour) = series(place);
    let is_few = points.iter().flatten().count() <= MOST_DOTS;
    for (at_place, point) in points.iter().enumerate() {
        let Some(at) = point else { continue };
        let has = |other: Option<usize>| {
            other.is_some_and(|other| points.get(other).is_some_and(Option::is_some))
        };
        let is_alone = !has(at_place.checked_sub(1)) && !has(Some(at_place + 1));
        if is_few || is_alone {
            let title = data.tooltip(line, at_place, &options.unit);
            let radius = if is_alone { 3.5 } else { 2.6 };
            svg.dot(*at, radius, (class, colour), &title);
        }
    }
}

//! Bar charts: grouped or stacked, vertical or horizontal.

use crate::template::chart::data::{Axis, Data, Series};
use crate::template::chart::frame::{Drawing, Frame, Swatch};
use crate::template::chart::labels::{SlotLabels, short_labels};
use crate::template::chart::options::Options;
use crate::template::chart::scale::{Scale, value_label};
use crate::template::chart::style::{AXIS, COLOURS, series};
use crate::template::chart::svg::{Anchor, Area, LABEL, fit, fit_name, text_width};
use crate::template::value::count;

/// The maximum number of horizontal bars: more would fill a page.
const MOST_ROWS: usize = 60;

/// The layout of bars.
#[derive(Debug, Clone, Copy)]
pub struct BarLayout {
    /// True for stacked bars.
    pub is_stacked: bool,
    /// True for horizontal bars; `None` to choose them if the names would not fit below vertical
    /// ones.
    pub is_horizontal: Option<bool>,
}

/// A bar: its series, its place, and its ends.
struct Bar {
    series: usize,
    place: usize,
    from: f64,
    to: f64,
}

impl Bar {
    /// Returns the lower and the higher end.
    fn span(&self) -> (f64, f64) {
        (self.from.min(self.to), self.from.max(self.to))
    }

    fn draw(&self, area: Area, frame: &mut Frame, data: &Data, options: &Options) {
        let (class, _, colour) = series(self.series);
        let title = data.tooltip(&data.series[self.series], self.place, &options.unit);
        frame.svg.rect(area, (class, colour), "", &title);
    }
}

/// Draws the chart at a width.
pub fn draw(data: &Data, options: &Options, layout: BarLayout, width: f64) -> Drawing {
    let mut frame = Frame::new(options, width);
    if data.numbers().next().is_none() {
        return frame.empty(options);
    }
    let names: Vec<&str> = data.series.iter().map(|series| &*series.name).collect();
    frame.legend(&names, Swatch::Square);
    let labels = short_labels(&data.axis, &data.labels, options);
    let slot = (width - 60.0) / count(labels.len());
    let fits = labels.iter().all(|label| {
        let label = fit(label, 400.0, LABEL.size);
        text_width(&label, LABEL.size) + 10.0 <= slot
    });
    let is_named = matches!(data.axis, Axis::Names);
    let is_horizontal = layout
        .is_horizontal
        .unwrap_or(is_named && !fits && labels.len() <= MOST_ROWS);
    let bars = bars(data, layout.is_stacked);
    if is_horizontal {
        horizontal(frame, data, options, layout, &bars, &labels)
    } else {
        vertical(frame, data, options, layout, &bars, &labels)
    }
}

/// Combines the smallest series beyond the available colours into their sum.
pub fn fold(data: Data) -> Data {
    if data.series.len() <= COLOURS {
        return data;
    }
    let weight = |series: &Series| -> f64 { series.values.iter().flatten().map(|v| v.abs()).sum() };
    let mut order: Vec<usize> = (0..data.series.len()).collect();
    order.sort_by(|left, right| {
        weight(&data.series[*right]).total_cmp(&weight(&data.series[*left]))
    });
    let (kept, rest) = order.split_at(COLOURS - 1);
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let mut list: Vec<Series> = kept.iter().map(|at| data.series[*at].clone()).collect();
    let sum = |place: usize| {
        let numbers = rest.iter().filter_map(|at| data.series[*at].values[place]);
        numbers.reduce(|sum, number| sum + number)
    };
    list.push(Series {
        name: format!("{} others", rest.len()),
        values: (0..data.labels.len()).map(sum).collect(),
    });
    Data {
        series: list,
        ..data
    }
}

fn bars(data: &Data, is_stacked: bool) -> Vec<Bar> {
    let mut bars = Vec::new();
    for place in 0..data.labels.len() {
        let (mut above, mut below) = (0.0, 0.0);
        for (index, line) in data.series.iter().enumerate() {
            let Some(number) = line.values[place] else {
                continue;
            };
            let number = number.clamp(-1e300, 1e300);
            let base = match is_stacked {
                false => &mut 0.0,
                true if number < 0.0 => &mut below,
                true => &mut above,
            };
            bars.push(Bar {
                series: index,
                place,
                from: *base,
                to: *base + number,
            });
            *base += number;
        }
    }
    bars
}

/// The widths of bars and groups in a slot.
struct Group {
    thick: f64,
    start: f64,
}

fn group(slot: f64, bars: usize, is_stacked: bool, widest: f64) -> Group {
    let beside = if is_stacked { 1.0 } else { count(bars) };
    let room = (slot * 0.76).max(0.4).min(widest * beside);
    Group {
        thick: room / beside,
        start: (slot - room) / 2.0,
    }
}

fn offset(group: &Group, slot: f64, bar: &Bar, is_stacked: bool) -> f64 {
    let within = if is_stacked { 0.0 } else { count(bar.series) };
    count(bar.place) * slot + group.start + within * group.thick
}

fn ends(bars: &[Bar]) -> impl Iterator<Item = f64> {
    bars.iter().flat_map(|bar| [bar.from, bar.to])
}

/// Returns the width of the widest label.
fn widest(labels: impl Iterator<Item = String>) -> f64 {
    let widths = labels.map(|label| text_width(&label, LABEL.size));
    widths.fold(0.0, f64::max)
}

fn vertical(
    mut frame: Frame,
    data: &Data,
    options: &Options,
    layout: BarLayout,
    bars: &[Bar],
    labels: &[String],
) -> Drawing {
    let height = options.height.unwrap_or(280.0);
    let steps = ((height - frame.top) / 44.0).clamp(2.0, 8.0);
    let scale = Scale::over(ends(bars), true, steps, &options.unit);
    let left = Frame::gutter(&scale);
    let inner = (frame.width - left - 6.0).max(40.0);
    let slot = inner / count(labels.len());
    let may_thin = !matches!(data.axis, Axis::Names);
    let below = SlotLabels::new(labels, left, slot, may_thin);
    let plot = Area {
        x: left,
        y: frame.top + 6.0,
        width: inner,
        height: (height - below.height - frame.top - 6.0).max(70.0),
    };
    frame.horizontal_grid(&scale, plot);
    let group = group(slot, data.series.len(), layout.is_stacked, 56.0);
    let gap = if group.thick > 4.0 { 1.0 } else { 0.0 };
    for bar in bars {
        let (low, high) = bar.span();
        let y = plot.bottom() - scale.part(high) * plot.height;
        let area = Area {
            x: plot.x + offset(&group, slot, bar, layout.is_stacked),
            y,
            width: group.thick - gap,
            height: plot.bottom() - scale.part(low) * plot.height - y,
        };
        bar.draw(area, &mut frame, data, options);
    }
    let zero = plot.bottom() - scale.part(0.0) * plot.height;
    frame
        .svg
        .line((plot.x, zero), (plot.right(), zero), AXIS, "");
    below.draw(&mut frame, plot);
    let height = frame.note(data.note().as_deref(), plot.bottom() + below.height);
    frame.finish(height)
}

fn horizontal(
    mut frame: Frame,
    data: &Data,
    options: &Options,
    layout: BarLayout,
    bars: &[Bar],
    labels: &[String],
) -> Drawing {
    let beside = if layout.is_stacked {
        1
    } else {
        data.series.len()
    };
    let row = if beside == 1 {
        24.0
    } else {
        count(beside) * 13.0 + 10.0
    };
    let most = frame.width * 0.38;
    let texts: Vec<String> = labels
        .iter()
        .map(|label| fit_name(label, most, LABEL.size))
        .collect();
    let left = widest(texts.iter().cloned()).ceil() + 10.0;
    // Single bars are labelled with their value.
    let is_labelled = beside == 1 && data.series.len() == 1 && bars.iter().all(|bar| bar.to >= 0.0);
    let value = |bar: &Bar| value_label(bar.to, &options.unit);
    let right = if is_labelled {
        widest(bars.iter().map(value)) + 12.0
    } else {
        14.0
    };
    let inner = (frame.width - left - right).max(60.0);
    let scale = Scale::over(
        ends(bars),
        true,
        (inner / 90.0).clamp(2.0, 8.0),
        &options.unit,
    );
    let rows = count(labels.len());
    let row = options.height.map_or(row, |height| {
        ((height - frame.top - 36.0) / rows).clamp(14.0, 60.0)
    });
    let plot = Area {
        x: left,
        y: frame.top + 4.0,
        width: inner,
        height: rows * row,
    };
    frame.vertical_grid(&scale, plot);
    let group = group(row, data.series.len(), layout.is_stacked, 22.0);
    for bar in bars {
        let (low, high) = bar.span();
        let x = plot.x + scale.part(low) * plot.width;
        let area = Area {
            x,
            y: plot.y + offset(&group, row, bar, layout.is_stacked),
            width: plot.x + scale.part(high) * plot.width - x,
            height: group.thick - 1.0,
        };
        bar.draw(area, &mut frame, data, options);
        if is_labelled {
            let at = (area.right() + 6.0, area.y + area.height / 2.0 + 4.0);
            frame.svg.text(at, LABEL, &value(bar));
        }
    }
    for (place, text) in texts.iter().enumerate() {
        let y = plot.y + (count(place) + 0.5) * row + 4.0;
        let style = LABEL.anchor(Anchor::End);
        frame.svg.text((plot.x - 8.0, y), style, text);
    }
    let height = frame.note(data.note().as_deref(), plot.bottom() + 26.0);
    frame.finish(height)
}

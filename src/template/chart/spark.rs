//! A line chart as high as a line of text.

use minijinja::Value;

use crate::core::text::truncate_to_width;
use crate::template::chart::scale::{Unit, value_label};
use crate::template::chart::style::series;
use crate::template::chart::svg::{Svg, escape, short};
use crate::template::value::count;

/// The size and options of a sparkline.
pub struct SparkOptions {
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// The ends of the scale; by default the lowest and the highest number.
    pub ends: (Option<f64>, Option<f64>),
    /// The title for screen readers and tooltips.
    pub title: Option<String>,
    /// The unit of the numbers.
    pub unit: Unit,
}

/// Returns `<svg class="chart spark">…</svg>`, with the last number marked.
pub fn spark(numbers: &[Option<f64>], options: &SparkOptions) -> Value {
    let present = || numbers.iter().flatten().copied();
    let low = options.ends.0.or_else(|| present().reduce(f64::min));
    let high = options.ends.1.or_else(|| present().reduce(f64::max));
    let (low, high) = (low.unwrap_or_default(), high.unwrap_or_default());
    let (width, height) = (short(options.width), short(options.height));
    let label = |number: f64| value_label(number, &options.unit);
    let summary = match present().last() {
        None => "No data".to_owned(),
        Some(last) => format!(
            "{} numbers from {} to {}, the last {}",
            present().count(),
            label(present().fold(f64::INFINITY, f64::min)),
            label(present().fold(f64::NEG_INFINITY, f64::max)),
            label(last)
        ),
    };
    let title = options.title.as_ref().map_or_else(
        || summary.clone(),
        |title| format!("{}: {summary}", truncate_to_width(title, 200)),
    );

    let pad = 3.0;
    let step = (options.width - 2.0 * pad) / count(numbers.len().saturating_sub(1).max(1));
    let point = |place: usize, number: f64| {
        let part = if high > low {
            ((number / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0)
        } else {
            0.5
        };
        let x = if numbers.len() == 1 {
            options.width / 2.0
        } else {
            pad + count(place) * step
        };
        (
            x,
            options.height - pad - part * (options.height - 2.0 * pad),
        )
    };
    let mut path = String::new();
    let mut run = 0;
    for (place, number) in numbers.iter().enumerate() {
        let Some(number) = number else {
            run = 0;
            continue;
        };
        let (x, y) = point(place, *number);
        let letter = if run == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{letter}{} {}", short(x), short(y)));
        if run == 0 && numbers.get(place + 1).is_none_or(Option::is_none) {
            // A line without length is drawn as a dot.
            path.push_str("h0");
        }
        run += 1;
    }
    let (fill, stroke, colour) = series(0);
    let mut svg = Svg::default();
    if !path.is_empty() {
        svg.raw(&format!(
            "<path class=\"{stroke}\" d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
        ));
    }
    if let Some((place, number)) = numbers
        .iter()
        .enumerate()
        .rev()
        .find_map(|(place, number)| Some((place, (*number)?)))
    {
        svg.dot(point(place, number), 2.2, (fill, colour), "");
    }
    Value::from_safe_string(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart spark\" role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"><title>{}</title>{}</svg>",
        escape(&title),
        svg.finish()
    ))
}

//! Small charts in plain text, made of block characters.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use crate::template::records::items_or_column;
use crate::template::value::{count, index, is_null, to_number, wrong};

/// The filters of this module.
pub const NAMES: &[&str] = &["bar", "sparkline"];

/// Registers the filters.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_filter("bar", bar);
    environment.add_filter("sparkline", sparkline);
}

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The mark for a missing number: visible, and not collapsed like a space in HTML.
const GAP: &str = "·";

/// `rows | sparkline(attribute="minutes")`: `▁▃·█▅`. The scale goes from the lowest to the highest
/// number unless `min` and `max` are given; `width` averages neighbours. A flat series is a line in
/// the middle, a series of zeros a line at the bottom.
fn sparkline(value: &Value, options: Kwargs) -> Result<String, Error> {
    let attribute: Option<String> = options.get("attribute")?;
    let (min, max): (Option<f64>, Option<f64>) = (options.get("min")?, options.get("max")?);
    let width: Option<usize> = options.get("width")?;
    let gap: Option<String> = options.get("gap")?;
    options.assert_all_used()?;
    if width == Some(0) {
        return Err(wrong("`width` takes a number of characters, got 0"));
    }
    let numbers = optional_numbers(&items_or_column("sparkline", value, attribute.as_deref())?)?;
    let numbers = width.map_or_else(|| numbers.clone(), |width| shrunk(&numbers, width));
    let present = || numbers.iter().flatten().copied();
    let low = min.unwrap_or_else(|| present().fold(f64::INFINITY, f64::min));
    let high = max.unwrap_or_else(|| present().fold(f64::NEG_INFINITY, f64::max));
    let gap = gap.as_deref().unwrap_or(GAP);
    let mut text = String::new();
    for number in &numbers {
        match number {
            None => text.push_str(gap),
            Some(_) if high <= low && low == 0.0 => text.push(HEIGHTS[0]),
            Some(_) if high <= low => text.push(HEIGHTS[3]),
            Some(number) => {
                // Halved, so that differences of huge numbers do not overflow.
                let part = (number / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
                text.push(HEIGHTS[index((part * 8.0).floor()).min(7)]);
            }
        }
    }
    Ok(text)
}

/// Reads numbers and nulls.
fn optional_numbers(items: &[Value]) -> Result<Vec<Option<f64>>, Error> {
    items
        .iter()
        .map(|item| {
            if is_null(item) {
                Ok(None)
            } else {
                to_number(item).map(Some)
            }
        })
        .collect()
}

/// Reduces to at most `width` numbers, the means of neighbours.
fn shrunk(numbers: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    if numbers.len() <= width {
        return numbers.to_vec();
    }
    (0..width)
        .map(|part| {
            let range = part * numbers.len() / width..(part + 1) * numbers.len() / width;
            let present: Vec<f64> = numbers[range].iter().flatten().copied().collect();
            let length = count(present.len());
            (!present.is_empty()).then(|| present.iter().map(|number| number / length).sum())
        })
        .collect()
}

/// `row.minutes | bar(max=60, width=20)`: `████▌`. A number above `max` is a full bar, a negative
/// one an empty bar; null stays null.
fn bar(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let max: Option<Value> = options.get("max")?;
    let width: Option<usize> = options.get("width")?;
    options.assert_all_used()?;
    if !options.has("max") {
        return Err(wrong("`bar` needs the value of a full bar: `bar(max=100)`"));
    }
    if is_null(value) {
        return Ok(Value::from(()));
    }
    let width = width.unwrap_or(20);
    if !(1..=500).contains(&width) {
        return Err(wrong(format!(
            "`width` takes a number from 1 to 500, got {width}"
        )));
    }
    let number = to_number(value)?;
    let max = match &max {
        Some(max) if !is_null(max) => to_number(max)?,
        _ => 0.0,
    };
    // A maximum of zero shows nothing.
    let part = if max > 0.0 {
        (number / max).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let eighths = index((part * count(width) * 8.0).round());
    let text = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
    Ok(Value::from(text))
}

#[cfg(test)]
mod tests {
    use crate::template::testing::render;

    #[test]
    fn a_sparkline_shows_heights_and_gaps() {
        assert_eq!(
            render("{{ [1, 2, 3, 4, 5, 6, 7, 8] | sparkline }}"),
            "▁▂▃▄▅▆▇█"
        );
        assert_eq!(render("{{ [1, none, 2] | sparkline }}"), "▁·█");
        assert_eq!(render("{{ [1, none, 2] | sparkline(gap=' ') }}"), "▁ █");
        assert_eq!(render("{{ [-5, 0, 5] | sparkline }}"), "▁▅█");
        assert_eq!(
            render("{{ [{'n': 1}, {}, {'n': 3}] | sparkline(attribute='n') }}"),
            "▁·█"
        );
        assert_eq!(render("{{ [50, 75] | sparkline(min=0, max=100) }}"), "▅▇");
        assert_eq!(render("{{ [-50, 750] | sparkline(min=0, max=100) }}"), "▁█");
    }

    #[test]
    fn a_flat_or_empty_series_is_a_line() {
        assert_eq!(render("{{ [3, 3, 3] | sparkline }}"), "▄▄▄");
        assert_eq!(render("{{ [0, 0] | sparkline }}"), "▁▁");
        assert_eq!(render("{{ [7] | sparkline }}"), "▄");
        assert_eq!(render("{{ [] | sparkline }}"), "");
        assert_eq!(render("{{ [none, none] | sparkline }}"), "··");
    }

    #[test]
    fn long_and_huge_series_fit() {
        assert_eq!(render("{{ range(1000) | sparkline(width=8) }}"), "▁▂▃▄▅▆▇█");
        assert_eq!(render("{{ [-1.7e308, 0, 1.7e308] | sparkline }}"), "▁▅█");
        assert_eq!(render("{{ [1e-310, 3e-310] | sparkline }}"), "▁█");
    }

    #[test]
    fn a_bar_is_as_long_as_its_number() {
        assert_eq!(render("{{ 50 | bar(max=100, width=10) }}"), "█████");
        assert_eq!(render("{{ 45 | bar(max=100, width=10) }}"), "████▌");
        assert_eq!(render("{{ 500 | bar(max=100, width=4) }}"), "████");
        assert_eq!(render("{{ -5 | bar(max=100) }}|"), "|");
        assert_eq!(render("{{ 5 | bar(max=0) }}{{ 5 | bar(max=none) }}|"), "|");
        assert_eq!(render("{{ none | bar(max=1) | default('-') }}"), "-");
    }

    #[test]
    fn wrong_input_is_named() {
        assert_eq!(
            render("{{ 5 | bar }}"),
            "error: `bar` needs the value of a full bar: `bar(max=100)`"
        );
        assert_eq!(
            render("{{ 'x' | sparkline }}"),
            "error: `sparkline` takes a list, got the string `x`"
        );
        assert_eq!(
            render("{{ ['x'] | sparkline }}"),
            "error: expected a number, got the string `x`"
        );
        assert_eq!(
            render("{{ [1] | sparkline(width=0) }}"),
            "error: `width` takes a number of characters, got 0"
        );
    }
}

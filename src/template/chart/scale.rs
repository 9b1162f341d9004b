//! Scales of numbers: round steps and labels.

use std::time::Duration;

use crate::core::time::format_duration;
use crate::template::statistics::grouped;
use crate::template::value::{count, index};

/// The unit of the numbers of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Numbers followed by this text, which may be empty.
    Text(String),
    /// Seconds, shown as `4m 10s`.
    Duration,
    /// Fractions of 1, shown as `93.5 %`.
    Ratio,
}

impl Unit {
    /// Reads `duration`, `ratio`, or a short text.
    pub fn read(unit: Option<&str>) -> Self {
        match unit {
            Some("duration") => Self::Duration,
            Some("ratio") => Self::Ratio,
            // A long text would leave no space for the chart.
            Some(text) => Self::Text(text.chars().take(16).collect()),
            None => Self::Text(String::new()),
        }
    }
}

/// Round steps of durations, in seconds.
const DURATION_STEPS: [f64; 19] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
];

/// Beyond this, sums and differences would overflow.
const HUGE: f64 = 1e300;

/// A range of numbers with round steps.
#[derive(Debug, Clone)]
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
    unit: Unit,
}

impl Scale {
    /// Creates a scale that contains the numbers, with about `steps` steps. It starts at zero
    /// unless all numbers are close together and `from_zero` is false.
    pub fn over(
        numbers: impl Iterator<Item = f64>,
        from_zero: bool,
        steps: f64,
        unit: &Unit,
    ) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers {
            low = low.min(number.clamp(-HUGE, HUGE));
            high = high.max(number.clamp(-HUGE, HUGE));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let size = low.abs().max(high.abs());
        let is_flat = high - low <= size * 1e-9 || size < 1e-290;
        let is_close = high - low < size * 0.25;
        if is_flat || from_zero || !is_close {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        if high - low < 1e-290 {
            (low, high) = (0.0, 1.0);
        }
        let step = round_step((high - low) / steps.max(1.0), unit);
        let scale = Self {
            low: (low / step + 1e-9).floor() * step,
            high: (high / step - 1e-9).ceil() * step,
            step,
            unit: unit.clone(),
        };
        if matches!(unit, Unit::Ratio) && low >= 0.0 && high <= 1.0 {
            return Self {
                high: scale.high.min(1.0),
                ..scale
            };
        }
        scale
    }

    /// Creates a scale from the first to the last number; its ticks are round numbers in between.
    /// Integers have integer steps.
    pub fn between(numbers: &[f64], steps: f64) -> Self {
        let unit = Unit::Text(String::new());
        let clamped = numbers.iter().map(|number| number.clamp(-HUGE, HUGE));
        let (low, high) = clamped.fold((HUGE, -HUGE), |(low, high), number| {
            (low.min(number), high.max(number))
        });
        if high - low <= low.abs().max(high.abs()) * 1e-9 || high - low < 1e-290 {
            return Self::over(numbers.iter().copied(), false, steps, &unit);
        }
        let step = round_step((high - low) / steps.max(1.0), &unit);
        let are_whole = numbers.iter().all(|number| number.fract() == 0.0);
        Self {
            low,
            high,
            step: if are_whole { step.max(1.0) } else { step },
            unit,
        }
    }

    /// Returns the position of a number: 0 at the low end, 1 at the high end.
    pub fn part(&self, number: f64) -> f64 {
        let part = (number.clamp(-HUGE, HUGE) - self.low) / (self.high - self.low);
        part.clamp(0.0, 1.0)
    }

    /// Returns the low and the high end.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Returns the distance between two ticks.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// Returns the round numbers in the range.
    pub fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step - 1e-6).ceil() * self.step;
        let steps = index(((self.high - first) / self.step).round()).min(400);
        (0..=steps)
            .map(|place| {
                let tick = first + count(place) * self.step;
                // A rounding error from adding fractions.
                if tick.abs() < self.step * 1e-6 {
                    0.0
                } else {
                    tick
                }
            })
            .filter(|tick| *tick <= self.high + self.step * 1e-6)
            .collect()
    }

    /// Returns the label of a tick.
    pub fn label(&self, tick: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        match &self.unit {
            Unit::Duration => duration(tick),
            Unit::Ratio => format!("{} %", fixed(tick * 100.0, self.step * 100.0)),
            Unit::Text(unit) if tick == 0.0 => with_unit("0".to_owned(), unit),
            Unit::Text(_) if !(1e-4..1e15).contains(&largest) => scientific(tick, &self.unit),
            Unit::Text(unit) => {
                let (divisor, letter) = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")]
                    .into_iter()
                    .find(|(divisor, _)| largest >= 10_000.0 && largest >= *divisor)
                    .unwrap_or((1.0, ""));
                with_unit(
                    format!("{}{letter}", fixed(tick / divisor, self.step / divisor)),
                    unit,
                )
            }
        }
    }
}

/// Returns the smallest round step of at least this size.
fn round_step(least: f64, unit: &Unit) -> f64 {
    if *unit == Unit::Duration && least > 0.5 {
        let found = DURATION_STEPS.iter().find(|step| **step >= least);
        return found.copied().unwrap_or_else(|| {
            86_400.0 * round_step(least / 86_400.0, &Unit::Text(String::new()))
        });
    }
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Formats a number with as many digits as its step needs, with thousands separators.
fn fixed(number: f64, step: f64) -> String {
    let digits = index((-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0));
    let text = grouped(&format!("{:.digits$}", number.abs()));
    let is_zero = !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if number < 0.0 && !is_zero {
        format!("−{text}")
    } else {
        text
    }
}

fn with_unit(text: String, unit: &str) -> String {
    if unit.is_empty() {
        text
    } else {
        // A no-break space.
        format!("{text}\u{a0}{unit}")
    }
}

fn scientific(number: f64, unit: &Unit) -> String {
    let text = format!("{number:.1e}")
        .replace(".0e", "e")
        .replace('-', "−");
    match unit {
        Unit::Text(unit) => with_unit(text, unit),
        _ => text,
    }
}

fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    match Duration::try_from_secs_f64(seconds.abs()) {
        Ok(length) if length.is_zero() => "0".to_owned(),
        Ok(length) => format!("{sign}{}", format_duration(length)),
        Err(_) => scientific(seconds, &Unit::Text("s".to_owned())),
    }
}

/// Formats a value to about four digits.
pub fn value_label(number: f64, unit: &Unit) -> String {
    match unit {
        Unit::Duration => duration(number),
        Unit::Ratio => format!("{} %", significant(number * 100.0)),
        Unit::Text(_) if number != 0.0 && !(1e-4..1e15).contains(&number.abs()) => {
            scientific(number, unit)
        }
        Unit::Text(unit) => with_unit(significant(number), unit),
    }
}

fn significant(number: f64) -> String {
    let size = number.abs().max(1e-9).log10().floor();
    let digits = index((3.0 - size).clamp(0.0, 7.0));
    let text = format!("{:.digits$}", number.abs());
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let sign = if number < 0.0 && text != "0" {
        "−"
    } else {
        ""
    };
    format!("{sign}{}", grouped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(numbers: &[f64], unit: &Unit) -> Vec<String> {
        let scale = Scale::over(numbers.iter().copied(), false, 5.0, unit);
        let ticks = scale.ticks();
        assert!((2..=12).contains(&ticks.len()), "{numbers:?}: {ticks:?}");
        ticks.iter().map(|tick| scale.label(*tick)).collect()
    }

    #[test]
    fn steps_are_round() {
        let plain = Unit::Text(String::new());
        for (numbers, expected) in [
            (&[3.0, 14.0][..], "0 5 10 15"),
            (&[0.0, 1.0], "0 0.2 0.4 0.6 0.8 1.0"),
            (&[-3.0, 8.0], "−5 0 5 10"),
            (&[0.0, 123_456.0], "0 50k 100k 150k"),
            (&[0.0, 2_300_000.0], "0 0.5M 1.0M 1.5M 2.0M 2.5M"),
            (&[990.0, 1010.0], "990 995 1,000 1,005 1,010"),
            (&[0.0, 3e-9], "0 1e−9 2e−9 3e−9"),
            (&[1e300], "0 2e299 4e299 6e299 8e299 1e300"),
            (&[], "0 0.2 0.4 0.6 0.8 1.0"),
            (&[0.0], "0 0.2 0.4 0.6 0.8 1.0"),
            (&[7.0], "0 2 4 6 8"),
            (&[-7.0], "−8 −6 −4 −2 0"),
        ] {
            assert_eq!(labels(numbers, &plain).join(" "), expected);
        }
        for numbers in [
            &[f64::MAX, f64::MIN][..],
            &[f64::MIN_POSITIVE],
            &[5e-324, 1e-323],
            &[1e15, 1e15 + 1.0],
            &[1e-300, 1e300],
        ] {
            labels(numbers, &plain);
        }
    }

    #[test]
    fn units_have_steps_of_their_own() {
        assert_eq!(
            labels(&[30.0, 400.0], &Unit::Duration),
            ["0", "2m", "4m", "6m", "8m"]
        );
        assert_eq!(
            labels(&[0.912, 0.995], &Unit::Ratio),
            ["90 %", "92 %", "94 %", "96 %", "98 %", "100 %"]
        );
        assert_eq!(
            labels(&[1.0, 9.0], &Unit::Text("min".into())),
            [
                "0\u{a0}min",
                "2\u{a0}min",
                "4\u{a0}min",
                "6\u{a0}min",
                "8\u{a0}min",
                "10\u{a0}min"
            ]
        );
        labels(&[1.0, 1e9], &Unit::Duration);
        labels(&[0.001, 0.1], &Unit::Duration);
    }

    #[test]
    fn values_have_about_four_digits() {
        let plain = Unit::Text(String::new());
        for (number, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (12.345_6, "12.35"),
            (-0.5, "−0.5"),
            (1_234_567.8, "1,234,568"),
            (0.000_01, "1e−5"),
            (1e20, "1e20"),
            (100.0, "100"),
        ] {
            assert_eq!(value_label(number, &plain), text);
        }
        assert_eq!(value_label(0.9354, &Unit::Ratio), "93.54 %");
        assert_eq!(value_label(250.0, &Unit::Duration), "4m 10s");
        assert_eq!(value_label(1e300, &Unit::Duration), "1e300\u{a0}s");
    }
}

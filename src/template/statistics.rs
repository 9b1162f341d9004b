//! Statistical filters: sum, mean, percentile, delta.
//!
//! Each takes a list of numbers, or a list of records and the column that contains them
//! (`attribute="minutes"`). Nulls are ignored; the mean of no numbers is null.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use crate::template::records::items_or_column;
use crate::template::value::{choice, count, index, is_null, rounded, to_number, wrong};

/// The filters of this module; `sum` replaces minijinja's.
pub const NAMES: &[&str] = &["delta", "mean", "median", "percentile"];

/// Registers the filters.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_filter("delta", delta);
    environment.add_filter("mean", mean);
    environment.add_filter("median", median);
    environment.add_filter("percentile", percentile_of);
    environment.add_filter("sum", sum);
}

/// Returns the numbers of a list or of a column, without nulls.
fn numbers(filter: &str, value: &Value, attribute: Option<&str>) -> Result<Vec<f64>, Error> {
    items_or_column(filter, value, attribute)?
        .iter()
        .filter(|item| !is_null(item))
        .map(to_number)
        .collect()
}

fn attribute(options: &Kwargs) -> Result<Option<String>, Error> {
    let attribute = options.get("attribute")?;
    options.assert_all_used()?;
    Ok(attribute)
}

/// `rows | sum(attribute="credits")`: 0 for an empty list; an integer if all numbers are.
fn sum(value: &Value, column: Option<String>, options: Kwargs) -> Result<Value, Error> {
    let column = column.map_or_else(|| attribute(&options), |column| Ok(Some(column)))?;
    let items = items_or_column("sum", value, column.as_deref())?;
    let present: Vec<&Value> = items.iter().filter(|item| !is_null(item)).collect();
    let whole: Option<i64> = present
        .iter()
        .try_fold(0_i64, |sum, item| sum.checked_add(item.as_i64()?));
    if let Some(sum) = whole {
        return Ok(Value::from(sum));
    }
    let numbers: Result<Vec<f64>, Error> = present.iter().map(|item| to_number(item)).collect();
    Ok(rounded(numbers?.iter().sum(), 9))
}

/// `rows | mean(attribute="minutes")`: rounded to six digits.
fn mean(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let numbers = numbers("mean", value, attribute(&options)?.as_deref())?;
    if numbers.is_empty() {
        return Ok(Value::from(()));
    }
    let sum: f64 = numbers.iter().sum();
    Ok(rounded(sum / count(numbers.len()), 6))
}

fn median(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let mut numbers = numbers("median", value, attribute(&options)?.as_deref())?;
    numbers.sort_by(f64::total_cmp);
    Ok(percentile(&numbers, 50.0).map_or_else(|| Value::from(()), |number| rounded(number, 6)))
}

/// `rows | percentile(95, attribute="minutes")`.
fn percentile_of(value: &Value, rank: f64, options: Kwargs) -> Result<Value, Error> {
    if !(0.0..=100.0).contains(&rank) {
        return Err(wrong(format!(
            "a percentile must be between 0 and 100, got {rank}"
        )));
    }
    let mut numbers = numbers("percentile", value, attribute(&options)?.as_deref())?;
    numbers.sort_by(f64::total_cmp);
    Ok(percentile(&numbers, rank).map_or_else(|| Value::from(()), |number| rounded(number, 6)))
}

/// Returns a percentile of sorted numbers, by linear interpolation between the closest ranks, as
/// spreadsheets do; `None` if there are none.
pub fn percentile(sorted: &[f64], rank: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = rank / 100.0 * count(last);
    let (low, high) = (index(position.floor()), index(position.ceil()).min(last));
    let part = position - position.floor();
    Some(sorted[low] + (sorted[high] - sorted[low]) * part)
}

/// The change from an earlier number: `12 | delta(10)` is `+20 %`; `as="points"` compares two
/// ratios, `0.93 | delta(0.96, as="points")` is `−3 pt`; `as="number"` is the difference. Null if
/// either is null, and in percent of zero.
fn delta(
    value: &Value,
    before: &Value,
    digits: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    let form: Option<String> = options.get("as")?;
    options.assert_all_used()?;
    let words = ["percent", "points", "number"];
    let form = choice("as", form.as_deref().unwrap_or("percent"), &words)?;
    if is_null(value) || is_null(before) {
        return Ok(Value::from(()));
    }
    let (value, before) = (to_number(value)?, to_number(before)?);
    let (difference, unit) = match form {
        "percent" if before == 0.0 => return Ok(Value::from(())),
        "percent" => ((value - before) / before.abs() * 100.0, " %"),
        "points" => ((value - before) * 100.0, " pt"),
        _ => (value - before, ""),
    };
    let digits = digits.unwrap_or(0).min(10) as usize;
    let text = grouped(&format!("{:.digits$}", difference.abs()));
    let is_zero = !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    let sign = match difference {
        _ if is_zero => "±",
        less if less < 0.0 => "−",
        _ => "+",
    };
    Ok(Value::from(format!("{sign}{text}{unit}")))
}

/// Adds thousands separators to the digits of an unsigned number.
pub fn grouped(text: &str) -> String {
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use crate::template::testing::render;

    const ROWS: &str = "{% set rows = [{'n': 3, 'a': 'x'}, {'n': none, 'a': 'y'}, {'n': 1.5, 'a': 'z'}, {'a': 'w'}] %}";

    fn with_rows(source: &str) -> String {
        render(&format!("{ROWS}{{{{ {source} }}}}"))
    }

    #[test]
    fn columns_are_summed_up_without_their_nulls() {
        assert_eq!(with_rows("rows | sum(attribute='n')"), "4.5");
        assert_eq!(with_rows("rows | mean(attribute='n')"), "2.25");
        assert_eq!(with_rows("rows | median(attribute='n')"), "2.25");
        assert_eq!(with_rows("rows | percentile(100, attribute='n')"), "3");
        assert_eq!(with_rows("(rows | min(attribute='n')).a"), "z");
        assert_eq!(with_rows("(rows | max(attribute='n')).a"), "x");
        assert_eq!(with_rows("rows | map(attribute='n') | list | max"), "3");
    }

    #[test]
    fn nothing_sums_up_to_nothing() {
        assert_eq!(render("{{ [] | sum }} {{ [none] | sum }}"), "0 0");
        assert_eq!(
            render(
                "{{ ([] | mean) is none }} {{ ([] | max) is none }} {{ ([none] | median) is none }}"
            ),
            "true true true"
        );
        assert_eq!(
            render("{{ [9007199254740993, 1] | sum }}"),
            "9007199254740994"
        );
        assert_eq!(render("{{ [0.1, 0.2] | sum }}"), "0.3");
        assert_eq!(
            render("{{ ['b', 'A'] | min }} {{ [2, 2.0, 1] | max }}"),
            "A 2"
        );
    }

    #[test]
    fn wrong_input_is_named() {
        assert_eq!(
            with_rows("rows | sum(attribute='minutes')"),
            "error: no record has a column `minutes`; available columns: `n` and `a`"
        );
        assert_eq!(
            render("{{ 5 | mean }}"),
            "error: `mean` takes a list, got `5`"
        );
        assert_eq!(
            render("{{ [1, 'x'] | sum }}"),
            "error: expected a number, got the string `x`"
        );
        assert_eq!(
            render("{{ ['nan'] | mean }}"),
            "error: expected a number, got the string `nan`"
        );
        assert_eq!(
            render("{{ [1] | percentile(101) }}"),
            "error: a percentile must be between 0 and 100, got 101"
        );
        assert_eq!(
            render("{{ 1 | delta(1, as='x') }}"),
            "error: `as` takes `percent`, `points` or `number`, got `x`"
        );
    }

    #[test]
    fn differences_have_a_sign_and_a_unit() {
        assert_eq!(render("{{ 12 | delta(10) }}"), "+20 %");
        assert_eq!(render("{{ 8 | delta(10, 1) }}"), "−20.0 %");
        assert_eq!(render("{{ 10 | delta(10) }}"), "±0 %");
        assert_eq!(render("{{ -5 | delta(-10) }}"), "+50 %");
        assert_eq!(render("{{ 0.93 | delta(0.96, as='points') }}"), "−3 pt");
        assert_eq!(render("{{ 5200 | delta(4000, as='number') }}"), "+1,200");
        assert_eq!(
            render("{{ 1 | delta(0) | default('new') }} {{ none | delta(1) | default('-') }}"),
            "new -"
        );
    }
}

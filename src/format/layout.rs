//! Column widths of a table on a terminal.

/// The minimum width of a text column before other columns are narrowed.
const COMFORTABLE_TEXT: usize = 20;
/// The minimum width of any column that may be cut.
const READABLE: usize = 12;
/// The minimum width of a header whose values are narrower.
const READABLE_HEADER: usize = 6;

/// Values wider than this count as free text.
const WIDEST_WORD: usize = 36;

/// Measurements of one column.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    header: usize,
    content: usize,
    /// True if all values except nulls are numbers; `None` while all are null.
    numbers: Option<bool>,
    named_id: bool,
    /// True if a value was seen that may be cut: not an id, a number or a time.
    soft: bool,
    /// True if a value with several words, or a very long one, was seen.
    text: bool,
}

impl Measure {
    pub(super) fn new(name: &str, header: usize) -> Self {
        let named_id = name == "id" || name.ends_with("_id") || name.ends_with("Id");
        Self {
            header,
            named_id,
            ..Self::default()
        }
    }

    /// Adds a value other than null.
    pub(super) fn add(&mut self, text: &str, width: usize, number: bool) {
        self.content = self.content.max(width);
        self.numbers = Some(number && self.numbers != Some(false));
        self.text |= !number && (width > WIDEST_WORD || text.contains(' '));
        self.soft |= !number && !is_exact(text);
    }

    /// Adds a null, displayed at this width.
    pub(super) fn add_absent(&mut self, width: usize) {
        self.content = self.content.max(width);
    }

    /// Returns true if the column consists of numbers.
    pub(super) fn is_numeric(&self) -> bool {
        self.numbers == Some(true)
    }

    /// Returns the width at which nothing is cut.
    pub(super) fn natural(&self) -> usize {
        self.header.max(self.content)
    }

    fn nature(&self) -> Nature {
        if self.text {
            Nature::Text
        } else if self.soft && !self.named_id {
            Nature::Word
        } else {
            Nature::Exact
        }
    }
}

enum Nature {
    /// Useless when cut: ids, hashes, numbers, times.
    Exact,
    /// Statuses, names, branches.
    Word,
    /// Messages, titles, nested values.
    Text,
}

/// Returns the widths of columns that share `available`, or `None` if they would be too narrow to
/// read.
///
/// Free text is narrowed first, the widest first; then headers above narrow values; then words.
/// Exact values are never cut, unless `forced`: then everything may be.
pub(super) fn fit(measures: &[Measure], available: usize, forced: bool) -> Option<Vec<usize>> {
    let mut widths: Vec<usize> = measures.iter().map(Measure::natural).collect();
    if widths.iter().sum::<usize>() <= available {
        return Some(widths);
    }
    for step in [Step::Text, Step::Headers, Step::Words] {
        let floors: Vec<usize> = measures
            .iter()
            .zip(&widths)
            .map(|(measure, &width)| step.floor(measure).min(width))
            .collect();
        if floors.iter().sum::<usize>() <= available {
            return Some(share(&floors, &widths, available));
        }
        widths = floors;
    }
    forced.then(|| share(&vec![1; widths.len()], &widths, available))
}

/// Returns the places of the columns that fit side by side into `available` characters, with `gap`
/// between them: the first one, and from left to right each that still fits.
pub(super) fn fitting(measures: &[Measure], available: usize, gap: usize) -> Vec<usize> {
    let mut used = 0;
    let mut places = Vec::new();
    for (place, measure) in measures.iter().enumerate() {
        let needed = measure.natural() + if place > 0 { gap } else { 0 };
        if place == 0 || used + needed <= available {
            used += needed;
            places.push(place);
        }
    }
    places
}

#[derive(Clone, Copy)]
enum Step {
    Text,
    Headers,
    Words,
}

impl Step {
    fn floor(self, measure: &Measure) -> usize {
        match (self, measure.nature()) {
            (Self::Text | Self::Headers, Nature::Text) => COMFORTABLE_TEXT,
            (Self::Text, _) => measure.natural(),
            (Self::Headers, _) | (Self::Words, Nature::Exact) => {
                measure.content.max(READABLE_HEADER)
            }
            (Self::Words, Nature::Word | Nature::Text) => READABLE,
        }
    }
}

/// Returns widths between floors and ceilings that use up what is available: the widest columns are
/// cut to one common width.
fn share(floors: &[usize], ceilings: &[usize], available: usize) -> Vec<usize> {
    let at_level = |level: usize| -> Vec<usize> {
        floors
            .iter()
            .zip(ceilings)
            .map(|(&floor, &ceiling)| level.clamp(floor, ceiling))
            .collect()
    };
    let mut widths = (0..=available)
        .rev()
        .map(at_level)
        .find(|widths| widths.iter().sum::<usize>() <= available)
        .unwrap_or_else(|| floors.to_vec());
    let mut spare = available.saturating_sub(widths.iter().sum());
    for (width, &ceiling) in widths.iter_mut().zip(ceilings) {
        if spare > 0 && *width < ceiling {
            *width += 1;
            spare -= 1;
        }
    }
    widths
}

/// Returns true for ids, hashes, times and numbers: hexadecimal digits and their separators.
fn is_exact(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| {
            byte.is_ascii_hexdigit() || matches!(byte, b'-' | b':' | b'.' | b'+' | b'T' | b'Z')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "5034460f-c7c4-4c43-9457-bd7131a8ea35";

    fn column(name: &str, values: &[&str]) -> Measure {
        let mut measure = Measure::new(name, name.len());
        for value in values {
            measure.add(value, value.len(), false);
        }
        measure
    }

    #[test]
    fn what_fits_keeps_its_width() {
        let measures = [column("id", &[UUID]), column("name", &["build"])];
        assert_eq!(fit(&measures, 41, false), Some(vec![36, 5]));
    }

    #[test]
    fn free_text_gives_way_before_ids_and_names() {
        let long = "a message of many words, ".repeat(4);
        let measures = [
            column("id", &[UUID]),
            column("name", &["build-and-test"]),
            column("message", &[&long]),
        ];
        assert_eq!(fit(&measures, 80, false), Some(vec![36, 14, 30]));
    }

    #[test]
    fn two_free_texts_are_cut_to_one_width() {
        let (short, long, longer) = ("ab cd", "x ".repeat(40), "y ".repeat(60));
        let measures = [
            column("a", &[short]),
            column("b", &[&long]),
            column("c", &[&longer]),
        ];
        assert_eq!(fit(&measures, 56, false), Some(vec![5, 26, 25]));
    }

    #[test]
    fn headers_give_way_before_words() {
        let measures = [
            column("pipeline_number", &["25"]),
            column("name", &["build-and-test"]),
        ];
        assert_eq!(fit(&measures, 24, false), Some(vec![10, 14]));
        assert_eq!(fit(&measures, 19, false), Some(vec![6, 13]));
    }

    #[test]
    fn too_narrow_to_read_is_no_table_unless_forced() {
        let measures = [column("id", &[UUID]), column("pipeline_id", &[UUID])];
        assert_eq!(fit(&measures, 60, false), None);
        assert_eq!(fit(&measures, 60, true), Some(vec![30, 30]));
    }

    #[test]
    fn a_page_shows_the_first_column_and_those_that_still_fit() {
        let measures = [
            column("name", &["build-and-test"]),
            column("message", &["a message of a few words"]),
            column("n", &["1"]),
        ];
        assert_eq!(fitting(&measures, 43, 2), [0, 1, 2]);
        assert_eq!(fitting(&measures, 42, 2), [0, 1]);
        assert_eq!(fitting(&measures, 39, 2), [0, 2]);
        assert_eq!(fitting(&measures, 3, 2), [0]);
    }
}

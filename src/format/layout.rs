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

/// A column on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its place among all columns.
    pub(super) place: usize,
    /// Its width.
    pub(super) width: usize,
}

/// Returns the columns that fit side by side into `available` characters, with `gap` between them:
/// the first one, and from left to right each that still fits. Only free text is narrowed for it.
pub(super) fn on_page(measures: &[Measure], available: usize, gap: usize) -> Vec<Placed> {
    let floor = |measure: &Measure| Step::Text.floor(measure).min(measure.natural());
    let mut used = 0;
    let mut shown = Vec::new();
    for (place, measure) in measures.iter().enumerate() {
        let needed = floor(measure) + if place > 0 { gap } else { 0 };
        if place == 0 || used + needed <= available {
            used += needed;
            shown.push(place);
        }
    }
    let gaps = gap * shown.len().saturating_sub(1);
    let of_shown = |width: &dyn Fn(&Measure) -> usize| -> Vec<usize> {
        shown.iter().map(|place| width(&measures[*place])).collect()
    };
    let (floors, naturals) = (of_shown(&floor), of_shown(&Measure::natural));
    let widths = share(&floors, &naturals, available.saturating_sub(gaps));
    let places = shown.into_iter().zip(widths);
    places
        .map(|(place, width)| Placed { place, width })
        .collect()
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
    fn a_page_narrows_free_text_and_hides_what_does_not_fit() {
        let text = "a message of a few words that goes on";
        let measures = [
            column("name", &["build-and-test"]),
            column("message", &[text]),
            column("id", &[UUID]),
            column("n", &["1"]),
        ];
        let placed = |available| {
            let placed = on_page(&measures, available, 2).into_iter();
            placed.map(|one| (one.place, one.width)).collect::<Vec<_>>()
        };
        assert_eq!(placed(94), [(0, 14), (1, 37), (2, 36), (3, 1)]);
        assert_eq!(placed(80), [(0, 14), (1, 23), (2, 36), (3, 1)]);
        assert_eq!(placed(76), [(0, 14), (1, 22), (2, 36)]);
        assert_eq!(placed(50), [(0, 14), (1, 31), (3, 1)]);
        assert_eq!(placed(3), [(0, 14)]);
    }
}

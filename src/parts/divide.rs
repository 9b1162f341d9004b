//! The division of items among parts.

use serde_json::{Map, Value};

use crate::parts::{Items, PartOf};

/// The number of runs of a part: its items come from all over the walk, since neighbours in a listing
/// are alike, and the newest items of most have more records.
const RUNS: usize = 16;

/// The items of each loop by name, outermost first, with the index among all items of the level.
pub type IndexedItem = (u32, Map<String, Value>);

/// Divides items among at most `parts` parts, which differ by few items. A part has its items in runs
/// that are neighbours in the order of the walk.
pub fn divide(items: Vec<IndexedItem>, parts: usize) -> Vec<PartOf> {
    let count = parts.min(items.len());
    if count == 0 {
        return Vec::new();
    }
    let total = items.len();
    let mut divided: Vec<PartOf> = (0..count).map(PartOf::new).collect();
    let mut items = items.into_iter();
    for run in 0..RUNS {
        for (number, part) in divided.iter_mut().enumerate() {
            let own = share(total, count, number);
            for (index, item) in items.by_ref().take(share(own, RUNS, run)) {
                part.items += 1;
                match part.runs.last_mut() {
                    Some(last) if last.end() == index => last.items.push(item),
                    _ => part.runs.push(Items {
                        first: index,
                        items: vec![item],
                    }),
                }
            }
        }
    }
    divided
}

/// Returns the size of one of several shares, which differ by at most one.
fn share(total: usize, count: usize, number: usize) -> usize {
    (number + 1) * total / count - number * total / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: u32) -> Vec<IndexedItem> {
        (0..count).map(|index| (index, Map::new())).collect()
    }

    fn indices(part: &PartOf) -> Vec<u32> {
        let runs = part.runs.iter();
        runs.flat_map(|run| run.first..run.end()).collect()
    }

    #[test]
    fn every_item_is_in_one_part_in_order() {
        for (count, parts) in [(0, 3), (1, 8), (7, 3), (100, 7), (1_000, 8), (4_812, 64)] {
            let divided = divide(items(count), parts);
            assert_eq!(divided.len(), parts.min(count as usize));
            let mut all: Vec<u32> = Vec::new();
            for (number, part) in divided.iter().enumerate() {
                let own = indices(part);
                assert!(own.is_sorted() && !own.is_empty());
                assert_eq!((part.part as usize, part.items), (number, own.len() as u64));
                all.extend(own);
            }
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn parts_are_balanced_and_come_from_all_over() {
        for (count, parts) in [(4_812, 8), (240, 8), (1_000, 7), (130, 64)] {
            let divided = divide(items(count), parts);
            let sizes: Vec<u64> = divided.iter().map(|part| part.items).collect();
            let (least, most) = (sizes.iter().min(), sizes.iter().max());
            let differ = most.zip(least).map(|(most, least)| most - least);
            assert!(differ <= Some(1), "{sizes:?}");
        }
        for part in &divide(items(4_812), 8) {
            assert_eq!(part.runs.len(), RUNS);
            assert!(part.runs[0].first < 400 && part.runs[RUNS - 1].end() > 4_400);
        }
    }

    #[test]
    fn items_that_are_no_neighbours_are_in_runs_of_their_own() {
        let chosen = [3, 4, 9].map(|index| (index, Map::new()));
        let divided = divide(chosen.to_vec(), 1);
        let runs: Vec<(u32, usize)> = divided[0]
            .runs
            .iter()
            .map(|run| (run.first, run.items.len()))
            .collect();
        assert_eq!(runs, [(3, 2), (9, 1)]);
    }
}

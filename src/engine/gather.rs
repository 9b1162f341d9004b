//! Collects the records of a query: order, duplicates, limit.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::rc::Rc;

use serde_json::Value;

use crate::core::json::write_identity;
use crate::engine::RunErrorKind;
use crate::engine::records::{KeyedRecord, check_required};
use crate::engine::sorting::{Sorted, Sorter};
use crate::plan::Plan;
use crate::project::query::Unique;

/// The number of sorted records that are returned at a time.
const BATCH: usize = 256;

/// Collects records in the query's order. Only sorting holds records back.
pub struct Gather {
    plan: Rc<Plan>,
    seen: Seen,
    sorting: Sorting,
    passed: usize,
    /// True if the order, duplicates and the limit are left to others.
    is_part: bool,
}

/// The state of sorting.
enum Sorting {
    /// Records are passed on as they come.
    Off,
    /// Records are held back.
    On(Sorter),
    /// All records are there.
    Done(Sorted),
}

impl Gather {
    /// Creates an empty collection.
    pub fn new(plan: &Rc<Plan>) -> Self {
        let keys = &plan.query.shape.sort;
        let sorting = if keys.is_empty() {
            Sorting::Off
        } else {
            Sorting::On(Sorter::new(keys.iter().map(|key| key.descending)))
        };
        Self {
            plan: Rc::clone(plan),
            seen: Seen::default(),
            sorting,
            passed: 0,
            is_part: false,
        }
    }

    /// Creates the collection of a part, which passes all records on in the order of its items.
    pub fn of_part(plan: &Rc<Plan>) -> Self {
        Self {
            sorting: Sorting::Off,
            is_part: true,
            ..Self::new(plan)
        }
    }

    /// Returns true if no more records are needed.
    pub fn is_full(&self) -> bool {
        let limit = self.plan.record_limit().filter(|_| !self.is_part);
        limit.is_some_and(|limit| self.passed >= limit)
    }

    /// Adds records and returns those that are ready.
    ///
    /// # Errors
    ///
    /// If a required value is missing, or a temporary file cannot be written.
    pub fn pass(&mut self, batch: Vec<KeyedRecord>) -> Result<Vec<Value>, RunErrorKind> {
        match &mut self.sorting {
            Sorting::Off | Sorting::Done(_) => self.take(batch),
            Sorting::On(sorter) => {
                sorter.extend(batch).map_err(RunErrorKind::Sink)?;
                Ok(Vec::new())
            }
        }
    }

    /// Returns the next sorted records, without duplicates; `None` at the end. There is nothing to
    /// add afterwards.
    ///
    /// # Errors
    ///
    /// As [`Gather::pass`].
    pub fn rest(&mut self) -> Result<Option<Vec<Value>>, RunErrorKind> {
        if let Sorting::On(sorter) = &mut self.sorting {
            let sorter = std::mem::replace(sorter, Sorter::new([]));
            self.sorting = Sorting::Done(sorter.finish().map_err(RunErrorKind::Sink)?);
        }
        let Sorting::Done(sorted) = &mut self.sorting else {
            return Ok(None);
        };
        let batch = sorted.take(BATCH).collect::<io::Result<Vec<_>>>();
        let batch = batch.map_err(RunErrorKind::Sink)?;
        if batch.is_empty() || self.is_full() {
            return Ok(None);
        }
        self.take(batch).map(Some)
    }

    fn take(&mut self, batch: Vec<KeyedRecord>) -> Result<Vec<Value>, RunErrorKind> {
        let mut taken = Vec::with_capacity(batch.len());
        for kept in batch {
            if self.is_full() {
                break;
            }
            if self.is_part || self.is_new(&kept.record) {
                check_required(&self.plan, &kept.record)?;
                self.passed += 1;
                taken.push(kept.record);
            }
        }
        Ok(taken)
    }

    fn is_new(&mut self, record: &Value) -> bool {
        let mut key = String::new();
        match &self.plan.query.shape.unique {
            None => return true,
            Some(Unique::Record) => write_identity(record, &mut key),
            Some(Unique::Columns(columns)) => {
                for column in columns {
                    write_identity(record.get(column).unwrap_or(&Value::Null), &mut key);
                    key.push(',');
                }
            }
        }
        self.seen.insert(&key)
    }
}

/// The keys seen by `unique`, as two independently keyed hashes: together they make a collision
/// practically impossible, and a key takes the same memory whatever its length.
#[derive(Default)]
struct Seen {
    hashers: [RandomState; 2],
    known: HashSet<(u64, u64)>,
}

impl Seen {
    /// Adds a key. Returns false if it is known.
    fn insert(&mut self, key: &str) -> bool {
        let [first, second] = &self.hashers;
        let hashes = (first.hash_one(key), second.hash_one(key));
        self.known.insert(hashes)
    }
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;

    use crate::core::secret::Scrubber;
    use crate::engine::records::{read_page, take_rows};
    use crate::http::{HeaderMap, Response, StatusCode};
    use crate::plan::{Binding, Inputs, Outside, SharedPlans};
    use crate::project::query::{SortBy, SortKey};
    use crate::project::{Project, Query, Trust};
    use crate::template::Clock;

    use super::*;

    /// Creates a plan for a changed query of this repository's own resource.
    pub fn plan(change: impl FnOnce(&mut Query), limit: Option<u64>) -> Rc<Plan> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project =
            Project::open(root, root, &[], &Trust::new(&BTreeMap::new())).expect("this project");
        let mut query = project.ad_hoc_query("circleci", "/x").expect("a query");
        change(&mut query);
        let resource = project.resource_of(&query, None).expect("resources");
        let resource = resource.expect("a resource");
        let binding = Binding {
            resources: BTreeMap::from([(resource.name.clone(), Arc::new(resource))]),
            outside: Outside {
                clock: Clock(Timestamp::UNIX_EPOCH),
                env: Arc::default(),
                git: Arc::new(|_| None),
            },
            root: root.to_path_buf(),
            scrubber: Scrubber::new(),
            plans: SharedPlans::default(),
            since: None,
        };
        let bound = Plan::bind(Arc::new(query), &Rc::new(binding), &Inputs::new());
        let Ok(mut plan) = bound else {
            panic!("the plan is not bound")
        };
        if let Some(limit) = limit {
            plan.limit_to(limit);
        }
        Rc::new(plan)
    }

    fn by(column: &str, descending: bool) -> SortKey {
        SortKey {
            by: SortBy::Column(column.to_owned()),
            descending,
        }
    }

    /// Returns the result of gathering these batches, and the number of batches in it.
    fn gathered(plan: &Rc<Plan>, batches: &[Value]) -> (Value, usize) {
        let response = Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            received: 0,
            linked: None,
            elapsed: Duration::ZERO,
        };
        let mut gather = Gather::new(plan);
        let mut found = Vec::new();
        let mut taken = 0;
        for batch in batches {
            if gather.is_full() {
                break;
            }
            taken += 1;
            let mut kept = Vec::new();
            for record in batch.as_array().expect("a list") {
                let page = read_page(plan, plan.scope(), record, &response, None, 0);
                let (mut records, _) = page.expect("a page");
                take_rows(plan, &mut records, record.clone());
                kept.extend(records);
            }
            found.extend(gather.pass(kept).expect("they are whole"));
        }
        while let Some(rest) = gather.rest().expect("they are whole") {
            found.extend(rest);
        }
        (Value::from(found), taken)
    }

    #[test]
    fn a_limit_counts_what_passes_and_asks_for_no_more() {
        let batches = [json!([1, 2]), json!([2, 3]), json!([4])];
        let plain = |limit| plan(|_| {}, limit);
        assert_eq!(
            gathered(&plain(None), &batches),
            (json!([1, 2, 2, 3, 4]), 3)
        );
        assert_eq!(gathered(&plain(Some(2)), &batches), (json!([1, 2]), 1));
        assert_eq!(gathered(&plain(Some(3)), &batches), (json!([1, 2, 2]), 2));
        assert_eq!(gathered(&plain(Some(9)), &batches).1, 3);
        let unique = plan(|query| query.shape.unique = Some(Unique::Record), Some(3));
        assert_eq!(gathered(&unique, &batches), (json!([1, 2, 3]), 2));
    }

    #[test]
    fn an_order_needs_all_and_a_limit_comes_after_it() {
        let batches = [
            json!([{ "a": 2, "b": 1 }, { "a": 1, "b": 1 }]),
            json!([{ "a": 1, "b": 2 }, { "b": 3 }, { "a": 2, "b": 1, "c": 0 }]),
        ];
        let sorted = |limit| {
            plan(
                |query| query.shape.sort = vec![by("a", false), by("b", true)],
                limit,
            )
        };
        let whole = json!([
            { "a": 1, "b": 2 },
            { "a": 1, "b": 1 },
            // Equal records keep their order.
            { "a": 2, "b": 1 },
            { "a": 2, "b": 1, "c": 0 },
            { "b": 3 },
        ]);
        assert_eq!(gathered(&sorted(None), &batches), (whole.clone(), 2));
        let first: Value = whole.as_array().expect("a list")[..2].to_vec().into();
        assert_eq!(gathered(&sorted(Some(2)), &batches), (first, 2));
    }

    #[test]
    fn of_equal_records_the_first_counts_also_across_batches() {
        let batches = [
            json!([{ "a": 1, "b": 1 }, { "a": null, "b": 2 }]),
            json!([{ "b": 3 }, { "a": 1, "b": 4 }, { "a": "1", "b": 5 }]),
        ];
        let unique = plan(
            |query| query.shape.unique = Some(Unique::Columns(vec!["a".to_owned()])),
            None,
        );
        // A missing field is null, and a string is not a number.
        assert_eq!(
            gathered(&unique, &batches).0,
            json!([{ "a": 1, "b": 1 }, { "a": null, "b": 2 }, { "a": "1", "b": 5 }])
        );
        let sorted = |limit| {
            let change = |query: &mut Query| {
                query.shape.unique = Some(Unique::Columns(vec!["a".to_owned()]));
                query.shape.sort = vec![by("b", true)];
            };
            gathered(&plan(change, Some(limit)), &batches).0
        };
        assert_eq!(sorted(1), json!([{ "a": "1", "b": 5 }]));
        // The first in the new order, not the first that came.
        assert_eq!(sorted(2), json!([{ "a": "1", "b": 5 }, { "a": 1, "b": 4 }]));
    }
}

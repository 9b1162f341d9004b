//! Runs the queries of `data` concurrently, and the statement over their records and over files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::core::time::format_time;
use crate::engine::cover;
use crate::engine::levels::Level;
use crate::engine::outcome::{End, Outcome};
use crate::engine::outlet::{Outlet, Taker};
use crate::engine::records::read_rows;
use crate::engine::run::Run;
use crate::engine::stop::Crew;
use crate::engine::stored::{self, Reading};
use crate::engine::tables::{Batches, load};
use crate::engine::{RunError, RunErrorKind};
use crate::plan::{DataValue, DataValues, Facts, Plan};
use crate::project::failures;
use crate::project::query::{Data, FileRecords, Statement, StoredRecords};
use crate::sql::{Database, Needs, Params, Row, SqlError, SqlErrorKind};
use crate::template::{Expected, Records};

/// The number of result rows sent at a time.
const BATCH: usize = 256;

/// Runs the queries of a plan's `data`. A failure of any of them ends the run, since a result
/// without it would be wrong.
async fn all_data(run: &Rc<Run>, plan: &Rc<Plan>) -> Arc<DataValues> {
    let crew = Crew::new(&run.panicked);
    let mut waiting = Vec::new();
    let all = plan.query.data.iter().zip(&plan.data);
    let is_read_in_place = |data: &Data| {
        let is_given = run.session.given(&data.query.name).is_some();
        plan.query.is_streamed(data) && !is_given
    };
    for (data, fed_by) in all.filter(|(data, _)| !is_read_in_place(data)) {
        let (sender, receiver) = oneshot::channel();
        let (run, fed_by) = (Rc::clone(run), Rc::clone(fed_by));
        crew.member().spawn(async move {
            let value = value_of(&run, &fed_by).await;
            // The receiver is gone if the run has ended.
            let _ = sender.send(value);
        });
        waiting.push((data.name.clone(), receiver));
    }
    let mut values = DataValues::new();
    for (name, receiver) in waiting {
        if let Ok(value) = receiver.await {
            values.insert(name, value);
        }
    }
    Arc::new(values)
}

/// Returns the results of a plan's `data`, computed once.
pub async fn data_of(run: &Rc<Run>, plan: &Rc<Plan>) -> Arc<DataValues> {
    let cell = run.data.cell(plan);
    Arc::clone(cell.get_or_init(|| all_data(run, plan)).await)
}

/// Returns the document or the records of a plan used in `data`, computed once.
async fn value_of(run: &Rc<Run>, plan: &Rc<Plan>) -> DataValue {
    let cell = run.values.cell(plan);
    cell.get_or_init(|| value(run, plan)).await.clone()
}

/// Runs one query and returns its document, if it has one, or its records.
async fn value(run: &Rc<Run>, plan: &Rc<Plan>) -> DataValue {
    let rows = plan.records(run.read_all(plan).await);
    let document = plan
        .query
        .report
        .as_ref()
        .and_then(|report| report.documents.first());
    let Some(document) = document else {
        return DataValue::Records(rows);
    };
    let data = data_of(run, plan).await;
    if run.has_failed() {
        return DataValue::Text("".into());
    }
    let (failures, is_partial) = run.findings.borrow().failures_of(plan);
    let facts = Facts {
        rows,
        data,
        run: run_facts(plan, run.requests(), is_partial),
        failures,
        previous: Value::Null,
        taken: None,
    };
    match cover::render(plan, document, facts, run.session.cover()) {
        Ok(rendered) => {
            let mut findings = run.findings.borrow_mut();
            findings.add_unreadable_values(plan, rendered.unreadable);
            DataValue::Text(rendered.text.into())
        }
        Err(error) => {
            run.fail(RunError::of_plan(plan, RunErrorKind::Render(error)));
            DataValue::Text("".into())
        }
    }
}

/// Returns the facts of a run for documents and expectations, except its failures.
pub fn run_facts(plan: &Plan, requests: u64, is_partial: bool) -> Value {
    json!({
        "started": format_time(plan.now()),
        "requests": requests,
        "partial": is_partial,
    })
}

/// Passes on the records of a query without requests: the rows of its statement over its data, or
/// the records of its files. Without either there are none.
pub async fn statement(run: &Rc<Run>, plan: &Rc<Plan>, taker: &Taker, outlet: &Outlet) -> End {
    if let Some(records) = plan.query.files() {
        return of_files(run, plan, records, taker, outlet).await;
    }
    if let Some(stored) = plan.query.stored() {
        return of_store(run, plan, stored, taker, outlet).await;
    }
    // Files are read first, so that their faults are reported before the first request.
    let tables = plan.query.file_tables();
    let sources = stored::sources(plan, &run.session);
    let access = if sources.is_empty() {
        None
    } else {
        match stored::access(&run.session) {
            Ok(access) => Some((access, sources)),
            Err(kind) => return End::Failed(RunError::of_plan(plan, kind)),
        }
    };
    let database = match plan.query.statement() {
        Some(sql) if !tables.is_empty() || access.is_some() => {
            match load(plan, sql, &tables, access).await {
                Some(Ok(database)) => Some(database),
                Some(Err(kind)) => return End::Failed(RunError::of_plan(plan, kind)),
                None => return End::Gone,
            }
        }
        _ => None,
    };
    let data = data_of(run, plan).await;
    if run.has_failed() {
        return End::Gone;
    }
    let Some(sql) = plan.query.statement() else {
        return End::Done(Outcome::Complete);
    };
    let (failures, _) = run.findings.borrow().failures_of(plan);
    let mut rows = start(plan, sql, database, data, failures);
    let mut before = 0;
    loop {
        let batch = match rows.recv().await {
            None => return End::Done(Outcome::Complete),
            Some(Part::Rows(batch)) => batch,
            Some(Part::NoTimes(met)) => {
                let met = met.into_iter();
                let met = met.map(|(function, met)| ((function, Expected::Time), met));
                let mut findings = run.findings.borrow_mut();
                findings.add_unreadable_values(plan, met.collect());
                continue;
            }
            Some(Part::NumbersAsText(columns)) => {
                let mut findings = run.findings.borrow_mut();
                for column in columns {
                    findings.add_note(format!(
                        "in `{}`, `{column}` has numbers beyond 64 bits, which are texts in SQL: they are ordered and \
                         compared as texts",
                        plan.query.name
                    ));
                }
                continue;
            }
            Some(Part::Fault(error)) => {
                return End::Failed(RunError::of_plan(plan, fault(sql, error)));
            }
        };
        if let Some(end) = pass_on(run, plan, &batch, &mut before, taker, outlet).await {
            return end;
        }
    }
}

/// Passes on the rows of a store.
async fn of_store(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    stored: &StoredRecords,
    taker: &Taker,
    outlet: &Outlet,
) -> End {
    let access = match stored::access(&run.session) {
        Ok(access) => access,
        Err(kind) => return End::Failed(RunError::of_plan(plan, kind)),
    };
    let mut reading = Reading::start(plan, stored, access);
    let mut before = 0;
    loop {
        let batch = match reading.next().await {
            None => return End::Done(Outcome::Complete),
            Some(Ok(batch)) => batch,
            Some(Err(kind)) => return End::Failed(RunError::of_plan(plan, kind)),
        };
        if let Some(end) = pass_on(run, plan, &batch, &mut before, taker, outlet).await {
            return end;
        }
    }
}

/// Passes on the records of files.
async fn of_files(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    records: &FileRecords,
    taker: &Taker,
    outlet: &Outlet,
) -> End {
    let mut batches = Batches::read(plan, records);
    let mut before = 0;
    loop {
        let batch = match batches.next().await {
            None => return End::Done(Outcome::Complete),
            Some(Ok(batch)) => batch,
            Some(Err(kind)) => return End::Failed(RunError::of_plan(plan, kind)),
        };
        if let Some(end) = pass_on(run, plan, &batch, &mut before, taker, outlet).await {
            return end;
        }
    }
}

/// Passes on what the query makes of some rows, and adds their number to `before`. Returns the end if
/// no more are needed.
async fn pass_on(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    batch: &[Value],
    before: &mut u64,
    taker: &Taker,
    outlet: &Outlet,
) -> Option<End> {
    let (kept, read) = match read_rows(plan, batch, *before) {
        Ok(result) => result,
        Err(kind) => return Some(End::Failed(RunError::of_plan(plan, kind))),
    };
    *before += batch.len() as u64;
    {
        let mut findings = run.findings.borrow_mut();
        findings.add_unreadable(plan);
        findings.add_columns(plan, &read);
    }
    run.cover_records(plan, &kept, &read);
    let level = run.level(plan);
    Level::count(&level.records, kept.len() as u64);
    if taker(kept, outlet).await.is_err() {
        return Some(End::Gone);
    }
    read.is_enough.then_some(End::Done(Outcome::Complete))
}

fn fault(sql: &Statement, error: SqlError) -> RunErrorKind {
    RunErrorKind::Sql {
        place: match error.range {
            Some(range) => sql.text.locate(range),
            None => sql.text.place.clone(),
        },
        words: error.message,
        help: error.help,
        is_stopped: error.kind == SqlErrorKind::Stopped,
    }
}

/// A message from the statement's thread.
enum Part {
    Rows(Vec<Value>),
    /// Strings that are not times although a function expected one, by function: their count and
    /// the first of them.
    NoTimes(BTreeMap<String, (usize, String)>),
    /// Columns whose numbers are too large for SQL.
    NumbersAsText(Vec<String>),
    Fault(SqlError),
}

/// A running statement. Dropping it stops the statement.
struct Running {
    parts: mpsc::Receiver<Part>,
    is_over: Arc<AtomicBool>,
}

impl Running {
    async fn recv(&mut self) -> Option<Part> {
        self.parts.recv().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Starts the statement on a thread of its own, since SQLite blocks.
fn start(
    plan: &Plan,
    sql: &Statement,
    database: Option<Database>,
    data: Arc<DataValues>,
    failures: Records,
) -> Running {
    let (sender, parts) = mpsc::channel(4);
    let is_over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_over);
    let text = Arc::clone(&sql.text.value);
    let now = plan.now();
    let params = Params {
        values: plan.vars.clone(),
        secrets: plan.secret_vars().cloned().collect(),
    };
    if !params.secrets.is_empty() {
        plan.scrubber.note_mask();
    }
    let read = Read {
        columns: (plan.query.data.iter())
            .filter(|entry| data.contains_key(&entry.name))
            .map(|data| (data.name.clone(), data.query.columns()))
            .collect(),
        hides_failures: (plan.query.data.iter().map(|data| &data.name))
            .chain(sql.tables.iter().map(|table| &table.name))
            .any(|name| failures::is_table(name)),
        data,
        failures,
        needs: Needs::of(&text),
    };
    tokio::task::spawn_blocking(move || {
        let give = |part: Part| match sender.blocking_send(part) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let mut batch = Vec::new();
        let result = open(now, stop, database, &read).and_then(|database| {
            let numbers = database.numbers_as_text(&text);
            if !numbers.is_empty() {
                let _ = give(Part::NumbersAsText(numbers));
            }
            let result = database.select(&text, &params, |row: Row| {
                batch.push(Value::Object(row));
                if batch.len() < BATCH {
                    return ControlFlow::Continue(());
                }
                give(Part::Rows(std::mem::take(&mut batch)))
            });
            let no_times = database.take_no_times();
            if !no_times.is_empty() {
                let _ = give(Part::NoTimes(no_times));
            }
            result
        });
        let _ = match result {
            Ok(_) if batch.is_empty() => ControlFlow::Continue(()),
            Ok(_) => give(Part::Rows(batch)),
            Err(error) => give(Part::Fault(error)),
        };
    });
    Running { parts, is_over }
}

/// The tables that were read by queries.
struct Read {
    /// The names, with the columns as far as they are known.
    columns: Vec<(String, Option<Vec<String>>)>,
    data: Arc<DataValues>,
    failures: Records,
    /// True if another table has the name of the failures.
    hides_failures: bool,
    /// The columns that the statement reads.
    needs: Needs,
}

/// Completes the database: those of files are in it already.
fn open(
    now: jiff::Timestamp,
    stop: Arc<AtomicBool>,
    database: Option<Database>,
    read: &Read,
) -> Result<Database, SqlError> {
    let mut database = database.map_or_else(|| Database::new(now), Ok)?;
    database.stop_when(move || stop.load(Ordering::Relaxed))?;
    for (name, columns) in &read.columns {
        match read.data.get(name) {
            Some(DataValue::Records(records)) => {
                database.load_list(name, columns.as_deref(), &records.list, &read.needs)?;
            }
            Some(DataValue::Text(text)) => {
                let record = json!({ "value": &**text });
                database.load(name, None, [&record])?;
            }
            None => {
                database.load(name, columns.as_deref(), [])?;
            }
        }
    }
    if !read.hides_failures {
        let columns = read.failures.columns.as_deref();
        database.load_list(failures::TABLE, columns, &read.failures.list, &read.needs)?;
    }
    Ok(database)
}

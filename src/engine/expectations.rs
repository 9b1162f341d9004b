//! Expectations: those of the run's query over its result, and those of each query that it uses over
//! that query's records.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::core::records::RecordList;
use crate::engine::data::{data_of, run_facts};
use crate::engine::response::all_response_facts;
use crate::engine::run::Run;
use crate::engine::{FailedItem, RunError, RunErrorKind, Unmet};
use crate::http::Response;
use crate::plan::{DataValues, Plan};
use crate::template::{Records, Scope};

/// The values available to expectations.
pub struct ResultFacts<'f> {
    /// The records of the query.
    pub records: Vec<Value>,
    /// The first response and its body; `None` for a walk, which has many.
    pub answer: Option<(&'f Response, &'f Value)>,
    /// The results of the queries of `data`.
    pub data: &'f DataValues,
    /// Facts about the run.
    pub run: &'f Value,
    /// The failures of the run.
    pub failures: &'f Records,
}

/// Returns the expectations that do not hold.
///
/// # Errors
///
/// If one of them cannot be evaluated.
pub fn expectations(plan: &Plan, result: ResultFacts<'_>) -> Result<Vec<Unmet>, RunErrorKind> {
    if plan.query.shape.expect.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Value::Array(result.records);
    let row = rows.get(0).unwrap_or(&Value::Null);
    let facts = result
        .answer
        .map(|(response, body)| all_response_facts(plan, response, body));
    let scope_over = |scope: &Scope| {
        let failures = ("failures", result.failures);
        let scope = plan
            .scope_with_data(scope, result.data)
            .with_all([("rows", &rows)])
            .with_record_and_list("run", result.run, failures)
            .with_row(row);
        match &facts {
            Some(facts) => scope.with_response(facts),
            None => scope,
        }
    };
    let scope = scope_over(plan.scope());
    let mut failed = Vec::new();
    for requirement in &plan.query.shape.expect {
        if !requirement
            .that
            .holds(&scope)
            .map_err(RunErrorKind::Render)?
        {
            failed.push(Unmet {
                that: requirement.source(),
                message: plan.words(requirement, &scope_over),
            });
        }
    }
    Ok(failed)
}

/// Evaluates the expectations of a plan that others use, over its complete records. `item` is the
/// item for which it was bound, if it depends on one. An expectation that is not met ends a run that
/// writes, since nothing was sent yet; otherwise it is reported at the end.
pub async fn check_used(
    run: &Rc<Run>,
    plan: &Rc<Plan>,
    records: &RecordList,
    item: Option<Box<FailedItem>>,
) {
    // Records of a test are given as they are.
    let is_given = run.session.given(&plan.query.name).is_some();
    if plan.query.shape.expect.is_empty() || run.has_failed() || is_given {
        return;
    }
    let data = if plan.data.is_empty() {
        Arc::default()
    } else {
        data_of(run, plan).await
    };
    if run.has_failed() {
        return;
    }
    let answer = run.findings.borrow_mut().take_answer(plan);
    let (failures, is_partial) = run.findings.borrow().failures_of(plan);
    let first = answer.first.as_ref();
    let unmet = records.to_vec().map_err(RunErrorKind::Sink);
    let unmet = unmet.and_then(|mut records| {
        for record in &mut records {
            plan.scrubber.json(record);
        }
        let facts = ResultFacts {
            records,
            answer: first.map(|first| (&first.response, &first.json)),
            data: &data,
            run: &run_facts(plan, run.requests(), is_partial),
            failures: &failures,
        };
        expectations(plan, facts)
    });
    let error = |kind| RunError {
        request: answer.request.clone(),
        item,
        ..RunError::of_plan(plan, kind)
    };
    match unmet {
        Ok(unmet) if unmet.is_empty() => {}
        Ok(unmet) => run.note_unmet(error(RunErrorKind::Expectation(unmet))),
        Err(kind) => run.fail(error(kind)),
    }
}

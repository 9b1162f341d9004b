//! The metrics of a query for `-o openmetrics`, with the labels that are known before a run.

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::error_hints;
use crate::cli::failure::Failure;
use crate::core::code::Code;
use crate::core::json;
use crate::format::{Format, LabelValue, MetricColumn};
use crate::plan::Plan;
use crate::project::query::{LabelSource, Metric, MetricLabel};

/// Returns the metrics that a format writes: those among the chosen columns, all of them without a
/// choice.
///
/// # Errors
///
/// If a label fails to render or is a secret, or if the choice leaves out the column of a label.
pub fn columns(
    format: &Format,
    plan: &Plan,
    chosen: &[String],
    app: &App,
) -> Result<Vec<MetricColumn>, Failure> {
    if !format.writes_metrics() {
        return Ok(Vec::new());
    }
    let is_chosen = |name: &String| chosen.is_empty() || chosen.contains(name);
    let mut columns = Vec::new();
    for column in &plan.query.shape.extract {
        let Some(metric) = &column.metric else {
            continue;
        };
        if !is_chosen(&column.name) {
            continue;
        }
        let mut labels = Vec::new();
        for label in &metric.labels {
            if let LabelSource::Column(name) = &label.source
                && !is_chosen(name)
            {
                let family = &metric.family.name;
                let words = format!("`--columns` leaves out `{name}`, a label of `{family}`");
                return Err(Failure::usage(Code::Columns, words));
            }
            labels.push((label.name.clone(), value(label, metric, plan, app)?));
        }
        columns.push(MetricColumn {
            column: column.name.clone(),
            column_type: column.declared,
            family: metric.family.clone(),
            labels,
        });
    }
    let has_metrics = plan
        .query
        .shape
        .extract
        .iter()
        .any(|column| column.metric.is_some());
    if columns.is_empty() && has_metrics {
        let words = "`--columns` leaves out all columns with a `metric`";
        return Err(Failure::usage(Code::Columns, words));
    }
    Ok(columns)
}

fn value(
    label: &MetricLabel,
    metric: &Metric,
    plan: &Plan,
    app: &App,
) -> Result<LabelValue, Failure> {
    let template = match &label.source {
        LabelSource::Column(name) => return Ok(LabelValue::Column(name.clone())),
        LabelSource::Template(template) => template,
    };
    if plan.is_secret(template.mentions()) {
        let (label, family) = (&label.name, &metric.family.name);
        let words = format!("the label `{label}` of `{family}` must not contain a secret");
        return Err(Failure::usage(Code::Metric, words));
    }
    let value = template.json(plan.scope());
    let value = value.map_err(|error| error_hints::render_error(&error, app))?;
    match value {
        // As a null in a column.
        Value::Null => Ok(LabelValue::Text(String::new())),
        Value::Array(_) | Value::Object(_) => {
            let (label, family) = (&label.name, &metric.family.name);
            let kind = json::kind(&value);
            let words = format!("the label `{label}` of `{family}` is a text, got {kind}");
            Err(Failure::usage(Code::Metric, words))
        }
        value => Ok(LabelValue::Text(json::plain(&value))),
    }
}

//! Metrics over many runs: counts, rates, durations, trends.

use serde_json::{Value, json};

pub use crate::demo::api::sample::{Sample, Verdict, Window, credits_of_workflow, float};

/// Counts and sums of many runs.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    total: i64,
    good: i64,
    bad: i64,
    ended: i64,
    credits: Vec<i64>,
    /// The durations of completed runs, sorted.
    seconds: Vec<i64>,
    recoveries: Vec<i64>,
}

impl Tally {
    /// Tallies the samples.
    pub fn of(samples: &[Sample]) -> Self {
        let mut tally = Self::default();
        for sample in samples {
            tally.total += 1;
            tally.credits.push(sample.credits);
            match sample.verdict {
                Verdict::Good => tally.good += 1,
                Verdict::Bad => tally.bad += 1,
                Verdict::Neither => {}
                Verdict::Open => continue,
            }
            tally.ended += 1;
            tally.seconds.extend(sample.seconds());
        }
        tally.seconds.sort_unstable();
        tally.credits.sort_unstable();
        tally.recoveries = recoveries(samples);
        tally
    }

    fn success_rate(&self) -> f64 {
        ratio(self.good, self.good + self.bad)
    }

    fn throughput(&self, window: Window) -> f64 {
        rounded(float(self.total) / window.days())
    }

    fn total_credits(&self) -> i64 {
        self.credits.iter().sum()
    }

    fn total_seconds(&self) -> i64 {
        self.seconds.iter().sum()
    }

    fn mean_recovery(&self) -> Option<i64> {
        mean(&self.recoveries)
    }

    fn durations(&self) -> Value {
        json!({
            "min": self.seconds.first(),
            "mean": mean(&self.seconds),
            "median": percentile(&self.seconds, 50),
            "p95": percentile(&self.seconds, 95),
            "max": self.seconds.last(),
            "standard_deviation": deviation(&self.seconds),
        })
    }

    /// Returns the metrics of a workflow.
    pub fn of_workflow(&self, window: Window) -> Value {
        json!({
            "total_runs": self.total,
            "successful_runs": self.good,
            "mttr": self.mean_recovery(),
            "total_credits_used": self.total_credits(),
            "failed_runs": self.bad,
            "success_rate": self.success_rate(),
            "duration_metrics": self.durations(),
            "total_recoveries": self.recoveries.len(),
            "throughput": self.throughput(window),
        })
    }

    /// Returns the metrics of a workflow's summary.
    pub fn of_summary(&self, window: Window) -> Value {
        let mut metrics = self.of_workflow(window);
        metrics["completed_runs"] = json!(self.ended);
        metrics
    }

    /// Returns the metrics of a job.
    pub fn of_job(&self, window: Window) -> Value {
        json!({
            "total_runs": self.total,
            "failed_runs": self.bad,
            "successful_runs": self.good,
            "duration_metrics": self.durations(),
            "success_rate": self.success_rate(),
            "total_credits_used": self.total_credits(),
            "throughput": self.throughput(window),
        })
    }

    /// Returns the metrics of one point of a time series.
    pub fn of_point(&self, window: Window) -> Value {
        json!({
            "total_runs": self.total,
            "failed_runs": self.bad,
            "successful_runs": self.good,
            "throughput": self.throughput(window),
            "median_credits_used": percentile(&self.credits, 50).unwrap_or(0),
            "total_credits_used": self.total_credits(),
            "duration_metrics": {
                "min": self.seconds.first(),
                "median": percentile(&self.seconds, 50),
                "max": self.seconds.last(),
                "p95": percentile(&self.seconds, 95),
                "total": self.total_seconds(),
            },
        })
    }

    /// Returns the metrics of a project or an organization.
    pub fn of_project(&self, window: Window) -> Value {
        json!({
            "total_runs": self.total,
            "total_duration_secs": self.total_seconds(),
            "total_credits_used": self.total_credits(),
            "success_rate": self.success_rate(),
            "throughput": self.throughput(window),
        })
    }

    /// Returns the metrics of a workflow on a project's page.
    pub fn of_line(&self) -> Value {
        json!({
            "total_credits_used": self.total_credits(),
            "p95_duration_secs": percentile(&self.seconds, 95).unwrap_or(0),
            "total_runs": self.total,
            "success_rate": self.success_rate(),
        })
    }

    /// Compares with the previous window: 1 is no change, -1 is infinite.
    pub fn trends(&self, before: &Self, window: Window) -> Value {
        let p95 = |tally: &Self| float(percentile(&tally.seconds, 95).unwrap_or(0));
        let median = |tally: &Self| float(percentile(&tally.seconds, 50).unwrap_or(0));
        let recovery = |tally: &Self| float(tally.mean_recovery().unwrap_or(0));
        json!({
            "total_runs": trend(float(self.total), float(before.total)),
            "failed_runs": trend(float(self.bad), float(before.bad)),
            "success_rate": trend(self.success_rate(), before.success_rate()),
            "total_duration_secs": trend(float(self.total_seconds()), float(before.total_seconds())),
            "p95_duration_secs": trend(p95(self), p95(before)),
            "median_duration_secs": trend(median(self), median(before)),
            "total_credits_used": trend(float(self.total_credits()), float(before.total_credits())),
            "mttr": trend(recovery(self), recovery(before)),
            "throughput": trend(self.throughput(window), before.throughput(window.before())),
        })
    }
}

/// Returns some members of an object, in this order.
pub fn only(value: &Value, names: &[&str]) -> Value {
    let members = names
        .iter()
        .map(|name| ((*name).to_owned(), value[*name].clone()));
    Value::Object(members.collect())
}

/// Returns the seconds from each first failure to the next success.
fn recoveries(samples: &[Sample]) -> Vec<i64> {
    let mut ended: Vec<(i64, Verdict)> = samples
        .iter()
        .filter_map(|sample| Some((sample.stopped_at?, sample.verdict)))
        .collect();
    ended.sort_unstable_by_key(|(stopped_at, _)| *stopped_at);
    let mut broken_at = None;
    let mut recoveries = Vec::new();
    for (stopped_at, verdict) in ended {
        match verdict {
            Verdict::Bad => broken_at = broken_at.or(Some(stopped_at)),
            Verdict::Good => {
                recoveries.extend(
                    broken_at
                        .take()
                        .map(|broken_at| (stopped_at - broken_at) / 1000),
                );
            }
            Verdict::Neither | Verdict::Open => {}
        }
    }
    recoveries
}

/// Returns a percentile of a sorted list.
pub fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn mean(values: &[i64]) -> Option<i64> {
    let count = i64::try_from(values.len()).ok()?;
    values.iter().sum::<i64>().checked_div(count)
}

fn deviation(values: &[i64]) -> Option<f64> {
    let mean = float(mean(values)?);
    let count = float(i64::try_from(values.len()).ok()?);
    let squares: f64 = values
        .iter()
        .map(|value| (float(*value) - mean).powi(2))
        .sum();
    Some(rounded((squares / count).sqrt()))
}

/// Returns a fraction to four digits; 0 if the whole is 0.
pub fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        rounded(float(part) / float(whole))
    }
}

fn trend(now: f64, before: f64) -> f64 {
    match (now > 0.0, before > 0.0) {
        (_, true) => rounded(now / before),
        (true, false) => -1.0,
        (false, false) => 1.0,
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world::calendar::DAY;

    fn sample(verdict: Verdict, begin: i64, seconds: i64) -> Sample {
        Sample {
            verdict,
            created_at: begin * 1000,
            stopped_at: (verdict != Verdict::Open).then_some((begin + seconds) * 1000),
            credits: 10,
        }
    }

    const WINDOW: Window = Window { from: 0, to: DAY };

    #[test]
    fn counts_rates_and_durations() {
        let metrics = Tally::of(&[
            sample(Verdict::Bad, 0, 100),
            sample(Verdict::Good, 500, 100),
            sample(Verdict::Good, 900, 300),
            sample(Verdict::Neither, 1300, 10),
            sample(Verdict::Open, 1400, 0),
        ])
        .of_summary(WINDOW);
        assert_eq!(metrics["total_runs"], 5);
        assert_eq!(metrics["completed_runs"], 4);
        assert_eq!(metrics["success_rate"], 0.6667);
        assert_eq!(metrics["mttr"], 500);
        assert_eq!(metrics["duration_metrics"]["median"], 100);
        assert_eq!(metrics["duration_metrics"]["max"], 300);
        assert_eq!(metrics["total_credits_used"], 50);
    }

    #[test]
    fn nothing_gives_nulls_and_no_division_by_zero() {
        let metrics = Tally::of(&[]).of_workflow(WINDOW);
        assert_eq!(metrics["success_rate"], 0.0);
        assert_eq!(metrics["mttr"], Value::Null);
        assert_eq!(metrics["duration_metrics"]["p95"], Value::Null);
    }

    #[test]
    fn trends() {
        assert!((trend(2.0, 1.0) - 2.0).abs() < 1e-9);
        assert!((trend(2.0, 0.0) + 1.0).abs() < 1e-9);
        assert!((trend(0.0, 0.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<i64> = (1..=100).collect();
        assert_eq!(percentile(&values, 95), Some(95));
        assert_eq!(percentile(&values, 50), Some(50));
        assert_eq!(percentile(&[7], 95), Some(7));
        assert_eq!(percentile(&[], 95), None);
    }
}

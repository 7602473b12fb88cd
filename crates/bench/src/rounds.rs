//! Rounds in turn: ours, raw, ours, raw; each in the same conditions as its neighbor.

use anyhow::Result;
use std::time::Duration;

use crate::{
    cpu::{self, Processes, Usage},
    report::{ReportRow, Round},
    sample::{Sample, median, percentile},
};

/// The subject of a comparison.
pub struct Comparison<'a> {
    pub name: &'a str,
    /// The lowest ratio to reach, if there is a target.
    pub target: Option<f64>,
    pub rounds: usize,
    /// The processes whose processor time is reported.
    pub processes: &'a Processes,
}

impl Comparison<'_> {
    /// Runs both sides in turn. `ours` and `raw` run one round each; `prepare` creates what ours
    /// uses up, outside of any round.
    pub fn run(
        &self,
        mut prepare: impl FnMut() -> Result<()>,
        mut ours: impl FnMut() -> Result<Sample>,
        mut raw: impl FnMut() -> Result<Sample>,
    ) -> Result<ReportRow> {
        let mut row = ReportRow::new(self.name, self.target);
        let (mut latencies, mut usages, mut raw_usages) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            prepare()?;
            let (_, sample, usage) = self.one(&mut ours)?;
            // Remaining work of our side must not slow down the raw side.
            let (rest, limit, limit_usage) = self.one(&mut raw)?;
            row.rounds.push(Round {
                ours: sample.per_second(),
                raw: limit.per_second(),
                others: usage.others.max(limit_usage.others),
                rest_seconds: rest.as_secs_f64(),
            });
            for side in [&sample, &limit] {
                row.errors += side.errors;
                row.first_error = row.first_error.take().or(side.first_error.clone());
            }
            latencies.extend(sample.latencies);
            usages.push(usage);
            raw_usages.push(limit_usage);
        }
        latencies.sort_unstable();
        let ms = |percent| percentile(&latencies, percent).map(|micros| f64::from(micros) / 1e3);
        (row.p50_ms, row.p99_ms) = (ms(50), ms(99));
        row.ours = median(row.rounds.iter().map(|round| round.ours));
        row.raw = median(row.rounds.iter().map(|round| round.raw));
        row.ratio = median(row.rounds.iter().map(|round| round.ours / round.raw));
        row.cpu = cpu::average(&usages);
        row.raw_cpu = cpu::average(&raw_usages);
        let rest = median(row.rounds.iter().map(|round| round.rest_seconds)).unwrap_or_default();
        if rest > 0.5 {
            row.notes
                .push(format!("then {rest:.1} s of work in the background"));
        }
        Ok(row)
    }

    fn one(&self, side: &mut impl FnMut() -> Result<Sample>) -> Result<(Duration, Sample, Usage)> {
        let rest = self.processes.wait_until_quiet();
        let before = self.processes.read();
        let sample = side()?;
        Ok((rest, sample, self.processes.since(&before)))
    }
}

//! The results: lines for readers, JSON for programs.

use anyhow::{Context, Result};
use serde::Serialize;
use std::{fmt, fs, path::Path};

use crate::{cpu::Usage, machine::Machine};

/// Above this share of one processor, other processes on the machine have disturbed a round.
const DISTURBED: f64 = 25.0;

/// All results of a run.
#[derive(Debug, Serialize)]
pub struct BenchReport {
    pub machine: Machine,
    /// The settings of the run.
    pub settings: RunSettings,
    pub rows: Vec<ReportRow>,
    /// Single figures with their units.
    pub figures: Vec<Figure>,
}

/// The settings of a run.
#[derive(Debug, Serialize)]
pub struct RunSettings {
    pub quick: bool,
    pub nats_sync: &'static str,
    pub connections: usize,
}

/// One comparison.
#[derive(Debug, Serialize)]
pub struct ReportRow {
    pub name: String,
    /// Per second; the median of the rounds, as are the next two.
    pub ours: Option<f64>,
    pub raw: Option<f64>,
    pub ratio: Option<f64>,
    pub target: Option<f64>,
    /// Of our rounds together.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub errors: u64,
    pub first_error: Option<String>,
    /// During our rounds.
    pub cpu: Usage,
    /// During the raw ones.
    pub raw_cpu: Usage,
    pub rounds: Vec<Round>,
    /// The peak memory of the measured program.
    pub memory: Option<Memory>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

/// One round of both sides, per second.
#[derive(Debug, Serialize)]
pub struct Round {
    pub ours: f64,
    pub raw: f64,
    /// Percent of one processor that other processes used.
    pub others: f64,
    /// How long the servers continued to work after our round.
    pub rest_seconds: f64,
}

/// Memory and its limit, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Memory {
    pub peak: f64,
    /// The same for a tenth of the work: limited memory doesn't grow with it.
    pub peak_of_a_tenth: f64,
    pub at_most: f64,
}

/// A single figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
}

impl ReportRow {
    pub fn new(name: &str, target: Option<f64>) -> Self {
        Self {
            name: name.to_owned(),
            ours: None,
            raw: None,
            ratio: None,
            target,
            p50_ms: None,
            p99_ms: None,
            errors: 0,
            first_error: None,
            cpu: Usage::default(),
            raw_cpu: Usage::default(),
            rounds: Vec::new(),
            memory: None,
            notes: Vec::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.ratio, self.target) {
            (Some(ratio), Some(target)) if ratio >= target => "met",
            (Some(_), Some(_)) => "MISSED",
            _ => "",
        }
    }

    fn disturbed(&self) -> bool {
        self.rounds.iter().any(|round| round.others > DISTURBED)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.peak <= self.at_most {
            "met"
        } else {
            "MISSED"
        };
        write!(
            f,
            "peak memory {:.0} MiB ({:.0} MiB for a tenth of the time), at most {:.0} {verdict}",
            self.peak, self.peak_of_a_tenth, self.at_most
        )
    }
}

impl BenchReport {
    /// A report without results.
    pub fn new(machine: Machine, settings: RunSettings) -> Self {
        Self {
            machine,
            settings,
            rows: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Adds a comparison and prints it at once.
    pub fn add(&mut self, row: ReportRow) {
        print_line(&row);
        self.rows.push(row);
    }

    /// Adds a single figure and prints it at once.
    pub fn figure(&mut self, name: &str, value: f64, unit: &'static str) {
        println!("{name:<44} {value:>10.1} {unit}");
        self.figures.push(Figure {
            name: name.to_owned(),
            value,
            unit,
        });
    }

    /// Prints everything, the comparisons as a table.
    pub fn print(&self) {
        println!();
        self.machine.print();
        println!();
        println!(
            "{:<44} {:>9} {:>9} {:>7} {:>7} {:<6} {:>8} {:>8}",
            "", "ours/s", "raw/s", "ratio", "target", "", "p50 ms", "p99 ms"
        );
        for row in &self.rows {
            print_line(row);
            println!("    ours: {}", processors(&row.cpu, row.ours));
            println!("    raw:  {}", processors(&row.raw_cpu, row.raw));
            if let Some(memory) = row.memory {
                println!("    {memory}");
            }
            for note in &row.notes {
                println!("    {note}");
            }
            if row.disturbed() {
                println!("    disturbed: other programs ran meanwhile");
            }
            if row.errors > 0 {
                let first = row.first_error.as_deref().unwrap_or_default();
                println!("    {} ERRORS, the first: {first}", row.errors);
            }
        }
        for figure in &self.figures {
            println!("{:<44} {:>10.1} {}", figure.name, figure.value, figure.unit);
        }
    }

    /// Writes everything as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        fs::write(path, json).with_context(|| format!("can't write {}", path.display()))
    }

    /// Whether every response was right. A missed target is a result, a wrong response a fault.
    pub fn is_sound(&self) -> bool {
        self.rows.iter().all(|row| row.errors == 0)
    }
}

fn print_line(row: &ReportRow) {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.0}"));
    let percent =
        |value: Option<f64>| value.map_or(String::new(), |value| format!("{:.0} %", value * 1e2));
    let ms = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    println!(
        "{:<44} {:>9} {:>9} {:>7} {:>7} {:<6} {:>8} {:>8}",
        row.name,
        number(row.ours),
        number(row.raw),
        percent(row.ratio),
        percent(row.target),
        row.verdict(),
        ms(row.p50_ms),
        ms(row.p99_ms),
    );
}

/// Processor time by process, in percent of one processor, and per operation: unlike a rate, the
/// latter hardly changes when the machine is busy with other work.
fn processors(usage: &Usage, per_second: Option<f64>) -> String {
    let per_second = per_second.unwrap_or(f64::INFINITY);
    let mut parts: Vec<String> = usage
        .processes
        .iter()
        .filter(|(_, percent)| *percent >= 0.5)
        .map(|(name, percent)| {
            let micros = percent / 1e2 / per_second * 1e6;
            format!("{name} {percent:.0} % ({micros:.0} µs each)")
        })
        .collect();
    parts.push(format!("others {:.0} %", usage.others));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_with_a_target_meets_or_misses_it() {
        let mut row = ReportRow::new("x", Some(0.5));
        assert_eq!(row.verdict(), "");
        row.ratio = Some(0.5);
        assert_eq!(row.verdict(), "met");
        row.ratio = Some(0.49);
        assert_eq!(row.verdict(), "MISSED");
        row.target = None;
        assert_eq!(row.verdict(), "");
    }

    #[test]
    fn the_memory_limit_applies_to_the_whole_run() {
        let mut memory = Memory {
            peak: 200.0,
            peak_of_a_tenth: 150.0,
            at_most: 200.0,
        };
        let words = "peak memory 200 MiB (150 MiB for a tenth of the time), at most 200 met";
        assert_eq!(memory.to_string(), words);
        memory.peak = 200.1;
        assert!(memory.to_string().ends_with("MISSED"), "{memory}");
    }
}

//! The results: tables for readers, JSON for programs.

use anyhow::{Context, Result};
use serde::Serialize;
use std::{fs, path::Path};

/// The store that the others are compared with.
pub const OURS: &str = "turnstile-eventstore";

/// All results of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Processors, versions, load.
    pub machine: Vec<String>,
    pub settings: Vec<String>,
    pub tables: Vec<Table>,
}

/// One measurement of several stores.
#[derive(Debug, Serialize)]
pub struct Table {
    pub name: String,
    pub rows: Vec<Row>,
}

/// One store in it: medians of its rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    pub store: &'static str,
    /// Commands per second, or milliseconds.
    pub figure: f64,
    pub unit: &'static str,
    /// How many times faster ours was in the same rounds.
    pub ours_is_faster: f64,
    /// For commands.
    pub details: Option<Details>,
    /// The figure of each round.
    pub rounds: Vec<f64>,
}

/// Per acknowledged command.
#[derive(Debug, Serialize)]
pub struct Details {
    pub tries: f64,
    /// Microseconds of processor time, in this process and in the store's server.
    pub client_micros: f64,
    pub server_micros: f64,
    /// Percent of one processor that other programs had in the meantime.
    pub others: f64,
    /// Commands of a round.
    pub commands: f64,
}

impl Row {
    /// Compares rounds with those of ours. `unit` is `/s`, of which more is better, or `ms`.
    pub fn new(store: &'static str, unit: &'static str, rounds: Vec<f64>, ours: &[f64]) -> Self {
        let pairs = ours.iter().zip(&rounds);
        let ratios = pairs.map(|(ours, theirs)| match unit {
            "/s" => ours / theirs,
            _ => theirs / ours,
        });
        Self {
            store,
            figure: median(rounds.iter().copied()),
            unit,
            ours_is_faster: median(ratios),
            details: None,
            rounds,
        }
    }
}

impl Report {
    /// Adds a table and prints it at once.
    pub fn add(&mut self, table: Table) {
        table.print();
        self.tables.push(table);
    }

    /// Writes everything as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        fs::write(path, json).with_context(|| format!("can't write {}", path.display()))
    }
}

impl Table {
    fn print(&self) {
        println!("\n{}", self.name);
        println!(
            "  {:<34} {:>13} {:>9}  per command: tries, client + server",
            "", "", "ours is"
        );
        for row in &self.rows {
            let Row { store, figure, .. } = row;
            let digits = usize::from(*figure < 100.0);
            let ratio = row.ours_is_faster;
            let ratio_digits = if ratio < 10.0 { 2 } else { 0 };
            print!(
                "  {store:<34} {figure:>9.digits$} {:<3} {ratio:>7.ratio_digits$} ×",
                row.unit
            );
            if let Some(details) = &row.details {
                let Details {
                    tries,
                    client_micros,
                    server_micros,
                    others,
                    commands,
                } = details;
                print!(
                    "  {tries:>6.2} tries, {client_micros:>6.0} + {server_micros:>6.0} µs, \
                     others {others:.0} %, {commands:.0} commands"
                );
            }
            println!();
        }
    }
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.get(half) {
        None => f64::NAN,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(values[half - 1], *upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_a_time_are_compared_in_the_same_direction() {
        let rate = Row::new(
            "other",
            "/s",
            vec![10.0, 20.0, 40.0],
            &[100.0, 100.0, 100.0],
        );
        assert!((rate.figure - 20.0).abs() < 1e-9);
        assert!((rate.ours_is_faster - 5.0).abs() < 1e-9);
        let time = Row::new("other", "ms", vec![10.0, 30.0], &[2.0, 2.0]);
        assert!((time.figure - 20.0).abs() < 1e-9);
        assert!((time.ours_is_faster - 10.0).abs() < 1e-9);
    }
}

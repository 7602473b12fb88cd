//! Every result of `turnstile replay` against the same query in another program: DuckDB, from PyPI,
//! over an export (`figures/folds.sql`), which shares no code with the folds.

use analysis::folds::BUILTIN;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};
use testkit::Nats;

use crate::{
    simulate::simulated,
    support::{
        export_folder::{exported, text},
        tool,
    },
};

/// A while after the end of the first season, so that there are months without an event.
const LATER: [&str; 14] = [
    "simulate",
    "--tickets",
    "100",
    "--sellers",
    "8",
    "--buyers",
    "80",
    "--days",
    "6",
    "--start",
    "2025-06-01",
    "--seed",
    "2",
    "--onto-history",
];

/// The whole log; from a moment during a flash sale on, so that there are live holds; and over the
/// gap, up to a moment that isn't a whole millisecond.
const RANGES: [Option<(&str, &str)>; 3] = [
    None,
    Some(("2025-01-08T21:53:55Z", "2025-01-09T06:00:00Z")),
    Some(("2025-01-04T19:40:00Z", "2025-06-03T03:04:05.123456Z")),
];

/// The rows of each table, in their order.
type Tables = BTreeMap<String, Vec<Value>>;

fn tables(rows: impl Iterator<Item = Value>) -> Tables {
    let mut tables = Tables::new();
    for mut row in rows {
        let cells = row.as_object_mut().unwrap();
        let table = cells.remove("table").unwrap();
        for cell in cells.values_mut() {
            // Times have as many digits as necessary, or all.
            let time = cell.as_str().and_then(|text| text.parse().ok());
            if let Some(time) = time {
                let time: DateTime<Utc> = time;
                *cell = time.to_rfc3339_opts(SecondsFormat::Micros, true).into();
            }
        }
        let table = table.as_str().unwrap().to_owned();
        tables.entry(table).or_default().push(row);
    }
    tables
}

/// The tool's results.
async fn replayed(nats: &Nats, range: Option<(&str, &str)>) -> Tables {
    let mut rows = Vec::new();
    for fold in BUILTIN {
        let mut args = vec!["replay", fold.name, "--json"];
        if let Some((from, to)) = range {
            args.extend(["--from", from, "--to", to]);
        }
        rows.extend(tool(nats.url(), &args).await.well().json());
    }
    tables(rows.into_iter())
}

/// DuckDB's results.
fn asked(folder: &Path, range: Option<(&str, &str)>) -> Tables {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analyst/figures");
    let package = devservers::tools::python_package("duckdb", "2.0.0").unwrap();
    let output = Command::new("python3")
        .arg(here.join("folds.py"))
        .args([folder, &here.join("folds.sql")])
        .args(range.iter().flat_map(|(from, to)| [from, to]))
        .env("PYTHONPATH", package)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    tables(
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap()),
    )
}

#[tokio::test]
async fn every_table_of_every_fold_matches_duckdb() {
    let nats = simulated().await;
    tool(nats.url(), &LATER).await.well();
    let out = tempfile::tempdir().unwrap();
    exported(&nats, out.path(), &[]).await;
    for range in RANGES {
        let (found, expected) = (replayed(&nats, range).await, asked(out.path(), range));
        let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{range:?}");
        for (name, rows) in &found {
            // Row by row, to show the difference.
            for (row, other) in rows.iter().zip(&expected[name]) {
                assert_eq!(row, other, "{name}, {range:?}");
            }
            assert_eq!(rows.len(), expected[name].len(), "{name}, {range:?}");
        }
        match range {
            None => assert_eq!(found.len(), 15, "{}", text(out.path())),
            Some((from, _)) if from == RANGES[1].unwrap().0 => {
                let live = found["holds_by_hour"][0]["at_begin"].as_u64();
                assert!(live > Some(0), "no hold is live when the range begins");
            }
            Some(_) => {}
        }
    }
}

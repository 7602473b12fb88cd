//! `turnstile report`: the results on one page; and the results themselves, on a simulated season.

use analysis::folds::BUILTIN;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    simulate::simulated,
    support::{Season, tool},
};

#[tokio::test]
async fn the_report_is_self_contained_and_deterministic() {
    let nats = simulated().await;
    let folder = tempfile::tempdir().unwrap();
    let mut pages = Vec::new();
    for name in ["one.html", "other.html"] {
        let out = folder.path().join(name);
        let plots = folder.path().join("plots");
        let args = [
            "report",
            "--out",
            out.to_str().unwrap(),
            "--plots",
            plots.to_str().unwrap(),
        ];
        tool(nats.url(), &args).await.well();
        pages.push(std::fs::read_to_string(&out).unwrap());
        assert_eq!(std::fs::read_dir(plots).unwrap().count(), 9);
    }
    let page = &pages[0];
    assert!(page == &pages[1]);
    assert_eq!(page.matches("<svg ").count(), 9);
    for foreign in ["<script", "<link", " src=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // Its figures are those of the fold.
    let replayed = tool(nats.url(), &["replay", "sales", "--json"])
        .await
        .well();
    let days = replayed
        .json()
        .into_iter()
        .filter(|row| row["table"] == "sales_by_day");
    for day in days {
        let revenue = day["revenue"].as_str().unwrap();
        assert!(page.contains(&format!(">{revenue}</td>")), "{revenue}");
    }
}

#[tokio::test]
async fn the_report_can_go_to_standard_output() {
    let season = Season::write().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let url = season.archive.url();
    let written = ["report", "--out", file.to_str().unwrap()];
    tool(url, &written).await.well();
    let printed = tool(url, &["report", "--out", "-"]).await.well().stdout;
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(printed.trim_end(), written.trim_end());
}

#[tokio::test]
async fn an_unwritable_report_is_named() {
    let nats = simulated().await;
    tool(nats.url(), &["report", "--out", "/nowhere/report.html"])
        .await
        .with_code(2)
        .says("/nowhere/report.html: No such file or directory");
}

/// Every fold on a fixed season: the number of rows of each table, the first and the last ones, and
/// the sum of each numeric column.
#[tokio::test]
async fn the_report_on_a_simulated_season_never_changes() {
    let nats = simulated().await;
    let mut text = String::new();
    for fold in BUILTIN {
        let args = ["replay", fold.name, "--json"];
        let replayed = tool(nats.url(), &args).await.well();
        let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut row in replayed.json() {
            let name = row.as_object_mut().unwrap().remove("table").unwrap();
            tables
                .entry(name.as_str().unwrap().to_owned())
                .or_default()
                .push(row);
        }
        for (name, rows) in tables {
            writeln!(text, "{name}: {} rows", rows.len()).unwrap();
            for (number, row) in rows.iter().enumerate() {
                if number < 8 || number + 1 == rows.len() {
                    writeln!(text, "  {row}").unwrap();
                }
            }
            let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
            for (column, value) in rows.iter().flat_map(|row| row.as_object().unwrap()) {
                if let Some(number) = value.as_u64() {
                    *sums.entry(column).or_default() += number;
                }
            }
            writeln!(text, "  sums: {sums:?}").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

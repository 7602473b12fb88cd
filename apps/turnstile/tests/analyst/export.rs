//! `turnstile export`: what is in the files is what is in the log, whatever happens on the way.

use archive::Manifest;
use domain::{Price, Title, ticket::TicketEvent};
use eventstore::TICKETS;
use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};
use tempfile::TempDir;
use testkit::Nats;
use uuid::Uuid;

use crate::{
    simulate::simulated,
    support::{Archive, Draft, Season, TURNSTILE, id, moment, tool},
};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Exports; shows that it ended well, and gives what is in the folder.
async fn exported(nats: &Nats, out: &Path, args: &[&str]) -> Manifest {
    let mut all = vec!["export", "--out", text(out)];
    all.extend(args);
    tool(nats.url(), &all).await.well();
    let manifest = Manifest::read(out).unwrap().unwrap();
    manifest.check(out).unwrap();
    manifest
}

/// The rows of every table.
fn rows(manifest: &Manifest) -> BTreeMap<String, u64> {
    let tables = manifest.tables.iter();
    tables
        .map(|(name, table)| (name.clone(), table.rows))
        .collect()
}

/// Every file in a folder, but for the two that an export keeps there for itself.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                if !["manifest.json", ".lock"].contains(&name.as_str()) {
                    found.push(name);
                }
            }
        }
    }
    found.sort();
    found
}

/// The files that a manifest names.
fn named(manifest: &Manifest) -> Vec<String> {
    let parts = manifest.tables.values().flat_map(|table| &table.parts);
    let mut named: Vec<_> = parts.map(|part| part.file.clone()).collect();
    named.sort();
    named
}

/// Runs a query in DuckDB, from PyPI; gives each value of each row as text.
fn duckdb(query: &str) -> Vec<Vec<String>> {
    let package = devservers::tools::python_package("duckdb", "2.0.0").unwrap();
    let program = "import duckdb, sys\n\
        duckdb.sql(\"SET TimeZone = 'UTC'\")\n\
        for row in duckdb.sql(sys.argv[1]).fetchall(): print('\\t'.join(str(v) for v in row))";
    let output = std::process::Command::new("python3")
        .args(["-c", program, query])
        .env("PYTHONPATH", package)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{query}\n{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let split = |line: &str| line.split('\t').map(str::to_owned).collect();
    lines.lines().map(split).collect()
}

#[tokio::test]
async fn duckdb_reads_the_same_sums_from_every_format() {
    let nats = simulated().await;
    let replayed = tool(nats.url(), &["replay", "sales", "--json"])
        .await
        .well();
    let days = replayed
        .json()
        .into_iter()
        .filter(|row| row["table"] == "sales_by_day");
    let expected: Vec<Vec<String>> = days
        .map(|row| {
            let day = row["day"].as_str().unwrap()[..10].to_owned();
            let revenue = row["revenue"].as_str().unwrap().to_owned();
            vec![day, row["sold"].to_string(), revenue]
        })
        .filter(|row| row[1] != "0")
        .collect();
    assert!(expected.len() > 7, "{expected:?}");
    for (format, reader) in [("parquet", "read_parquet"), ("csv", "read_csv")] {
        let out = folder();
        exported(&nats, out.path(), &["--format", format]).await;
        let table = |name: &str| format!("{reader}('{}/{name}/*.{format}')", text(out.path()));
        let (done, placed) = (table("order_completed"), table("order_placed"));
        let found = duckdb(&format!(
            "SELECT CAST(done.time AS DATE) AS day, count(*), \
                    CAST(sum(CAST(placed.ticket_price AS DECIMAL(12, 2))) AS DECIMAL(18, 2)) \
             FROM {done} done JOIN {placed} placed USING (order_id) GROUP BY day ORDER BY day"
        ));
        assert_eq!(found, expected, "{format}");
    }
}

#[tokio::test]
async fn columns_have_the_types_that_analysts_expect() {
    let nats = simulated().await;
    let out = folder();
    exported(&nats, out.path(), &[]).await;
    let found = duckdb(&format!(
        "SELECT column_name, column_type FROM (DESCRIBE SELECT sequence, time, ticket_price, \
         buyer_id FROM '{}/order_placed/*.parquet')",
        text(out.path())
    ));
    let found: Vec<_> = found.iter().map(|row| (&*row[0], &*row[1])).collect();
    let expected = [
        ("sequence", "BIGINT"),
        ("time", "TIMESTAMP WITH TIME ZONE"),
        ("ticket_price", "DECIMAL(12,2)"),
        ("buyer_id", "VARCHAR"),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_format_holds_every_event_and_no_secret() {
    let season = Season::write().await;
    let nats = &season.archive.nats;
    let mut counts = Vec::new();
    for format in ["parquet", "csv", "ndjson", "arrow"] {
        let out = folder();
        let manifest = exported(nats, out.path(), &["--format", format]).await;
        assert_eq!(manifest.rows(), 37, "{format}");
        assert_eq!(files(out.path()), named(&manifest), "{format}");
        for file in files(out.path()) {
            let bytes = std::fs::read(out.path().join(&file)).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("never-to-be-shown"), "{file}");
        }
        counts.push(rows(&manifest));
    }
    assert!(
        counts.windows(2).all(|pair| pair[0] == pair[1]),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_range_holds_what_lies_in_it() {
    let season = Season::write().await;
    let out = folder();
    let range = ["--from", "2026-03-02", "--to", "2026-03-03"];
    let manifest = exported(&season.archive.nats, out.path(), &range).await;
    let expected = [
        ("order_placed", 1),
        ("ticket_listed", 1),
        ("ticket_reserved", 1),
    ];
    let expected = expected.map(|(name, rows)| (name.to_owned(), rows));
    assert_eq!(rows(&manifest), BTreeMap::from(expected));
}

#[tokio::test]
async fn what_came_since_is_added() {
    let mut season = Season::write().await;
    let out = folder();
    let before = exported(&season.archive.nats, out.path(), &[]).await;
    let refused = tool(season.archive.url(), &["export", "--out", text(out.path())]).await;
    refused
        .with_code(2)
        .says("--since-last adds what came since");
    let again = exported(&season.archive.nats, out.path(), &["--since-last"]).await;
    assert_eq!(again, before, "nothing came");

    let ann = Season::user("ann").to_string();
    let cheaper = TicketEvent::TicketRevised {
        title: Title::parse("Seat 2").unwrap(),
        price: Price::from_cents(1_000).unwrap(),
    };
    season
        .tickets(2, &ann, &cheaper, None, moment(9, 9, 0))
        .await;
    let after = exported(&season.archive.nats, out.path(), &["--since-last"]).await;
    assert_eq!(after.rows(), 38);
    let parts: Vec<_> = after.tables["ticket_revised"]
        .parts
        .iter()
        .map(|p| p.rows)
        .collect();
    assert_eq!(parts, [1, 1]);
    assert_eq!(files(out.path()), named(&after));
}

#[tokio::test]
async fn an_export_of_something_else_is_not_gone_on_with() {
    let season = Season::write().await;
    let out = folder();
    exported(&season.archive.nats, out.path(), &[]).await;
    let other = Season::write().await;
    let since = ["export", "--since-last", "--out", text(out.path())];
    tool(other.archive.url(), &since)
        .await
        .with_code(2)
        .says("an export of another log");
    let csv = [
        "export",
        "--since-last",
        "--format",
        "csv",
        "--out",
        text(out.path()),
    ];
    tool(season.archive.url(), &csv)
        .await
        .with_code(2)
        .says("holds an export as parquet");
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on_without_a_lost_or_doubled_row() {
    let nats = Nats::start().await;
    let size = [
        "simulate",
        "--tickets",
        "3000",
        "--days",
        "30",
        "--buyers",
        "500",
    ];
    tool(nats.url(), &size).await.well();
    let whole = folder();
    let expected = exported(&nats, whole.path(), &["--format", "csv"]).await;
    let out = folder();
    let mut kills = 0_u32;
    // From a kill before it is connected to one after it is done: each try lives longer.
    for millis in (10..).step_by(35) {
        let mut child = tokio::process::Command::new(TURNSTILE)
            .args(["export", "--format", "csv", "--out", text(out.path())])
            .env("NATS_URL", nats.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ended = tokio::time::timeout(Duration::from_millis(millis), child.wait()).await;
        if let Ok(status) = ended {
            assert!(status.unwrap().success());
            break;
        }
        child.kill().await.unwrap();
        kills += 1;
        // What has its final name by now is whole.
        if let Some(manifest) = Manifest::read(out.path()).unwrap() {
            manifest.check(out.path()).unwrap();
        }
    }
    let found = Manifest::read(out.path()).unwrap().unwrap();
    assert!(kills > 1 && found.complete);
    assert_eq!(rows(&found), rows(&expected));
    assert_eq!(files(out.path()), named(&found));
    found.check(out.path()).unwrap();
    for (name, table) in &expected.tables {
        let read = |folder: &Path, parts: &[archive::Part]| -> String {
            let texts = parts
                .iter()
                .map(|p| std::fs::read_to_string(folder.join(&p.file)).unwrap());
            texts.collect()
        };
        let same = read(whole.path(), &table.parts) == read(out.path(), &found.tables[name].parts);
        assert!(same, "{name}");
    }
}

#[tokio::test]
async fn without_room_it_says_so_and_the_next_run_goes_on() {
    let nats = simulated().await;
    let out = folder();
    // No file may be longer than 16 KiB; that is told as a disk that is full is told. The shell
    // ignores the signal that would come with it, and so does what it becomes.
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let output = tokio::process::Command::new("bash")
        .args([
            "-c",
            script,
            TURNSTILE,
            "export",
            "--format",
            "csv",
            "--out",
            text(out.path()),
        ])
        .env("NATS_URL", nats.url())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(".csv: File too large"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let begun = Manifest::read(out.path()).unwrap().unwrap();
    assert!(!begun.complete);
    let manifest = exported(&nats, out.path(), &["--format", "csv"]).await;
    assert!(manifest.complete);
    assert_eq!(files(out.path()), named(&manifest));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_named_and_leaves_no_half_file() {
    let mut archive = Archive::start().await;
    archive.listings(5).await;
    let unknown = serde_json::json!({"type": "TicketEaten", "version": "1.0", "data": {}});
    let draft = Draft {
        stream: TICKETS,
        aggregate: id(9, 100),
        time: moment(5, 12, 0),
        actor: "somebody".to_owned(),
        request: "forged".to_owned(),
        cause: None::<Uuid>,
        events: vec![unknown],
        version: None,
    };
    archive.commit(&draft).await;
    let out = folder();
    tool(archive.url(), &["export", "--out", text(out.path())])
        .await
        .with_code(3)
        .says("TICKETS#6");
    assert_eq!(files(out.path()), Vec::<String>::new());
    // What lies before it can be had.
    let other = folder();
    let upto = ["--to", "TICKETS:5"];
    assert_eq!(exported(&archive.nats, other.path(), &upto).await.rows(), 5);
}

#[tokio::test]
async fn of_two_exports_to_one_folder_one_is_refused() {
    let nats = simulated().await;
    let out = folder();
    let lock = std::fs::File::create(out.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    tool(nats.url(), &["export", "--out", text(out.path())])
        .await
        .with_code(2)
        .says("another export is writing here");
    drop(lock);
    exported(&nats, out.path(), &[]).await;
}

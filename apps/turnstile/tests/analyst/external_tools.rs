//! Exported files in another program: DuckDB, from PyPI, finds in every format what the tool itself
//! lists.

use archive::TABLES;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};
use testkit::Nats;

use crate::{
    simulate::simulated,
    support::{
        Archive,
        export_folder::{exported, files, named, text},
        tool,
    },
};

const FORMATS: [&str; 4] = ["parquet", "csv", "ndjson", "arrow"];

/// The tables with money: the column, and its place in NDJSON.
const MONEY: [(&str, &str, &str); 5] = [
    ("ticket_listed", "price", "data.price"),
    ("ticket_revised", "price", "data.price"),
    ("order_placed", "ticket_price", "data.ticket.price"),
    ("payment_begun", "amount", "data.amount"),
    ("payment_captured", "amount", "data.amount"),
];

/// Formats without a reader in DuckDB are opened by pyarrow; each table then has its name.
const PROGRAM: &str = "
import duckdb, glob, os, sys
duckdb.sql(\"SET TimeZone = 'UTC'\")
for folder in sys.argv[2:]:
    import pyarrow
    for table in os.listdir(folder):
        files = sorted(glob.glob(f'{folder}/{table}/*.arrow'))
        if files:
            parts = [pyarrow.ipc.open_file(pyarrow.memory_map(file)).read_all() for file in files]
            duckdb.register(table, pyarrow.concat_tables(parts))
for row in duckdb.sql(sys.argv[1]).fetchall():
    print('\\t'.join(str(value) for value in row))
";

/// Runs a query in DuckDB; returns each value of each row as text.
fn duckdb(query: &str, arrow: Option<&Path>) -> Vec<Vec<String>> {
    let package = |name, version| devservers::tools::python_package(name, version).unwrap();
    let mut packages = vec![package("duckdb", "2.0.0")];
    if arrow.is_some() {
        packages.push(package("pyarrow", "26.0.1"));
    }
    let output = Command::new("python3")
        .args(["-c", PROGRAM, query])
        .args(arrow)
        .env("PYTHONPATH", std::env::join_paths(packages).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{query}\n{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let split = |line: &str| line.split('\t').map(str::to_owned).collect();
    lines.lines().map(split).collect()
}

/// Runs statements one after the other in one DuckDB with a time zone; returns the result of each.
const STATEMENTS: &str = "
import duckdb, sys
for statement in sys.argv[1:]:
    answer = duckdb.sql(statement)
    print(answer.fetchall() if answer else 'done')
";

fn duckdb_in(zone: &str, statements: &[String]) -> String {
    let package = devservers::tools::python_package("duckdb", "2.0.0").unwrap();
    let output = Command::new("python3")
        .args(["-c", STATEMENTS])
        .args(statements)
        .env("PYTHONPATH", package)
        .env("TZ", zone)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{statements:?}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The SQL of the page for analysts, in its order.
fn documented(folder: &Path) -> Vec<String> {
    let page = include_str!("../../../../docs/analyzing.md");
    let blocks = page.split("```sql\n").skip(1);
    let queries = blocks.filter_map(|block| block.split("```").next());
    queries
        .map(|query| query.replace("'season/", &format!("'{}/", text(folder))))
        .collect()
}

#[tokio::test]
async fn the_documented_queries_give_the_same_figures_in_every_time_zone() {
    let nats = simulated().await;
    let out = tempfile::tempdir().unwrap();
    exported(&nats, out.path(), &[]).await;
    let queries = documented(out.path());
    assert!(queries.len() > 5, "{queries:?}");
    let expected = duckdb_in("UTC", &queries);
    assert_eq!(expected.lines().count(), queries.len());
    for zone in ["Pacific/Auckland", "America/Los_Angeles"] {
        assert_eq!(duckdb_in(zone, &queries), expected, "{zone}");
    }
}

#[tokio::test]
async fn an_empty_log_can_be_queried() {
    let mut archive = Archive::start().await;
    let out = tempfile::tempdir().unwrap();
    let young = |format| (format, out.path().join(format));
    for (format, folder) in FORMATS.map(young) {
        let manifest = exported(&archive.nats, &folder, &["--format", format]).await;
        assert_eq!((manifest.rows(), manifest.tables.len()), (0, TABLES.len()));
        let files = Files {
            format,
            folder: &folder,
        };
        let counts: Vec<_> = TABLES
            .iter()
            .map(|table| format!("SELECT count(*) FROM {}", files.table(table.name)))
            .collect();
        let counts = files.ask(&counts.join(" UNION ALL "));
        assert_eq!(counts, vec![vec!["0".to_owned()]; TABLES.len()], "{format}");
    }
    let documented = documented(&young("parquet").1);
    assert_eq!(
        duckdb_in("UTC", &documented).lines().count(),
        documented.len()
    );

    // The file of an empty table is removed when it gets rows.
    archive.listings(2).await;
    for (format, folder) in FORMATS.map(young) {
        let since = ["--format", format, "--since-last"];
        let manifest = exported(&archive.nats, &folder, &since).await;
        assert_eq!(files(&folder), named(&manifest), "{format}");
        assert_eq!(manifest.tables["ticket_listed"].parts.len(), 1, "{format}");
        let files = Files {
            format,
            folder: &folder,
        };
        let table = files.table("ticket_listed");
        let sum = format!(
            "SELECT sum({}) FROM {table}",
            files.cents("ticket_listed").0
        );
        let sum = files.ask(&sum)[0][0].clone();
        assert_eq!(sum.trim_end_matches(".00"), "2000", "{format}");
    }
}

/// An export in one format.
struct Files<'f> {
    format: &'static str,
    folder: &'f Path,
}

impl Files<'_> {
    /// The name of a table in a query.
    fn table(&self, name: &str) -> String {
        let files = format!("'{}/{name}/*.{}'", text(self.folder), self.format);
        match self.format {
            "parquet" => format!("read_parquet({files})"),
            // Text has no types: without this one, money would be read as floating point.
            "csv" => match MONEY.iter().find(|(table, ..)| *table == name) {
                Some((_, column, _)) => {
                    format!("read_csv({files}, types = {{'{column}': 'DECIMAL(12,2)'}})")
                }
                None => format!("read_csv({files})"),
            },
            "ndjson" => format!("read_json({files})"),
            _ => name.to_owned(),
        }
    }

    /// The name of a column of an event's own field.
    fn own(&self, name: &str) -> String {
        if self.format == "ndjson" {
            format!("data.{name}")
        } else {
            name.to_owned()
        }
    }

    /// The cents of a table with money, and the type they have; none for other tables.
    fn cents(&self, name: &str) -> (String, String) {
        match MONEY.iter().find(|(table, ..)| *table == name) {
            None => ("NULL".to_owned(), "NULL".to_owned()),
            // As in the log: whole cents.
            Some((_, _, field)) if self.format == "ndjson" => {
                ((*field).to_owned(), format!("typeof({field})"))
            }
            Some((_, column, _)) => (format!("{column} * 100"), format!("typeof({column})")),
        }
    }

    fn ask(&self, query: &str) -> Vec<Vec<String>> {
        duckdb(query, (self.format == "arrow").then_some(self.folder))
    }
}

/// A summary of a table: its rows, the first and the last time in microseconds, the sum in cents.
type Sums = BTreeMap<String, (u64, i64, i64, Option<i64>)>;

/// The tool's own list.
async fn listed(nats: &Nats) -> Sums {
    let listed = tool(nats.url(), &["events", "ls"]).await.well();
    let mut sums = Sums::new();
    for event in listed.json() {
        let spec = TABLES
            .iter()
            .find(|table| event["event_type"] == table.event_type);
        let table = spec.unwrap().name;
        let time: DateTime<Utc> = event["time"].as_str().unwrap().parse().unwrap();
        let time = time.timestamp_micros();
        let field = MONEY.iter().find(|(name, ..)| *name == table);
        let cents = field.map(|(_, _, field)| {
            let path = format!("/{}", field.replace('.', "/"));
            event.pointer(&path).and_then(Value::as_i64).unwrap()
        });
        let sum = sums
            .entry(table.to_owned())
            .or_insert((0, time, time, cents.map(|_| 0)));
        *sum = (
            sum.0 + 1,
            sum.1.min(time),
            sum.2.max(time),
            sum.3.map(|sum| sum + cents.unwrap()),
        );
    }
    sums
}

#[tokio::test]
async fn duckdb_finds_the_same_totals_in_every_format() {
    let nats = simulated().await;
    let expected = listed(&nats).await;
    assert!(expected.len() > 12, "{expected:?}");
    assert!(expected.values().filter(|sum| sum.3 > Some(0)).count() == MONEY.len());
    for format in FORMATS {
        let out = tempfile::tempdir().unwrap();
        exported(&nats, out.path(), &["--format", format]).await;
        let files = Files {
            format,
            folder: out.path(),
        };
        let of_table = |name: &String| {
            let (cents, kind) = files.cents(name);
            format!(
                "SELECT '{name}', count(*), epoch_us(min(time)), epoch_us(max(time)), \
                 CAST(sum({cents}) AS BIGINT), min({kind}) FROM {}",
                files.table(name)
            )
        };
        let queries: Vec<_> = expected.keys().map(of_table).collect();
        let mut found = Sums::new();
        for row in files.ask(&queries.join(" UNION ALL ")) {
            let number = |i: usize| row[i].parse::<i64>().unwrap();
            let money = (row[4] != "None").then(|| number(4));
            let sum = (row[1].parse().unwrap(), number(2), number(3), money);
            found.insert(row[0].clone(), sum);
            let exact = match (money, format) {
                (None, _) => "None",
                (Some(_), "ndjson") => "BIGINT",
                (Some(_), _) => "DECIMAL(12,2)",
            };
            assert_eq!(row[5], exact, "{format}: {}", row[0]);
        }
        assert_eq!(found, expected, "{format}");
    }
}

#[tokio::test]
async fn duckdb_reads_the_same_sales_from_every_format() {
    let nats = simulated().await;
    let replayed = tool(nats.url(), &["replay", "sales", "--json"]);
    let replayed = replayed.await.well().json();
    let days = replayed
        .into_iter()
        .filter(|row| row["table"] == "sales_by_day");
    let expected: Vec<Vec<String>> = days
        .map(|row| {
            let day = row["day"].as_str().unwrap()[..10].to_owned();
            let cents = row["revenue"].as_str().unwrap().replace('.', "");
            vec![day, row["sold"].to_string(), cents]
        })
        .filter(|row| row[1] != "0")
        .collect();
    assert!(expected.len() > 7, "{expected:?}");
    for format in FORMATS {
        let out = tempfile::tempdir().unwrap();
        exported(&nats, out.path(), &["--format", format]).await;
        let files = Files {
            format,
            folder: out.path(),
        };
        let order = files.own("order_id");
        let found = files.ask(&format!(
            "SELECT CAST(done.time AS DATE) AS day, count(*), CAST(sum(cents) AS BIGINT) \
             FROM (SELECT time, {order} AS order_id FROM {}) done \
             JOIN (SELECT {order} AS order_id, {} AS cents FROM {}) USING (order_id) \
             GROUP BY day ORDER BY day",
            files.table("order_completed"),
            files.cents("order_placed").0,
            files.table("order_placed"),
        ));
        assert_eq!(found, expected, "{format}");
    }
}

#[tokio::test]
async fn columns_have_the_types_that_analysts_expect() {
    let nats = simulated().await;
    for format in ["parquet", "arrow"] {
        let out = tempfile::tempdir().unwrap();
        exported(&nats, out.path(), &["--format", format]).await;
        let files = Files {
            format,
            folder: out.path(),
        };
        let found = files.ask(&format!(
            "SELECT column_name, column_type FROM (DESCRIBE SELECT sequence, time, ticket_price, \
             buyer_id FROM {})",
            files.table("order_placed")
        ));
        let found: Vec<_> = found.iter().map(|row| (&*row[0], &*row[1])).collect();
        let expected = [
            ("sequence", "BIGINT"),
            ("time", "TIMESTAMP WITH TIME ZONE"),
            ("ticket_price", "DECIMAL(12,2)"),
            ("buyer_id", "VARCHAR"),
        ];
        assert_eq!(found, expected, "{format}");
    }
}

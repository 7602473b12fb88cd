//! `turnstile export`: the files contain the log, whatever happens during an export.

use archive::TABLES;
use domain::{Price, Title, ticket::TicketEvent};
use event_streams::TICKETS;
use std::collections::BTreeMap;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    simulate::simulated,
    support::{
        Archive, Draft, Season,
        export_folder::{exported, files, named, rows, text},
        id, moment, tool,
    },
};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn every_format_contains_every_event_and_no_secret() {
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
async fn a_range_exports_only_its_events() {
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
    let mut found = rows(&manifest);
    assert_eq!(found.len(), TABLES.len(), "tables without rows are there");
    found.retain(|_, rows| *rows > 0);
    assert_eq!(found, BTreeMap::from(expected));
}

#[tokio::test]
async fn an_export_with_an_end_excludes_later_events() {
    let season = Season::write().await;
    for end in ["2026-03-03", "ORDERS:12"] {
        let out = folder();
        exported(&season.archive.nats, out.path(), &["--to", end]).await;
        let since = ["export", "--since-last", "--out", text(out.path())];
        tool(season.archive.url(), &since)
            .await
            .with_code(2)
            .says("up to an end that --to named");
    }
}

#[tokio::test]
async fn a_complete_export_leaves_no_temporary_files() {
    let season = Season::write().await;
    let out = folder();
    exported(&season.archive.nats, out.path(), &[]).await;
    let entries = std::fs::read_dir(out.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<_> = names.filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, Vec::<String>::new());
}

#[tokio::test]
async fn a_repeated_export_adds_new_events() {
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
async fn an_export_of_other_data_is_not_resumed() {
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
async fn an_export_with_other_columns_is_not_resumed() {
    let season = Season::write().await;
    let out = folder();
    exported(&season.archive.nats, out.path(), &[]).await;
    let file = out.path().join("manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let columns = &mut manifest["tables"]["order_placed"]["columns"];
    columns.as_array_mut().unwrap().pop();
    std::fs::write(&file, manifest.to_string()).unwrap();
    let since = ["export", "--since-last", "--out", text(out.path())];
    tool(season.archive.url(), &since)
        .await
        .with_code(2)
        .says("whose table order_placed has other columns; export into another folder");
}

#[tokio::test]
async fn an_unreadable_event_is_named_and_leaves_no_partial_file() {
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
    // Everything before it can be exported.
    let other = folder();
    let upto = ["--to", "TICKETS:5"];
    assert_eq!(exported(&archive.nats, other.path(), &upto).await.rows(), 5);
}

#[tokio::test]
async fn the_second_export_to_a_folder_is_refused() {
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

#[tokio::test]
async fn a_range_past_the_end_is_refused() {
    let season = Season::write().await;
    let out = folder();
    let past = ["export", "--out", text(out.path()), "--to", "ORDERS:13"];
    tool(season.archive.url(), &past)
        .await
        .with_code(2)
        .says("ORDERS ends at #12");
    assert_eq!(files(out.path()), Vec::<String>::new());
    // A refused request has no effect on others.
    let manifest = exported(&season.archive.nats, out.path(), &["--to", "ORDERS:12"]).await;
    assert_eq!(rows(&manifest)["order_placed"], 5);
}

#[tokio::test]
async fn an_unusable_folder_is_named() {
    let season = Season::write().await;
    let url = season.archive.url();
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = tool(url, &["export", "--out", text(file.path())]).await;
    refused
        .with_code(2)
        .says(text(file.path()))
        .says("Not a directory");
    // A truncated manifest: the contents of the folder are unknown.
    let out = folder();
    exported(&season.archive.nats, out.path(), &[]).await;
    let manifest = out.path().join("manifest.json");
    let whole = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &whole[..whole.len() / 2]).unwrap();
    let since = ["export", "--since-last", "--out", text(out.path())];
    let refused = tool(url, &since).await.with_code(2);
    refused.says(text(&manifest)).says("EOF while parsing");
    std::fs::write(&manifest, whole).unwrap();
    exported(&season.archive.nats, out.path(), &["--since-last"]).await;
}

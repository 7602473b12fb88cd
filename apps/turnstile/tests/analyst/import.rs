//! `turnstile import`: an exported log is the same after an import.

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use std::{collections::BTreeMap, path::Path, time::Duration};
use tempfile::TempDir;
use testkit::{Nats, eventually};

use crate::{
    simulate::simulated,
    support::{
        System,
        export_folder::{exported, text},
        tool,
    },
};

pub async fn copied(nats: &Nats) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = text(folder.path());
    tool(nats.url(), &["export", "--format", "ndjson", "--out", out])
        .await
        .well();
    folder
}

/// The checksums of all files of an export.
pub fn sums(folder: &Path) -> Vec<String> {
    let manifest = archive::Manifest::read(folder).unwrap().unwrap();
    let parts = manifest.tables.values().flat_map(|table| &table.parts);
    parts.map(|part| part.sha256.clone()).collect()
}

/// Every document of every read model of a marketplace on this log.
pub async fn read_models(nats: &Nats) -> BTreeMap<String, Vec<Document>> {
    let system = System::on(nats.clone()).await;
    let (app, mongo) = (&system.app, &system.mongo);
    let verified = || async {
        let verified = system.tool(&["verify"]).await;
        if verified.code == 0 {
            Ok(())
        } else {
            Err(verified.stdout)
        }
    };
    eventually(
        "read models equal a replay",
        Duration::from_mins(1),
        verified,
    )
    .await;
    let client = mongodb::Client::with_uri_str(mongo.uri()).await.unwrap();
    let database = client.database(mongo.name());
    let mut found = BTreeMap::new();
    for name in database.list_collection_names().await.unwrap() {
        // The others record leaders and positions, which are no part of a read model.
        if ["tickets", "orders", "payable"]
            .iter()
            .any(|of| name.starts_with(of))
        {
            let collection = database.collection::<Document>(&name);
            let sorted = collection.find(doc! {}).sort(doc! {"_id": 1});
            let documents = sorted.await.unwrap();
            found.insert(name, documents.try_collect().await.unwrap());
        }
    }
    app.terminate().await;
    found
}

#[tokio::test]
async fn an_import_restores_the_log_and_its_read_models() {
    let original = simulated().await;
    let copy = copied(&original).await;
    let empty = Nats::start().await;
    tool(empty.url(), &["import", text(copy.path())])
        .await
        .well();
    let again = copied(&empty).await;
    assert_eq!(sums(again.path()), sums(copy.path()));
    let (one, other) = (read_models(&original).await, read_models(&empty).await);
    let documents: usize = one.values().map(Vec::len).sum();
    assert!(one.len() >= 3 && documents > 500, "{:?}", one.keys());
    assert!(one == other, "read models differ");
}

#[tokio::test]
async fn what_events_ls_prints_can_be_imported() {
    let original = simulated().await;
    let listed = tool(original.url(), &["events", "ls", "--json"])
        .await
        .well();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &listed.stdout).unwrap();
    let empty = Nats::start().await;
    tool(empty.url(), &["import", text(file.path())])
        .await
        .well();
    tool(empty.url(), &["verify", "--log-only"]).await.well();
    let (one, other) = (copied(&original).await, copied(&empty).await);
    let rows = |folder: &TempDir| {
        let manifest = archive::Manifest::read(folder.path()).unwrap().unwrap();
        let tables = manifest.tables.into_iter();
        tables
            .map(|(name, table)| (name, table.rows))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&one), rows(&other));
}

#[tokio::test]
async fn roles_are_exported_and_imported() {
    let original = simulated().await;
    let users = ["users", "ls"];
    let email = tool(original.url(), &users).await.well().json()[0]["email"].clone();
    let email = email.as_str().unwrap();
    for (command, times) in [("grant", 1), ("revoke", 1), ("grant", 2)] {
        let args = ["users", command, email, "analyst"];
        tool(original.url(), &args).await.well();
        let copy = copied(&original).await;
        let manifest = archive::Manifest::read(copy.path()).unwrap().unwrap();
        manifest.check(copy.path()).unwrap();
        let name = if command == "grant" {
            "role_granted"
        } else {
            "role_revoked"
        };
        assert_eq!(manifest.tables[name].rows, times, "{command}");
    }
    let copy = copied(&original).await;
    let empty = Nats::start().await;
    tool(empty.url(), &["import", text(copy.path())])
        .await
        .well();
    assert_eq!(sums(copied(&empty).await.path()), sums(copy.path()));
    tool(empty.url(), &["verify", "--log-only"]).await.well();
    let analysts = ["users", "ls", "--role", "analyst"];
    let (one, other) = (
        tool(original.url(), &analysts).await.well().stdout,
        tool(empty.url(), &analysts).await.well().stdout,
    );
    assert!(one.contains(email), "{one}");
    assert_eq!(one, other);
}

#[tokio::test]
async fn import_refuses_a_log_with_commits() {
    let nats = simulated().await;
    let copy = copied(&nats).await;
    tool(nats.url(), &["import", text(copy.path())])
        .await
        .with_code(2)
        .says("the log isn't empty: USERS ends at");
    // A history is its own beginning; another isn't.
    let resumed = tool(nats.url(), &["import", "--resume", text(copy.path())])
        .await
        .well();
    assert_eq!(resumed.json()[0]["commits"], 0);
    let other = Nats::start().await;
    let season = ["simulate", "--tickets", "9", "--days", "3"];
    tool(other.url(), &season).await.well();
    tool(other.url(), &["import", "--resume", text(copy.path())])
        .await
        .with_code(2)
        .says("isn't what the import has there");
}

#[tokio::test]
async fn an_interrupted_import_resumes() {
    let original = simulated().await;
    let copy = copied(&original).await;
    let empty = Nats::start().await;
    // The beginning: only the users.
    let users = copy.path().join("user_registered");
    let first = std::fs::read_dir(users)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    tool(empty.url(), &["import", text(&first)]).await.well();
    let resumed = tool(empty.url(), &["import", "--resume", text(copy.path())])
        .await
        .well();
    assert!(resumed.json()[0]["found"].as_u64().unwrap() > 50);
    assert_eq!(sums(copied(&empty).await.path()), sums(copy.path()));
}

#[tokio::test]
async fn invalid_files_are_named_and_nothing_is_written() {
    let original = simulated().await;
    let listed = tool(original.url(), &["events", "ls", "--json"])
        .await
        .well();
    let lines: Vec<&str> = listed.stdout.lines().collect();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        lines.join("\n")
    };
    let unknown = lines[6].replace("\"event_type\":\"", "\"event_type\":\"Un");
    let gap: Vec<_> = lines.iter().enumerate().filter(|(i, _)| *i != 20).collect();
    let gap: Vec<_> = gap.into_iter().map(|(_, line)| *line).collect();
    let cases = [
        (with(5, "{\"stream\":"), "line 5"),
        (with(7, &unknown), "line 7: unknown variant `Un"),
        (gap.join("\n"), "only a whole log can be imported"),
    ];
    let empty = Nats::start().await;
    for (content, message) in cases {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let refused = tool(empty.url(), &["import", text(file.path())]).await;
        refused.with_code(2).says(text(file.path())).says(message);
    }
    let copy = copied(&original).await;
    let part = archive::Manifest::read(copy.path())
        .unwrap()
        .unwrap()
        .tables["ticket_listed"]
        .parts[0]
        .file
        .clone();
    let path = copy.path().join(&part);
    let bytes = std::fs::read_to_string(&path)
        .unwrap()
        .replacen("row 1", "row 2", 1);
    std::fs::write(&path, bytes).unwrap();
    let refused = tool(empty.url(), &["import", text(copy.path())]).await;
    refused
        .with_code(2)
        .says(&part)
        .says("its checksum isn't that of the manifest");
    for (name, content, message) in [
        ("noise", &b"\x89PNG\r\n\x1a\n\xff\xfe"[..], "noise"),
        ("folder", b"", "there is no manifest.json"),
        ("parquet", b"", "only ndjson can be imported"),
    ] {
        let path = copy.path().join(name);
        match name {
            "noise" => std::fs::write(&path, content).unwrap(),
            "folder" => std::fs::create_dir(&path).unwrap(),
            _ => drop(exported(&original, &path, &[]).await),
        }
        let refused = tool(empty.url(), &["import", text(&path)]).await;
        refused.with_code(2).says(text(&path)).says(message);
    }
    let missing = tool(empty.url(), &["import", "/nowhere/at-all.ndjson"]).await;
    missing
        .with_code(2)
        .says("/nowhere/at-all.ndjson: No such file");
    let verified = tool(empty.url(), &["verify", "--log-only"]).await.well();
    assert_eq!(verified.json()[0]["commits"], 0);
}

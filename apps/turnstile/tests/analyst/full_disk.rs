//! Files that don't fit: one line names them, nothing incomplete remains, and the next run
//! continues.

use archive::Manifest;
use std::{path::Path, process::Stdio};
use testkit::{Nats, NatsOptions};

use crate::{
    import::{copied, sums},
    simulate::simulated,
    support::{
        TURNSTILE,
        export_folder::{assert_same_export, exported, files, text},
        had_no_room_for, tool, without_room,
    },
};

#[tokio::test]
async fn an_export_reports_a_full_disk_and_resumes() {
    let nats = simulated().await;
    for (format, kib) in [
        ("parquet", 96),
        ("csv", 160),
        ("ndjson", 160),
        ("arrow", 160),
    ] {
        let whole = tempfile::tempdir().unwrap();
        exported(&nats, whole.path(), &["--format", format]).await;
        let out = tempfile::tempdir().unwrap();
        let args = ["export", "--format", format, "--out", text(out.path())];
        let told = without_room(&nats, out.path(), kib, &args).await;
        had_no_room_for(told, &format!(".{format}: "));
        let begun = Manifest::read(out.path()).unwrap().unwrap();
        assert!(!begun.complete, "{format}: it fit");
        begun.check(out.path()).unwrap();
        exported(&nats, out.path(), &["--format", format]).await;
        assert_same_export(out.path(), whole.path());
    }
}

#[tokio::test]
async fn a_backup_reports_a_full_disk_and_frees_its_space() {
    let nats = simulated().await;
    let place = tempfile::tempdir().unwrap();
    let args = ["backup", "--to", text(place.path())];
    let told = without_room(&nats, place.path(), 32, &args).await;
    had_no_room_for(told, "/TICKETS/00000: ");
    assert_eq!(files(place.path()), Vec::<String>::new());
    tool(nats.url(), &args).await.well();
    restored_is_the_same(&nats, place.path()).await;
}

/// Checks that the newest backup contains this log.
pub async fn restored_is_the_same(nats: &Nats, place: &Path) {
    let elsewhere = Nats::start().await;
    let args = ["restore", "--from", text(place)];
    tool(elsewhere.url(), &args).await.well();
    let (here, there) = tokio::join!(
        tool(nats.url(), &["events", "ls"]),
        tool(elsewhere.url(), &["events", "ls"])
    );
    assert!(here.well().stdout == there.well().stdout, "another log");
}

#[tokio::test]
async fn an_import_resumes_after_the_server_was_full() {
    let original = simulated().await;
    let copy = copied(&original).await;
    let store = tempfile::tempdir().unwrap();
    let server = |room: &str| {
        let folder = text(store.path());
        Nats::start_with(NatsOptions {
            data_dir: Some(store.path().to_owned()),
            // Of two blocks of this name the last one counts.
            extra_config: format!("jetstream {{ store_dir: \"{folder}\", {room} }}\n"),
            ..NatsOptions::default()
        })
    };
    let small = server("max_file_store: 600000").await;
    let told = tool(small.url(), &["import", text(copy.path())]).await;
    let told = told.with_code(4).says("was not written");
    assert!(told.stderr.contains('#'), "{}", told.stderr);
    assert!(
        told.stderr.contains("insufficient resources"),
        "{}",
        told.stderr
    );
    assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    drop(small);
    let large = server("").await;
    let resumed = ["import", "--resume", text(copy.path())];
    let resumed = tool(large.url(), &resumed).await.well().json();
    assert!(resumed[0]["found"].as_u64() > Some(0), "{resumed:?}");
    assert_eq!(sums(copied(&large).await.path()), sums(copy.path()));
}

#[tokio::test]
async fn output_to_a_full_disk_is_an_error() {
    let nats = simulated().await;
    let place = tempfile::tempdir().unwrap();
    for args in [
        &["events", "ls"][..],
        &["replay", "sales"],
        &["completions", "bash"],
        &["config"],
        &["backup", "--to", text(place.path())],
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let started = tokio::process::Command::new(TURNSTILE)
            .args(args)
            .env("NATS_URL", nats.url())
            .stdout(Stdio::from(full))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let ended = started.unwrap().wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            said.contains("standard output: No space left on device"),
            "{args:?}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    }
    // The work up to the failed message is done.
    restored_is_the_same(&nats, place.path()).await;
}

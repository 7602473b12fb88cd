//! Input that can't be read, doesn't exist, or is lost in transit: one clear error that names the
//! place, and an exit code.

use event_streams::{ORDERS, TICKETS};
use serde_json::json;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::support::{Archive, Draft, Season, TURNSTILE, moment, tool};

#[tokio::test]
async fn an_invalid_message_is_reported_after_all_earlier_commits() {
    let mut season = Season::write().await;
    season.archive.garbage(TICKETS).await;
    let url = season.archive.url();
    let listed = tool(url, &["events", "ls"])
        .await
        .with_code(3)
        .says("TICKETS#15");
    assert_eq!(listed.json().len(), 37);
    for command in [["replay", "funnel"], ["history", "ann@example.com"]] {
        tool(url, &command).await.with_code(3).says("TICKETS#15");
    }
    // Commands that don't reach it succeed.
    tool(url, &["replay", "sales"]).await.well();
    let range = ["events", "ls", "--stream", "TICKETS", "--to", "14"];
    assert_eq!(tool(url, &range).await.well().json().len(), 14);
}

#[tokio::test]
async fn an_event_of_unknown_type_is_reported_by_replays() {
    let mut season = Season::write().await;
    let unknown = Draft {
        stream: ORDERS,
        aggregate: Season::ticket(1).0,
        time: moment(5, 12, 0),
        actor: "somebody".to_owned(),
        request: "forged".to_owned(),
        cause: None,
        events: vec![json!({"type": "OrderFramed", "version": "1.0", "data": {}})],
        version: None,
    };
    season.archive.commit(&unknown).await;
    let url = season.archive.url();
    let refused = tool(url, &["replay", "sales"]).await.with_code(3);
    assert!(refused.stderr.contains("ORDERS#13"), "{}", refused.stderr);
    assert!(refused.stderr.contains("OrderFramed"), "{}", refused.stderr);
    assert_eq!(refused.stdout, "", "half an answer is none");
    // It can still be inspected.
    tool(url, &["events", "show", "ORDERS:13"])
        .await
        .well()
        .says("OrderFramed");
}

#[tokio::test]
async fn a_range_that_the_log_does_not_reach_is_refused() {
    let season = Season::write().await;
    let url = season.archive.url();
    for args in [
        vec!["events", "ls", "--from", "ORDERS:13"],
        vec!["events", "ls", "--to", "ORDERS:99"],
        vec!["replay", "sales", "--to", "13"],
        vec!["events", "show", "ORDERS:13"],
    ] {
        tool(url, &args)
            .await
            .with_code(2)
            .says("ORDERS ends at #12");
    }
    let backwards = ["events", "ls", "--from", "2026-03-02", "--to", "2026-03-01"];
    tool(url, &backwards)
        .await
        .with_code(2)
        .says("before it begins");
    tool(url, &["events", "ls", "--from", "3"])
        .await
        .with_code(2)
        .says("ORDERS:1200");
    tool(url, &["replay", "sales", "--from", "soon"])
        .await
        .with_code(2);
    tool(url, &["events", "ls", "--from", "2026-02-30"])
        .await
        .with_code(2)
        .says("there is no such day");
    tool(url, &["history", "nonsense"])
        .await
        .with_code(2)
        .says("neither a UUID");
}

#[tokio::test]
async fn an_unreachable_server_is_reported_quickly() {
    let archive = Archive::start().await;
    archive.nats.kill9().await;
    let url = archive.url();
    let (listed, verified) = tokio::join!(
        tool(url, &["events", "ls"]),
        tool(url, &["verify", "--log-only"])
    );
    // After a second of silence a message names what is being waited for.
    listed
        .with_code(4)
        .says("waiting for NATS at nats://")
        .says("no answer");
    verified.with_code(4).says("NATS");
    archive.nats.restart().await;
    tool(archive.url(), &["verify"])
        .await
        .with_code(4)
        .says("MongoDB");
}

#[tokio::test]
async fn reading_commands_create_no_log() {
    let nats = testkit::Nats::start().await;
    let id = Season::ticket(1).to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
    let (export, report, backup) = (path("export"), path("report.html"), path("backup"));
    for args in [
        vec!["events", "ls"],
        vec!["replay", "sales"],
        vec!["verify", "--log-only"],
        vec!["history", &id],
        vec!["dead-letters", "ls"],
        vec!["events", "tail"],
        vec!["state", &id],
        vec!["tickets"],
        vec!["users", "ls"],
        vec!["keys", "ls"],
        vec!["export", "--out", &export],
        vec!["report", "--out", &report],
        vec!["backup", "--to", &backup],
    ] {
        let told = tool(nats.url(), &args).await.with_code(2);
        let why = format!("no Turnstile log at {} (no stream USERS)", nats.url());
        assert!(told.stderr.contains(&why), "{args:?}\n{}", told.stderr);
    }
    let client = async_nats::connect(nats.url()).await.unwrap();
    let names = async_nats::jetstream::new(client).stream_names();
    let names: Vec<_> = futures_util::TryStreamExt::try_collect(names)
        .await
        .unwrap();
    assert_eq!(names, Vec::<String>::new());
}

#[tokio::test]
async fn reading_the_log_ignores_unrelated_settings() {
    let season = Season::write().await;
    let listed = tokio::process::Command::new(TURNSTILE)
        .args(["events", "ls"])
        .env("NATS_URL", season.archive.url())
        .env("MONGODB_URI", "foo")
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success(), "{told}");
    tool(season.archive.url(), &["verify", "--mongodb-uri", "foo"])
        .await
        .with_code(2)
        .says("MONGODB_URI");
}

#[tokio::test]
async fn an_unwritable_page_is_refused_before_reading() {
    // There is no server, so every command waits for it.
    let began = std::time::Instant::now();
    for out in ["/nowhere/at/all.html", "/tmp"] {
        tool("nats://127.0.0.1:9", &["report", "--out", out])
            .await
            .with_code(2)
            .says(out);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(9));
}

#[tokio::test]
async fn a_lost_connection_is_reported_with_the_position() {
    let mut archive = Archive::start().await;
    archive.listings(20_000).await;
    let mut listing = tokio::process::Command::new(TURNSTILE)
        .args(["events", "ls"])
        .env("NATS_URL", archive.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The reader has stopped, so the tool is blocked in the middle while the server goes down.
    let mut lines = BufReader::new(listing.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap();
    archive.nats.kill9().await;
    let mut seen = 1;
    while lines.next_line().await.unwrap().is_some() {
        seen += 1;
    }
    let mut told = String::new();
    let mut stderr = listing.stderr.take().unwrap();
    stderr.read_to_string(&mut told).await.unwrap();
    assert_eq!(listing.wait().await.unwrap().code(), Some(4), "{told}");
    assert!(seen < 20_000, "all of it came");
    assert!(
        told.contains(&format!("TICKETS: lost the connection after #{seen}")),
        "{seen}: {told}"
    );
}

#[tokio::test]
async fn an_id_that_begins_with_a_hyphen_is_not_an_option() {
    let archive = Archive::start().await;
    for args in [
        &["keys", "retire", "-3kQ"][..],
        &["keys", "retire", "-3kQ", "--force"],
    ] {
        tool(archive.url(), args)
            .await
            .with_code(2)
            .says("key -3kQ is unknown");
    }
    tool(
        archive.url(),
        &["users", "revoke", "-ada@example.com", "analyst"],
    )
    .await
    .with_code(2)
    .says("-ada@example.com");
}

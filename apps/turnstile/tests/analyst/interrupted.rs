//! A command that is cut off or killed reports where, leaves nothing incomplete under a final name,
//! and the next run ends as if it had not been interrupted.

use archive::Manifest;
use futures_util::future::join_all;
use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use testkit::Nats;
use tokio::process::Command;

use crate::{
    full_disk::restored_is_the_same,
    import::{copied, sums},
    support::{
        CuttingProxy, RandomTimes, TURNSTILE, Tool,
        export_folder::{assert_same_export, exported, files, text},
        tool,
    },
};

/// A season for which every command takes long enough to be interrupted.
async fn season() -> Nats {
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
    nats
}

/// Runs the tool, and kills it at that moment; returns its exit code if it was faster.
async fn killed_at(moment: Duration, nats: &Nats, args: &[&str]) -> Option<ExitStatus> {
    let mut child = Command::new(TURNSTILE)
        .args(args)
        .env("NATS_URL", nats.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    if let Ok(status) = tokio::time::timeout(moment, child.wait()).await {
        return Some(status.unwrap());
    }
    child.kill().await.unwrap();
    None
}

#[tokio::test]
async fn an_export_killed_at_any_time_loses_and_repeats_no_row() {
    let nats = season().await;
    let mut moments = RandomTimes::new();
    for format in ["csv", "parquet"] {
        let whole = tempfile::tempdir().unwrap();
        let began = Instant::now();
        exported(&nats, whole.path(), &["--format", format]).await;
        let took = began.elapsed();
        let out = tempfile::tempdir().unwrap();
        let args = ["export", "--format", format, "--out", text(out.path())];
        let mut kills = 0;
        loop {
            // Only after some killed runs may one end by itself.
            let moment = if kills < 4 { took / 2 } else { 2 * took };
            match killed_at(moments.within(moment), &nats, &args).await {
                Some(status) => {
                    let is_complete = Manifest::read(out.path()).unwrap().unwrap().complete;
                    assert!(status.success() && is_complete, "after {kills} kills");
                    break;
                }
                None => kills += 1,
            }
            // Files with their final name are complete.
            if let Some(manifest) = Manifest::read(out.path()).unwrap() {
                manifest.check(out.path()).unwrap();
                if manifest.complete {
                    // Killed after its last step: nothing is left to do.
                    break;
                }
            }
        }
        assert!(kills > 0);
        assert_same_export(out.path(), whole.path());
    }
}

#[tokio::test]
async fn an_import_killed_at_any_time_restores_the_same_log() {
    let original = season().await;
    let copy = copied(&original).await;
    let empty = Nats::start().await;
    let began = Instant::now();
    tool(empty.url(), &["import", text(copy.path())])
        .await
        .well();
    let took = began.elapsed();
    let mut moments = RandomTimes::new();
    let elsewhere = Nats::start().await;
    let args = ["import", "--resume", text(copy.path())];
    let mut kills = 0;
    loop {
        let moment = if kills < 4 { took } else { 3 * took };
        match killed_at(moments.within(moment), &elsewhere, &args).await {
            Some(status) => {
                assert!(status.success(), "after {kills} kills");
                break;
            }
            None => kills += 1,
        }
    }
    // It may have ended by itself at once, or at the very moment of the last kill.
    let resumed = tool(elsewhere.url(), &args).await.well().json();
    assert_eq!(resumed[0]["commits"], 0, "after {kills} kills");
    assert_eq!(sums(copied(&elsewhere).await.path()), sums(copy.path()));
}

/// Checks that it names the commit and stream after which the connection was lost.
#[track_caller]
fn lost_its_connection(told: Tool) {
    let told = told.with_code(4);
    let said = &told.stderr;
    let (before, after) = said
        .split_once(": lost the connection after #")
        .unwrap_or_else(|| panic!("{said}"));
    let streams = ["USERS", "TICKETS", "ORDERS", "PAYMENTS"];
    assert!(streams.iter().any(|name| before.ends_with(name)), "{said}");
    assert!(after.starts_with(|c: char| c.is_ascii_digit()), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn every_reading_command_reports_where_it_lost_the_connection() {
    let nats = season().await;
    let commands = [
        &["replay", "sales"][..],
        &["tickets"],
        &["verify", "--log-only"],
        &["events", "ls", "--stream", "ORDERS"],
        &["events", "tail", "-n", "1", "--actor", "nobody"],
    ];
    let cut_off = commands.map(async |args| {
        // The first request is in transit then, and most are not.
        let cut = CuttingProxy::at(&nats, "$JS.API.CONSUMER.MSG.NEXT.ORDERS.", 2).await;
        let told = tool(cut.url(), args).await;
        assert!(cut.is_cut(), "{args:?} was faster: {}", told.stdout);
        lost_its_connection(told);
    });
    join_all(cut_off).await;
}

#[tokio::test]
async fn an_export_resumes_after_losing_its_connection() {
    let nats = season().await;
    let whole = tempfile::tempdir().unwrap();
    let all = exported(&nats, whole.path(), &[]).await;
    let out = tempfile::tempdir().unwrap();
    let cut = CuttingProxy::at(&nats, "$JS.API.CONSUMER.MSG.NEXT.ORDERS.", 2).await;
    let args = ["export", "--out", text(out.path())];
    lost_its_connection(tool(cut.url(), &args).await);
    assert!(cut.is_cut());
    let begun = Manifest::read(out.path()).unwrap().unwrap();
    begun.check(out.path()).unwrap();
    assert!(!begun.complete && begun.rows() > 0 && begun.rows() < all.rows());
    assert!(
        files(out.path())
            .iter()
            .all(|file| file.contains("USERS-") || file.contains("TICKETS-")),
        "{:?}",
        files(out.path())
    );
    let resumed = tool(nats.url(), &args).await.well().json();
    assert_eq!(resumed[0]["resumed"], true);
    assert_eq!(resumed[0]["added"], all.rows() - begun.rows());
    assert_same_export(out.path(), whole.path());
}

#[tokio::test]
async fn an_import_reports_its_position_and_resumes() {
    let original = season().await;
    let copy = copied(&original).await;
    let empty = Nats::start().await;
    let cut = CuttingProxy::at(&empty, "TICKETS.", 900).await;
    let told = tool(cut.url(), &["import", text(copy.path())])
        .await
        .with_code(4);
    assert!(cut.is_cut());
    let said = &told.stderr;
    assert_eq!(said.lines().count(), 1, "{said}");
    let place = said.split_once("TICKETS#").and_then(|(_, rest)| {
        let (place, why) = rest.split_once(' ')?;
        why.starts_with("was not written")
            .then(|| place.parse::<u64>().unwrap())
    });
    // Some of the earlier ones may have been stored without an answer.
    let place = place.unwrap_or_else(|| panic!("{said}"));
    assert!(place <= 900, "{said}");
    let before = ["import", text(copy.path())];
    tool(empty.url(), &before)
        .await
        .with_code(2)
        .says("the log isn't empty");
    let resumed = ["import", "--resume", text(copy.path())];
    let resumed = tool(empty.url(), &resumed).await.well().json();
    assert!(resumed[0]["found"].as_u64().unwrap() >= place - 1);
    assert_eq!(sums(copied(&empty).await.path()), sums(copy.path()));
}

#[tokio::test]
async fn a_backup_that_loses_its_connection_leaves_no_partial_copy() {
    let nats = season().await;
    let place = tempfile::tempdir().unwrap();
    let args = ["backup", "--to", text(place.path())];
    let cut = CuttingProxy::at(&nats, "$JS.SNAPSHOT.ACK.ORDERS.", 1).await;
    tool(cut.url(), &args)
        .await
        .with_code(4)
        .says("ORDERS: its snapshot broke off: the connection was lost");
    assert!(cut.is_cut());
    assert!(is_empty(place.path()), "{:?}", files(place.path()));
    tool(nats.url(), &args).await.well();
    restored_is_the_same(&nats, place.path()).await;
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

//! `turnstile projections rebuild`, with each participating process killed.

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use testkit::{LONG, Nats, eventually};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::support::{RandomTimes, System, TURNSTILE, tool};

/// The tickets of the season: enough that a rebuild takes some time.
const TICKETS: &str = "2000";
const REBUILD: [&str; 3] = ["projections", "rebuild", "tickets"];

/// A system after a season, with all of it in its read models.
async fn started() -> System {
    let nats = Nats::start().await;
    let size = ["simulate", "--tickets", TICKETS, "--days", "30"];
    tool(nats.url(), &size).await.well();
    let system = System::on(nats).await;
    eventually("read models equal a replay", 2 * LONG, || async {
        let verified = system.tool(&["verify"]).await;
        if verified.code == 0 {
            Ok(())
        } else {
            Err(verified.stdout)
        }
    })
    .await;
    system
}

/// Requests a rebuild.
fn ask(system: &System) -> Child {
    Command::new(TURNSTILE)
        .args(REBUILD)
        .args(system.mongodb())
        .env("NATS_URL", system.nats.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Every document of the read model.
async fn documents(system: &System) -> Vec<Document> {
    let client = mongodb::Client::with_uri_str(system.mongo.uri());
    let database = client.await.unwrap().database(system.mongo.name());
    let collection = database.collection::<Document>("tickets_v2");
    let sorted = collection.find(doc! {}).sort(doc! {"_id": 1});
    sorted.await.unwrap().try_collect().await.unwrap()
}

#[tokio::test]
async fn waiting_for_a_rebuild_reports_an_unreachable_log() {
    let system = started().await;
    let mut asked = Command::new(TURNSTILE)
        .args(REBUILD)
        .args(system.mongodb())
        .env("NATS_URL", system.nats.url())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut told = BufReader::new(asked.stderr.take().unwrap()).lines();
    let began = told.next_line().await.unwrap().unwrap();
    system.nats.pause();
    assert!(began.contains("commits"), "{began}");
    let mut said = Vec::new();
    while let Some(line) = told.next_line().await.unwrap() {
        said.push(line);
    }
    let code = asked.wait().await.unwrap().code();
    assert_eq!(code, Some(4), "{said:?}");
    assert!(
        said.last().unwrap().contains("goes on once it is back"),
        "{said:?}"
    );
    system.nats.resume();
    system.tool(&REBUILD).await.well().says("rebuilt");
    system.tool(&["verify"]).await.well();
}

#[tokio::test]
async fn a_rebuild_completes_despite_kills_at_any_time() {
    let system = started().await;
    let before = documents(&system).await;
    assert_eq!(before.len().to_string(), TICKETS);
    let began = Instant::now();
    system.tool(&REBUILD).await.well().says("rebuilt");
    let took = began.elapsed();
    let mut moments = RandomTimes::new();
    for _ in 0..6 {
        let mut asked = ask(&system);
        let moment = moments.within(took + Duration::from_millis(50));
        // If it is faster, the kill hits what comes after it.
        let _ = tokio::time::timeout(moment, asked.wait()).await;
        if moments.either() {
            system.app.kill9().await;
            system.app.start_process().await;
        }
        asked.kill().await.unwrap();
    }
    system.app.wait_ready().await;
    system.tool(&REBUILD).await.well().says("rebuilt");
    let model = system.read_model("tickets").await;
    assert!(model["note"].is_null(), "a rebuild is left: {model}");
    assert!(documents(&system).await == before, "other documents");
    system.tool(&["verify"]).await.well();
}

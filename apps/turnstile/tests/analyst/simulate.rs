//! `turnstile simulate`: a consistent season, the same each time.

use testkit::Nats;

use crate::support::{Tool, tool};

/// A season that is large enough for every kind of event.
const SEASON: [&str; 9] = [
    "simulate",
    "--tickets",
    "300",
    "--days",
    "14",
    "--seed",
    "7",
    "--buyers",
    "200",
];

pub async fn simulated() -> Nats {
    let nats = Nats::start().await;
    tool(nats.url(), &SEASON).await.well();
    nats
}

fn count(tool: &Tool, what: &str) -> u64 {
    tool.json()[0][what].as_u64().unwrap()
}

#[tokio::test]
async fn a_simulated_season_is_consistent() {
    let nats = Nats::start().await;
    let written = tool(nats.url(), &SEASON).await.well();
    assert!(count(&written, "events") > 2_500, "{}", written.stdout);
    assert!(count(&written, "refused") > 0, "crowds refuse nobody");
    let verified = tool(nats.url(), &["verify", "--log-only"]).await.well();
    let events = &verified.json()[0]["events"];
    assert_eq!(events.as_u64(), Some(count(&written, "events")));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let (one, other) = tokio::join!(simulated(), simulated());
    let mut listed = Vec::new();
    for nats in [&one, &other] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        tool(nats.url(), &["export", "--format", "ndjson", "--out", out])
            .await
            .well();
        let manifest = archive::Manifest::read(folder.path()).unwrap().unwrap();
        let sums = manifest.tables.values().flat_map(|table| &table.parts);
        listed.push(sums.map(|part| part.sha256.clone()).collect::<Vec<_>>());
    }
    assert!(listed[0].len() > 10 && listed[0] == listed[1]);
}

#[tokio::test]
async fn simulate_refuses_a_log_with_commits_by_default() {
    let nats = simulated().await;
    tool(nats.url(), &SEASON)
        .await
        .with_code(2)
        .says("the log isn't empty: USERS ends at");
    let mut onto = SEASON.to_vec();
    onto.push("--onto-history");
    tool(nats.url(), &onto)
        .await
        .with_code(2)
        .says("this season is in the log already");
    let other = [
        "simulate",
        "--tickets",
        "20",
        "--days",
        "3",
        "--onto-history",
    ];
    tool(nats.url(), &other).await.well();
    tool(nats.url(), &["verify", "--log-only"]).await.well();
}

#[tokio::test]
async fn a_season_that_ends_in_the_future_is_refused() {
    let nats = Nats::start().await;
    tool(nats.url(), &["simulate", "--start", "2099-01-01"])
        .await
        .with_code(2)
        .says("in the future");
    let ends = tool(nats.url(), &["verify", "--log-only"]).await.well();
    assert_eq!(ends.json()[0]["commits"], 0);
}

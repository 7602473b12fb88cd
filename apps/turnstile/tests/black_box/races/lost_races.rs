//! A writer who always loses the race.

use serde_json::json;
use std::time::{Duration, Instant};

use crate::{routes::server::assert_envelope, support::Site};

#[tokio::test]
async fn a_change_that_always_conflicts_returns_409() {
    let (site, proxy) = Site::builder().behind_proxy().await;
    let site = site.start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opening night", 20).await;
    let path = format!("/api/tickets/{ticket}");
    let change = || seller.put(&path, json!({"title": "My words", "price": 20}));

    // A competing writer changes it each time when this process is about to.
    proxy.outrun(&format!("TICKETS.{ticket}"), ("My words", "Your own"));
    let started = Instant::now();
    let lost = change().await;
    lost.assert_status(409);
    assert_envelope(&lost);
    assert!(lost.header("retry-after").is_some(), "{}", lost.describe());
    assert!(started.elapsed() < Duration::from_secs(10));
    let commits = site.commits("TICKETS", &ticket).await;
    let titles: Vec<_> = commits.iter().map(|c| c.data[0]["title"].clone()).collect();
    assert!(commits.len() > 10, "it gave up soon: {titles:?}");
    assert!(!titles.contains(&json!("My words")), "{titles:?}");

    proxy.pass_all();
    let changed = change().await.expect_status(200).json;
    assert_eq!(changed["version"], commits.len());
    site.assert_read_models_agree().await;
}

//! The live stream of tickets limits its clients, and costs nothing without changes.

use serde_json::json;
use std::time::Duration;
use testkit::{LONG, Method, eventually};
use tokio::time::timeout;
use uuid::Uuid;

use super::server::assert_envelope;
use crate::support::{LIVE, Site, Watcher};

#[tokio::test]
async fn watchers_are_limited_and_others_get_503() {
    let site = Site::builder().env("LIVE_WATCHERS", "2").start().await;
    let mut watchers = Vec::new();
    for _ in 0..2 {
        let mut watcher = Watcher::start(&site, None).await;
        assert!(watcher.hears(": watching").await, "{}", watcher.heard);
        watchers.push(watcher);
    }
    let refused = site.anyone().get(LIVE).await;
    refused.assert_error(503, "Too many are watching, please try again later");
    assert_envelope(&refused);
    assert_eq!(refused.header("retry-after"), Some("10"));
    // Everything else continues, and the connected clients get the changes.
    site.person().await.sell("Opening night", 20).await;
    for watcher in &mut watchers {
        assert!(watcher.hears("event: ticket").await);
    }
    drop(watchers.pop());
    // The server notices at the next change; then there is room again.
    eventually("there is room again", LONG, || async {
        site.person().await.sell("Another night", 20).await;
        let mut watcher = Watcher::start(&site, None).await;
        watcher.hears("\r\n\r\n").await && watcher.heard.starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn head_opens_no_stream() {
    let site = Site::builder().env("LIVE_WATCHERS", "1").start().await;
    for _ in 0..3 {
        let head = site.anyone().call(Method::HEAD, LIVE);
        let head = head
            .timeout(Duration::from_secs(5))
            .await
            .expect_status(200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
    }
    let mut watcher = Watcher::start(&site, None).await;
    assert!(watcher.hears(": watching").await, "{}", watcher.heard);
}

#[tokio::test]
async fn a_returning_watcher_gets_missed_events_or_a_reset() {
    let site = Site::start().await;
    let ticket = site.person().await.sell("Opening night", 20).await;
    let mut missed_one = Watcher::start(&site, Some(0)).await;
    assert!(missed_one.hears(&ticket).await, "{}", missed_one.heard);
    // Nothing is repeated: only another ticket's change arrives.
    let heard = missed_one.last_id();
    let seller = site.person().await;
    let (changed, ordered) = (
        seller.sell("Second", 20).await,
        seller.sell("Third", 20).await,
    );
    for price in [21, 22] {
        let change = json!({"title": "Second night", "price": price});
        let path = format!("/api/tickets/{changed}");
        seller.put(&path, change).await.assert_status(200);
    }
    let order = site.person().await.order(&ordered).await;
    let mut missed_more = Watcher::start(&site, Some(heard)).await;
    // The ticket follows its order a moment later.
    assert!(missed_more.hears(&order).await, "{}", missed_more.heard);
    let of = |id: &str| {
        missed_more
            .heard
            .matches(&format!("{{\"id\":\"{id}\""))
            .count()
    };
    assert_eq!((of(&ticket), of(&changed)), (0, 1), "{}", missed_more.heard);
    assert!((1..=2).contains(&of(&ordered)), "{}", missed_more.heard);
    assert!(missed_more.heard.contains("\"price\":22"), "as it is now");
    assert!(missed_more.last_id() > heard);

    let mut of_another_log = Watcher::start(&site, Some(1_000_000)).await;
    assert!(of_another_log.hears("event: reset").await);
}

#[tokio::test]
async fn shutdown_ends_streams() {
    let site = Site::start().await;
    let mut watcher = Watcher::start(&site, None).await;
    assert!(watcher.hears(": watching").await, "{}", watcher.heard);
    let ended = timeout(Duration::from_secs(10), async {
        site.app().begin_to_end();
        watcher.hears("never said").await
    });
    assert_eq!(
        ended.await,
        Ok(false),
        "well before accepted requests are given up"
    );
}

#[tokio::test]
async fn a_watcher_is_reset_after_missing_too_much_or_a_rebuild() {
    let site = Site::start().await;
    let seller = site.person().await;
    let mut watcher = Watcher::start(&site, None).await;
    assert!(watcher.hears(": watching").await, "{}", watcher.heard);
    let before = watcher.last_id();
    site.tool(&["projections", "rebuild", "tickets"])
        .await
        .assert_success();
    assert!(watcher.hears("event: reset").await, "{}", watcher.heard);

    // A thousand commits are looked up, and not one more.
    let tasks = (0..20).map(|_| {
        let seller = seller.clone();
        tokio::spawn(async move {
            for _ in 0..51 {
                let body = json!({"title": Uuid::new_v4(), "price": 1});
                let answer = seller.post("/api/tickets", body).respond_async().await;
                answer.assert_status(201);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let last = seller.sell("The last one", 20).await;
    let mut missed_too_much = Watcher::start(&site, Some(before)).await;
    assert!(missed_too_much.hears("event: reset").await);
    assert!(
        !missed_too_much.heard.contains(&last),
        "{}",
        missed_too_much.heard
    );
    let mut missed_most = Watcher::start(&site, Some(before + 30)).await;
    assert!(missed_most.hears("\nid: ").await);
    assert!(missed_most.heard.contains(&last));
    let told = &missed_most.heard;
    let begun = &told[told.len().saturating_sub(300)..];
    assert!(!told.contains("event: reset"), "… {begun}");
    assert_eq!(missed_most.heard.matches("event: ticket").count(), 991);
}

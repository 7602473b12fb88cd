//! `kill -9` at random moments under load.

use std::time::Duration;
use testkit::Mongo;
use tokio::time::sleep;
use uuid::Uuid;

use super::traffic::{Traffic, assert_nothing_is_lost};
use crate::support::Site;

const PEOPLE: usize = 5;
const KILLS: usize = 3;
/// Number of successful commands between two kills.
const COMMANDS: usize = 60;

/// A random moment within a quarter of a second.
async fn random_moment() {
    let milliseconds = Uuid::new_v4().as_u128() % 250;
    sleep(Duration::from_millis(u64::try_from(milliseconds).unwrap())).await;
}

async fn site(mongo: Mongo) -> Site {
    Site::builder()
        .env("ORDER_HOLD_SECONDS", "5")
        .mongo(&mongo)
        .start()
        .await
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let site = site(Mongo::database().await).await;
    let traffic = Traffic::begin(&site, PEOPLE).await;
    for _ in 0..KILLS {
        traffic.go_on_for(COMMANDS).await;
        random_moment().await;
        site.app().kill9().await;
        site.app().restart().await;
    }
    traffic.go_on_for(COMMANDS).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_nats_is_killed() {
    let site = site(Mongo::database().await).await;
    let traffic = Traffic::begin(&site, PEOPLE).await;
    for _ in 0..KILLS {
        traffic.go_on_for(COMMANDS).await;
        random_moment().await;
        site.nats.kill9().await;
        site.nats.restart().await;
    }
    traffic.go_on_for(COMMANDS).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_mongodb_is_killed() {
    let site = site(Mongo::own().await).await;
    let traffic = Traffic::begin(&site, PEOPLE).await;
    for _ in 0..KILLS {
        traffic.go_on_for(COMMANDS).await;
        random_moment().await;
        site.mongo.kill9().await;
        site.mongo.restart().await;
    }
    traffic.go_on_for(COMMANDS).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_all_of_them_are_killed_at_once() {
    let site = site(Mongo::own().await).await;
    let traffic = Traffic::begin(&site, PEOPLE).await;
    for _ in 0..2 {
        traffic.go_on_for(COMMANDS).await;
        random_moment().await;
        tokio::join!(site.app().kill9(), site.nats.kill9(), site.mongo.kill9());
        tokio::join!(site.nats.restart(), site.mongo.restart());
        site.app().restart().await;
    }
    traffic.go_on_for(COMMANDS).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_separate_services_are_killed_one_by_one() {
    let site = Site::builder()
        .separate()
        .env("ORDER_HOLD_SECONDS", "5")
        .start()
        .await;
    let traffic = Traffic::begin(&site, PEOPLE).await;
    for app in &site.apps {
        traffic.go_on_for(COMMANDS / 2).await;
        random_moment().await;
        app.kill9().await;
        app.restart().await;
    }
    traffic.go_on_for(COMMANDS).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}

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

/// Crashes and restarts parts of a site under load, and checks that nothing acknowledged is lost.
async fn crash_under_load(site: Site, crashes: usize, crash: impl AsyncFn(&Site, usize)) {
    let traffic = Traffic::begin(&site, PEOPLE).await;
    for n in 0..crashes {
        traffic.go_on_for(COMMANDS).await;
        random_moment().await;
        crash(&site, n).await;
    }
    traffic.go_on_for(COMMANDS).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    crash_under_load(
        site(Mongo::database().await).await,
        KILLS,
        async |site, _| {
            site.app().kill9().await;
            site.app().restart().await;
        },
    )
    .await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_nats_is_killed() {
    crash_under_load(
        site(Mongo::database().await).await,
        KILLS,
        async |site, _| {
            site.nats.kill9().await;
            site.nats.restart().await;
        },
    )
    .await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_mongodb_is_killed() {
    crash_under_load(site(Mongo::own().await).await, KILLS, async |site, _| {
        site.mongo.kill9().await;
        site.mongo.restart().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_everything_is_killed_at_once() {
    crash_under_load(site(Mongo::own().await).await, 2, async |site, _| {
        tokio::join!(site.app().kill9(), site.nats.kill9(), site.mongo.kill9());
        tokio::join!(site.nats.restart(), site.mongo.restart());
        site.app().restart().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_services_are_killed_one_by_one() {
    let site = Site::builder()
        .separate()
        .env("ORDER_HOLD_SECONDS", "5")
        .start()
        .await;
    let services = site.apps.len();
    crash_under_load(site, services, async |site, n| {
        site.apps[n].kill9().await;
        site.apps[n].restart().await;
    })
    .await;
}

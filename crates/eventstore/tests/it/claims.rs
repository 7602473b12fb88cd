//! Claims of requests that carry an idempotency key.

use crate::support::*;
use eventstore::{Claim, ClaimToken, Log, StoredAnswer};
use std::time::Duration;
use testkit::{DropAcksProxy, LONG, Nats, eventually};
use tokio::task::JoinSet;
use uuid::Uuid;

const KEY: Uuid = Uuid::from_u128(42);

fn answer(body: &str) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_owned(),
        rests_on: None,
    }
}

async fn claim(log: &Log) -> Claim {
    log.idempotency().claim(KEY, "same").await.unwrap()
}

async fn fresh_claim(log: &Log) -> ClaimToken {
    match claim(log).await {
        Claim::Fresh(token) => token,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_answer_is_given_again_and_a_key_belongs_to_one_request() {
    let (nats, log) = start().await;
    let others = connect(nats.url()).await;
    let token = fresh_claim(&log).await;
    assert!(matches!(claim(&others).await, Claim::InProgress));
    let other_body = others.idempotency().claim(KEY, "other").await.unwrap();
    assert!(matches!(other_body, Claim::Mismatch));

    // No final answer: the next one may try.
    log.idempotency().release(&token).await.unwrap();
    let token = fresh_claim(&others).await;
    assert!(
        others
            .idempotency()
            .answer(&token, answer("1"))
            .await
            .unwrap()
    );
    assert!(matches!(claim(&log).await, Claim::Answered(found) if found == answer("1")));
    let other_body = log.idempotency().claim(KEY, "other").await.unwrap();
    assert!(matches!(other_body, Claim::Mismatch));
    // The first answer stays.
    assert!(
        !others
            .idempotency()
            .answer(&token, answer("2"))
            .await
            .unwrap()
    );
    assert!(matches!(claim(&log).await, Claim::Answered(found) if found == answer("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_claims_at_once_one_is_fresh() {
    let (_nats, log) = start().await;
    let mut claims = JoinSet::new();
    for _ in 0..32 {
        let log = log.clone();
        claims.spawn(async move { claim(&log).await });
    }
    let claims = claims.join_all().await;
    let fresh = claims
        .iter()
        .filter(|claim| matches!(claim, Claim::Fresh(_)));
    assert_eq!(fresh.count(), 1);
    let rest = claims
        .iter()
        .filter(|claim| matches!(claim, Claim::InProgress));
    assert_eq!(rest.count(), 31);
}

#[tokio::test]
async fn a_claim_of_a_dead_process_lapses_and_its_late_response_is_ignored() {
    let nats = Nats::start().await;
    let mut config = config(nats.url());
    config.claim_ttl = Duration::from_millis(200);
    let log = connect_with(config).await;
    let gone = fresh_claim(&log).await;
    assert!(matches!(claim(&log).await, Claim::InProgress));
    let token = eventually("the claim lapses", LONG, || async {
        match claim(&log).await {
            Claim::Fresh(token) => Ok(token),
            other => Err(other),
        }
    })
    .await;
    assert!(
        !log.idempotency()
            .answer(&gone, answer("late"))
            .await
            .unwrap()
    );
    assert!(
        log.idempotency()
            .answer(&token, answer("in time"))
            .await
            .unwrap()
    );
    assert!(matches!(claim(&log).await, Claim::Answered(found) if found == answer("in time")));
}

#[tokio::test]
async fn a_claim_or_an_answer_whose_acknowledgment_was_lost_is_known_again() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let lossy = connect_with(impatient(proxy.url())).await;
    proxy.drop_next(1);
    let token = fresh_claim(&lossy).await;
    proxy.drop_next(1);
    assert!(
        lossy
            .idempotency()
            .answer(&token, answer("1"))
            .await
            .unwrap()
    );
    assert_eq!(proxy.dropped(), 2);
    assert!(matches!(claim(&log).await, Claim::Answered(found) if found == answer("1")));
}

#[tokio::test]
async fn the_age_of_a_claim_does_not_depend_on_its_writers_clock() {
    let nats = Nats::start().await;
    let mut config = config(nats.url());
    config.claim_ttl = Duration::from_millis(200);
    let log = connect_with(config).await;
    // Of a process whose clock was an hour ahead, and which is gone.
    let at = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let entry = serde_json::json!({"fingerprint": "same", "at": at, "by": KEY, "state": "claimed"});
    let raw = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let claimed = raw.publish(format!("REQUESTS.{KEY}"), entry.to_string().into());
    claimed.await.unwrap().await.unwrap();
    assert!(matches!(claim(&log).await, Claim::InProgress));
    eventually("the claim lapses", LONG, || async {
        match claim(&log).await {
            Claim::Fresh(token) => Ok(token),
            other => Err(other),
        }
    })
    .await;
}

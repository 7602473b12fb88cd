//! The store under cqrs-es's own framework.

use crate::support::*;
use cqrs_es::{AggregateError, CqrsFramework, EventStore};
use eventstore::StoreError;
use std::collections::HashMap;
use uuid::Uuid;

#[tokio::test]
async fn the_framework_runs_on_the_store() {
    let (_nats, log) = start().await;
    let store = accounts(&log);
    let framework = CqrsFramework::new(store.clone(), Vec::new(), ());
    framework.execute("a", Command::Deposit(5)).await.unwrap();
    let metadata = HashMap::from([
        ("command_id".to_owned(), Uuid::from_u128(9).to_string()),
        ("correlation_id".to_owned(), "request-9".to_owned()),
        ("actor".to_owned(), "ann".to_owned()),
    ]);
    let transfer = framework.execute_with_metadata("a", Command::Transfer(2), metadata);
    transfer.await.unwrap();
    framework.execute("a", Command::Look).await.unwrap();
    let refusal = framework.execute("a", Command::Withdraw(6)).await;
    assert!(matches!(
        refusal,
        Err(AggregateError::UserError(Refusal(5)))
    ));

    let envelopes = store.load_events("a").await.unwrap();
    let numbers: Vec<_> = envelopes.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [1, 2, 3], "the framework counts from 1");
    assert_eq!(envelopes[2].metadata["correlation_id"], "request-9");
    let commits = store.commits("a").await.unwrap();
    assert_eq!(commits[1].metadata.command_id, Uuid::from_u128(9));
    assert_eq!(commits[1].metadata.actor, "ann");
    assert!(store.load_events("nobody").await.unwrap().is_empty());
    // What the framework stored, the store goes on from.
    assert_eq!(deposit(&store, "a", 1).await.unwrap().version, 4);
}

#[tokio::test]
async fn one_of_two_commits_on_the_same_state_conflicts() {
    let (nats, log) = start().await;
    let store = accounts(&log);
    let (one, two) = (
        store.load_aggregate("a").await.unwrap(),
        store.load_aggregate("a").await.unwrap(),
    );
    let event = || vec![Event::Deposited { amount: 1 }];
    let stored = store.commit(event(), one, HashMap::new()).await.unwrap();
    assert_eq!(stored[0].sequence, 1);
    let lost = store.commit(event(), two, HashMap::new()).await;
    assert!(matches!(lost, Err(AggregateError::AggregateConflict)));

    let context = store.load_aggregate("a").await.unwrap();
    nats.kill9().await;
    disconnected(&log).await;
    let failed = store.commit(event(), context, HashMap::new()).await;
    let Err(AggregateError::DatabaseConnectionError(why)) = failed else {
        panic!("{failed:?}");
    };
    assert!(why.downcast_ref::<StoreError>().is_some());
}

//! The example runs, on both stores.

use testkit::{Mongo, Nats};

#[allow(dead_code, reason = "here it is no program")]
#[path = "../../examples/read_model.rs"]
mod read_model;

use read_model::{Shown, in_memory, in_mongodb};

const EXPECTED: Shown = Shown {
    open: Some(350),
    closed: false,
};

#[tokio::test]
async fn the_example_runs_in_memory() {
    let nats = Nats::start().await;
    assert_eq!(in_memory(nats.url()).await.unwrap(), EXPECTED);
}

#[tokio::test]
async fn the_example_runs_in_mongodb() {
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let shown = in_mongodb(nats.url(), mongo.uri(), mongo.name()).await;
    assert_eq!(shown.unwrap(), EXPECTED);
}

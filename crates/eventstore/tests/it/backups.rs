//! Streams on their way out of the server.

use crate::support::*;
use eventstore::{Snapshot, StoreError};
use std::time::{Duration, Instant};
use testkit::{DropAcksProxy, Nats};
use uuid::Uuid;

/// Puts more into a stream than the server sends ahead of what is acknowledged (8 MiB), of a kind
/// that can't be compressed.
async fn fill(nats: &Nats) {
    let client = async_nats::connect(nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for n in 0..256 {
        let noise: Vec<u8> = (0..4_096)
            .flat_map(|_| Uuid::new_v4().into_bytes())
            .collect();
        let sent = jetstream.publish(format!("ACCOUNTS.{n}"), noise.into());
        sent.await.unwrap().await.unwrap();
    }
}

/// How many bytes come until it ends, or fails.
async fn drain(snapshot: &mut Snapshot) -> Result<usize, StoreError> {
    let mut bytes = 0;
    while let Some(chunk) = snapshot.next().await? {
        bytes += chunk.len();
    }
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_with_a_lost_connection_is_incomplete() {
    let (nats, log) = start().await;
    fill(&nats).await;
    let whole = drain(&mut log.backup().snapshot(ACCOUNTS).await.unwrap()).await;
    assert!(whole.unwrap() > 16 << 20);

    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let away = connect(proxy.url()).await;
    let mut snapshot = away.backup().snapshot(ACCOUNTS).await.unwrap();
    snapshot.next().await.unwrap().unwrap();
    proxy.cut();
    disconnected(&away).await;
    proxy.restore();
    connected(&away).await;
    let began = Instant::now();
    let broken = drain(&mut snapshot).await.unwrap_err().to_string();
    assert!(
        broken.contains("ACCOUNTS: its snapshot broke off"),
        "{broken}"
    );
    // Whoever waits is told, and not left to wait for what never comes.
    assert!(began.elapsed() < Duration::from_secs(15), "{broken}");
}

//! How processes exchange messages about a projection, over core NATS.

use bytes::Bytes;
use eventstore::Log;
use futures_util::Stream;
use std::time::Duration;
use uuid::Uuid;

/// Pause before subscribing again.
const PAUSE: Duration = Duration::from_millis(200);

/// Subscribes to a topic, as soon as that is possible.
pub(crate) async fn subscribe(log: &Log, topic: &str) -> impl Stream<Item = Bytes> + Send + use<> {
    loop {
        match log.pubsub().subscribe(topic).await {
            Ok(announcements) => return announcements,
            Err(error) => {
                tracing::debug!(topic, %error, "can't listen, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The topic on which progress is announced. It contains the database, because several may be
/// filled from one log.
///
/// A topic is one token, so names are reduced to the characters of a token; the hash distinguishes
/// names that become the same (`a.b` and `a_b`): the progress of another database must not be taken
/// for one's own.
pub(crate) fn topic(database: &str, key: &str) -> String {
    let names = format!("{database}\0{key}");
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, names.as_bytes()).simple();
    let token = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let spelled: String = format!("{database}-{key}")
        .chars()
        .map(|c| if c == '-' { c } else { token(c) })
        .collect();
    format!("progress-{spelled}-{:.8}", hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_read_models_share_a_topic() {
        assert_eq!(topic("a.b", "orders"), topic("a.b", "orders"));
        assert_ne!(topic("a.b", "orders"), topic("a_b", "orders"));
        assert_ne!(topic("a-b", "c"), topic("a", "b-c"));
        assert!(topic("a.b", "orders").starts_with("progress-a_b-orders-"));
    }
}

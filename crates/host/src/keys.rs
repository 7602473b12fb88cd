//! Public session keys, as the log tells them.

use eventstore::Log;
use httpkit::{SessionVerifier, session::PublicKey};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the log is asked for new keys. A key is published before the first session is
/// signed with it, so this bounds how long a rotation takes to be known everywhere.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often while no key is known: nobody can be signed in until then.
const LOOK_EVERY_AT_START: Duration = Duration::from_millis(100);

/// Keeps a verifier up to date until told to stop.
pub(crate) async fn follow(log: Log, sessions: SessionVerifier, stopping: CancellationToken) {
    loop {
        match log.public_keys().await {
            Ok(published) => {
                for (id, key) in published {
                    learn(&sessions, &id, &key);
                }
            }
            Err(error) => tracing::debug!(%error, "could not look for session keys"),
        }
        let pause = if sessions.key_count() == 0 {
            LOOK_EVERY_AT_START
        } else {
            LOOK_EVERY
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn learn(sessions: &SessionVerifier, id: &str, key: &str) {
    let known =
        serde_json::from_str::<PublicKey>(key).is_ok_and(|key| key.kid == id && sessions.add(&key));
    if !known {
        tracing::warn!(id, "the log holds a session key that can't be used");
    }
}

//! Follows the public session keys in the log.

use eventstore::{KnownKey, Log};
use httpkit::{SessionVerifier, session::PublicKey};
use std::{collections::HashSet, time::Duration};
use tokio_util::sync::CancellationToken;

/// Interval at which the log is asked for new keys. A key is published before the first session is
/// signed with it, so this limits how long a rotation takes to reach every process.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The interval while no key is known: until then no session can be verified.
const LOOK_EVERY_AT_START: Duration = Duration::from_millis(100);

/// After this time every process has every published key, and has dropped every retired one.
pub const KEYS_KNOWN_WITHIN: Duration = Duration::from_secs(6);

/// Keeps a verifier up to date until it is stopped.
pub(crate) async fn follow(log: Log, sessions: SessionVerifier, stopping: CancellationToken) {
    let mut retired = HashSet::new();
    let mut losses = log.tails().losses();
    loop {
        match log.session_keys().list().await {
            Ok(known) => {
                for key in &known {
                    learn(&sessions, &mut retired, key);
                }
            }
            Err(error) => tracing::debug!(%error, "could not look for session keys"),
        }
        let known = sessions.key_count();
        metrics::gauge!("session_keys").set(f64::from(u32::try_from(known).unwrap_or(u32::MAX)));
        let pause = if known == 0 {
            LOOK_EVERY_AT_START
        } else {
            LOOK_EVERY
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // The keys in the log may be lost, too.
            Ok(()) = losses.changed() => {}
        }
    }
}

/// Only keys that the log lists as retired are dropped. A missing key stays: a log that was
/// restored from an older backup must not sign anyone out. And a retired key stays retired while
/// this process runs, even if the log lost that.
fn learn(sessions: &SessionVerifier, retired: &mut HashSet<String>, known: &KnownKey) {
    let Some(key) = &known.key else {
        retired.insert(known.id.clone());
        if sessions.remove(&known.id) {
            tracing::info!(id = known.id, "a session key was retired; its sessions end");
        }
        return;
    };
    if sessions.knows(&known.id) {
        return;
    }
    if retired.contains(&known.id) {
        tracing::error!(
            id = known.id,
            "the log lost that this session key was retired: retire it again"
        );
        return;
    }
    let key = serde_json::from_str::<PublicKey>(key).ok();
    if key.is_some_and(|key| key.kid == known.id && sessions.add(&key)) {
        tracing::info!(id = known.id, "learned a session key");
    } else {
        tracing::warn!(
            id = known.id,
            "the log holds a session key that can't be used"
        );
    }
}

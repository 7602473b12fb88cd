//! What is said across the versions of a projection, and to services that know its name alone.
//!
//! While two releases run side by side, each folds its own version and tells its own readers more
//! ([`crate::engine::announce`]). Who waits for another service's read model can't know which versions
//! that one runs: it may be of the next release already, or still of the one before.

use eventstore::Log;
use serde::{Deserialize, Serialize};

/// A message to everybody whom a projection concerns, whatever its version.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum VersionMessage {
    /// The documents of a version reflect the stream up to here.
    Applied {
        /// Which version.
        version: u32,
        /// The last commit that is applied.
        applied: u64,
    },
    /// Somebody wants to know how far each version is.
    Asked,
    /// A command was acknowledged that isn't applied everywhere: reads wait for it from now on.
    Floor {
        /// Its commit.
        sequence: u64,
    },
}

impl VersionMessage {
    /// Says it. That may get lost: who waits asks again, and readers look at the checkpoint.
    pub async fn send(self, log: &Log, topic: &str) {
        let Ok(message) = serde_json::to_vec(&self) else {
            return;
        };
        if let Err(error) = log.pubsub().broadcast(topic, message).await {
            tracing::debug!(topic, %error, "an announcement was not sent");
        }
    }

    /// As it is received; `None` for what another release says.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

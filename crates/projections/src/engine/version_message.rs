//! Messages between the versions of a projection, and to services that know only its name.
//!
//! While two releases run in parallel, each folds its own version and announces more to its own
//! followers ([`crate::engine::announce`]). A process that waits for another service's read model
//! can't know which versions that service runs: it may already be of the next release, or still of
//! the previous one.

use eventstore::Log;
use serde::{Deserialize, Serialize};

use crate::Position;

/// A message to every process with an interest in a projection, in any version.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum VersionMessage {
    /// The documents of a version reflect the streams up to here.
    Applied {
        /// The version.
        version: u32,
        /// The applied commits.
        applied: Position,
    },
    /// A process requests the position of each version.
    Asked,
    /// A command was acknowledged that isn't applied everywhere: reads wait for it from now on.
    Floor {
        /// Its commit.
        at: Position,
    },
}

impl VersionMessage {
    /// Sends it. It may get lost: waiting processes ask again, and followers read the checkpoint.
    pub async fn send(self, log: &Log, topic: &str) {
        let Ok(message) = serde_json::to_vec(&self) else {
            return;
        };
        if let Err(error) = log.pubsub().broadcast(topic, message).await {
            tracing::debug!(topic, %error, "an announcement was not sent");
        }
    }

    /// Decodes a message; `None` for one of another release.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

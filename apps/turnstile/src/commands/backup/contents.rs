//! The contents of a backup.

use chrono::{DateTime, Utc};
use eventstore::SnapshotHead;
use serde::{Deserialize, Serialize};

/// The file that names the newest backup.
pub(super) const LATEST: &str = "latest.json";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Latest {
    pub backup: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Contents {
    /// The release that created it.
    pub turnstile: String,
    pub began: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    pub streams: Vec<Copied>,
}

/// One stream.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Copied {
    pub stream: String,
    pub head: SnapshotHead,
    pub parts: Vec<Part>,
}

/// A piece of a stream's snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub object: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Copied {
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

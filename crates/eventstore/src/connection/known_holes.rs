//! The acknowledged holes that this process has read.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::StreamName;

/// A hole in a stream that an operator has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcknowledgedHole {
    /// The stream.
    pub stream: StreamName,
    /// The first sequence that is missing.
    pub first: u64,
    /// The last sequence that is missing.
    pub last: u64,
    /// The operator who acknowledged it.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// The time of the acknowledgment.
    pub at: DateTime<Utc>,
}

/// The acknowledged holes that this process has read, by stream.
#[derive(Debug, Default)]
pub(crate) struct KnownHoles(Mutex<HashMap<StreamName, Arc<[AcknowledgedHole]>>>);

impl KnownHoles {
    pub fn of(&self, stream: StreamName) -> Option<Arc<[AcknowledgedHole]>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&stream).cloned()
    }

    pub fn put(&self, stream: StreamName, holes: &Arc<[AcknowledgedHole]>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(stream, Arc::clone(holes));
    }
}

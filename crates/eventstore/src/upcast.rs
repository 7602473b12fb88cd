//! Old events, read as if they had been written today.

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

use crate::{RawEvent, Recorded};

/// The upcasters of a log, tried in order on every event that is read.
///
/// The stored bytes never change: the log is the truth, and a rewritten log would be another one.
#[derive(Clone, Default)]
pub struct Upcasters(Arc<Vec<Box<dyn EventUpcaster>>>);

impl Upcasters {
    /// Takes upcasters, oldest version first.
    pub fn new(upcasters: Vec<Box<dyn EventUpcaster>>) -> Self {
        Self(Arc::new(upcasters))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn upcast(
        &self,
        recorded: &Recorded,
        version: u64,
        event_type: String,
        schema: String,
        data: Value,
    ) -> RawEvent {
        let mut event = SerializedEvent {
            aggregate_id: recorded.aggregate_id.clone(),
            sequence: usize::try_from(version).unwrap_or(usize::MAX),
            aggregate_type: recorded.aggregate_type.clone(),
            event_type,
            event_version: schema,
            payload: data,
            metadata: json!({}),
        };
        for upcaster in self.0.iter() {
            if upcaster.can_upcast(&event.event_type, &event.event_version) {
                event = upcaster.upcast(event);
            }
        }
        RawEvent {
            version,
            event_type: event.event_type,
            schema: event.event_version,
            data: event.payload,
        }
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upcasters({})", self.0.len())
    }
}

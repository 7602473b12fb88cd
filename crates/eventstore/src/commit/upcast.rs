//! Reads old events as if they had been written today.

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

use super::{Commit, RawEvent};

/// The upcasters of a log, each for the events of one type of aggregate, tried in order on every
/// such event that is read.
///
/// One stored event becomes exactly one event. Several would shift the versions of all later
/// events, on which the density of commits and expectations are based.
///
/// The stored bytes never change: the log is the only truth, and a rewritten log would be a
/// different one.
#[derive(Clone, Default)]
pub struct Upcasters(Arc<Vec<(&'static str, Box<dyn EventUpcaster>)>>);

impl Upcasters {
    /// Creates upcasters, oldest version first, each with the type of the aggregates whose events
    /// it converts ([`cqrs_es::Aggregate::TYPE`]): events of two types may have the same name.
    pub fn new(upcasters: Vec<(&'static str, Box<dyn EventUpcaster>)>) -> Self {
        Self(Arc::new(upcasters))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn upcast(
        &self,
        recorded: &Commit,
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
        for (aggregate_type, upcaster) in self.0.iter() {
            if *aggregate_type == recorded.aggregate_type
                && upcaster.can_upcast(&event.event_type, &event.event_version)
            {
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

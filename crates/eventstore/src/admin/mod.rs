//! Operators' work on the log: setting up streams, copying them out and back, and writing history.

mod backup;
mod import;
mod stream_plan;
mod stream_settings;
mod streams;

pub use backup::{Backup, Restoring, Snapshot, SnapshotHead};
pub use import::{Import, Importer};
pub use stream_plan::{ConsumerInfo, StreamChange, StreamInfo, StreamPlan};
pub use streams::{Streams, StreamsFound};

pub(crate) use stream_plan::active_consumers;
pub(crate) use streams::check_is_led;

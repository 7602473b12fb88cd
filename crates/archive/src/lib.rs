//! The event log as files.
//!
//! [`export()`] flattens the log into one table an event type, in a folder: Parquet, Arrow or CSV for
//! analysts, with typed columns; NDJSON for whoever wants every event as it is, and for [`import()`],
//! which fills an empty log from it.
//!
//! ```text
//! DIR/manifest.json                                    what is in the folder, and how far it goes
//! DIR/order_placed/ORDERS-000000000001-000000131072.parquet
//! DIR/order_placed/ORDERS-000000131073-000000200000.parquet
//! DIR/order_completed/…
//! ```
//!
//! # Guarantees
//!
//! - **A file under its final name is whole.** It is written under another one, flushed to the disk
//!   and renamed.
//! - **No row is lost or doubled**, whenever the program is killed: the manifest, which is replaced
//!   as a whole too, says how far each stream was exported, and what it doesn't name is removed
//!   before the next run goes on.
//! - **Memory is bounded**: rows of a few thousand commits, and of each open file no more than a
//!   row group.
//! - **Nothing is skipped.** An event that can't be read ends the export with its stream and
//!   sequence; a line that can't be read ends an import, before anything is written.
#![deny(missing_docs)]

mod atomic_file;
mod columns;
mod csv_row;
mod error;
mod export;
mod folder;
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod import;
mod manifest;
mod ndjson;
mod segment;
mod tables;

pub use atomic_file::{AtomicFile, folder_of};
pub use error::ArchiveError;
pub use export::{Exported, Request, export};
pub use format::Format;
pub use import::{Imported, import};
pub use manifest::{Manifest, Segment, StreamPart, TablePart};
pub use tables::{TABLES, TableSpec};

//! The event log as files.
//!
//! [`export()`] flattens the log into one table per event type, in a folder: Parquet, Arrow or CSV
//! for analysts, with typed columns; NDJSON for every event as it is stored, and for [`import()`],
//! which fills an empty log from it.
//!
//! ```text
//! DIR/manifest.json                                    contents and progress of the export
//! DIR/order_placed/ORDERS-000000000001-000000131072.parquet
//! DIR/order_placed/ORDERS-000000131073-000000200000.parquet
//! DIR/order_completed/…
//! ```
//!
//! # Guarantees
//!
//! - **A file with its final name is complete.** It is written under a temporary name, flushed to
//!   the disk and renamed.
//! - **No row is lost or duplicated**, whenever the program is killed: the manifest, which is also
//!   replaced as a whole, states how far each stream was exported, and files that it doesn't list
//!   are removed before the next run continues.
//! - **Memory is limited**: rows of a few thousand commits, and one row group per open file.
//! - **Nothing is skipped.** An unreadable event ends the export with its stream and sequence; an
//!   unreadable line ends an import, before anything is written.
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
pub use export::{ExportRequest, Exported, export};
pub use format::Format;
pub use import::{Imported, import};
pub use manifest::{Manifest, Segment, StreamPart, TablePart};
pub use tables::{TABLES, TableSpec};

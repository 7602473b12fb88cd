//! Converts failures of the stores into responses. Their details go to the log only.

use eventstore::StoreError;
use httpkit::{
    AppError,
    error::{bad_request, conflict, field, internal, unavailable},
};
use projections::ReadError;

/// The log failed.
pub fn failed(error: StoreError) -> AppError {
    match error {
        // Written by another release, which another process may be running.
        StoreError::Unavailable { .. } | StoreError::UnsupportedSchema { .. } => {
            unavailable("The service", 1).with_source(error)
        }
        StoreError::Conflict { .. } => {
            conflict("Others kept changing this, please try again").with_source(error)
        }
        StoreError::TooLarge { .. } => {
            bad_request("The request is too large to be stored").with_source(error)
        }
        other => internal(other),
    }
}

/// A read model failed.
pub fn read_failed(error: ReadError) -> AppError {
    match error {
        ReadError::Unavailable { .. } => unavailable("The service", 1).with_source(error),
        ReadError::BadCursor => field("cursor", "The cursor is not one of this list"),
        other => internal(other),
    }
}

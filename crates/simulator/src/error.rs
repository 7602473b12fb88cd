//! The errors of simulations.

use chrono::{DateTime, Utc};
use domain::{InvalidEmail, InvalidPrice, InvalidTitle};
use eventstore::{StoreError, StreamName};

/// Why a simulation could not be generated or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The log already has commits.
    #[error("the log isn't empty: {stream} ends at #{last}")]
    NotEmpty {
        /// A stream that has commits.
        stream: StreamName,
        /// Its last sequence.
        last: u64,
    },
    /// The log already contains this simulation.
    #[error("this season is in the log already; another seed is another season")]
    AlreadyWritten,
    /// It would end after the moment at which it is written.
    #[error("the season would end in the future ({0}); choose an earlier start")]
    EndsInFuture(DateTime<Utc>),
    /// A generated title isn't valid.
    #[error(transparent)]
    Title(#[from] InvalidTitle),
    /// A generated price isn't valid.
    #[error(transparent)]
    Price(#[from] InvalidPrice),
    /// A generated address isn't valid.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
}

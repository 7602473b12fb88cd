//! Why a simulation could not go on.

use chrono::{DateTime, Utc};
use domain::{InvalidEmail, InvalidPrice, InvalidTitle};
use eventstore::{StoreError, StreamName};

/// A simulation that could not be made or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// There is history already.
    #[error("the log isn't empty: {stream} ends at #{last}")]
    NotEmpty {
        /// A stream that holds something.
        stream: StreamName,
        /// Its last sequence.
        last: u64,
    },
    /// This very simulation is in the log.
    #[error("this season is in the log already; another seed is another season")]
    AlreadyWritten,
    /// It would end after the moment at which it is written.
    #[error("the season would end in the future ({0}); choose an earlier start")]
    EndsInFuture(DateTime<Utc>),
    /// A made-up title isn't valid.
    #[error(transparent)]
    Title(#[from] InvalidTitle),
    /// A made-up price isn't valid.
    #[error(transparent)]
    Price(#[from] InvalidPrice),
    /// A made-up address isn't valid.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
}

//! Which errors of MongoDB pass by themselves.

use mongodb::{
    bson::Document,
    error::{Error, ErrorKind, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, WriteFailure},
};
use std::sync::Arc;

use crate::{ReadError, ReadStoreError};

/// What messages call it.
pub(crate) const MONGODB: &str = "MongoDB";

const UNAUTHORIZED: i32 = 13;
pub(crate) const NAMESPACE_EXISTS: i32 = 48;
pub(crate) const QUERY_PLAN_KILLED: i32 = 175;
pub(crate) const CURSOR_NOT_FOUND: i32 = 43;
pub(crate) const DUPLICATE_KEY: i32 = 11_000;
pub(crate) const COLLECTION_UUID_MISMATCH: i32 = 361;

/// Codes that say: not now, or not here. From MongoDB's list of error codes.
const PASSING: [i32; 27] = [
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    46,     // LockBusy
    50,     // MaxTimeMSExpired
    64,     // WriteConcernTimeout
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    100,    // UnsatisfiableWriteConcern: too few members are there
    112,    // WriteConflict
    117,    // ConflictingOperationInProgress
    133,    // FailedToSatisfyReadPreference
    134,    // ReadConcernMajorityNotAvailableYet
    175,    // QueryPlanKilled
    189,    // PrimarySteppedDown
    202,    // NetworkInterfaceExceededTimeLimit
    246,    // SnapshotUnavailable
    262,    // ExceededTimeLimit
    276,    // IndexBuildAborted
    9_001,  // SocketException
    10_107, // NotWritablePrimary
    11_600, // InterruptedAtShutdown
    11_601, // Interrupted
    11_602, // InterruptedDueToReplStateChange
    13_435, // NotPrimaryNoSecondaryOk
    13_436, // NotPrimaryOrSecondary
];

/// What a command says of one of its statements.
#[derive(Debug, thiserror::Error)]
#[error("a write was refused with code {code}: {message}")]
struct StatementError {
    code: i32,
    message: String,
}

/// The server's code of an error, if the error is the server's.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        _ => None,
    }
}

/// Whether repeating may succeed without anybody doing anything.
fn passes(error: &Error) -> bool {
    if [RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR]
        .iter()
        .any(|label| error.contains_label(label))
    {
        return true;
    }
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => true,
        _ => code(error).is_some_and(|code| PASSING.contains(&code)),
    }
}

impl From<Error> for ReadStoreError {
    fn from(error: Error) -> Self {
        let (store, code) = (MONGODB, code(&error));
        let passes = passes(&error);
        let source = Arc::new(error);
        match code {
            Some(COLLECTION_UUID_MISMATCH) => Self::Replaced,
            Some(UNAUTHORIZED) => Self::Forbidden { store, source },
            _ if passes => Self::Unavailable { store, source },
            _ => Self::Refused { store, source },
        }
    }
}

/// What one statement of a command came to, from the reply.
pub(crate) fn of_statement(error: &Document) -> ReadStoreError {
    let code = error.get_i32("code").unwrap_or_default();
    let message = error.get_str("errmsg").unwrap_or_default().to_owned();
    let source = Arc::new(StatementError { code, message });
    match code {
        COLLECTION_UUID_MISMATCH => ReadStoreError::Replaced,
        code if PASSING.contains(&code) => ReadStoreError::Unavailable {
            store: MONGODB,
            source,
        },
        _ => ReadStoreError::Refused {
            store: MONGODB,
            source,
        },
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        match *error.kind {
            ErrorKind::BsonDeserialization(_) | ErrorKind::InvalidResponse { .. } => {
                Self::Damaged(error.to_string())
            }
            _ => ReadStoreError::from(error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::{bson::doc, error::CommandError};
    use serde_json::json;
    use std::{error::Error as _, io};

    fn of_command(code: i32) -> Error {
        let command = json!({ "code": code, "codeName": "X", "errmsg": "why" });
        let command: CommandError = serde_json::from_value(command).unwrap();
        ErrorKind::Command(command).into()
    }

    #[test]
    fn an_outage_of_mongodb_passes_and_what_is_wrong_does_not() {
        let away = Error::from(io::Error::from(io::ErrorKind::ConnectionReset));
        let away = ReadStoreError::from(away);
        assert!(away.is_transient() && away.source().is_some(), "{away}");
        for passing in [10_107, 189, 91, 64] {
            let error = ReadError::from(of_command(passing));
            assert!(error.is_transient(), "{error}");
            assert!(matches!(error, ReadError::Unavailable { .. }), "{error}");
        }
        // BadValue, Unauthorized, AuthenticationFailed, CommandNotFound
        for lasting in [2, 13, 18, 59] {
            let error = ReadError::from(of_command(lasting));
            assert!(!error.is_transient(), "{error}");
            assert!(error.source().is_some(), "{error}");
        }
        let forbidden = ReadStoreError::from(of_command(UNAUTHORIZED));
        assert!(matches!(forbidden, ReadStoreError::Forbidden { .. }));
        let replaced = ReadStoreError::from(of_command(COLLECTION_UUID_MISMATCH));
        assert!(matches!(replaced, ReadStoreError::Replaced));
    }

    #[test]
    fn a_refused_statement_has_a_reason_and_a_transience() {
        let error = of_statement(&doc! { "index": 0, "code": 10_334, "errmsg": "too large" });
        let text = "MongoDB: a write was refused with code 10334: too large";
        assert_eq!(
            (error.to_string().as_str(), error.is_transient()),
            (text, false)
        );
        let passing = of_statement(&doc! { "index": 0, "code": 189, "errmsg": "stepped down" });
        assert!(passing.is_transient() && passing.source().is_some());
    }
}

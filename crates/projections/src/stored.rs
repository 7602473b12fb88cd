//! Values as they are stored, and back.

use chrono::{DateTime, Utc};
use mongodb::bson::{self, Binary, Bson, spec::BinarySubtype};

/// A UUID as it is stored.
pub(crate) fn uuid(id: uuid::Uuid) -> Bson {
    Bson::Binary(binary(id))
}

/// As [`uuid`].
pub(crate) fn binary(id: uuid::Uuid) -> Binary {
    Binary {
        subtype: BinarySubtype::Uuid,
        bytes: id.as_bytes().to_vec(),
    }
}

/// A number as it is stored: always 64 bits, because 32 and 64 differ in bytes.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored UUID as ours.
pub(crate) fn from_bson(id: bson::Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(id.bytes())
}

/// A stored number that is never below zero.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A time as it is stored: nanoseconds since 1970. MongoDB's own type keeps only milliseconds,
/// and an order would show another time than the one that its buyer was told.
pub(crate) fn nanos(time: DateTime<Utc>) -> i64 {
    time.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

/// A stored time as ours.
pub(crate) fn from_nanos(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(nanos)
}

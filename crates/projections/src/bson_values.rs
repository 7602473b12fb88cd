//! Converts values to and from their stored form.

use chrono::{DateTime, Utc};
use mongodb::bson::{self, Binary, Bson, spec::BinarySubtype};

/// The stored form of a UUID.
pub fn uuid(id: uuid::Uuid) -> Bson {
    Bson::Binary(binary(id))
}

/// As [`uuid()`].
pub fn binary(id: uuid::Uuid) -> Binary {
    Binary {
        subtype: BinarySubtype::Uuid,
        bytes: id.as_bytes().to_vec(),
    }
}

/// The stored form of a number: always 64 bits, because 32 and 64 bits differ in bytes.
pub fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The UUID in its stored form.
pub fn from_bson(id: bson::Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(id.bytes())
}

/// A stored number that is never negative.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The stored form of a time: nanoseconds since 1970. MongoDB's own type has only milliseconds, and
/// an order would show a different time than its buyer got.
pub fn nanos(time: DateTime<Utc>) -> i64 {
    time.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

/// The time in its stored form.
pub fn from_nanos(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_times_and_numbers_come_back_as_they_were() {
        let id = uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let stored = binary(id);
        assert_eq!(uuid(id), Bson::Binary(stored.clone()));
        assert_eq!(from_bson(stored.to_uuid().unwrap()), id);
        let time = DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap();
        assert_eq!(from_nanos(nanos(time)), time);
        for number in [0, 7, i64::MAX.unsigned_abs()] {
            assert_eq!(unsigned(int(number)), number);
        }
    }

    #[test]
    fn what_cannot_be_stored_is_the_nearest_that_can() {
        assert_eq!(int(u64::MAX), i64::MAX);
        assert_eq!(nanos(DateTime::<Utc>::MAX_UTC), i64::MAX);
        assert_eq!(unsigned(-1), 0);
    }
}

//! Which server versions are supported.

use async_nats::ServerInfo;

use crate::StoreError;

/// The oldest supported version of NATS: major, minor, patch.
///
/// Earlier ones have faults that break this crate: up to 2.14.5 the creation time of a stream,
/// which is its identity, changes when the server restarts after a change of the stream's settings;
/// up to 2.12.8 a durable consumer skips messages when the log lost its tail. 2.14.7 is also the
/// version that must run before an upgrade to 2.15.
pub const OLDEST_SERVER: (u32, u32, u32) = (2, 14, 7);

/// Checks the version that a server reports.
pub(crate) fn check(server: &ServerInfo) -> Result<(), StoreError> {
    if version(&server.version).is_some_and(|version| version >= OLDEST_SERVER) {
        return Ok(());
    }
    let (major, minor, patch) = OLDEST_SERVER;
    Err(StoreError::Rejected(format!(
        "the NATS server {:?} is of version {:?}; {major}.{minor}.{patch} or later is needed",
        server.server_name, server.version
    )))
}

/// Parses `2.15.1`, `v2.15.1` and `2.16.0-preview.1` alike.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut numbers = text.split(['.', '-', '+']).map(str::parse);
    let mut number = || numbers.next()?.ok();
    Some((number()?, number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_named_with_what_is_needed() {
        let of = |version: &str| ServerInfo {
            server_name: "nats-0".to_owned(),
            version: version.to_owned(),
            ..ServerInfo::default()
        };
        for enough in ["2.14.7", "2.15.0", "v2.15.1", "2.100.0-RC.1", "3.0.0"] {
            check(&of(enough)).unwrap();
        }
        for old in ["2.12.8", "2.14.6", "2.9.25", "1.999.999", "", "new"] {
            assert_eq!(
                check(&of(old)).unwrap_err().to_string(),
                format!(
                    "the event log refused: the NATS server \"nats-0\" is of version {old:?}; \
                     2.14.7 or later is needed"
                )
            );
        }
    }
}

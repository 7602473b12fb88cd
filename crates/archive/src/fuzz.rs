//! For the fuzz target `ndjson_line`, and the test that replays its corpus.

use analysis::stream_named;
use event_streams::USERS;
use eventstore::StreamName;

use crate::ndjson::line::{Line, SECRET, without_password};

/// Reads the first line of an import. Returns whether it was an event.
pub fn ndjson_line(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let text = text.split_inclusive('\n').next().unwrap_or_default();
    let Ok(line) = serde_json::from_str::<Line<'_>>(text) else {
        return false;
    };
    if let Some(Ok(Some(data))) = line.data.map(without_password) {
        let data: serde_json::Value = data.get().parse().unwrap_or_default();
        assert_ne!(data["password_hash"], SECRET, "{text}");
    }
    let Some(stream) = stream_named(&line.stream) else {
        return false;
    };
    let Some(written) = written(&line, stream) else {
        return false;
    };
    let again = serde_json::from_str::<Line<'_>>(&written);
    let again = again.unwrap_or_else(|error| panic!("{error}: {written}"));
    // A user's data is read and written as values, which rounds numbers.
    if stream == USERS {
        assert_eq!(again.commit_id, line.commit_id, "{written}");
    } else {
        assert_eq!(self::written(&again, stream), Some(written));
    }
    true
}

/// The line as it is exported; `None` if its data contains a value that no event has, such as
/// 1e999.
fn written(line: &Line<'_>, stream: StreamName) -> Option<String> {
    let mut written = Vec::new();
    line.write(stream, &mut written).ok()?;
    let end = written.iter().position(|byte| *byte == b'\n');
    assert_eq!(end, Some(written.len() - 1), "one line");
    Some(String::from_utf8(written).unwrap_or_else(|error| panic!("{error}")))
}

#[cfg(test)]
#[test]
fn any_line_of_a_file_is_read_or_refused() {
    testkit::replay("ndjson_line", ndjson_line);
}

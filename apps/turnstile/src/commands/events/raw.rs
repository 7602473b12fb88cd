//! A message as it is stored: subject, headers, bytes.

use analysis::without_secrets_in;
use eventstore::StoredMessage;
use serde_json::{Value, json};
use std::fmt::Write as _;

use crate::commands::{CliError, output::Output};

/// Number of bytes per line of a dump.
const BYTES: usize = 16;

/// The message as JSON. Its payload is text if it is UTF-8, otherwise hexadecimal; without password
/// hashes.
pub(crate) fn as_json(message: &StoredMessage) -> Value {
    let payload = without_secrets_in(&message.payload);
    let mut shown = json!({
        "stream": message.stream,
        "sequence": message.sequence,
        "stored_at": message.stored_at,
        "subject": message.subject,
        "headers": message.headers,
        "bytes": message.payload.len(),
    });
    match String::from_utf8(payload) {
        Ok(text) => shown["payload"] = text.into(),
        Err(no_text) => shown["payload_hex"] = hex::encode(no_text.into_bytes()).into(),
    }
    shown
}

/// Writes the message as text.
pub(crate) fn write(output: &mut Output, message: &StoredMessage) -> Result<(), CliError> {
    let payload = without_secrets_in(&message.payload);
    output.line(&format!("{}#{}", message.stream, message.sequence))?;
    output.line(&format!("subject    {}", message.subject))?;
    output.line(&format!(
        "stored at  {}",
        message.stored_at.format("%Y-%m-%d %H:%M:%S%.3f")
    ))?;
    for (name, values) in &message.headers {
        for value in values {
            output.line(&format!("header     {name}: {value}"))?;
        }
    }
    output.line(&format!("payload    {} bytes", message.payload.len()))?;
    match std::str::from_utf8(&payload) {
        Ok(text) => output.line(text),
        Err(_) => output.line(&dump(&payload)),
    }
}

/// A hex dump: offset, hexadecimal, and the ASCII characters.
fn dump(bytes: &[u8]) -> String {
    let lines = bytes.chunks(BYTES).enumerate().map(|(i, chunk)| {
        let mut line = format!("{:08x} ", i * BYTES);
        for byte in chunk {
            // Writing to a string can't fail.
            let _ = write!(line, " {byte:02x}");
        }
        let gap = 3 * (BYTES - chunk.len()) + 2;
        line.extend(std::iter::repeat_n(' ', gap));
        let visible = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        line.extend(chunk.iter().map(|byte| {
            if visible(byte) {
                char::from(*byte)
            } else {
                '.'
            }
        }));
        line
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_dumped_with_their_offsets() {
        let dumped = dump(b"{\"events\":[\xff\xfe\n]}");
        assert_eq!(
            dumped,
            "00000000  7b 22 65 76 65 6e 74 73 22 3a 5b ff fe 0a 5d 7d  {\"events\":[...]}"
        );
        assert!(dump(b"ab").ends_with("  ab"));
    }
}

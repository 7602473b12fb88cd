//! The part of MongoDB's wire protocol that a test harness needs: the end of a message, and one
//! command. The driver would otherwise be linked into the tests of every package.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

/// No message of a test is larger.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// Time limit for dropping a database, enough for a busy machine.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);
/// The type of all current messages, `OP_MSG`.
const OP_MSG: i32 = 2013;

/// Reads the next message; `None` at the end of the connection.
pub(super) async fn read_message(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if from.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..]).await?;
    let size = u32::from_le_bytes(length) as usize;
    if !(16..=MAX_MESSAGE).contains(&size) {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; size];
    message[..4].copy_from_slice(&length);
    from.read_exact(&mut message[4..]).await?;
    Ok(Some(message))
}

/// Deletes a database of the server at `address` (`host:port`), and waits for the answer.
pub(super) fn drop_database(address: &str, database: &str) -> Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(DROP_TIMEOUT))?;
    connection.write_all(&drop_command(database))?;
    let mut length = [0; 4];
    connection.read_exact(&mut length)
}

/// The message `{dropDatabase: 1, $db: <database>}`.
fn drop_command(database: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    fields.extend(b"\x10dropDatabase\0");
    fields.extend(1_i32.to_le_bytes());
    fields.extend(b"\x02$db\0");
    fields.extend(size(database.len() + 1).to_le_bytes());
    fields.extend(database.as_bytes());
    fields.extend(b"\0\0"); // ends the text, and the document
    let document_size = fields.len() + 4;
    let mut message = Vec::new();
    // Length, ID, ID of the request, type, flags, and the type of the only section.
    message.extend(size(16 + 4 + 1 + document_size).to_le_bytes());
    message.extend([0; 8]);
    message.extend(OP_MSG.to_le_bytes());
    message.extend([0; 5]);
    message.extend(size(document_size).to_le_bytes());
    message.extend(fields);
    message
}

fn size(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

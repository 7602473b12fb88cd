//! `turnstile backup` and `turnstile restore`: all streams, to and from a folder or an object
//! store.

mod contents;
mod destination;
mod restore;

pub(crate) use restore::{RestoreArgs, run as restore};

use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use sha2::{Digest as _, Sha256};

use serde_json::json;

use super::{CliError, Servers, output::SaidArgs, progress::ProgressDisplay};
use contents::{Contents, Copied, LATEST, Latest, Part};
use destination::Destination;

/// A part is held in memory, and sent again as a whole after a failure.
const PART: usize = 16 * 1024 * 1024;

/// Copy all streams of the log to a folder or an object store
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct BackupArgs {
    /// A folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    to: String,
    #[command(flatten)]
    said: SaidArgs,
}

const AFTER: &str = "Each backup gets a folder of its own, named after the time. Its list of contents (backup.json) is
written last: without this file, a backup is incomplete. `latest.json` names the newest backup.

An object store needs AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN),
AWS_REGION, and AWS_ENDPOINT_URL where it isn't Amazon's.

The streams are copied one after the other while the services run: each copy is exact, but they are
not of the same instant. After a restore, the workers repeat what a stream that was copied earlier
lacks. For a copy of one instant, stop the services first.

As JSON, one per line: each stream that was copied (stream, messages, last_sequence, bytes), then the
backup (its name).

Examples:
  turnstile backup --to /backups
  turnstile backup --to s3://backups/turnstile";

pub(crate) async fn run(args: BackupArgs, servers: &Servers) -> Result<(), CliError> {
    let place = Destination::create(&args.to)?;
    let log = servers.log().await?;
    let began = Utc::now();
    let name = began.format("%Y%m%dT%H%M%SZ").to_string();
    place.begin(&name)?;
    let contents = match copy_all(&log, &place, &name, began).await {
        Ok(contents) => contents,
        Err(error) => {
            // On a full disk this frees the space for the next one.
            place.discard(&name);
            return Err(error);
        }
    };
    let latest = Latest {
        backup: name.clone(),
    };
    place.put_json(LATEST, &latest).await?;
    let mut output = args.said.open();
    for copied in &contents.streams {
        let (messages, last) = (copied.head.messages(), copied.head.last_sequence());
        let (stream, bytes) = (&copied.stream, copied.bytes());
        let words = format!("{stream}: {messages} messages, up to #{last}, {bytes} bytes");
        let counts = json!({
            "stream": stream,
            "messages": messages,
            "last_sequence": last,
            "bytes": bytes,
        });
        output.tell(&words, "copied", &counts)?;
    }
    let words = format!("{name}: complete");
    output.tell(&words, "backup", &json!({ "backup": name }))
}

async fn copy_all(
    log: &Log,
    place: &Destination,
    name: &str,
    began: DateTime<Utc>,
) -> Result<Contents, CliError> {
    let mut names = log.backup().streams();
    event_streams::sort_for_backup(&mut names);
    let mut streams = Vec::new();
    for stream in names {
        streams.push(copy(log, place, name, stream).await?);
    }
    let contents = Contents {
        turnstile: runtime::version().to_owned(),
        began,
        ended: Utc::now(),
        streams,
    };
    place
        .put_json(&format!("{name}/backup.json"), &contents)
        .await?;
    Ok(contents)
}

async fn copy(
    log: &Log,
    place: &Destination,
    backup: &str,
    stream: StreamName,
) -> Result<Copied, CliError> {
    let mut snapshot = log.backup().snapshot(stream).await?;
    let mut progress = ProgressDisplay::begin(&format!("Copying {stream}"), "bytes");
    let mut copied = Copied {
        stream: stream.as_str().to_owned(),
        head: snapshot.head().clone(),
        parts: Vec::new(),
    };
    let mut part = Vec::new();
    let mut ended = false;
    while !ended {
        match snapshot.next().await? {
            Some(bytes) => part.extend_from_slice(&bytes),
            None => ended = true,
        }
        if part.len() >= PART || ended && !part.is_empty() {
            let object = format!("{backup}/{stream}/{:05}", copied.parts.len());
            let bytes = part.len() as u64;
            let sha256 = sha256(&part);
            place.put(&object, std::mem::take(&mut part)).await?;
            copied.parts.push(Part {
                object,
                bytes,
                sha256,
            });
            progress.at(copied.bytes(), copied.bytes());
        }
    }
    Ok(copied)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

//! `turnstile restore`.

use bytes::Bytes;
use eventstore::{Log, StreamName};

use super::{
    contents::{Contents, Copied, LATEST, Latest},
    destination::Destination,
    sha256,
};
use crate::commands::{
    CliError, Servers, output::say, progress::ProgressDisplay, streams::confirmed,
};

/// Put the streams of a backup back, with the same sequences, subjects and times
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct RestoreArgs {
    /// The folder of the backups, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// The backup, by its time; the newest by default
    #[arg(long, value_name = "TIME")]
    backup: Option<String>,
    /// Delete the streams that exist. Everything after the backup is lost with them
    #[arg(long)]
    replace: bool,
    /// Don't ask for confirmation
    #[arg(long, requires = "replace")]
    yes: bool,
}

const AFTER: &str = "Stop all services first. The command reads the whole backup and compares it with its list of contents
before it changes anything. If streams exist, it restores nothing unless --replace is given. The
streams get STREAM_REPLICAS copies.

A read model that was built from the previous streams halts when the services start, and reports why;
`turnstile projections rebuild` rebuilds it. `turnstile verify` checks the result.

Examples:
  turnstile restore --from /backups
  turnstile restore --from s3://backups/turnstile --backup 20270131T030000Z --replace";

pub(crate) async fn run(args: RestoreArgs, servers: &Servers) -> Result<(), CliError> {
    let place = Destination::open(&args.from)?;
    let backup = match args.backup {
        Some(backup) => backup,
        None => place.get_json::<Latest>(LATEST).await?.backup,
    };
    let contents: Contents = place.get_json(&format!("{backup}/backup.json")).await?;
    let log = servers.nats().await?;
    let names = log.backup().streams();
    let mut streams = Vec::new();
    for copied in &contents.streams {
        let name = names.iter().find(|name| name.as_str() == copied.stream);
        let name = name.ok_or_else(|| {
            CliError::failed(format!(
                "unknown stream \"{}\": this release has no such stream",
                copied.stream
            ))
        })?;
        streams.push((*name, copied));
    }
    for (_, copied) in &streams {
        check(&place, copied).await?;
    }
    let whole = format!(
        "{backup}: whole, begun {}, ended {}",
        contents.began, contents.ended
    );
    // A failing output doesn't stop the restore.
    let mut said = say(&whole);
    make_room(&log, &streams, args.replace, args.yes).await?;
    for (stream, copied) in streams {
        put_back(&log, &place, stream, copied).await?;
        let done = format!(
            "{stream}: {} messages, up to #{}",
            copied.head.messages(),
            copied.head.last_sequence()
        );
        said = said.and_then(|()| say(&done));
    }
    said
}

/// Reads all of it, so that nothing is deleted for a backup that can't be restored.
async fn check(place: &Destination, copied: &Copied) -> Result<(), CliError> {
    let mut progress = ProgressDisplay::begin(&format!("Checking {}", copied.stream), "bytes");
    let mut done = 0;
    for part in &copied.parts {
        read(place, part).await?;
        done += part.bytes;
        progress.at(done, copied.bytes());
    }
    Ok(())
}

async fn read(place: &Destination, part: &super::Part) -> Result<Bytes, CliError> {
    let bytes = place.get(&part.object).await?;
    if sha256(&bytes) != part.sha256 {
        return Err(CliError::failed(format!(
            "{} is damaged: its checksum differs from the list of contents",
            part.object
        )));
    }
    Ok(bytes)
}

async fn make_room(
    log: &Log,
    streams: &[(StreamName, &Copied)],
    replace: bool,
    yes: bool,
) -> Result<(), CliError> {
    let mut existing = Vec::new();
    for (stream, _) in streams {
        if log.streams().exists(*stream).await? {
            existing.push(*stream);
        }
    }
    if existing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = existing.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let refused = |how: &str| {
        CliError::failed(format!(
            "the streams {names} exist; nothing was changed; {how}"
        ))
    };
    if !replace {
        return Err(refused("--replace deletes them first"));
    }
    if !yes && !confirmed(&format!("Delete {names} and all that is in them?"))? {
        return Err(refused("--yes skips this question"));
    }
    for stream in existing {
        log.backup().delete_for_restore(stream).await?;
    }
    Ok(())
}

async fn put_back(
    log: &Log,
    place: &Destination,
    stream: StreamName,
    copied: &Copied,
) -> Result<(), CliError> {
    let mut progress = ProgressDisplay::begin(&format!("Restoring {stream}"), "bytes");
    let mut restoring = log.backup().restore(stream, &copied.head).await?;
    let mut done = 0;
    for part in &copied.parts {
        restoring.write(read(place, part).await?).await?;
        done += part.bytes;
        progress.at(done, copied.bytes());
    }
    Ok(restoring.finish().await?)
}

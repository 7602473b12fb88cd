//! Making the streams: once in the life of a log, and never again by itself.
//!
//! A stream that is missing was either never made, or it was lost: its folder is gone, the server
//! isn't the one that held it, a cluster forgot it. Made anew it would be a second history under
//! the name of the first, in which everything that was sold can be sold again, and nobody would
//! have been asked. So streams are made by themselves only where there is no sign of earlier life;
//! in all other cases people do it, with [`Streams::migrate`] or [`Backup::restore`](super::Backup::restore).

use async_nats::jetstream::{
    self, ErrorCode,
    context::GetStreamErrorKind,
    stream::{Config, Info},
};
use chrono::{DateTime, Utc};
use std::time::Duration;

use super::{
    stream_plan::{self, StreamPlan},
    stream_settings::{self, dangerous_difference},
};
use crate::{StoreError, StreamName, connection::Connection, error::unavailable, read::Messages};

/// How long the creation of one stream may take: one with several copies is slower than an answer to
/// a command may be.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a stream is looked for before it counts as missing while others are there: another
/// process may be making them at this very moment.
const LOOKS: u32 = 5;
/// Pause before the next look.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// A follower that its leader heard nothing of for so long is away, or the leader is cut off. Signs
/// of life are a second apart.
const SILENT: Duration = Duration::from_secs(3);

/// What a look at the streams found, if nothing is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamsFound {
    /// All of them, as they must be.
    All,
    /// Not all of them, and no message was ever stored in those that are there: a new installation.
    NewInstallation,
}

/// The streams of the log: looks at them, makes them, and changes their settings. Obtained from
/// [`Streams::streams`](crate::Log::streams).
#[derive(Clone, Debug)]
pub struct Streams {
    connection: Connection,
}

impl Streams {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Compares the streams with what is needed, and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::StreamMissing`] when one is missing although there is a sign of earlier life:
    /// a message was stored in another, or a stream is there that is made after it.
    /// [`StoreError::StreamMismatch`] when a stream could lose data; [`StoreError::Rejected`] when the
    /// server is too old; [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn check(&self) -> Result<StreamsFound, StoreError> {
        self.connection.check_server()?;
        let mut looks = 0;
        loop {
            looks += 1;
            match self.look_once().await {
                Err(StoreError::StreamMissing { .. }) if looks < LOOKS => {
                    tokio::time::sleep(LOOK_PAUSE).await;
                }
                found => return found,
            }
        }
    }

    async fn look_once(&self) -> Result<StreamsFound, StoreError> {
        let jetstream = self.connection.patient_jetstream(PATIENCE);
        let config = self.connection.config();
        let wanted = stream_settings::all(config);
        // Against the order in which they are made, so that whoever makes them meanwhile leaves no
        // hole: what is there at a look, and all before it, was made before that look.
        let mut found = Vec::new();
        for (name, _) in wanted.iter().rev() {
            found.push((*name, find_led(&jetstream, *name).await?));
        }
        for ((name, wanted), (_, info)) in wanted.iter().zip(found.iter().rev()) {
            let Some(info) = info else { continue };
            if let Some(difference) = dangerous_difference(wanted, &info.config) {
                return Err(StoreError::StreamMismatch {
                    stream: *name,
                    difference,
                });
            }
        }
        let (mut missing, mut alive) = (None, None);
        for (name, info) in found {
            match info {
                None => missing = Some(name),
                // One that is there while what is made before it is missing says as much as a
                // message.
                Some(info) if missing.is_none() || info.state.last_sequence > 0 => {
                    alive = Some(name);
                }
                Some(_) => {}
            }
            if let (Some(missing), Some(other)) = (missing, alive) {
                return Err(lost(missing, other));
            }
        }
        Ok(match missing {
            None => StreamsFound::All,
            Some(_) => StreamsFound::NewInstallation,
        })
    }

    /// Makes the streams of a new installation, and checks those that are there.
    ///
    /// Safe to repeat, and when many processes start at once. Nothing is made where there is a sign
    /// of earlier life; see [`Streams::check`].
    ///
    /// # Errors
    /// Those of [`Streams::check`]; [`StoreError::StreamMissing`] also when nobody made the
    /// streams yet and this process isn't allowed to; [`StoreError::Unavailable`] when NATS can't
    /// make one.
    pub async fn ensure(&self) -> Result<(), StoreError> {
        if self.check().await? == StreamsFound::NewInstallation {
            self.make_streams().await?;
            // Another process may have made one at the same moment, with the same settings or
            // others.
            self.check().await?;
        }
        // In a cluster, a stream that was made a moment ago doesn't answer everywhere yet. The last one
        // holds what a process asks for first: the keys of sessions, where there are any.
        let last = stream_settings::last(self.connection.config());
        Messages::of(&self.connection).next(last, ">", 1).await?;
        Ok(())
    }

    async fn make_streams(&self) -> Result<(), StoreError> {
        let jetstream = self.connection.patient_jetstream(PATIENCE);
        let config = self.connection.config();
        // In this order, which [`Streams::check`] knows.
        for (name, wanted) in stream_settings::all(config) {
            let not_allowed = || StoreError::StreamMissing {
                stream: name,
                why:
                    "nobody made it yet, and this process isn't allowed to; an operator makes the \
                      streams of an installation, once"
                        .to_owned(),
            };
            if self.connection.may_not_make_streams() {
                return Err(not_allowed());
            }
            let made = tokio::select! {
                made = make(&jetstream, name, wanted) => made,
                // The server gives no answer to who isn't allowed to ask.
                () = self.connection.until_told_not_to_make_streams() => Err(not_allowed()),
            };
            made?;
        }
        Ok(())
    }

    /// Whether there is such a stream. A server that isn't reached says nothing of that.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn exists(&self, stream: StreamName) -> Result<bool, StoreError> {
        Ok(
            find(self.connection.jetstream(), self.connection.at(stream))
                .await?
                .is_some(),
        )
    }

    /// When a stream was created: its identity. A stream that was made anew has another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn created(&self, stream: StreamName) -> Result<DateTime<Utc>, StoreError> {
        self.connection.stream_created(stream).await
    }

    /// Every stream, as it is and as this release and its configuration want it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn plans(&self) -> Result<Vec<StreamPlan>, StoreError> {
        stream_plan::plans(&self.connection).await
    }

    /// Carries out a plan: creates the stream, or changes its settings. Nothing that is refused is
    /// touched.
    ///
    /// # Errors
    /// [`StoreError::StreamMismatch`] when the plan has refusals; [`StoreError::Unavailable`] when
    /// NATS can't be reached or doesn't do it.
    pub async fn migrate(&self, plan: &StreamPlan) -> Result<(), StoreError> {
        stream_plan::migrate(&self.connection, plan).await
    }
}

/// Whether the server of a connection can reach the leader of a stream.
pub(crate) async fn check_is_led(
    connection: &Connection,
    jetstream: &jetstream::Context,
) -> Result<(), StoreError> {
    let last = stream_settings::last(connection.config()).on_server();
    let handle = jetstream.get_stream_no_info(last).await;
    let info = handle
        .map_err(unavailable("looking for a stream"))?
        .get_info()
        .await;
    led(&info.map_err(unavailable("asking who leads a stream"))?)
}

async fn make(
    jetstream: &jetstream::Context,
    name: StreamName,
    wanted: Config,
) -> Result<(), StoreError> {
    let Err(error) = jetstream.create_stream(wanted).await else {
        return Ok(());
    };
    // Another process was faster; whether it did the same is looked at afterwards.
    match find(jetstream, name).await? {
        Some(_) => Ok(()),
        None => Err(unavailable("creating a stream")(error).in_context(name)),
    }
}

/// A stream; `None` when the server says that there is none.
async fn find(
    jetstream: &jetstream::Context,
    name: StreamName,
) -> Result<Option<Info>, StoreError> {
    match jetstream.get_stream(name.on_server()).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error)
                if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(unavailable("looking for a stream")(error).in_context(name)),
        },
    }
}

/// As [`find`], of a stream that somebody leads: what another says of it is no news. One that was made
/// a moment ago may still be without.
async fn find_led(
    jetstream: &jetstream::Context,
    name: StreamName,
) -> Result<Option<Info>, StoreError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let Some(info) = find(jetstream, name).await? else {
            return Ok(None);
        };
        match led(&info) {
            Ok(()) => return Ok(Some(info)),
            Err(_) if looks < LOOKS => tokio::time::sleep(LOOK_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

fn lost(stream: StreamName, other: StreamName) -> StoreError {
    StoreError::StreamMissing {
        stream,
        why: format!(
            "while {other} is there: it was lost, or this isn't the server that holds it. It isn't \
             made anew by itself; put it back from a backup"
        ),
    }
}

/// Whether who answers for a stream has it led by a server that a majority of its copies follows. A
/// server that is cut off from the others goes on answering questions for what it knew.
fn led(info: &Info) -> Result<(), StoreError> {
    let Some(cluster) = &info.cluster else {
        return Ok(());
    };
    let name = &info.config.name;
    if cluster.leader.is_none() {
        return Err(StoreError::unavailable(format!(
            "no server leads the stream {name}"
        )));
    }
    let copies = cluster.replicas.len() + 1;
    let silent = cluster.replicas.iter();
    let silent = silent.filter(|peer| peer.offline || peer.active > SILENT);
    if (copies - silent.count()) * 2 <= copies {
        return Err(StoreError::unavailable(format!(
            "who leads the stream {name} hears nothing of the other servers"
        )));
    }
    Ok(())
}

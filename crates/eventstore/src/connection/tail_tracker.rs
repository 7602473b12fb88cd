//! Whether the ends of the streams are still what this process saw of them.
//!
//! NATS acknowledges a message before it is on the disk unless it is told otherwise, so a power
//! cut can take acknowledged commits with it, and the stream goes on with others under the same
//! sequences. Whoever has seen the lost ones must notice: a follower that goes on where it was
//! would skip the new ones, and an expectation (which is a sequence) may hold by coincidence. So
//! after each connection, and now and then, the newest commit that was seen of each stream is looked
//! up. Until that is done nothing is appended; if it is gone, an epoch ends: what is kept in memory
//! of the stream counts no more, and what was lost is named.

use metrics::Counter;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{config::LogConfig, loss::Loss, publisher::Publisher, tail::Tail};
use crate::{StreamName, meters::tail_lost};

/// Where a commit was seen. Of a stream that is only known to have come as far as a sequence, it
/// isn't known which commit stands there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitPlace {
    pub stream: StreamName,
    pub sequence: u64,
    pub commit_id: Option<Uuid>,
}

/// What this process knows of the ends of the streams.
pub(crate) struct TailTracker {
    streams: Mutex<HashMap<StreamName, Known>>,
    /// Counts losses in all streams.
    losses: watch::Sender<u64>,
    /// Whether the ends were found to stand since the connection was made.
    proved: watch::Sender<bool>,
    /// What was seen of the connection when the ends were looked at last.
    connection: Mutex<watch::Receiver<bool>>,
    /// Where messages are published. It was connected before the ends were looked at.
    publisher: Mutex<Option<Publisher>>,
    doubt: Notify,
}

struct Known {
    tail: Tail,
    /// Counts losses.
    epoch: watch::Sender<u64>,
    lost: Counter,
}

impl TailTracker {
    pub fn new(streams: &[StreamName], connection: watch::Receiver<bool>) -> Arc<Self> {
        let known = |stream: &StreamName| (*stream, Known::new(*stream));
        Arc::new(Self {
            streams: Mutex::new(streams.iter().map(known).collect()),
            losses: watch::Sender::new(0),
            proved: watch::Sender::new(false),
            connection: Mutex::new(connection),
            publisher: Mutex::new(None),
            doubt: Notify::new(),
        })
    }

    /// Takes note of a commit that was read, or acknowledged.
    pub fn note(&self, stream: StreamName, sequence: u64, commit_id: Uuid, correlation_id: &str) {
        let proved = self.are_proved();
        let mut streams = self.streams();
        let known = streams.entry(stream).or_insert_with(|| Known::new(stream));
        // A new commit may stand behind lost ones, and would hide that they are gone.
        if !proved && known.tail.would_hide(sequence) {
            return;
        }
        if !known.tail.note(sequence, commit_id, correlation_id) {
            drop(streams);
            self.doubt();
        }
    }

    /// Has the ends looked at soon.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// How many tails a stream has lost.
    pub fn epoch(&self, stream: StreamName) -> u64 {
        let streams = self.streams();
        streams
            .get(&stream)
            .map_or(0, |known| *known.epoch.borrow())
    }

    /// Follows how many tails a stream has lost.
    pub fn epochs(&self, stream: StreamName) -> watch::Receiver<u64> {
        let mut streams = self.streams();
        let known = streams.entry(stream).or_insert_with(|| Known::new(stream));
        known.epoch.subscribe()
    }

    /// Counts losses in all streams.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }

    /// Whether the ends were found to stand since the connection was made.
    pub fn are_proved(&self) -> bool {
        let connection = self.connection();
        let has_changed = connection.has_changed().unwrap_or(true);
        let connected = !has_changed && *connection.borrow() && *self.proved.borrow();
        drop(connection);
        connected && self.publisher().is_some()
    }

    /// Waits until they are. Gives what to publish on.
    pub async fn proved(&self) -> Publisher {
        let mut proved = self.proved.subscribe();
        loop {
            // In this order: what is there once they are proved was there when they were looked at.
            let publisher = self.publisher();
            if let Some(publisher) = publisher.filter(|_| self.are_proved()) {
                return publisher;
            }
            if *proved.borrow_and_update() && self.publisher().is_none() {
                self.doubt();
            }
            // The sender is ours.
            let _ = proved.changed().await;
        }
    }

    /// What to publish on, if its connection stands.
    pub fn publisher(&self) -> Option<Publisher> {
        let publisher = self.publisher_slot();
        publisher.clone().filter(Publisher::is_connected)
    }

    /// Has another connection made to publish on: this one may be to a server that is cut off.
    pub fn give_up_publisher(&self) {
        if self.publisher_slot().take().is_some() {
            self.doubt();
        }
    }

    fn publisher_slot(&self) -> MutexGuard<'_, Option<Publisher>> {
        self.publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection to publish on if there is none. Says whether there is one now.
    pub async fn ensure_publisher(&self, config: &LogConfig) -> bool {
        if self.publisher().is_some() {
            return true;
        }
        match Publisher::connect(config).await {
            Ok(publisher) => {
                // The one before may have broken since this look began: what was proved then says
                // nothing of the server that this one is connected to.
                self.proved.send_replace(false);
                *self.publisher_slot() = Some(publisher);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "no connection to publish on");
                false
            }
        }
    }

    /// Begins to look: says whether there is a connection.
    pub fn begin(&self) -> bool {
        let mut connection = self.connection();
        if connection.has_changed().unwrap_or(true) || self.publisher().is_none() {
            self.proved.send_replace(false);
        }
        *connection.borrow_and_update()
    }

    /// The newest commit that was seen of each stream.
    pub fn to_prove(&self) -> Vec<CommitPlace> {
        let streams = self.streams();
        let commits = streams.iter().filter_map(|(stream, known)| {
            let commit = known.tail.to_prove()?;
            Some(CommitPlace {
                stream: *stream,
                sequence: commit.sequence,
                commit_id: Some(commit.commit_id),
            })
        });
        commits.collect()
    }

    /// Notes that the newest commit of a stream stands.
    pub fn agrees(&self, stream: StreamName) {
        if let Some(known) = self.streams().get_mut(&stream) {
            known.tail.agrees();
        }
    }

    /// Where commits of a stream were seen, oldest first.
    pub fn places(&self, stream: StreamName) -> Vec<(u64, Uuid)> {
        let streams = self.streams();
        streams
            .get(&stream)
            .map_or_else(Vec::new, |known| known.tail.places())
    }

    /// Notes whether the ends were found to stand.
    pub fn set_proved(&self, proved: bool) {
        self.proved.send_replace(proved);
    }

    /// Waits until there is a reason to look at the ends.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Ends an epoch, and reports what is gone: of these commits, the first so many stand.
    pub fn lose(&self, stream: StreamName, places: &[(u64, Uuid)], stand: usize) {
        if let Some(loss) = self.cut(stream, places, stand) {
            loss.report();
            self.losses.send_modify(|losses| *losses += 1);
        }
    }

    /// Ends an epoch: of these commits, the first so many stand and the others are gone.
    fn cut(&self, stream: StreamName, places: &[(u64, Uuid)], stand: usize) -> Option<Loss> {
        let (_, gone) = places.split_at(stand);
        let (first, to) = (gone.first()?.0, gone.last()?.0);
        let before = stand.checked_sub(1).map(|last| places[last].0);
        let commits = {
            let mut streams = self.streams();
            let known = streams.get_mut(&stream)?;
            known.epoch.send_modify(|epoch| *epoch += 1);
            known.lost.increment(1);
            known.tail.lose(gone)
        };
        Some(Loss {
            stream,
            from: before.map_or(first, |before| before + 1),
            to,
            or_earlier: before.is_none() && first > 1,
            commits,
        })
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamName, Known>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, watch::Receiver<bool>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(stream: StreamName) -> Self {
        Self {
            tail: Tail::default(),
            epoch: watch::Sender::new(0),
            lost: tail_lost(stream.as_str()),
        }
    }
}

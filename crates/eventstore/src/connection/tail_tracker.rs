//! Tracks whether the ends of the streams are still as this process saw them.
//!
//! By default NATS acknowledges a message before it is on the disk, so a power cut can take
//! acknowledged commits with it, and the stream continues with others under the same sequences. A
//! process that has seen the lost ones must notice: a follower that continues from its position
//! would skip the new ones, and an expectation (which is a sequence) may hold by coincidence. So
//! after each connection, and at intervals, the newest commit that was seen of each stream is
//! looked up. Until that is done nothing is appended; if the commit is gone, an epoch ends: cached
//! state of the stream is dropped, and the lost commits are named.

use metrics::Counter;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{config::LogConfig, loss::Loss, publisher::Publisher, tail::Tail};
use crate::{StreamName, meters::tail_lost};

/// Where a commit was seen. For a stream that is only known to have reached a sequence, the commit
/// there is unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitPlace {
    pub stream: StreamName,
    pub sequence: u64,
    pub commit_id: Option<Uuid>,
}

/// The ends of the streams as this process knows them.
pub(crate) struct TailTracker {
    streams: Mutex<HashMap<StreamName, Known>>,
    /// Counts losses in all streams.
    losses: watch::Sender<u64>,
    /// Whether the ends were checked since the connection was made.
    proved: watch::Sender<bool>,
    /// The state of the connection when the ends were last checked.
    connection: Mutex<watch::Receiver<bool>>,
    /// For publishing. It was connected before the ends were checked.
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

    /// Notes commits of a message that was read, or acknowledged: the place of each in it, its ID,
    /// and its correlation ID.
    pub fn note<'c>(
        &self,
        stream: StreamName,
        sequence: u64,
        commits: impl IntoIterator<Item = (u32, Uuid, &'c str)>,
    ) {
        let proved = self.are_proved();
        let mut streams = self.streams();
        let known = streams.entry(stream).or_insert_with(|| Known::new(stream));
        // A new commit may follow lost ones, and would hide the loss.
        if !proved && known.tail.would_hide(sequence) {
            return;
        }
        let mut agrees = true;
        for (index, commit_id, correlation_id) in commits {
            agrees &= known
                .tail
                .note((sequence, index), commit_id, correlation_id);
        }
        drop(streams);
        if !agrees {
            self.doubt();
        }
    }

    /// Requests a check of the ends.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Number of tails that a stream has lost.
    pub fn epoch(&self, stream: StreamName) -> u64 {
        let streams = self.streams();
        streams
            .get(&stream)
            .map_or(0, |known| *known.epoch.borrow())
    }

    /// Follows the number of tails that a stream has lost.
    pub fn epochs(&self, stream: StreamName) -> watch::Receiver<u64> {
        let mut streams = self.streams();
        let known = streams.entry(stream).or_insert_with(|| Known::new(stream));
        known.epoch.subscribe()
    }

    /// Counts losses in all streams.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }

    /// Whether the ends were checked since the connection was made.
    pub fn are_proved(&self) -> bool {
        let connection = self.connection();
        let has_changed = connection.has_changed().unwrap_or(true);
        let connected = !has_changed && *connection.borrow() && *self.proved.borrow();
        drop(connection);
        connected && self.publisher().is_some()
    }

    /// Waits until the ends are proved. Returns the publisher.
    pub async fn proved(&self) -> Publisher {
        let mut proved = self.proved.subscribe();
        loop {
            // In this order: a publisher that exists once they are proved existed when they were
            // checked.
            let publisher = self.publisher();
            if let Some(publisher) = publisher.filter(|_| self.are_proved()) {
                return publisher;
            }
            if *proved.borrow_and_update() && self.publisher().is_none() {
                self.doubt();
            }
            // `self` holds the sender.
            let _ = proved.changed().await;
        }
    }

    /// The publisher, if it is connected.
    pub fn publisher(&self) -> Option<Publisher> {
        let publisher = self.publisher_slot();
        publisher.clone().filter(Publisher::is_connected)
    }

    /// Drops the publisher, so that another is connected: this one may lead to a server that is cut
    /// off.
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

    /// Connects a publisher if there is none. Returns whether there is one now.
    pub async fn ensure_publisher(&self, config: &LogConfig) -> bool {
        if self.publisher().is_some() {
            return true;
        }
        match Publisher::connect(config).await {
            Ok(publisher) => {
                // The publisher before it may have broken since this check began: what was proved
                // then proves nothing about the server of the new one.
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

    /// Begins a check: returns whether there is a connection.
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

    /// Notes that the newest commit of a stream still exists.
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

    /// Notes whether the ends were proved.
    pub fn set_proved(&self, proved: bool) {
        self.proved.send_replace(proved);
    }

    /// Waits until there is a reason to check the ends.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Ends an epoch, and reports the loss: the first `stand` of these commits still exist.
    pub fn lose(&self, stream: StreamName, places: &[(u64, Uuid)], stand: usize) {
        if let Some(loss) = self.cut(stream, places, stand) {
            loss.report();
            self.losses.send_modify(|losses| *losses += 1);
        }
    }

    /// Ends an epoch: the first `stand` of these commits still exist, the others are lost.
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

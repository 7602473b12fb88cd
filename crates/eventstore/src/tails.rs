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
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::{
    Commit, Log, LogConfig, SeenCommit, StoreError, StreamName, log::WeakLog, meters::tail_lost,
    publisher::Publisher, tail::Tail,
};

/// How often the ends are looked at while the connection stands: a server of a cluster may lose
/// its disk's last moments while this process is connected to another.
const LOOK: Duration = Duration::from_secs(5);
/// Pause before it is tried again to look.
const PAUSE: Duration = Duration::from_millis(100);
/// Lost commits in one line of the log.
const A_LINE: usize = 100;

/// What this process knows of the ends of the streams.
pub(crate) struct Tails {
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

/// A tail that a stream lost.
#[derive(Clone, Debug)]
struct Loss {
    stream: StreamName,
    /// The first sequence that was lost, as far as it is known here.
    from: u64,
    /// The last one that was seen here.
    to: u64,
    /// Whether more may be lost before `from`.
    or_earlier: bool,
    /// Those that were seen here, oldest first.
    commits: Vec<SeenCommit>,
}

impl Tails {
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
    async fn ensure_publisher(&self, config: &LogConfig) -> bool {
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
    fn begin(&self) -> bool {
        let mut connection = self.connection();
        if connection.has_changed().unwrap_or(true) || self.publisher().is_none() {
            self.proved.send_replace(false);
        }
        *connection.borrow_and_update()
    }

    fn to_prove(&self) -> Vec<(StreamName, u64, Uuid)> {
        let streams = self.streams();
        let commits = streams.iter().filter_map(|(stream, known)| {
            let commit = known.tail.to_prove()?;
            Some((*stream, commit.sequence, commit.commit_id))
        });
        commits.collect()
    }

    fn agrees(&self, stream: StreamName) {
        if let Some(known) = self.streams().get_mut(&stream) {
            known.tail.agrees();
        }
    }

    fn places(&self, stream: StreamName) -> Vec<(u64, Uuid)> {
        let streams = self.streams();
        streams
            .get(&stream)
            .map_or_else(Vec::new, |known| known.tail.places())
    }

    /// Ends an epoch: of these commits, the first so many stand and the others are gone.
    fn lose(&self, stream: StreamName, places: &[(u64, Uuid)], stand: usize) -> Option<Loss> {
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

impl Loss {
    /// Says what is gone, in as many lines as it takes.
    fn tell(&self) {
        let Self {
            stream, from, to, ..
        } = self;
        let (known, lost) = (self.commits.len(), to + 1 - from);
        let mut parts = self.commits.chunks(A_LINE);
        let commits = parts.next().map(listed).unwrap_or_default();
        let or_earlier = self.or_earlier;
        tracing::error!(
            %stream, from, to, or_earlier, lost, known, commits,
            "the log lost its tail: commits that were acknowledged are gone"
        );
        for part in parts {
            let commits = listed(part);
            tracing::error!(%stream, commits, "these commits are gone, too");
        }
    }
}

fn listed(commits: &[SeenCommit]) -> String {
    let mut text = String::new();
    for commit in commits {
        let separator = if text.is_empty() { "" } else { ", " };
        let SeenCommit {
            sequence,
            commit_id,
            correlation_id,
        } = commit;
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{separator}#{sequence} {commit_id} of request {correlation_id}"
        );
    }
    text
}

impl Log {
    /// Counts the tails of streams that were found to be lost. Whoever keeps something of the log
    /// in memory looks at it again when this changes.
    pub fn tail_losses(&self) -> watch::Receiver<u64> {
        self.tails().losses()
    }

    /// How many tails a stream has lost since this process began: an epoch of the log. What was
    /// kept of the stream in an earlier one counts no more.
    pub fn epoch(&self, stream: StreamName) -> u64 {
        self.tails().epoch(stream)
    }

    /// Follows [`Log::epoch`].
    pub fn epochs(&self, stream: StreamName) -> watch::Receiver<u64> {
        self.tails().epochs(stream)
    }

    /// Has it looked soon whether the ends of the streams stand: for who heard from another process
    /// that one was lost.
    pub fn doubt_tails(&self) {
        self.tails().doubt();
    }

    /// Takes note of a commit that was read.
    pub(crate) fn saw(&self, commit: &Commit) {
        self.tails().note(
            commit.stream,
            commit.sequence,
            commit.commit_id,
            &commit.metadata.correlation_id,
        );
    }

    /// Looks whether the newest commits that were seen still stand. Says whether that is known.
    async fn prove_tails(&self) -> bool {
        let mut proved = true;
        for (stream, sequence, commit_id) in self.tails().to_prove() {
            if let Err(error) = self.prove_tail(stream, sequence, commit_id).await {
                tracing::debug!(%stream, %error, "can't look whether the end of the log stands");
                proved = false;
            }
        }
        proved
    }

    async fn prove_tail(
        &self,
        stream: StreamName,
        sequence: u64,
        commit_id: Uuid,
    ) -> Result<(), StoreError> {
        let id = Some(commit_id);
        if !self.standing(stream, sequence, id).await?.is_lost() {
            self.tails().agrees(stream);
            return Ok(());
        }
        // Nothing is decided on what is kept before it is known what is left of it.
        self.tails().proved.send_replace(false);
        let standing = self.standing_for_certain(stream, sequence, id).await?;
        if !standing.is_lost() {
            self.tails().agrees(stream);
            return Ok(());
        }
        // What stands is a beginning, so its end is found by halves.
        let mut places = self.tails().places(stream);
        // Less what was seen since it went on.
        while let Some((last, commit_id)) = places.last()
            && *last > sequence
            && !self
                .standing(stream, *last, Some(*commit_id))
                .await?
                .is_lost()
        {
            places.pop();
        }
        let (mut low, mut high) = (0, places.partition_point(|(place, _)| *place <= sequence));
        while low < high {
            let middle = low.midpoint(high);
            let (sequence, commit_id) = places[middle];
            let standing = self.standing(stream, sequence, Some(commit_id)).await?;
            if standing.is_lost() {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        if let Some(loss) = self.tails().lose(stream, &places, low) {
            loss.tell();
            self.tails().losses.send_modify(|losses| *losses += 1);
        }
        Ok(())
    }
}

/// Looks at the ends after each connection, when there is doubt, and now and then, for as long as
/// the log is in use.
pub(crate) async fn keep_proved(
    log: WeakLog,
    tails: Arc<Tails>,
    mut connection: watch::Receiver<bool>,
) {
    loop {
        connection.borrow_and_update();
        let connected = tails.begin();
        let Some(log) = log.upgrade() else { return };
        // First what is published on, then the look: it shows what that server holds.
        let proved =
            connected && tails.ensure_publisher(log.config()).await && log.prove_tails().await;
        drop(log);
        if proved {
            tails.proved.send_replace(true);
        }
        let pause = if proved || !connected { LOOK } else { PAUSE };
        tokio::select! {
            changed = connection.changed() => if changed.is_err() { return },
            () = tails.doubt.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

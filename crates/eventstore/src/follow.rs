//! Reading whole streams in order: live, or up to an end, one stream or all merged by time.

use async_nats::jetstream::Message;
use futures_util::{Stream, StreamExt, stream};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    Commit, Log, StoreError, StreamName, commit::commit_id_of, commit_check::Standing,
    ephemeral_consumer::EphemeralConsumer, error::unavailable,
};

/// Pause before a broken consumer is made anew.
const PAUSE: Duration = Duration::from_millis(200);

struct Following {
    log: Log,
    stream: StreamName,
    last: u64,
    /// Identity of the commit there, once one was read.
    commit: Option<Uuid>,
    consumer: Option<EphemeralConsumer>,
    connection: watch::Receiver<bool>,
    /// The last sequence that is wanted.
    until: u64,
    /// How often the stream was seen to end in a hole.
    ends_in_a_hole: u32,
    failed: bool,
}

/// How often a stream of several copies is to be seen to end in a hole before it is said so: the
/// end may be the answer of one leader, and what isn't there that of another, who was cut off.
const CERTAIN: u32 = 2;
/// How often the record of acknowledged holes is asked for before it counts as unreadable.
const LOOKS: u32 = 10;

impl Log {
    /// Every commit of a stream after a sequence, in order and without a gap; goes on for ever.
    ///
    /// Lost connections and servers are waited for. An item is an error only if the log itself is
    /// at fault ([`StoreError::Hole`], [`StoreError::Unreadable`], [`StoreError::TailLost`]); after
    /// it the stream ends. Holes that an operator has acknowledged are gone over.
    ///
    /// Each time that it begins anew, it is shown that what was read last still stands: a log that
    /// lost its tail and went on would otherwise be followed from behind the new commits, or waited
    /// for until it has grown by as much as it lost. That costs one message. Where nothing was read
    /// yet, `after` must not lie beyond the stream's end.
    pub fn follow(
        &self,
        stream: StreamName,
        after: u64,
    ) -> impl Stream<Item = Result<Commit, StoreError>> + Send + use<> {
        self.follow_until(stream, after, u64::MAX)
    }

    fn follow_until(
        &self,
        stream: StreamName,
        after: u64,
        until: u64,
    ) -> impl Stream<Item = Result<Commit, StoreError>> + Send + use<> {
        let state = Following {
            log: self.clone(),
            stream,
            last: after,
            commit: None,
            consumer: None,
            connection: self.connection(),
            until,
            ends_in_a_hole: 0,
            failed: false,
        };
        stream::unfold(state, |mut state| async move {
            if state.failed || state.last >= state.until {
                return None;
            }
            let item = state.next().await;
            state.failed = item.is_err();
            Some((item, state))
        })
    }

    /// The commits of a stream in a range of sequences (both included, counted from 1), in order
    /// and without a gap. Ends at the stream's end as it is now if that comes first.
    ///
    /// # Errors
    /// When the log can't be reached at the start. Later items are errors as in [`Log::follow`].
    pub async fn read(
        &self,
        stream: StreamName,
        from: u64,
        to: u64,
    ) -> Result<impl Stream<Item = Result<Commit, StoreError>> + Send + use<>, StoreError> {
        let end = self.stream_end(stream).await?.min(to);
        // It ends with a commit that can be read. An empty range must not wait for a message that
        // isn't there, so it isn't even asked for.
        let until = self.readable_up_to(stream, end).await?;
        Ok(self.follow_until(stream, from.max(1) - 1, until))
    }

    /// All commits of several streams up to now, merged by the time at which they were stored.
    ///
    /// The order within a stream is exact. Between streams it is that of the servers' clocks:
    /// good for reading, while causes are told by causation ids.
    ///
    /// # Errors
    /// When the log can't be reached at the start. Later items are errors as in [`Log::follow`].
    pub async fn read_merged(
        &self,
        streams: &[StreamName],
    ) -> Result<impl Stream<Item = Result<Commit, StoreError>> + Send + use<>, StoreError> {
        let mut heads = Vec::new();
        for stream in streams {
            let mut commits = Box::pin(self.read(*stream, 1, u64::MAX).await?);
            if let Some(first) = commits.next().await {
                heads.push((first?, commits));
            }
        }
        Ok(stream::try_unfold(heads, |mut heads| async move {
            let earliest = heads
                .iter()
                .enumerate()
                .min_by_key(|(_, (commit, _))| (commit.stored_at, commit.stream))
                .map(|(i, _)| i);
            let Some(i) = earliest else { return Ok(None) };
            let commit = match heads[i].1.next().await {
                Some(next) => std::mem::replace(&mut heads[i].0, next?),
                None => heads.swap_remove(i).0,
            };
            Ok(Some((commit, heads)))
        }))
    }
}

impl Following {
    async fn next(&mut self) -> Result<Commit, StoreError> {
        loop {
            let Some(consumer) = &mut self.consumer else {
                self.open().await?;
                continue;
            };
            let message = tokio::select! {
                biased;
                message = consumer.next() => message,
                // What was on its way when the connection broke is lost, and a server that
                // restarted knows nothing of the consumer.
                _ = self.connection.changed() => {
                    self.consumer = None;
                    continue;
                }
            };
            match message {
                Ok(message) => {
                    self.ends_in_a_hole = 0;
                    if let Some(commit) = self.take(&message).await? {
                        return Ok(commit);
                    }
                }
                Err(error) => {
                    tracing::debug!(stream = %self.stream, %error, "lost the consumer, making another");
                    self.consumer = None;
                    self.look_for_a_hole_at_the_end().await?;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// An error, if nothing more comes because nothing more can be read, although the stream counts
    /// more. Otherwise a reader would wait there, and nobody would know what for.
    async fn look_for_a_hole_at_the_end(&mut self) -> Result<(), StoreError> {
        let (log, stream, first) = (&self.log, self.stream, self.last + 1);
        let looked = async {
            let end = log.stream_end(stream).await?;
            if end < first || log.next_sequence_of_leader(stream, first).await?.is_some() {
                return Ok::<_, StoreError>(None);
            }
            let acknowledged = log.is_acknowledged(stream, first, end).await?;
            Ok((!acknowledged).then_some(end))
        };
        // Without an answer nothing is known, and the next consumer that is lost leads here again.
        let Ok(found) = looked.await else {
            return Ok(());
        };
        let Some(last) = found else {
            self.ends_in_a_hole = 0;
            return Ok(());
        };
        self.ends_in_a_hole += 1;
        if self.log.server_is_alone() || self.ends_in_a_hole >= CERTAIN {
            return Err(StoreError::Hole {
                stream,
                first,
                last,
            });
        }
        Ok(())
    }

    /// The commit that a message is; nothing if it was read before, and still stands.
    async fn take(&mut self, message: &Message) -> Result<Option<Commit>, StoreError> {
        let sequence = message.info().map_err(unavailable)?.stream_sequence;
        if sequence == self.last && self.commit.is_some() {
            let found = message.headers.as_ref().and_then(commit_id_of);
            if found == self.commit {
                return Ok(None);
            }
            return self.lost(Standing::Replaced(found)).map(|()| None);
        }
        let expected = self.last + 1;
        if sequence < expected {
            return Err(StoreError::Gap {
                stream: self.stream,
                sequence,
                expected: format!("sequence {expected}"),
                found: format!("sequence {sequence}"),
            });
        }
        if sequence > expected {
            self.go_over(expected, sequence - 1).await?;
        }
        let commit = Commit::delivered(self.stream, message, &self.log.config().upcasters)?;
        self.log.saw(&commit);
        self.last = sequence;
        self.commit = Some(commit.commit_id);
        Ok(Some(commit))
    }

    /// An error, unless an operator has acknowledged that these messages are lost. Where nobody says
    /// so, be it because the record can't be read, they count as a fault of the log.
    async fn go_over(&self, first: u64, last: u64) -> Result<(), StoreError> {
        let stream = self.stream;
        for _ in 0..LOOKS {
            match self.log.is_acknowledged(stream, first, last).await {
                Ok(true) => {
                    tracing::warn!(%stream, first, last, "going over a hole that was acknowledged");
                    return Ok(());
                }
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(%stream, %error, "can't read which holes are acknowledged");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(StoreError::Hole {
            stream,
            first,
            last,
        })
    }

    /// An error, if what was read last is gone. Whoever keeps something of the log in this process
    /// hears of it, too.
    fn lost(&self, standing: Standing) -> Result<(), StoreError> {
        if standing.is_lost() {
            self.log.tails().doubt();
        }
        standing.check(self.stream, self.last, self.commit)
    }

    /// Makes a consumer, or waits a little.
    async fn open(&mut self) -> Result<(), StoreError> {
        // Not asked for without a connection: the client would keep the request, and make a
        // consumer for nobody once it is back.
        let is_connected = *self.connection.borrow_and_update();
        if !is_connected {
            tokio::select! {
                Ok(()) = self.connection.changed() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
            return Ok(());
        }
        // From what was read last: it is to be seen again.
        let again = u64::from(self.commit.is_some());
        let from = self.last + 1 - again;
        let opened = async {
            let consumer = EphemeralConsumer::open(&self.log, self.stream, None, from).await?;
            // A consumer that begins beyond the end of a stream waits, and says nothing.
            let standing = if consumer.began_at_the_end() && self.last > 0 {
                let last = (self.last, self.commit);
                let standing = self.log.standing_for_certain(self.stream, last.0, last.1);
                standing.await?
            } else {
                Standing::Stands
            };
            Ok::<_, StoreError>((consumer, standing))
        };
        match opened.await {
            Ok((consumer, standing)) => {
                self.lost(standing)?;
                self.consumer = Some(consumer);
            }
            Err(error) => {
                tracing::debug!(stream = %self.stream, %error, "can't follow, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}

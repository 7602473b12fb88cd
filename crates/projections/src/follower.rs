//! Keeping up with the process that folds, while this one doesn't.

use eventstore::StoreError;
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};

use crate::{
    Projection,
    announce::{Announcement, change_of},
    checkpoint::Checkpoint,
    checkpoint_check::Verdict,
    leader_query::subscribe,
    runner::ProjectionContext,
};

/// How often the checkpoint and the stream's end are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What was seen of the checkpoint last.
#[derive(Default)]
struct Seen {
    checkpoint: Option<Checkpoint>,
    /// Announcements may have been lost.
    missed_some: bool,
}

impl<P: Projection> ProjectionContext<P> {
    /// Listens to announcements and looks at the checkpoint now and then, for ever.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut seen = Seen::default();
        let mut faults = self.store.faults();
        let mut connection = self.log.connection();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut announcements = Box::pin(subscribe(&self.log, &self.topic).await);
            seen.missed_some = true;
            loop {
                tokio::select! {
                    announcement = announcements.next() => match announcement {
                        Some(bytes) => self.apply_announcement(&bytes),
                        None => break,
                    },
                    // The sender lives as long as the store, so this is never an error for long.
                    Ok(()) = faults.changed() => self.look_at_checkpoint(&mut seen).await,
                    Ok(()) = connection.changed() => seen.missed_some = true,
                    () = self.look.notified() => self.look_at_checkpoint(&mut seen).await,
                    _ = look.tick() => {
                        self.look_at_checkpoint(&mut seen).await;
                        self.look_at_end().await;
                    }
                }
            }
        }
    }

    fn apply_announcement(&self, bytes: &[u8]) {
        // One's own come back, and are long: they are recognized without being read.
        if Announcement::is_of(bytes, self.holder) {
            return;
        }
        let Some(announcement) = Announcement::decode(bytes) else {
            return;
        };
        if announcement.holder() == self.holder {
            return;
        }
        match announcement {
            Announcement::Released { .. } => self.freed.notify_one(),
            // Who folds knows better than a message that was on its way when that began.
            _ if self.progress.is_active() => {}
            Announcement::Applied { from, to, ids, .. } => {
                let missed = from > self.progress.applied() + 1;
                let ids = if missed { None } else { ids };
                self.progress.advance(to, change_of(ids));
            }
            Announcement::Restarted {
                stream, applied, ..
            } => {
                // It says nothing of what this process saw of MongoDB, so no fault is settled.
                self.progress.restart(applied, &stream, 0);
            }
            Announcement::Replaced {
                stream, applied, ..
            } => {
                self.progress.replaced(applied, &stream);
                self.look.notify_one();
            }
            Announcement::Healing { .. } => {
                self.progress.heals();
                self.log.tails().doubt();
            }
        }
    }

    /// Makes up for announcements that were lost.
    async fn look_at_checkpoint(&self, seen: &mut Seen) {
        if self.progress.is_active() {
            seen.missed_some = false;
            return;
        }
        let faults = self.progress.faults();
        let epoch = self.log.tails().epoch(self.projection.stream());
        let checkpoint = match self.checkpoints.peek(&self.key).await {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(projection = self.key, %error, "can't look at the checkpoint");
                return;
            }
        };
        if checkpoint.healing.is_some() {
            self.progress.heals();
        }
        let another = seen.checkpoint.as_ref().is_none_or(|before| {
            before.collection != checkpoint.collection || before.stream() != checkpoint.stream()
        });
        let applied = self.progress.applied();
        let behind = checkpoint.sequence() > applied;
        let back = another || self.progress.is_uncertain();
        // It may have become the active one while the answer was on its way.
        if (back || behind || seen.missed_some) && !self.progress.is_active() {
            // The checkpoint lags a little, so it only counts for less than what was announced
            // if that may be gone.
            let sequence = checkpoint.sequence();
            let certain = if back {
                sequence
            } else {
                sequence.max(applied)
            };
            let stream = &checkpoint.stream();
            self.progress.restart(certain, stream, faults);
        }
        if !self.progress.is_of_the_log() {
            self.compare(&checkpoint, epoch).await;
        }
        seen.missed_some = false;
        seen.checkpoint = Some(checkpoint);
    }

    /// Shows that documents are of commits that the log holds, after it lost a tail: whoever folds
    /// has seen to that, or will.
    async fn compare(&self, checkpoint: &Checkpoint, epoch: u64) {
        let judged = async {
            let created = self.log.streams().created(self.projection.stream()).await?;
            self.judge(checkpoint, created).await
        };
        match judged.await {
            // If it became the active one meanwhile, it has compared them itself.
            Ok(Verdict::Continues) if !self.progress.is_active() => self.progress.judged(epoch),
            Ok(_) => {}
            Err(failure) => {
                tracing::debug!(projection = self.key, %failure, "can't compare with the log");
            }
        }
    }

    async fn look_at_end(&self) {
        let stream = self.projection.stream();
        if let Ok(end) = self.log.reader().last_sequence(stream).await {
            self.progress.note_stream_end(end);
            // Whatever was acknowledged is there; what isn't, was lost, and can't be waited for.
            if let Some(floor) = self.progress.floor_beyond(end) {
                let reaches = self.log.tails().still_reaches(stream, floor).await;
                let is_lost = matches!(reaches, Err(StoreError::TailLost { .. }));
                // Or it is a hole that somebody has acknowledged.
                if is_lost
                    || self
                        .log
                        .holes()
                        .readable_up_to(stream, floor)
                        .await
                        .is_ok_and(|to| to <= end)
                {
                    self.progress.lower(floor, end);
                }
            }
        }
        self.gauges.lag(&self.progress);
    }
}

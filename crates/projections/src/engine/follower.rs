//! Keeps up with the leader while another process leads.

use eventstore::{StoreError, StreamName};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};

use crate::{
    Projection,
    engine::{
        announce::{Announcement, change_of},
        bounds,
        channel::subscribe,
        checkpoint_check::{CheckpointCheck, Verdict},
        context::ProjectionContext,
        epochs::Epochs,
    },
    store::Checkpoint,
};

/// Interval at which the checkpoint and the ends of the streams are read.
const LOOK: Duration = Duration::from_secs(1);

/// The state of the checkpoint when it was last read.
#[derive(Default)]
struct Seen {
    checkpoint: Option<Checkpoint>,
    /// Announcements may have been lost.
    missed_some: bool,
}

/// Keeps up with the leader.
pub(crate) struct Follower<P> {
    context: Arc<ProjectionContext<P>>,
}

impl<P: Projection> Follower<P> {
    pub fn new(context: &Arc<ProjectionContext<P>>) -> Self {
        Self {
            context: Arc::clone(context),
        }
    }

    /// Applies announcements and reads the checkpoint at intervals, forever.
    pub async fn follow(self) {
        let mut seen = Seen::default();
        let mut faults = self.context.store.faults();
        let mut connection = self.context.log.connection();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut announcements =
                Box::pin(subscribe(&self.context.log, &self.context.topic).await);
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
                    () = self.context.look.notified() => self.look_at_checkpoint(&mut seen).await,
                    _ = look.tick() => {
                        self.look_at_checkpoint(&mut seen).await;
                        self.look_at_ends().await;
                    }
                }
            }
        }
    }

    fn apply_announcement(&self, bytes: &[u8]) {
        // This process receives its own announcements, which are long: it recognizes them without
        // decoding.
        if Announcement::is_of(bytes, self.context.holder) {
            return;
        }
        let Some(announcement) = Announcement::decode(bytes) else {
            return;
        };
        if announcement.holder() == self.context.holder {
            return;
        }
        match announcement {
            Announcement::Released { .. } => self.context.freed.notify_one(),
            // The leader's own state is newer than a message that was in transit when its term
            // began.
            _ if self.context.progress.is_active() => {}
            Announcement::Applied { after, to, ids, .. } => {
                let missed = !self.context.progress.applied().reaches(&after);
                let ids = if missed { None } else { ids };
                self.context.progress.advance(&to, change_of(ids));
            }
            Announcement::Restarted {
                origin, applied, ..
            } => {
                // It proves nothing about the MongoDB faults of this process, so it settles none.
                self.context.progress.restart(applied, &origin, 0);
            }
            Announcement::Replaced {
                origin, applied, ..
            } => {
                self.context.progress.replaced(applied, &origin);
                self.context.look.notify_one();
            }
            Announcement::Healing { .. } => {
                self.context.progress.heals();
                self.context.log.tails().doubt();
            }
        }
    }

    /// Makes up for lost announcements.
    async fn look_at_checkpoint(&self, seen: &mut Seen) {
        if self.context.progress.is_active() {
            seen.missed_some = false;
            return;
        }
        let faults = self.context.progress.faults();
        let epoch = Epochs::of(&self.context.log, &self.context.streams).now();
        let checkpoint = match bounds::read(self.context.store.checkpoint(&self.context.key)).await
        {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(projection = self.context.key, %error, "can't look at the checkpoint");
                return;
            }
        };
        if checkpoint.healing.is_some() {
            self.context.progress.heals();
        }
        let another = seen.checkpoint.as_ref().is_none_or(|before| {
            before.collection != checkpoint.collection || before.origin() != checkpoint.origin()
        });
        let applied = self.context.progress.applied();
        let sequence = checkpoint.position();
        let behind = !applied.reaches(&sequence);
        let back = another || self.context.progress.is_uncertain();
        // It may have become the leader while the answer was in transit.
        if (back || behind || seen.missed_some) && !self.context.progress.is_active() {
            // The checkpoint lags slightly, so a lower value than the announced one counts only if
            // announced commits may be gone.
            let mut certain = sequence;
            if !back {
                certain.merge(&applied);
            }
            let origin = &checkpoint.origin();
            self.context.progress.restart(certain, origin, faults);
        }
        if !self.context.progress.is_of_the_log() {
            self.compare(&checkpoint, epoch).await;
        }
        seen.missed_some = false;
        seen.checkpoint = Some(checkpoint);
    }

    /// Checks, after the log lost a tail, that the documents reflect commits that the log contains:
    /// the leader has made sure of that, or will.
    async fn compare(&self, checkpoint: &Checkpoint, epoch: u64) {
        let judged = async {
            let created = self.context.created().await?;
            CheckpointCheck::new(&self.context)
                .judge(checkpoint, &created)
                .await
        };
        match judged.await {
            // If it became the leader in the meantime, it has compared them itself.
            Ok(Verdict::Continues) if !self.context.progress.is_active() => {
                self.context.progress.judged(epoch);
            }
            Ok(_) => {}
            Err(failure) => {
                tracing::debug!(projection = self.context.key, %failure, "can't compare with the log");
            }
        }
    }

    async fn look_at_ends(&self) {
        for stream in &self.context.streams {
            self.look_at_end(*stream).await;
        }
        self.context.gauges.lag(&self.context.progress);
    }

    async fn look_at_end(&self, stream: StreamName) {
        if let Ok(end) = self.context.log.reader().last_sequence(stream).await {
            self.context.progress.note_stream_end(stream, end);
            // All acknowledged commits are in the log; one that isn't was lost, and can't be waited
            // for.
            if let Some(floor) = self.context.progress.floor_beyond(stream, end) {
                let reaches = self.context.log.tails().still_reaches(stream, floor).await;
                let is_lost = matches!(reaches, Err(StoreError::TailLost { .. }));
                // Or it is a hole that an operator has acknowledged.
                if is_lost
                    || self
                        .context
                        .log
                        .holes()
                        .readable_up_to(stream, floor)
                        .await
                        .is_ok_and(|to| to <= end)
                {
                    self.context.progress.lower(stream, floor, end);
                }
            }
        }
    }
}

//! The leader's work with its lease: it finds its position, and folds from there.

use mongodb::bson::{Binary, Bson};
use std::collections::HashMap;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    Projection,
    engine::{
        announce::Announcement,
        bounds::abort_on_fault,
        checkpoint_check::{CheckpointCheck, Verdict},
        context::{CreatedStreams, ProjectionContext},
        epochs::Epochs,
        fold_stream::{FoldStream, resume_points},
        leader_term::{LeaderTerm, TermEnd},
        lease_renewal::{LeaseStatus, renew},
        progress::ends_of,
        rebuild::{End, RebuildTask, report_switched},
        state::RunnerState,
        target::Target,
    },
    error::RunnerError,
    store::{Checkpoint, CheckpointChange, HeldLease},
};

/// Folds, while this process has the lease.
pub(crate) struct Leader<'a, P> {
    context: &'a ProjectionContext<P>,
}

impl<'a, P: Projection> Leader<'a, P> {
    pub fn new(context: &'a ProjectionContext<P>) -> Self {
        Self { context }
    }

    /// Folds until it is stopped, the lease is lost, or an error occurs.
    pub async fn lead(&self, held: HeldLease) -> Result<TermEnd, RunnerError> {
        let context = self.context;
        // Before the checkpoint is read: later faults must not go unnoticed.
        let mut faults = context.store.faults();
        let fault = *faults.borrow_and_update();
        let mut epochs = Epochs::of(&context.log, &context.streams);
        let epoch = epochs.mark();
        let indexes = context.projection.indexes();
        let collection = context
            .store
            .ensure_collection(&context.key, &indexes)
            .await?;
        let created = context.created().await?;
        let end = ends_of(&context.log, &context.streams).await?;
        let checkpoint = self.settled_checkpoint(&collection, &created).await?;
        let target = Target {
            store: context.store.clone(),
            name: context.key.clone(),
            uuid: collection,
        };
        let (lease_status, _renewing) =
            renew(&context.lease, context.settings.renew, &held, &target);
        let request = match CheckpointCheck::new(context)
            .judge(&checkpoint, &created)
            .await?
        {
            Verdict::Continues => None,
            Verdict::Another(why) => match &held.rebuild {
                Some(request) => Some(request.clone()),
                None => return Err(RunnerError::Diverged(why)),
            },
            Verdict::TailLost(why) => Some(self.begin_to_heal(&why).await?),
        };
        if let Some(request) = request {
            let building = RebuildTask::start(context, request, created, End::At(end));
            let repaired = self.repair(building, lease_status, faults).await;
            if matches!(repaired, Ok(TermEnd::Repaired)) {
                context.progress.judged(epoch);
            }
            return repaired;
        }

        if !checkpoint.ahead {
            let ahead = CheckpointChange::Ahead(true);
            context.store.amend_checkpoint(&context.key, ahead).await?;
        }
        let origin = checkpoint.origin();
        let applied = checkpoint.position();
        for stream in &context.streams {
            let end = end.of(*stream);
            context.progress.note_stream_end(*stream, end);
        }
        context.progress.restart(applied.clone(), &origin, fault);
        context.progress.judged(epoch);
        if !matches!(*context.state.borrow(), RunnerState::Halted { .. }) {
            // All acknowledged commits are before the streams' ends.
            context.progress.require_locally(&end);
        }
        context
            .announce(&Announcement::Restarted {
                holder: context.holder,
                origin: origin.clone(),
                applied: applied.clone(),
            })
            .await;
        context.progress.active_until(Some(held.until));
        context.set_state(RunnerState::Active);
        if checkpoint.stuck.is_some() && applied.reaches(&end) {
            // The commit it was stuck at is gone with the tail of the log.
            let stuck = CheckpointChange::Stuck(None);
            context.store.amend_checkpoint(&context.key, stuck).await?;
        }
        let from = resume_points(&context.streams, &checkpoint.streams);
        let mut term = LeaderTerm {
            context,
            target,
            origin,
            applied,
            unsaved: HashMap::new(),
            saved_at: tokio::time::Instant::now(),
            written_at: None,
            faults,
            epochs,
            building: None,
            met: None,
            paused: held.paused,
        };
        term.consider_rebuild(&held, &created);
        let folding = FoldStream::start(&context.projection, &context.log, from);
        let ended = term.fold(folding, lease_status, &created).await;
        if let (Err(failure), Some(building)) = (&ended, term.building)
            && failure.halts()
        {
            // It would fail in the same way; the operator who requested it gets the error at once.
            building.fail(context, failure).await?;
        }
        ended
    }

    /// The checkpoint of the current collection; a new one if it was replaced.
    async fn settled_checkpoint(
        &self,
        collection: &Binary,
        created: &CreatedStreams,
    ) -> Result<Checkpoint, RunnerError> {
        let found = self.context.store.checkpoint(&self.context.key).await?;
        let settled = found.clone().map(|found| found.settle(collection));
        let checkpoint = match settled {
            Some(settled)
                if settled.collection == Bson::Binary(collection.clone())
                    && !settled.streams.is_empty() =>
            {
                settled
            }
            other => {
                if other.is_some() {
                    tracing::warn!(
                        projection = self.context.key,
                        "it isn't known how far the collection is, filling it again from the log"
                    );
                }
                let (key, created) = (self.context.key.clone(), created.iter().copied());
                let start = Checkpoint::start(key, collection.clone(), created);
                Checkpoint {
                    // Earlier announcements of sequences must not be mixed up with this.
                    lineage: other.map_or(0, |other| other.lineage),
                    ..start
                }
            }
        };
        if found.as_ref() != Some(&checkpoint) {
            self.context.store.put_checkpoint(&checkpoint).await?;
        }
        Ok(checkpoint)
    }

    /// Stops showing what the log has lost, and requests a rebuild: returns the request, which
    /// another process continues if this one dies.
    async fn begin_to_heal(&self, why: &str) -> Result<String, RunnerError> {
        tracing::error!(
            projection = self.context.key,
            why,
            "the log lost what the read model shows, filling it anew from what is there"
        );
        self.context.doubt(why).await;
        let (store, key) = (&self.context.store, &self.context.key);
        let healing = CheckpointChange::Healing(why.to_owned());
        store.amend_checkpoint(key, healing).await?;
        let request = Uuid::new_v4().to_string();
        Ok(store.ask_for_rebuild(key, &request).await?)
    }

    /// Rebuilds while nothing can be folded.
    async fn repair(
        &self,
        mut building: RebuildTask,
        mut lease_status: watch::Receiver<LeaseStatus>,
        mut faults: watch::Receiver<u64>,
    ) -> Result<TermEnd, RunnerError> {
        loop {
            tokio::select! {
                () = self.context.stop.cancelled() => return Ok(TermEnd::Stopped),
                Ok(()) = faults.changed() => return Err(RunnerError::Fault),
                Ok(()) = lease_status.changed() => if let LeaseStatus::Lost = &*lease_status.borrow_and_update() {
                    return Ok(TermEnd::Lost);
                },
                () = building.ended() => break,
            }
        }
        let built = building.take(self.context).await?;
        let (applied, request) = (built.position.clone(), built.request.clone());
        let origin = abort_on_fault(&mut faults, built.switch(self.context))
            .await?
            .origin();
        self.context.progress.replaced(applied.clone(), &origin);
        let holder = self.context.holder;
        self.context
            .announce(&Announcement::Replaced {
                holder,
                origin,
                applied,
            })
            .await;
        abort_on_fault(&mut faults, report_switched(self.context, &request)).await?;
        Ok(TermEnd::Repaired)
    }
}

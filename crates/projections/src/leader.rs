//! One turn of the process that folds: from taking the lease to losing it.

use chrono::{DateTime, Utc};
use mongodb::bson::{Binary, Bson};
use std::collections::HashSet;
use tokio::sync::watch;
use tracing::Span;
use uuid::Uuid;

use crate::{
    Projection,
    announce::{Announcement, capped_ids, change_of},
    batch::Batch,
    checkpoint::Checkpoint,
    checkpoint_check::Verdict,
    error::RunnerError,
    fold_stream::{FoldStream, FoldedCommit, ResumePoint},
    lease::{Held, Lease},
    lease_renewal::LeaseStatus,
    rebuild::{End, RebuildTask},
    runner::{ProjectionContext, TermEnd},
    state::RunnerState,
    store::abort_on_fault,
    write::Target,
};

/// A turn under way.
struct LeaderTerm<'m, P> {
    context: &'m ProjectionContext<P>,
    target: Target,
    stream: String,
    /// The last commit that is applied.
    applied: u64,
    /// The checkpoint that isn't saved yet.
    unsaved: Option<(u64, Uuid)>,
    saved_at: tokio::time::Instant,
    written_at: Option<tokio::time::Instant>,
    faults: watch::Receiver<u64>,
    /// Counts tails that the log lost.
    epochs: watch::Receiver<u64>,
    building: Option<RebuildTask>,
    /// The request for a rebuild that was met last. What is known of the lease may be a moment
    /// old, and name it once more.
    met: Option<String>,
    /// Whether folding rests, as an operator wants it.
    paused: bool,
}

impl<P: Projection> ProjectionContext<P> {
    /// Folds until asked to stop, until the lease is lost, or until there is trouble.
    pub(crate) async fn lead(&self, held: Held) -> Result<TermEnd, RunnerError> {
        // Before the checkpoint is read: what happens later must not go unnoticed.
        let mut faults = self.store.faults();
        let fault = *faults.borrow_and_update();
        let mut epochs = self.log.tails().epochs(self.projection.stream());
        let epoch = *epochs.borrow_and_update();
        let indexes = self.projection.indexes();
        let collection = self.store.ensure_collection(&self.key, &indexes).await?;
        let created = self.log.streams().created(self.projection.stream()).await?;
        let end = self
            .log
            .reader()
            .last_sequence(self.projection.stream())
            .await?;
        let checkpoint = self.settled_checkpoint(&collection, created).await?;
        let target = Target {
            store: self.store.clone(),
            name: self.key.clone(),
            uuid: collection,
        };
        let (lease_status, _renewing) = self.renew(&held, &target);
        let request = match self.judge(&checkpoint, created).await? {
            Verdict::Continues => None,
            Verdict::Another(why) => match &held.rebuild {
                Some(request) => Some(request.clone()),
                None => return Err(RunnerError::Diverged(why)),
            },
            Verdict::TailLost(why) => Some(self.begin_to_heal(&why).await?),
        };
        if let Some(request) = request {
            let building = RebuildTask::start(self, request, created, End::At(end));
            let repaired = self.repair(building, lease_status, faults).await;
            if matches!(repaired, Ok(TermEnd::Repaired)) {
                self.progress.judged(epoch);
            }
            return repaired;
        }

        if !checkpoint.ahead {
            self.checkpoints.set_ahead(&self.key, true).await?;
        }
        let stream = checkpoint.stream();
        let applied = checkpoint.sequence();
        self.progress.note_stream_end(end);
        self.progress.restart(applied, &stream, fault);
        self.progress.judged(epoch);
        if !matches!(*self.state.borrow(), RunnerState::Halted { .. }) {
            // Whatever was acknowledged, by whomever, stands before the stream's end.
            self.progress.require_locally(end);
        }
        self.announce(&Announcement::Restarted {
            holder: self.holder,
            stream: stream.clone(),
            applied,
        })
        .await;
        self.progress.active_until(Some(held.until));
        self.set_state(RunnerState::Active);
        if checkpoint.stuck.is_some() && applied >= end {
            // What it was stuck at is gone with the end of the log.
            self.checkpoints.stick(&self.key, None).await?;
        }
        let from = ResumePoint {
            after: applied,
            commit: checkpoint.commit.clone(),
        };
        let mut term = LeaderTerm {
            context: self,
            target,
            stream,
            applied,
            unsaved: None,
            saved_at: tokio::time::Instant::now(),
            written_at: None,
            faults,
            epochs,
            building: None,
            met: None,
            paused: held.paused,
        };
        term.consider_rebuild(&held, created);
        let folding = FoldStream::start(self.projection.clone(), &self.log, from);
        let ended = term.fold(folding, lease_status, created).await;
        if let (Err(failure), Some(building)) = (&ended, term.building)
            && failure.halts()
        {
            // It would meet the same; whoever asked for it is told at once.
            building.fail(self, failure).await?;
        }
        ended
    }

    /// The checkpoint of the collection that is there; a new one if it was replaced.
    async fn settled_checkpoint(
        &self,
        collection: &Binary,
        created: DateTime<Utc>,
    ) -> Result<Checkpoint, RunnerError> {
        let found = self.checkpoints.load(&self.key).await?;
        let settled = found.clone().map(|found| found.settle(collection));
        let checkpoint = match settled {
            Some(settled) if settled.collection == Bson::Binary(collection.clone()) => settled,
            other => {
                if other.is_some() {
                    tracing::warn!(
                        projection = self.key,
                        "the collection was replaced, filling it again from the log"
                    );
                }
                let start = Checkpoint::start(self.key.clone(), collection.clone(), created);
                Checkpoint {
                    // What was told of places in the log before is not to be mixed up with this.
                    lineage: other.map_or(0, |other| other.lineage),
                    ..start
                }
            }
        };
        if found.as_ref() != Some(&checkpoint) {
            self.checkpoints.put(&checkpoint).await?;
        }
        Ok(checkpoint)
    }

    /// Shows nothing more of what the log has lost, and has the read model filled anew: tells the
    /// request for that, which another process goes on with if this one dies.
    async fn begin_to_heal(&self, why: &str) -> Result<String, RunnerError> {
        tracing::error!(
            projection = self.key,
            why,
            "the log lost what the read model shows, filling it anew from what is there"
        );
        self.doubt(why).await;
        self.checkpoints.heal(&self.key, why).await?;
        let request = Uuid::new_v4().to_string();
        Lease::ask_for_rebuild(&self.store, &self.key, &request).await
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
                () = self.stop.cancelled() => return Ok(TermEnd::Stopped),
                Ok(()) = faults.changed() => return Err(RunnerError::Fault),
                Ok(()) = lease_status.changed() => if let LeaseStatus::Lost = &*lease_status.borrow_and_update() {
                    return Ok(TermEnd::Lost);
                },
                () = building.ended() => break,
            }
        }
        let built = building.take(self).await?;
        let applied = built.sequence;
        let stream = abort_on_fault(&mut faults, built.switch(self))
            .await?
            .stream();
        self.progress.replaced(applied, &stream);
        let holder = self.holder;
        self.announce(&Announcement::Replaced {
            holder,
            stream,
            applied,
        })
        .await;
        Ok(TermEnd::Repaired)
    }
}

impl<P: Projection> LeaderTerm<'_, P> {
    async fn fold(
        &mut self,
        mut folding: FoldStream,
        mut lease_status: watch::Receiver<LeaseStatus>,
        created: DateTime<Utc>,
    ) -> Result<TermEnd, RunnerError> {
        loop {
            let settings = &self.context.settings;
            let save_at = self.saved_at + settings.checkpoint;
            let next = async {
                if let Some(written_at) = self.written_at {
                    let progress = &self.context.progress;
                    progress.batch_due(written_at, settings.gather).await;
                }
                folding.take(settings.batch).await
            };
            tokio::select! {
                // In this order: what ends the turn comes before more of it.
                biased;
                () = self.context.stop.cancelled() => {
                    self.save().await?;
                    let context = self.context;
                    context.checkpoints.set_ahead(&context.key, false).await?;
                    return Ok(TermEnd::Stopped);
                }
                Ok(()) = self.faults.changed() => return Err(RunnerError::Fault),
                Ok(()) = self.epochs.changed() => {
                    let why = "commits that were seen at the end of the log are gone".to_owned();
                    return Err(RunnerError::TailLost(why));
                }
                Ok(()) = lease_status.changed() => {
                    let lease_status = lease_status.borrow_and_update().clone();
                    match lease_status {
                        LeaseStatus::Held { held, collection } => {
                            if collection.as_ref() != Some(&self.target.uuid) {
                                self.assert_not_replaced().await?;
                            }
                            self.context.progress.active_until(Some(held.until));
                            self.paused = held.paused;
                            self.consider_rebuild(&held, created);
                        }
                        LeaseStatus::Lost => return Ok(TermEnd::Lost),
                    }
                }
                () = RebuildTask::caught_up(&mut self.building, self.applied) => {
                    if let Some(target) = self.finish_rebuild().await? {
                        self.target = target;
                    }
                }
                () = tokio::time::sleep_until(save_at), if self.unsaved.is_some() => {
                    self.save().await?;
                }
                items = next, if !self.paused => self.apply(items).await?,
            }
        }
    }

    /// Looks once more which collection is there: what was seen may be older than a switch of our
    /// own. A turn that ended for that would tell every watcher a second time to begin again.
    async fn assert_not_replaced(&self) -> Result<(), RunnerError> {
        let Target { store, name, uuid } = &self.target;
        match store.collection_uuid(name).await? {
            Some(found) if found == *uuid => Ok(()),
            _ => Err(RunnerError::Replaced),
        }
    }

    async fn apply(
        &mut self,
        items: Vec<Result<FoldedCommit, RunnerError>>,
    ) -> Result<(), RunnerError> {
        let mut batch = Batch::default();
        let (mut last, mut count, mut failure) = (None, 0, None);
        let mut spans = Vec::new();
        if items.is_empty() {
            failure = Some(RunnerError::Unfoldable(
                "the stream can't be followed".into(),
            ));
        }
        for item in items {
            match item {
                Ok(folded) => {
                    for change in folded.changes {
                        batch.add(folded.sequence, change);
                    }
                    last = Some((folded.sequence, folded.commit_id));
                    if !folded.span.is_none() {
                        written_together(&mut spans, folded.span);
                    }
                    count += 1;
                }
                // What came before it is good and is written.
                Err(error) => failure = Some(error),
            }
        }
        if let Some(last) = last {
            self.write(batch, last).await?;
            drop(spans);
            self.context.gauges.batch(count);
        }
        match failure {
            Some(failure) => {
                self.save().await?;
                Err(failure)
            }
            None => Ok(()),
        }
    }

    async fn write(&mut self, batch: Batch, last: (u64, Uuid)) -> Result<(), RunnerError> {
        let (to, _) = last;
        let ids: HashSet<Uuid> = batch.ids().collect();
        let began = tokio::time::Instant::now();
        self.target.write(batch).await?;
        self.context.gauges.write.record(began.elapsed());
        self.written_at = Some(tokio::time::Instant::now());
        if self.faults.has_changed().unwrap_or(false) {
            // Written, but perhaps to a server that is gone: nobody may be told.
            return Err(RunnerError::Fault);
        }
        self.unsaved = Some(last);
        if to > self.applied {
            let ids = capped_ids(ids);
            self.context.progress.advance(to, change_of(ids.clone()));
            let announcement = Announcement::Applied {
                holder: self.context.holder,
                from: self.applied + 1,
                to,
                ids,
            };
            self.applied = to;
            self.context.announce(&announcement).await;
        }
        if self.saved_at.elapsed() > self.context.settings.checkpoint {
            self.save().await?;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), RunnerError> {
        let Some((sequence, commit)) = self.unsaved.take() else {
            return Ok(());
        };
        self.saved_at = tokio::time::Instant::now();
        let (context, uuid) = (self.context, &self.target.uuid);
        let advance = context
            .checkpoints
            .advance(&context.key, uuid, sequence, commit);
        abort_on_fault(&mut self.faults, advance).await
    }

    fn consider_rebuild(&mut self, held: &Held, created: DateTime<Utc>) {
        let Some(request) = &held.rebuild else {
            return;
        };
        if self.met.as_ref() == Some(request) {
            return;
        }
        let known = self.building.as_ref();
        if known.is_none_or(|known| known.request() != request) {
            let building = RebuildTask::start(self.context, request.clone(), created, End::Live);
            self.building = Some(building);
        }
    }

    /// Lets the rebuilt collection take over; tells it. Nothing is folded meanwhile.
    async fn finish_rebuild(&mut self) -> Result<Option<Target>, RunnerError> {
        let Some(building) = self.building.take() else {
            return Ok(None);
        };
        self.met = Some(building.request().to_owned());
        let built = match building.finish(self.context, self.applied).await {
            Ok(built) => built,
            // The next turn goes on with it.
            Err(failure) if failure.passes() => return Err(failure),
            // The one that serves is as good as before.
            Err(failure) => {
                tracing::error!(projection = self.context.key, %failure, "the rebuild failed");
                return Ok(None);
            }
        };
        let target = built.target.clone();
        let applied = built.sequence;
        abort_on_fault(&mut self.faults, built.switch(self.context)).await?;
        self.unsaved = None;
        self.applied = self.applied.max(applied);
        // The documents are the same, unless somebody had changed them by hand.
        let progress = &self.context.progress;
        progress.restart(self.applied, &self.stream, 0);
        let announcement = Announcement::Restarted {
            holder: self.context.holder,
            stream: self.stream.clone(),
            applied: self.applied,
        };
        self.context.announce(&announcement).await;
        Ok(Some(Target {
            name: self.context.key.clone(),
            ..target
        }))
    }
}

/// Adds the span of a commit to those of its batch. They are in traces of their own; each points to
/// the first, with which it was written.
fn written_together(spans: &mut Vec<Span>, span: Span) {
    if let Some(first) = spans.first().and_then(trace::of) {
        trace::link(&span, Some(&first.to_string()));
    }
    spans.push(span);
}

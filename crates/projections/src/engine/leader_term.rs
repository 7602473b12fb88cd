//! The term of a leader: from the first commit that it folds to losing the lease.

use eventstore::{StreamName, trace};
use std::collections::{HashMap, HashSet};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    DocumentId, Position, Projection,
    engine::{
        announce::{Announcement, capped_ids, change_of},
        bounds::abort_on_fault,
        context::{CreatedStreams, ProjectionContext},
        epochs::Epochs,
        fold_stream::{FoldStream, FoldedCommit},
        lease_renewal::LeaseStatus,
        rebuild::{End, RebuildTask, report_switched},
        target::Target,
    },
    error::RunnerError,
    store::{Batch, CheckpointChange, HeldLease},
};

/// How a term ended, unless by an error.
pub(crate) enum TermEnd {
    /// On request.
    Stopped,
    /// Another process has the lease.
    Lost,
    /// A rebuild allows folding to start again.
    Repaired,
}

/// The current term.
pub(crate) struct LeaderTerm<'m, P> {
    pub context: &'m ProjectionContext<P>,
    pub target: Target,
    /// Identity of the streams.
    pub origin: String,
    /// The commits that are applied.
    pub applied: Position,
    /// The last commits of streams that aren't in the checkpoint yet.
    pub unsaved: HashMap<StreamName, (u64, Uuid)>,
    pub saved_at: tokio::time::Instant,
    pub written_at: Option<tokio::time::Instant>,
    pub faults: watch::Receiver<u64>,
    /// Counts tails that the log lost.
    pub epochs: Epochs,
    pub building: Option<RebuildTask>,
    /// The request for the last completed rebuild. The known state of the lease may be slightly
    /// old, and contain it once more.
    pub met: Option<String>,
    /// Whether an operator paused folding.
    pub paused: bool,
}

impl<P: Projection> LeaderTerm<'_, P> {
    /// Folds until the term ends.
    pub async fn fold(
        &mut self,
        mut folding: FoldStream,
        mut lease_status: watch::Receiver<LeaseStatus>,
        created: &CreatedStreams,
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
                // In this order: reasons to end the term come before more commits.
                biased;
                () = self.context.stop.cancelled() => {
                    self.save().await?;
                    let context = self.context;
                    let ahead = CheckpointChange::Ahead(false);
                    context.store.amend_checkpoint(&context.key, ahead).await?;
                    return Ok(TermEnd::Stopped);
                }
                Ok(()) = self.faults.changed() => return Err(RunnerError::Fault),
                () = self.epochs.changed() => {
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
                () = RebuildTask::caught_up(&mut self.building, &self.applied) => {
                    if let Some(target) = self.finish_rebuild().await? {
                        self.target = target;
                    }
                }
                () = tokio::time::sleep_until(save_at), if !self.unsaved.is_empty() => {
                    self.save().await?;
                }
                items = next, if !self.paused => self.apply(items).await?,
            }
        }
    }

    /// Checks again which collection exists: the earlier check may be older than this process's own
    /// switch. Ending the term for that would tell every watcher to start over a second time.
    async fn assert_not_replaced(&self) -> Result<(), RunnerError> {
        let Target { store, name, uuid } = &self.target;
        match store.collection_id(name).await? {
            Some(found) if found == *uuid => Ok(()),
            _ => Err(RunnerError::Replaced),
        }
    }

    async fn apply(
        &mut self,
        items: Vec<Result<FoldedCommit, RunnerError>>,
    ) -> Result<(), RunnerError> {
        let mut batch = Batch::default();
        let (mut last, mut count, mut failure) = (HashMap::new(), 0, None);
        let mut spans = Vec::new();
        if items.is_empty() {
            failure = Some(RunnerError::Unfoldable(
                "the stream can't be followed".into(),
            ));
        }
        for item in items {
            match item {
                Ok(folded) => {
                    let origin = self.context.origin(folded.stream, folded.sequence);
                    for change in folded.changes {
                        batch.add(origin, change)?;
                    }
                    last.insert(folded.stream, (folded.sequence, folded.commit_id));
                    for span in folded.spans {
                        // They are in traces of their own; each links to the first of its batch.
                        let first = spans.first().and_then(trace::context_of);
                        trace::link(&span, first.as_deref());
                        spans.push(span);
                    }
                    count += 1;
                }
                // The commits before it are valid and written.
                Err(error) => failure = Some(error),
            }
        }
        if !last.is_empty() {
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

    async fn write(
        &mut self,
        batch: Batch,
        last: HashMap<StreamName, (u64, Uuid)>,
    ) -> Result<(), RunnerError> {
        let ids: HashSet<DocumentId> = batch.ids().collect();
        let began = tokio::time::Instant::now();
        self.target.write(batch).await?;
        self.context.gauges.write.record(began.elapsed());
        self.written_at = Some(tokio::time::Instant::now());
        if self.faults.has_changed().unwrap_or(false) {
            // Written, but perhaps to a server that is gone: it must not be announced.
            return Err(RunnerError::Fault);
        }
        let mut to = self.applied.clone();
        for (stream, (sequence, _)) in &last {
            to.raise(*stream, *sequence);
        }
        self.unsaved.extend(last);
        if to != self.applied {
            let ids = capped_ids(ids);
            self.context.progress.advance(&to, change_of(ids.clone()));
            let announcement = Announcement::Applied {
                holder: self.context.holder,
                after: std::mem::replace(&mut self.applied, to.clone()),
                to,
                ids,
            };
            self.context.announce(&announcement).await;
        }
        if self.saved_at.elapsed() > self.context.settings.checkpoint {
            self.save().await?;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), RunnerError> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let unsaved = std::mem::take(&mut self.unsaved);
        self.saved_at = tokio::time::Instant::now();
        let (context, uuid) = (self.context, &self.target.uuid);
        let advance = async {
            let store = &context.store;
            let key = &context.key;
            for (stream, (sequence, commit)) in unsaved {
                store
                    .advance_checkpoint(key, uuid, stream, sequence, commit)
                    .await?;
            }
            Ok(())
        };
        abort_on_fault(&mut self.faults, advance).await
    }

    /// Begins a requested rebuild unless it is already running.
    pub fn consider_rebuild(&mut self, held: &HeldLease, created: &CreatedStreams) {
        let Some(request) = &held.rebuild else {
            return;
        };
        if self.met.as_ref() == Some(request) {
            return;
        }
        let known = self.building.as_ref();
        if known.is_none_or(|known| known.request() != request) {
            let (request, created) = (request.clone(), created.clone());
            let building = RebuildTask::start(self.context, request, created, End::Live);
            self.building = Some(building);
        }
    }

    /// Lets the rebuilt collection take over and returns it. Folding waits in the meantime.
    async fn finish_rebuild(&mut self) -> Result<Option<Target>, RunnerError> {
        let Some(building) = self.building.take() else {
            return Ok(None);
        };
        self.met = Some(building.request().to_owned());
        let built = match building.finish(self.context, self.applied.clone()).await {
            Ok(built) => built,
            // The next term continues it.
            Err(failure) if failure.is_transient() => return Err(failure),
            // The serving collection is as good as before.
            Err(failure) => {
                tracing::error!(projection = self.context.key, %failure, "the rebuild failed");
                return Ok(None);
            }
        };
        let target = built.target.clone();
        let (applied, request) = (built.position.clone(), built.request.clone());
        abort_on_fault(&mut self.faults, built.switch(self.context)).await?;
        self.unsaved.clear();
        self.applied.merge(&applied);
        // The documents are the same, unless they had been changed by hand.
        let progress = &self.context.progress;
        progress.restart(self.applied.clone(), &self.origin, 0);
        let announcement = Announcement::Restarted {
            holder: self.context.holder,
            origin: self.origin.clone(),
            applied: self.applied.clone(),
        };
        self.context.announce(&announcement).await;
        let reported = report_switched(self.context, &request);
        abort_on_fault(&mut self.faults, reported).await?;
        Ok(Some(Target {
            name: self.context.key.clone(),
            ..target
        }))
    }
}

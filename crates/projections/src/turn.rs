//! One turn of the process that folds: from taking the lease to losing it.

use chrono::{DateTime, Utc};
use mongodb::bson::{Binary, Bson};
use std::collections::HashSet;
use tokio::sync::watch;
use tracing::Span;
use uuid::Uuid;

use crate::{
    Projection,
    announce::{Announcement, changed, told},
    batch::Batch,
    building::{Building, End},
    checkpoint::Checkpoint,
    error::Trouble,
    fold::{Folded, Folding, From},
    judge::Verdict,
    lease::{Held, Lease},
    runner::{Ended, Machine},
    state::RunnerState,
    store::unless_fault,
    tenure::Tenure,
    write::Target,
};

/// A turn under way.
struct Turn<'m, P> {
    machine: &'m Machine<P>,
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
    building: Option<Building>,
    /// The request for a rebuild that was met last. What is known of the lease may be a moment
    /// old, and name it once more.
    met: Option<String>,
    /// Whether folding rests, as an operator wants it.
    paused: bool,
}

impl<P: Projection> Machine<P> {
    /// Folds until asked to stop, until the lease is lost, or until there is trouble.
    pub(crate) async fn turn(&self, held: Held) -> Result<Ended, Trouble> {
        // Before the checkpoint is read: what happens later must not go unnoticed.
        let mut faults = self.store.faults();
        let fault = *faults.borrow_and_update();
        let mut epochs = self.log.epochs(self.projection.stream());
        let epoch = *epochs.borrow_and_update();
        let indexes = self.projection.indexes();
        let collection = self.store.ensure_collection(&self.key, &indexes).await?;
        let created = self.log.stream_created(self.projection.stream()).await?;
        let end = self.log.last_sequence(self.projection.stream()).await?;
        let checkpoint = self.settled_checkpoint(&collection, created).await?;
        let target = Target {
            store: self.store.clone(),
            name: self.key.clone(),
            uuid: collection,
        };
        let (tenure, _renewing) = self.renew(&held, &target);
        let request = match self.judge(&checkpoint, created).await? {
            Verdict::Continues => None,
            Verdict::Another(why) => match &held.rebuild {
                Some(request) => Some(request.clone()),
                None => return Err(Trouble::Diverged(why)),
            },
            Verdict::TailLost(why) => Some(self.begin_to_heal(&why).await?),
        };
        if let Some(request) = request {
            let building = Building::start(self, request, created, End::At(end));
            let repaired = self.repair(building, tenure, faults).await;
            if matches!(repaired, Ok(Ended::Repaired)) {
                self.progress.judged(epoch);
            }
            return repaired;
        }

        if !checkpoint.ahead {
            self.checkpoints.set_ahead(&self.key, true).await?;
        }
        let stream = checkpoint.stream();
        let applied = checkpoint.sequence();
        self.progress.saw_end(end);
        self.progress.restart(applied, &stream, fault);
        self.progress.judged(epoch);
        if !matches!(*self.state.borrow(), RunnerState::Halted { .. }) {
            // Whatever was acknowledged, by whomever, stands before the stream's end.
            self.progress.lift(end);
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
        let from = From {
            after: applied,
            commit: checkpoint.commit.clone(),
        };
        let mut turn = Turn {
            machine: self,
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
        turn.consider_rebuild(&held, created);
        let folding = Folding::start(self.projection.clone(), &self.log, from);
        let ended = turn.fold(folding, tenure, created).await;
        if let (Err(trouble), Some(building)) = (&ended, turn.building)
            && trouble.halts()
        {
            // It would meet the same; whoever asked for it is told at once.
            building.fail(self, trouble).await?;
        }
        ended
    }

    /// The checkpoint of the collection that is there; a new one if it was replaced.
    async fn settled_checkpoint(
        &self,
        collection: &Binary,
        created: DateTime<Utc>,
    ) -> Result<Checkpoint, Trouble> {
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
    async fn begin_to_heal(&self, why: &str) -> Result<String, Trouble> {
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
        mut building: Building,
        mut tenure: watch::Receiver<Tenure>,
        mut faults: watch::Receiver<u64>,
    ) -> Result<Ended, Trouble> {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(Ended::Stopped),
                Ok(()) = faults.changed() => return Err(Trouble::Fault),
                Ok(()) = tenure.changed() => if let Tenure::Lost = &*tenure.borrow_and_update() {
                    return Ok(Ended::Lost);
                },
                () = building.ended() => break,
            }
        }
        let built = building.take(self).await?;
        let applied = built.sequence;
        let stream = unless_fault(&mut faults, built.switch(self))
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
        Ok(Ended::Repaired)
    }
}

impl<P: Projection> Turn<'_, P> {
    async fn fold(
        &mut self,
        mut folding: Folding,
        mut tenure: watch::Receiver<Tenure>,
        created: DateTime<Utc>,
    ) -> Result<Ended, Trouble> {
        loop {
            let settings = &self.machine.settings;
            let save_at = self.saved_at + settings.checkpoint;
            let next = async {
                if let Some(written_at) = self.written_at {
                    let progress = &self.machine.progress;
                    progress.batch_due(written_at, settings.gather).await;
                }
                folding.take(settings.batch).await
            };
            tokio::select! {
                // In this order: what ends the turn comes before more of it.
                biased;
                () = self.machine.stop.cancelled() => {
                    self.save().await?;
                    let machine = self.machine;
                    machine.checkpoints.set_ahead(&machine.key, false).await?;
                    return Ok(Ended::Stopped);
                }
                Ok(()) = self.faults.changed() => return Err(Trouble::Fault),
                Ok(()) = self.epochs.changed() => {
                    let why = "commits that were seen at the end of the log are gone".to_owned();
                    return Err(Trouble::TailLost(why));
                }
                Ok(()) = tenure.changed() => {
                    let tenure = tenure.borrow_and_update().clone();
                    match tenure {
                        Tenure::Held { held, collection } => {
                            if collection.as_ref() != Some(&self.target.uuid) {
                                self.assert_not_replaced().await?;
                            }
                            self.machine.progress.active_until(Some(held.until));
                            self.paused = held.paused;
                            self.consider_rebuild(&held, created);
                        }
                        Tenure::Lost => return Ok(Ended::Lost),
                    }
                }
                () = Building::caught_up(&mut self.building, self.applied) => {
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
    async fn assert_not_replaced(&self) -> Result<(), Trouble> {
        let Target { store, name, uuid } = &self.target;
        match store.collection_uuid(name).await? {
            Some(found) if found == *uuid => Ok(()),
            _ => Err(Trouble::Replaced),
        }
    }

    async fn apply(&mut self, items: Vec<Result<Folded, Trouble>>) -> Result<(), Trouble> {
        let mut batch = Batch::default();
        let (mut last, mut count, mut trouble) = (None, 0, None);
        let mut spans = Vec::new();
        if items.is_empty() {
            trouble = Some(Trouble::Unfoldable("the stream can't be followed".into()));
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
                Err(error) => trouble = Some(error),
            }
        }
        if let Some(last) = last {
            self.write(batch, last).await?;
            drop(spans);
            self.machine.gauges.batch(count);
        }
        match trouble {
            Some(trouble) => {
                self.save().await?;
                Err(trouble)
            }
            None => Ok(()),
        }
    }

    async fn write(&mut self, batch: Batch, last: (u64, Uuid)) -> Result<(), Trouble> {
        let (to, _) = last;
        let ids: HashSet<Uuid> = batch.ids().collect();
        let began = tokio::time::Instant::now();
        self.target.write(batch).await?;
        self.machine.gauges.write.record(began.elapsed());
        self.written_at = Some(tokio::time::Instant::now());
        if self.faults.has_changed().unwrap_or(false) {
            // Written, but perhaps to a server that is gone: nobody may be told.
            return Err(Trouble::Fault);
        }
        self.unsaved = Some(last);
        if to > self.applied {
            let ids = told(ids);
            self.machine.progress.advance(to, changed(ids.clone()));
            let announcement = Announcement::Applied {
                holder: self.machine.holder,
                from: self.applied + 1,
                to,
                ids,
            };
            self.applied = to;
            self.machine.announce(&announcement).await;
        }
        if self.saved_at.elapsed() > self.machine.settings.checkpoint {
            self.save().await?;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), Trouble> {
        let Some((sequence, commit)) = self.unsaved.take() else {
            return Ok(());
        };
        self.saved_at = tokio::time::Instant::now();
        let (machine, uuid) = (self.machine, &self.target.uuid);
        let advance = machine
            .checkpoints
            .advance(&machine.key, uuid, sequence, commit);
        unless_fault(&mut self.faults, advance).await
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
            let building = Building::start(self.machine, request.clone(), created, End::Live);
            self.building = Some(building);
        }
    }

    /// Lets the rebuilt collection take over; tells it. Nothing is folded meanwhile.
    async fn finish_rebuild(&mut self) -> Result<Option<Target>, Trouble> {
        let Some(building) = self.building.take() else {
            return Ok(None);
        };
        self.met = Some(building.request().to_owned());
        let built = match building.finish(self.machine, self.applied).await {
            Ok(built) => built,
            // The next turn goes on with it.
            Err(trouble) if trouble.passes() => return Err(trouble),
            // The one that serves is as good as before.
            Err(trouble) => {
                tracing::error!(projection = self.machine.key, %trouble, "the rebuild failed");
                return Ok(None);
            }
        };
        let target = built.target.clone();
        let applied = built.sequence;
        unless_fault(&mut self.faults, built.switch(self.machine)).await?;
        self.unsaved = None;
        self.applied = self.applied.max(applied);
        // The documents are the same, unless somebody had changed them by hand.
        let progress = &self.machine.progress;
        progress.restart(self.applied, &self.stream, 0);
        let announcement = Announcement::Restarted {
            holder: self.machine.holder,
            stream: self.stream.clone(),
            applied: self.applied,
        };
        self.machine.announce(&announcement).await;
        Ok(Some(Target {
            name: self.machine.key.clone(),
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

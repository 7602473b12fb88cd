//! Rebuilds a read model from the log's first commit, next to the one that serves.
//!
//! The new collection takes over by a rename, which is atomic: a read sees either one or the other,
//! and both show the same, because the switch happens when both reflect the same commit.

use eventstore::{Log, StreamName};
use mongodb::bson::Bson;
use std::{
    collections::BTreeMap,
    future,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinError};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Position, Projection,
    bson_values::int,
    engine::{
        bounds::abort_on_fault,
        context::{CreatedStreams, ProjectionContext},
        fold_stream::{FoldStream, resume_points},
        progress::ends_of,
        rebuild::{
            request::{amend, reached},
            switch::RebuiltCollection,
        },
        target::Target,
    },
    error::RunnerError,
    store::{Batch, FoldedStream, Origin, Reached, ReadStore, Report, position_of},
};

/// Interval at which progress is recorded.
const REPORT: Duration = Duration::from_millis(300);

/// How far each stream is folded, by name.
type FoldedStreams = BTreeMap<String, FoldedStream>;

/// Where a rebuild ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// It follows the streams until a finish is requested.
    Live,
    /// Up to this position.
    At(Position),
}

/// A running rebuild.
pub(crate) struct RebuildTask {
    request: String,
    position: watch::Receiver<Position>,
    finish: watch::Sender<Option<Position>>,
    task: AbortOnDropHandle<Result<RebuiltCollection, RunnerError>>,
}

impl RebuildTask {
    pub fn start<P: Projection>(
        context: &ProjectionContext<P>,
        request: String,
        created: CreatedStreams,
        end: End,
    ) -> Self {
        let finish = match end {
            End::Live => None,
            End::At(end) => Some(end),
        };
        let of_another_log = finish.is_some();
        let (finish, finishing) = watch::channel(finish);
        let (position, seen) = watch::channel(Position::default());
        let rebuilder = Rebuilder {
            projection: context.projection.clone(),
            log: context.log.clone(),
            store: context.store.clone(),
            faults: context.store.faults(),
            batch: context.settings.batch,
            pauses: [context.settings.pause, context.settings.pause_max],
            key: context.key.clone(),
            request: request.clone(),
            streams: context.streams.clone(),
            created,
            position,
            finishing,
            of_another_log,
            began: Instant::now(),
            began_at: 0,
            reported_at: None,
        };
        tracing::info!(projection = context.key, "rebuilding");
        Self {
            request,
            position: seen,
            finish,
            task: AbortOnDropHandle::new(tokio::spawn(rebuilder.build())),
        }
    }

    pub fn request(&self) -> &str {
        &self.request
    }

    /// Waits until the task ended, successfully or not.
    pub async fn ended(&mut self) {
        // The task owns the sender, so the channel closes with it.
        while self.position.changed().await.is_ok() {}
    }

    /// Waits until the rebuild has folded as much as the serving collection, or failed. Never
    /// returns if there is no rebuild.
    pub async fn caught_up(building: &mut Option<Self>, applied: &Position) {
        match building {
            Some(building) => {
                // An error means that the task ended.
                let _ = building.position.wait_for(|at| at.reaches(applied)).await;
            }
            None => future::pending().await,
        }
    }

    /// Ends the rebuild at a position, or shortly after, and returns its collection.
    pub async fn finish<P: Projection>(
        self,
        context: &ProjectionContext<P>,
        at: Position,
    ) -> Result<RebuiltCollection, RunnerError> {
        self.finish.send_replace(Some(at));
        self.take(context).await
    }

    /// Returns the rebuild's collection, after it ended.
    ///
    /// # Errors
    /// After a transient error the request stays, and the next term continues with it. Any other
    /// error is recorded as the end of the rebuild.
    pub async fn take<P: Projection>(
        self,
        context: &ProjectionContext<P>,
    ) -> Result<RebuiltCollection, RunnerError> {
        let lost = |error: JoinError| RunnerError::Broken(format!("the rebuild ended: {error}"));
        let result = self.task.await.map_err(lost).flatten();
        if let Err(failure) = &result
            && !failure.is_transient()
        {
            failed(context, &self.request, failure).await?;
        }
        result
    }

    /// Ends the rebuild and records why.
    pub async fn fail<P: Projection>(
        self,
        context: &ProjectionContext<P>,
        why: &RunnerError,
    ) -> Result<(), RunnerError> {
        drop(self.task);
        failed(context, &self.request, why).await
    }
}

async fn failed<P: Projection>(
    context: &ProjectionContext<P>,
    request: &str,
    why: &RunnerError,
) -> Result<(), RunnerError> {
    let report = |report: &mut Report| report.failed = Some(why.to_string());
    amend(&*context.store, &context.key, request, report).await?;
    context.lease.rebuild_ended(request).await
}

/// Fills the new collection.
struct Rebuilder<P> {
    projection: Arc<P>,
    log: Log,
    store: Arc<dyn ReadStore>,
    faults: watch::Receiver<u64>,
    batch: usize,
    /// The first and the longest pause between tries.
    pauses: [Duration; 2],
    key: String,
    request: String,
    streams: Vec<StreamName>,
    created: CreatedStreams,
    position: watch::Sender<Position>,
    finishing: watch::Receiver<Option<Position>>,
    of_another_log: bool,
    began: Instant,
    /// Number of commits in the new collection when this process began.
    began_at: u64,
    reported_at: Option<Instant>,
}

impl<P: Projection> Rebuilder<P> {
    /// Fills it, through outages of the log and of the database: one request that timed out must
    /// not cost the work of an hour.
    async fn build(mut self) -> Result<RebuiltCollection, RunnerError> {
        let [mut pause, longest] = self.pauses;
        loop {
            let before = self.position.borrow().total();
            let failure = match self.fill().await {
                // The holder of the lease has to start over as well.
                Err(failure)
                    if failure.is_transient() && !matches!(failure, RunnerError::Fault) =>
                {
                    failure
                }
                ended => return ended,
            };
            if !self.of_another_log && self.finishing.borrow().is_some() {
                // The term waits for this to end and folds nothing in the meantime: it must not
                // wait for a server as well.
                return Err(failure);
            }
            if self.position.borrow().total() > before {
                pause = self.pauses[0];
            }
            tracing::warn!(projection = self.key, %failure, ?pause, "the rebuild was interrupted, trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Fills the new collection, from the last recorded position.
    async fn fill(&mut self) -> Result<RebuiltCollection, RunnerError> {
        let name = format!("{}_rebuild", self.key);
        // Before the position of another process is read.
        self.faults.mark_unchanged();
        let (target, mut streams) = self.begin(name).await?;
        let mut position = position_of(&streams);
        (self.began, self.began_at) = (Instant::now(), position.total());
        self.position.send_replace(position.clone());
        // Another process may have deleted documents before.
        let mut deletes = position.total() > 0;
        let from = resume_points(&self.streams, &streams);
        let mut folding = FoldStream::start(&self.projection, &self.log, from);
        loop {
            self.report(&target, &streams).await?;
            let finish = self.finishing.borrow_and_update().clone();
            if finish.is_some_and(|finish| position.reaches(&finish)) {
                self.reported_at = None;
                self.report(&target, &streams).await?;
                return Ok(RebuiltCollection {
                    request: self.request.clone(),
                    target,
                    position,
                    streams,
                    of_another_log: self.of_another_log,
                    deletes,
                });
            }
            let items = tokio::select! {
                biased;
                Ok(()) = self.finishing.changed() => continue,
                items = folding.take(self.batch) => items,
            };
            if items.is_empty() {
                return Err(RunnerError::Unfoldable(
                    "the stream can't be followed".into(),
                ));
            }
            let mut batch = Batch::default();
            for item in items {
                let folded = item?;
                let origin = Origin::of(&self.streams, folded.stream, folded.sequence);
                for change in folded.changes {
                    batch.add(origin, change)?;
                }
                position.raise(folded.stream, folded.sequence);
                if let Some(stream) = streams.get_mut(folded.stream.as_str()) {
                    stream.advance(folded.sequence, folded.commit_id);
                }
            }
            deletes |= batch.deletes();
            target.write(batch).await?;
            self.position.send_replace(position.clone());
        }
    }

    /// The new collection, and the commits that it reflects: the one that another process left for
    /// the same request, or an empty one.
    async fn begin(&self, name: String) -> Result<(Target, FoldedStreams), RunnerError> {
        let created = self.created.iter();
        let start: FoldedStreams = created
            .map(|(stream, created)| (stream.as_str().to_owned(), FoldedStream::start(*created)))
            .collect();
        let target = |uuid| Target {
            store: self.store.clone(),
            name: name.clone(),
            uuid,
        };
        let left = reached(&*self.store, &self.key, &self.request).await?;
        if let Some(left) = left
            && are_of_one_log(&left.streams, &start)
            && let Some(uuid) = self.store.collection_id(&name).await?
            && left.collection == Bson::Binary(uuid.clone())
        {
            let position = position_of(&left.streams);
            tracing::info!(projection = self.key, %position, "going on with a rebuild");
            return Ok((target(uuid), left.streams));
        }
        // Left by an interrupted rebuild that is no longer requested.
        self.store.drop_collection(&name).await?;
        let indexes = self.projection.indexes();
        let uuid = self.store.ensure_collection(&name, &indexes).await?;
        Ok((target(uuid), start))
    }

    /// Records the new collection's position, at intervals: after its documents, so that a process
    /// that continues from there misses none.
    #[allow(clippy::cast_precision_loss)]
    async fn report(
        &mut self,
        target: &Target,
        streams: &FoldedStreams,
    ) -> Result<(), RunnerError> {
        if self.reported_at.is_some_and(|at| at.elapsed() < REPORT) {
            return Ok(());
        }
        self.reported_at = Some(Instant::now());
        let done = position_of(streams).total();
        let ends = ends_of(&self.log, &self.streams).await?;
        let total = ends.total().max(done);
        let folded = done.saturating_sub(self.began_at);
        let per_second = folded as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let reached = (done > 0).then(|| Reached {
            collection: Bson::Binary(target.uuid.clone()),
            streams: streams.clone(),
        });
        let recorded = amend(&*self.store, &self.key, &self.request, |report| {
            report.done = int(done);
            report.total = int(total);
            report.per_second = per_second;
            report.seconds_left = (total - done) as f64 / per_second.max(1.0);
            report.reached = reached;
        });
        abort_on_fault(&mut self.faults, recorded).await
    }
}

/// Whether two records are of the same streams of one log.
fn are_of_one_log(one: &FoldedStreams, other: &FoldedStreams) -> bool {
    let created = |streams: &FoldedStreams| -> Vec<(String, String)> {
        let streams = streams.iter();
        streams
            .map(|(name, stream)| (name.clone(), stream.created.clone()))
            .collect()
    };
    created(one) == created(other)
}

//! Letting a rebuilt collection take over.
//!
//! It does so by a switch of collections, which is atomic: a read sees either the one or the other,
//! and both say the same, because the switch is made when both reflect the same commit.

use mongodb::bson::Bson;
use std::collections::BTreeMap;

use crate::{
    Position, Projection,
    engine::{context::ProjectionContext, rebuild::request::amend, target::Target},
    error::RunnerError,
    store::{Checkpoint, FoldedStream, NextCollection, Report},
};

/// A collection that is ready to take over.
pub(crate) struct RebuiltCollection {
    pub request: String,
    pub target: Target,
    /// How far it is filled.
    pub position: Position,
    pub streams: BTreeMap<String, FoldedStream>,
    /// Whether the log is no longer the one from which the serving collection was filled.
    pub of_another_log: bool,
    /// Whether it may hold tombstones.
    pub deletes: bool,
}

impl RebuiltCollection {
    /// Lets the new collection take over, and returns its checkpoint.
    ///
    /// The switch is recorded first: after a crash in the middle, the collection that exists then
    /// shows whether it happened ([`Checkpoint::settle`]).
    pub async fn switch<P: Projection>(
        self,
        context: &ProjectionContext<P>,
    ) -> Result<Checkpoint, RunnerError> {
        let collection = self.target.uuid.clone();
        let key = &context.key;
        let before = context.store.checkpoint(key).await?;
        let before =
            before.unwrap_or_else(|| Checkpoint::start(key.clone(), collection.clone(), []));
        let next = NextCollection {
            collection: Bson::Binary(collection.clone()),
            lineage: before.lineage + i64::from(self.of_another_log),
            streams: self.streams,
        };
        let announced = Checkpoint {
            next: Some(next),
            ..before
        };
        context.store.put_checkpoint(&announced).await?;
        let store = &context.store;
        store.switch_collection(&self.target.name, key).await?;
        let settled = announced.settle(&collection);
        context.store.put_checkpoint(&settled).await?;
        tracing::info!(projection = key, position = %self.position, "rebuilt");
        if self.deletes {
            let name = key.clone();
            let target = Target {
                name,
                ..self.target
            };
            for stream in &context.streams {
                let up_to = context.origin(*stream, self.position.of(*stream));
                // They are in nobody's way, and the next rebuild tries again.
                if let Err(failure) = target.purge(up_to).await {
                    tracing::debug!(projection = key, %failure, "tombstones are left");
                }
            }
        }
        Ok(settled)
    }
}

/// Reports that the new collection has taken over. Comes after the followers were informed: a
/// client that waited for the rebuild must not read the old collection from memory.
pub(crate) async fn report_switched<P: Projection>(
    context: &ProjectionContext<P>,
    request: &str,
) -> Result<(), RunnerError> {
    let ended = |report: &mut Report| report.ended = true;
    amend(&*context.store, &context.key, request, ended).await?;
    context.lease.rebuild_ended(request).await
}

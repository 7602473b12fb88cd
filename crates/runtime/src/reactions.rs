//! Workers that apply the domain's policies to the log.

use chrono::Utc;
use cqrs_es::{Aggregate, DomainEvent};
use domain::policies::{Deadline, Reaction};
use eventstore::{
    CommandError, Commit, Expectation, HandlerError, Log, Metadata, Store, StreamName,
    Subscription, Worker,
};
use serde::Serialize;
use uuid::Uuid;

/// Starts a worker that follows a stream and has an aggregate decide the command that the policy
/// derives from each event.
///
/// A refusal is poison: the commands of a policy always fit a consistent log.
pub fn react<A, E, P>(
    log: &Log,
    stream: StreamName,
    worker: &'static str,
    store: Store<A>,
    policy: P,
) -> Worker
where
    A: Aggregate<Services = ()> + Clone + 'static,
    A::Command: Clone + Send,
    A::Error: Send,
    E: DomainEvent,
    P: Fn(Uuid, u64, &E) -> Option<Reaction<A::Command>> + Copy + Send + Sync + 'static,
{
    let subscription = Subscription::new(worker);
    log.workers()
        .on_commit(stream, subscription, move |commit: Commit| {
            let store = store.clone();
            async move {
                let aggregate = commit.aggregate_id.parse().map_err(|_| {
                    let id = &commit.aggregate_id;
                    HandlerError::Poison(format!("not the id of an aggregate: {id:?}"))
                })?;
                for (version, event) in commit.decode::<E>()? {
                    if let Some(reaction) = policy(aggregate, version, &event) {
                        carry_out(&store, &commit, worker, reaction).await?;
                    }
                }
                Ok(())
            }
        })
}

async fn carry_out<A>(
    store: &Store<A>,
    cause: &Commit,
    worker: &str,
    reaction: Reaction<A::Command>,
) -> Result<(), HandlerError>
where
    A: Aggregate<Services = ()> + Clone + 'static,
    A::Command: Clone + Send,
    A::Error: Send,
{
    let metadata = Metadata::caused_by(cause, worker, &reaction.key, Utc::now());
    let id = reaction.aggregate_id.to_string();
    let executed = store.execute(&id, reaction.command, &metadata, Expectation::Unknown);
    match executed.await {
        Ok(_) => Ok(()),
        Err(CommandError::Failed(failure)) => Err(failure.into()),
        Err(CommandError::Refused(refusal)) => Err(HandlerError::Poison(refusal.to_string())),
    }
}

/// Starts a worker that follows a stream and schedules the command that the policy derives from
/// each event. The schedule is stored in the log's server: no process needs to be running when the
/// command is due, and none keeps a timer.
pub fn schedule<E, C, P>(
    log: &Log,
    stream: StreamName,
    worker: &'static str,
    kind: &'static str,
    policy: P,
) -> Worker
where
    E: DomainEvent,
    C: Serialize + Send,
    P: Fn(&E) -> Option<Deadline<C>> + Copy + Send + Sync + 'static,
{
    let (subscription, scheduler) = (Subscription::new(worker), log.scheduler());
    log.workers()
        .on_commit(stream, subscription, move |commit: Commit| {
            let scheduler = scheduler.clone();
            async move {
                for (_, event) in commit.decode::<E>()? {
                    let Some(Deadline { id, at, command }) = policy(&event) else {
                        continue;
                    };
                    let data = serde_json::to_value(command)
                        .map_err(|error| HandlerError::Poison(error.to_string()))?;
                    let key = id.to_string();
                    scheduler.schedule(kind, &key, at, &commit, data).await?;
                }
                Ok(())
            }
        })
}

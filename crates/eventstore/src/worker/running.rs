//! A running worker, and how it stops.

use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    delivery::InboundMessage,
    lanes::Lanes,
    processor::Processor,
    puller::Puller,
    subscription::{HandlerError, Subscription},
};
use crate::{
    connection::Connection, dead_letters::retry_key, meters::SubscriptionMeters,
    stream_name::DEADLETTERS,
};

pub(super) use super::puller::Source;

/// Time limit for sending the last acknowledgments.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A running subscription. Dropping it leaves it running; [`Worker::stop`] ends it.
#[derive(Debug)]
pub struct Worker {
    connection: Connection,
    stopping: CancellationToken,
    /// Cancelled once no message is in hand.
    stopped: CancellationToken,
    tasks: TaskTracker,
}

impl Worker {
    /// Stops taking messages, lets those in hand finish their try and hands the rest back. Returns
    /// when all of that is done.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.stopped.cancel();
        // A process that ends now must not lose its last acknowledgments.
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, self.connection.client().flush()).await;
    }
}

/// Starts to handle the messages of a source, and retries of its dead letters.
pub(super) fn start<F, Fut>(
    connection: &Connection,
    source: Source,
    subscription: Subscription,
    handle: F,
) -> Worker
where
    F: Fn(InboundMessage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let worker = Worker {
        connection: connection.clone(),
        stopping: CancellationToken::new(),
        stopped: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let name = subscription.name;
    let processor = Arc::new(Processor {
        connection: connection.clone(),
        subscription,
        lanes: Lanes::new(subscription.concurrency),
        stopping: worker.stopping.clone(),
        tasks: worker.tasks.clone(),
        meters: SubscriptionMeters::new(name),
        handle,
    });
    let stream = source.stream;
    let retries = Source::new(connection.at(DEADLETTERS), &retry_key(name));
    let durables = [
        (source, name.to_owned()),
        (retries, format!("{name}-retries")),
    ];
    let puller = Puller::new(processor);
    worker.tasks.spawn(puller.clone().measure(stream, name));
    for (source, durable) in durables {
        worker.tasks.spawn(puller.clone().run(source, durable));
    }
    // Not one of the tasks that a stop waits for: messages in hand need it to the end.
    tokio::spawn(puller.extend_ack_deadline(worker.stopped.clone()));
    worker
}

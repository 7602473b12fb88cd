//! Counts the tails that the streams of a projection lost.

use eventstore::{Log, StreamName};
use futures_util::future::select_all;
use tokio::sync::watch;

/// The epochs of several streams as one number, which rises with each.
#[derive(Clone, Debug)]
pub(crate) struct Epochs(Vec<watch::Receiver<u64>>);

impl Epochs {
    pub fn of(log: &Log, streams: &[StreamName]) -> Self {
        let tails = log.tails();
        Self(streams.iter().map(|stream| tails.epochs(*stream)).collect())
    }

    #[cfg(test)]
    pub fn counted_by(epochs: watch::Receiver<u64>) -> Self {
        Self(vec![epochs])
    }

    /// The number now.
    pub fn now(&self) -> u64 {
        self.0.iter().map(|epoch| *epoch.borrow()).sum()
    }

    /// The number now, from which [`Epochs::changed`] counts.
    pub fn mark(&mut self) -> u64 {
        let epochs = self.0.iter_mut();
        epochs.map(|epoch| *epoch.borrow_and_update()).sum()
    }

    /// Waits until a stream loses its tail.
    pub async fn changed(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let changes = self.0.iter_mut().map(|epoch| Box::pin(epoch.changed()));
        if let (Err(_), ..) = select_all(changes).await {
            // The log is gone, and nothing can be lost any more.
            std::future::pending::<()>().await;
        }
    }
}

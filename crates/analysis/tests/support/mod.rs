//! A log, and parts of a history in it.

use eventstore::{HistoricalCommit, Log};
use testkit::Nats;

pub async fn connected(nats: &Nats) -> Log {
    Log::open(event_streams::config_at(nats.url()))
        .await
        .unwrap()
}

/// Appends these commits.
pub async fn write(log: &Log, commits: &[HistoricalCommit]) {
    for stream in event_streams::ALL {
        let last = log.reader().last_sequence(stream).await.unwrap();
        let mut import = log.importer().begin(stream, last);
        for commit in commits.iter().filter(|commit| commit.stream == stream) {
            import.append(std::slice::from_ref(commit)).await.unwrap();
        }
        import.finish().await.unwrap();
    }
}

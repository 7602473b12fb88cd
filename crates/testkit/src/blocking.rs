//! Starting, killing and waiting for processes blocks; a test's own tasks continue in the meantime.

use std::fmt::Display;

/// Runs `work` on a thread where it may block, and panics with `what` if it fails.
pub(crate) async fn run<T, E>(what: &str, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> T
where
    T: Send + 'static,
    E: Display + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => panic!("can't {what}: {error:#}"),
        Err(error) => panic!("can't {what}: {error}"),
    }
}

use super::*;
use crate::{Changed, ReadError};
use std::time::SystemTime;
use tokio::time;

const S: StreamName = StreamName::new("S");
const SHORT: Duration = Duration::from_millis(20);

fn progress() -> (Progress, watch::Sender<u64>) {
    let (progress, fault, _epochs) = on_a_log();
    progress.judged(0);
    (progress, fault)
}

fn at(sequence: u64) -> Position {
    Position::at(S, sequence)
}

/// With a counter of the tails that the log lost.
fn on_a_log() -> (Progress, watch::Sender<u64>, watch::Sender<u64>) {
    let ((fault, faults), (lost, epochs)) = (watch::channel(0), watch::channel(0));
    let epochs = Epochs::counted_by(epochs);
    let progress = Progress::new("p".into(), vec![S], Position::default(), faults, epochs);
    (progress, fault, lost)
}

/// A read that succeeds as soon as it may begin.
async fn read(progress: &Progress) -> Result<(), ReadError> {
    progress.read(|_| async { Ok(()) }).await
}

#[tokio::test]
async fn a_wait_ends_when_the_commit_is_applied_and_not_before() {
    let (progress, _fault) = progress();
    assert!(!progress.wait_for(S, 1, SHORT).await);
    progress.advance(&at(1), Changed::Any);
    assert!(progress.wait_for(S, 1, SHORT).await);
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_what_was_acknowledged_and_fails_when_it_does_not_come() {
    let (progress, _fault) = progress();
    progress.require_globally(S, 5);
    let failure = read(&progress).await;
    assert!(matches!(failure, Err(ReadError::Unavailable { .. })));
    progress.advance(&at(5), Changed::Any);
    assert!(read(&progress).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_read_of_a_database_that_hangs_fails() {
    let (progress, _fault) = progress();
    let hangs = progress.read(|_| std::future::pending::<Result<(), _>>());
    assert!(matches!(hangs.await, Err(ReadError::Unavailable { .. })));
}

#[tokio::test(start_paused = true)]
async fn after_a_step_back_reads_wait_until_what_was_shown_is_there_again() {
    let (progress, _fault) = progress();
    progress.restart(at(10), "s", 0);
    progress.restart(at(7), "s", 0);
    assert_eq!(progress.applied(), at(7));
    assert!(read(&progress).await.is_err());
    progress.advance(&at(10), Changed::Any);
    assert!(read(&progress).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn after_a_fault_reads_wait_until_it_is_known_what_is_left() {
    let (progress, fault) = progress();
    progress.restart(at(10), "s", 0);
    fault.send_replace(1);
    assert!(read(&progress).await.is_err());
    // A read from before the fault proves nothing.
    progress.restart(at(10), "s", 0);
    assert!(read(&progress).await.is_err());
    progress.restart(at(9), "s", 1);
    assert!(read(&progress).await.is_err());
    progress.advance(&at(10), Changed::Any);
    assert!(read(&progress).await.is_ok());
}

#[tokio::test]
async fn a_read_during_a_fault_is_made_again() {
    let (progress, fault) = progress();
    progress.restart(at(10), "s", 0);
    let reads = AtomicU64::new(0);
    let read = progress.read(|_| async {
        let read = reads.fetch_add(1, Ordering::SeqCst);
        if read == 0 {
            fault.send_replace(1);
            progress.restart(at(10), "s", 1);
        }
        Ok(read)
    });
    assert_eq!(read.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_tail_reads_wait_for_the_comparison() {
    let (progress, _fault, lost) = on_a_log();
    progress.restart(at(10), "s", 0);
    assert!(progress.ready().is_err() && read(&progress).await.is_err());
    progress.judged(0);
    assert!(read(&progress).await.is_ok());
    lost.send_replace(1);
    assert!(progress.ready().is_err() && read(&progress).await.is_err());
    progress.judged(0);
    assert!(read(&progress).await.is_err(), "that was before");
    progress.judged(1);
    assert!(read(&progress).await.is_ok());
    progress.heals();
    assert!(progress.ready().is_err() && read(&progress).await.is_err());
    // Rebuilt with fewer commits: the earlier ones aren't waited for.
    progress.replaced(at(7), "s+1");
    progress.judged(1);
    assert!(read(&progress).await.is_ok());
    assert_eq!((progress.applied(), progress.lineage()), (at(7), 1));
}

#[tokio::test(start_paused = true)]
async fn a_floor_that_the_log_lost_is_lowered() {
    let (progress, _fault) = progress();
    progress.restart(at(10), "s", 0);
    progress.require_globally(S, 12);
    assert!(read(&progress).await.is_err());
    assert_eq!(progress.floor_beyond(S, 11), Some(12));
    progress.lower(S, 11, 10);
    assert_eq!(
        progress.floor_beyond(S, 12),
        None,
        "it was raised meanwhile"
    );
    progress.lower(S, 12, 10);
    assert!(read(&progress).await.is_ok());
}

#[tokio::test]
async fn another_stream_is_not_waited_for() {
    let (progress, _fault) = progress();
    progress.restart(at(10), "s", 0);
    progress.restart(at(2), "t", 0);
    assert!(read(&progress).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn of_several_streams_each_is_waited_for() {
    const T: StreamName = StreamName::new("T");
    let (progress, _fault) = progress();
    progress.require_globally(T, 2);
    progress.advance(&at(9), Changed::Any);
    assert!(!progress.wait_for(T, 2, SHORT).await);
    assert!(read(&progress).await.is_err());
    assert!(progress.wait_for(S, 9, SHORT).await);
    progress.advance(&Position::at(T, 2), Changed::Any);
    assert!(progress.wait_for(T, 2, SHORT).await);
    assert_eq!(
        progress.applied().of(S),
        9,
        "one stream moves without the other"
    );
    assert!(read(&progress).await.is_ok());
}

#[test]
fn a_step_that_was_taken_already_changes_nothing() {
    let (progress, _fault) = progress();
    progress.advance(&at(3), Changed::Any);
    progress.advance(&at(2), Changed::Any);
    assert_eq!(progress.applied(), at(3));
}

#[test]
fn memory_is_trusted_only_while_this_process_folds() {
    let (progress, _fault) = progress();
    assert!(!progress.is_active());
    progress.active_until(Some(Instant::now() + Duration::from_mins(1)));
    assert!(progress.is_active());
    progress.active_until(None);
    assert!(!progress.is_active());
}

#[test]
fn caches_are_cleared_before_reads_continue() {
    struct Cache(Progress, Mutex<Vec<u64>>);
    impl Invalidate for Cache {
        fn forget(&self, _: &Changed) {
            self.1.lock().unwrap().push(self.0.applied().of(S));
        }
    }
    let (progress, _fault) = progress();
    let cache = Arc::new(Cache(progress.clone(), Mutex::default()));
    progress.register_cache(cache.clone());
    progress.advance(&at(1), Changed::Any);
    progress.restart(at(5), "s", 0);
    assert_eq!(*cache.1.lock().unwrap(), [0, 1], "applied when it was told");
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_more_without_or_with_many_waiters() {
    const LONGEST: Duration = Duration::from_millis(5);
    let (progress, _fault) = progress();
    let pause = || async {
        let since = time::Instant::now();
        progress.batch_due(since, LONGEST).await;
        since.elapsed()
    };
    assert_eq!(pause().await, LONGEST, "nobody waits");
    let mut crowd = vec![progress.track_waiter()];
    assert_eq!(pause().await, Duration::ZERO, "one waits");
    crowd.extend((1..40).map(|_| progress.track_waiter()));
    assert_eq!(pause().await, Duration::from_millis(2), "forty wait");
    crowd.extend((40..1_000).map(|_| progress.track_waiter()));
    assert_eq!(pause().await, LONGEST, "a thousand wait");
    drop(crowd);
    let since = time::Instant::now();
    let (_waiting, ()) = tokio::join!(
        async {
            time::sleep(Duration::from_millis(3)).await;
            progress.track_waiter()
        },
        progress.batch_due(since, LONGEST)
    );
    assert_eq!(since.elapsed(), Duration::from_millis(3), "somebody came");
}

#[test]
fn a_new_leader_answers_after_catching_up() {
    let (progress, fault) = progress();
    progress.active_until(Some(Instant::now() + Duration::from_mins(1)));
    progress.require_globally(S, 5);
    assert!(progress.is_active() && !progress.may_answer());
    progress.restart(at(5), "s", 0);
    assert!(progress.may_answer());
    fault.send_replace(1);
    assert!(!progress.may_answer());
}

#[test]
fn a_machine_that_was_suspended_is_no_holder_when_it_wakes() {
    let (progress, _fault) = progress();
    progress.active_until(Some(Instant::now() + Duration::from_secs(10)));
    let now = SystemTime::now();
    assert!(progress.is_active_at(now));
    assert!(!progress.is_active_at(now + Duration::from_secs(11)));
    progress.active_until(None);
    assert!(!progress.is_active_at(now));
}

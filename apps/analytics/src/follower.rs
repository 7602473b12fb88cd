//! One reader of the log for all requests for figures.

use analysis::{AnalysisError, IncrementalReplay, folds::MarketFolds};
use bytes::Bytes;
use eventstore::{Log, StoreError};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::figures::analytics;

/// Interval of checks for new commits, and shortest interval between two updates of a viewer.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before the log is read again after an error; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Polling and idle intervals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FollowerConfig {
    /// Interval of updates, and of checks for new commits.
    pub every: Duration,
    /// After this time without a reader, the log is no longer followed, and the state of the folds
    /// is dropped.
    pub idle: Duration,
}

impl Default for FollowerConfig {
    fn default() -> Self {
        Self {
            every: POLL_INTERVAL,
            idle: Duration::from_mins(5),
        }
    }
}

/// Rendered figures.
#[derive(Clone)]
pub(crate) struct RenderedFigures {
    /// Whether they cover the whole log.
    pub caught_up: bool,
    /// An [`api::Analytics`].
    pub json: Bytes,
}

/// Follows the log while its figures are in use. Clones share it.
#[derive(Clone)]
pub(crate) struct LogFollower(Arc<Shared>);

struct Shared {
    log: Log,
    config: FollowerConfig,
    /// The runtime of the follower: threads that handle requests must not run it.
    runtime: Handle,
    snapshots: watch::Sender<Option<RenderedFigures>>,
    state: Mutex<State>,
    stopping: CancellationToken,
    meters: Meters,
}

struct Meters {
    behind: Gauge,
    failures: Counter,
}

struct State {
    task: Option<JoinHandle<()>>,
    /// When figures were last requested.
    wanted: Instant,
}

impl LogFollower {
    /// Creates a follower that reads nothing yet.
    pub fn new(log: &Log, config: FollowerConfig) -> Self {
        Self(Arc::new(Shared {
            log: log.clone(),
            config,
            runtime: Handle::current(),
            snapshots: watch::Sender::new(None),
            state: Mutex::new(State {
                task: None,
                wanted: Instant::now(),
            }),
            stopping: CancellationToken::new(),
            meters: Meters::new(),
        }))
    }

    /// The newest figures; `None` until there are any. Keeps the log followed as long as this is
    /// held, and for a while longer.
    pub fn watch(&self) -> watch::Receiver<Option<RenderedFigures>> {
        let mut state = self.0.state();
        state.wanted = Instant::now();
        let snapshots = self.0.snapshots.subscribe();
        let runs = state.task.as_ref().is_some_and(|task| !task.is_finished());
        if !runs && !self.0.stopping.is_cancelled() {
            let shared = Arc::clone(&self.0);
            state.task = Some(self.0.runtime.spawn(shared.run()));
        }
        snapshots
    }

    /// Stops it.
    pub async fn stop(&self) {
        self.0.stopping.cancel();
        let task = self.0.state().task.take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the follower of the log did not end well");
        }
    }
}

impl Meters {
    fn new() -> Self {
        describe_gauge!(
            "analytics_commits_behind",
            "Commits that the figures for analysts don't reflect yet; 0 while no analyst looks at them"
        );
        describe_counter!(
            "analytics_failures_total",
            "Times that figures for analysts were dropped and computed again because the log was lost or can't be read"
        );
        let meters = Self {
            behind: gauge!("analytics_commits_behind"),
            failures: counter!("analytics_failures_total"),
        };
        // Exported from the start, or the first failure would be no increase.
        meters.failures.absolute(0);
        meters.behind.set(0);
        meters
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Self>) {
        tracing::info!("started following the log for analytics");
        let mut pause = FIRST_PAUSE;
        loop {
            let followed = self.follow(&mut pause);
            let Some(followed) = self.stopping.run_until_cancelled(followed).await else {
                return;
            };
            let Err(error) = followed else {
                tracing::info!("stopped following the log: no analyst is connected");
                return;
            };
            self.meters.failures.increment(1);
            if matches!(error, AnalysisError::Log(StoreError::TailLost { .. })) {
                // They include commits that are known to be gone.
                self.snapshots.send_replace(None);
            }
            // Readers keep the last figures.
            if error.is_fault_of_the_log() {
                tracing::error!(%error, "the log can't be analyzed");
            } else {
                tracing::warn!(%error, ?pause, "lost the log, reading it again");
            }
            let wait = tokio::time::sleep(pause);
            if self.stopping.run_until_cancelled(wait).await.is_none() {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Follows the log from its beginning until the figures are no longer in use.
    async fn follow(&self, pause: &mut Duration) -> Result<(), AnalysisError> {
        let mut replay = IncrementalReplay::new(&self.log, MarketFolds::default());
        let mut last_published = Instant::now();
        let mut published = None;
        loop {
            let seen = replay
                .catch_up(|replay| {
                    if last_published.elapsed() >= self.config.every && !self.has_whole_figures() {
                        self.publish(replay, false);
                        last_published = Instant::now();
                    }
                })
                .await?;
            *pause = FIRST_PAUSE;
            if published != Some(seen.commits) {
                self.publish(&mut replay, true);
                published = Some(seen.commits);
            }
            tokio::time::sleep(self.config.every).await;
            if self.gives_up() {
                return Ok(());
            }
        }
    }

    /// Whether figures of the whole log were published: those of a part would then be a step back.
    fn has_whole_figures(&self) -> bool {
        self.snapshots
            .borrow()
            .as_ref()
            .is_some_and(|snapshot| snapshot.caught_up)
    }

    fn publish(&self, replay: &mut IncrementalReplay<MarketFolds>, caught_up: bool) {
        let seen = replay.progress();
        let behind = u32::try_from(seen.of.saturating_sub(seen.commits));
        self.meters
            .behind
            .set(f64::from(behind.unwrap_or(u32::MAX)));
        let progress = api::analytics::AnalyticsProgress {
            commits: seen.commits,
            of: seen.of,
            caught_up,
            newest: seen.newest,
        };
        match serde_json::to_vec(&analytics(replay.fold().figures(), progress)) {
            Ok(json) => {
                let json = json.into();
                self.snapshots
                    .send_replace(Some(RenderedFigures { caught_up, json }));
            }
            Err(error) => tracing::error!(%error, "can't render the figures"),
        }
    }

    /// Ends if the figures were not in use for long enough. Checked and recorded in one step: a
    /// request right afterwards starts from the beginning.
    fn gives_up(&self) -> bool {
        let mut state = self.state();
        if self.snapshots.receiver_count() > 0 {
            state.wanted = Instant::now();
        }
        let gives_up = state.wanted.elapsed() >= self.config.idle;
        if gives_up {
            state.task = None;
            self.snapshots.send_replace(None);
            self.meters.behind.set(0);
        }
        gives_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use simulator::{Plan, Simulation};
    use testkit::{LONG, Nats, eventually};

    async fn connected(nats: &Nats) -> Log {
        Log::open(event_streams::config_at(nats.url()))
            .await
            .unwrap()
    }

    async fn write(log: &Log, tickets: u32) {
        write_other(log, tickets, Plan::default().seed).await;
    }

    async fn write_other(log: &Log, tickets: u32, seed: u64) {
        let plan = Plan {
            tickets,
            seed,
            days: 2,
            ..Plan::default()
        };
        let mut season = Simulation::new(plan);
        let written = simulator::write(log, &mut season, false, |_| {});
        written.await.unwrap();
    }

    async fn listed(follower: &LogFollower) -> u64 {
        let mut snapshots = follower.watch();
        let caught_up = snapshots
            .wait_for(|snapshot| snapshot.as_ref().is_some_and(|snapshot| snapshot.caught_up));
        let json = caught_up.await.unwrap().clone().unwrap().json;
        let figures: api::Analytics = serde_json::from_slice(&json).unwrap();
        assert_eq!(figures.progress.commits, figures.progress.of);
        figures.ticket_funnel.listed
    }

    #[tokio::test]
    async fn the_follower_reads_the_log_only_while_its_figures_are_requested() {
        let nats = Nats::start().await;
        let log = connected(&nats).await;
        write(&log, 7).await;
        let idle = Duration::from_millis(100);
        let config = FollowerConfig {
            idle,
            ..FollowerConfig::default()
        };
        let follower = LogFollower::new(&log, config);
        assert!(follower.0.state().task.is_none());
        assert_eq!(listed(&follower).await, 7);
        eventually("nobody is left, so nothing is read", LONG, || async {
            let is_over = follower.0.state().task.is_none();
            let forgotten = follower.0.snapshots.borrow().is_none();
            (is_over && forgotten).then_some(()).ok_or("it goes on")
        })
        .await;
        assert_eq!(listed(&follower).await, 7);
        follower.stop().await;
    }

    #[tokio::test]
    async fn figures_are_recomputed_after_the_log_lost_its_tail() {
        let nats = Nats::start().await;
        let log = connected(&nats).await;
        let empty = nats.copy_disk().await;
        eventually("the log answers", LONG, || log.ping()).await;
        write(&log, 30).await;
        let follower = LogFollower::new(&log, FREQUENT);
        assert_eq!(listed(&follower).await, 30);
        nats.lose_tail(&empty).await;
        // Longer than it was, so that the length alone doesn't reveal it.
        write_other(&connected(&nats).await, 50, 7).await;
        eventually("figures of what is there", LONG, || async {
            let listed = listed(&follower).await;
            (listed == 50).then_some(()).ok_or(listed)
        })
        .await;
        follower.stop().await;
    }

    /// Updates as often as possible.
    const FREQUENT: FollowerConfig = FollowerConfig {
        every: Duration::from_millis(1),
        idle: Duration::from_mins(5),
    };

    /// The updates until one covers a whole log with this number of tickets: how much of it was
    /// partial.
    async fn partial_snapshots_until(follower: &LogFollower, tickets: u64) -> usize {
        let mut snapshots = follower.watch();
        let mut parts = 0;
        let whole = async {
            loop {
                snapshots.changed().await.unwrap();
                let Some(now) = snapshots.borrow_and_update().clone() else {
                    continue;
                };
                let figures: api::Analytics = serde_json::from_slice(&now.json).unwrap();
                let progress = &figures.progress;
                assert_eq!(now.caught_up, progress.caught_up);
                if !progress.caught_up {
                    assert!(progress.commits < progress.of, "{progress:?}");
                    parts += 1;
                } else if figures.ticket_funnel.listed == tickets {
                    return;
                }
            }
        };
        tokio::time::timeout(LONG, whole).await.unwrap();
        parts
    }

    #[tokio::test]
    async fn partial_figures_are_replaced_by_complete_ones() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let nats = Nats::start().await;
        let log = connected(&nats).await;
        write(&log, 1_200).await;
        let follower = LogFollower::new(&log, FREQUENT);
        assert!(partial_snapshots_until(&follower, 1_200).await > 0);
        assert!(metrics.render().contains("analytics_failures_total 0"));
        // Another log, which ends before the position in the first one: readers keep their figures
        // until all of it was read.
        for stream in event_streams::ALL {
            log.backup().delete_for_restore(stream).await.unwrap();
        }
        for mut plan in log.streams().plans().await.unwrap() {
            plan.create_on_purpose();
            log.streams().migrate(&plan).await.unwrap();
        }
        write(&log, 900).await;
        assert_eq!(partial_snapshots_until(&follower, 900).await, 0);
        let exported = metrics.render();
        assert!(
            !exported.contains("analytics_failures_total 0"),
            "{exported}"
        );
        assert!(
            exported.contains("analytics_commits_behind 0"),
            "{exported}"
        );
        follower.stop().await;
    }
}

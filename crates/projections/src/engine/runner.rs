//! Keeps one projection up to date, in one of the processes that run it.

use eventstore::{Log, StoreError, StreamName};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use crate::{
    Progress, Projection, ReadStore, RunnerSettings, RunnerState,
    engine::{
        announce::Announcement, channel::topic, context::ProjectionContext, epochs::Epochs,
        follower::Follower, gauges::Gauges, leader::Leader, leader_dialog::LeaderDialog,
        leader_term::TermEnd, lease::Lease, progress::ends_of, version_follower::VersionFollower,
    },
    error::RunnerError,
    store::CheckpointChange,
};

/// Time limit for a clean stop; after it the lease is left to expire.
const STOP_BOUND: Duration = Duration::from_secs(5);

/// A projection that is kept up to date as long as this lives. Dropping it ends the work at once,
/// as a crash would; [`Runner::stop`] hands over cleanly.
pub struct Runner {
    progress: Progress,
    state: watch::Receiver<RunnerState>,
    stop: CancellationToken,
    _folder: AbortOnDropHandle<()>,
    _listeners: [AbortOnDropHandle<()>; 4],
}

/// Why no term is begun for now.
#[derive(Clone, Copy)]
enum Blocked {
    /// The same release would fail at the same commit again. Another one may take over, since the
    /// lease is free.
    Unfoldable,
    /// The log's server has lost these commits.
    Hole {
        stream: StreamName,
        first: u64,
        last: u64,
    },
}

impl Runner {
    /// Starts to keep a projection up to date. Returns at once; [`Progress::ready`] reports when
    /// reads reflect all commits that are in the streams now.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn start<P: Projection>(
        projection: P,
        log: &Log,
        store: &(impl ReadStore + Clone),
        settings: RunnerSettings,
    ) -> Result<Self, StoreError> {
        let mut streams = projection.streams();
        streams.sort_unstable();
        streams.dedup();
        let end = ends_of(log, &streams).await?;
        let key = projection.key();
        let epochs = Epochs::of(log, &streams);
        let progress = Progress::new(key.clone(), streams.clone(), end, store.faults(), epochs);
        let (state, seen) = watch::channel(RunnerState::Starting);
        let store: Arc<dyn ReadStore> = Arc::new(store.clone());
        let stop = CancellationToken::new();
        let holder = Uuid::new_v4();
        let context = Arc::new(ProjectionContext {
            topic: topic(store.name(), &key),
            version_topic: topic(store.name(), projection.name()),
            log: log.clone(),
            lease: Lease {
                store: store.clone(),
                key: key.clone(),
                holder,
                ttl: settings.lease,
            },
            store,
            holder,
            progress: progress.clone(),
            settings,
            state,
            stop: stop.clone(),
            freed: Notify::new(),
            look: Notify::new(),
            gauges: Gauges::new(projection.name()),
            projection: Arc::new(projection),
            key,
            streams,
        });
        let listeners = [
            tokio::spawn(Follower::new(&context).follow()),
            tokio::spawn(LeaderDialog::new(&context).ask()),
            tokio::spawn(LeaderDialog::new(&context).answer()),
            tokio::spawn(VersionFollower::new(&context).follow()),
        ];
        let folder = tokio::spawn(Candidate { context }.run());
        Ok(Self {
            progress,
            state: seen,
            stop,
            _folder: AbortOnDropHandle::new(folder),
            _listeners: listeners.map(AbortOnDropHandle::new),
        })
    }

    /// Its progress.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Its state.
    pub fn state(&self) -> RunnerState {
        self.state.borrow().clone()
    }

    /// Follows its state.
    pub fn watch_state(&self) -> watch::Receiver<RunnerState> {
        self.state.clone()
    }

    /// Whether the read model is reliable; if not, why, for operators.
    ///
    /// # Errors
    /// When it is halted, is being rebuilt, or doesn't reflect all required commits yet.
    pub fn ready(&self) -> Result<(), String> {
        if let at_fault @ (RunnerState::Halted { .. } | RunnerState::Healing { .. }) =
            &*self.state.borrow()
        {
            return Err(at_fault.to_string());
        }
        self.progress.ready()
    }

    /// Stops: completes the current write, saves the checkpoint, releases the lease. After 5 s the
    /// lease is left to expire.
    pub async fn stop(&self) {
        self.stop.cancel();
        let mut state = self.state.clone();
        let stopped = state.wait_for(|state| *state == RunnerState::Stopped);
        let _ = timeout(STOP_BOUND, stopped).await;
    }
}

impl Blocked {
    fn by(failure: &RunnerError) -> Option<Self> {
        match *failure {
            RunnerError::Unfoldable(_) => Some(Self::Unfoldable),
            RunnerError::Hole {
                stream,
                first,
                last,
            } => Some(Self::Hole {
                stream,
                first,
                last,
            }),
            _ => None,
        }
    }
}

/// The process's loop: it stands by, leads, and pauses after errors.
struct Candidate<P> {
    context: Arc<ProjectionContext<P>>,
}

impl<P: Projection> Candidate<P> {
    async fn run(self) {
        let mut pause = self.context.settings.pause;
        let mut blocked = None;
        while !self.context.stop.is_cancelled() {
            let held = match self.context.lease.hold().await {
                Ok(Some(held)) if held.rebuild.is_none() && self.is(blocked.as_ref()).await => {
                    self.give_back().await;
                    self.rest(self.context.settings.pause_max).await;
                    continue;
                }
                Ok(Some(held)) => held,
                Ok(None) => {
                    blocked = None;
                    self.context.set_state(RunnerState::StandingBy);
                    self.stand_by().await;
                    continue;
                }
                Err(failure) => {
                    self.rest_after(&failure, &mut pause).await;
                    continue;
                }
            };
            let ended = Leader::new(&self.context).lead(held).await;
            self.context.progress.active_until(None);
            self.give_back().await;
            match ended {
                Ok(TermEnd::Stopped) => break,
                Ok(TermEnd::Lost | TermEnd::Repaired) => pause = self.context.settings.pause,
                // The next term heals it.
                Err(RunnerError::TailLost(why)) => {
                    self.context.doubt(&why).await;
                    self.rest(self.context.settings.pause).await;
                }
                Err(failure) if failure.halts() => {
                    blocked = Blocked::by(&failure);
                    self.halt(&failure).await;
                    self.rest(self.context.settings.pause_max).await;
                }
                Err(failure) => {
                    if self.context.state.borrow().eq(&RunnerState::Active) {
                        pause = self.context.settings.pause;
                    }
                    self.rest_after(&failure, &mut pause).await;
                }
            }
        }
        self.context.set_state(RunnerState::Stopped);
    }

    /// Whether the reason for not leading still exists.
    async fn is(&self, blocked: Option<&Blocked>) -> bool {
        match blocked.copied() {
            None => false,
            Some(Blocked::Unfoldable) => true,
            Some(Blocked::Hole {
                stream,
                first,
                last,
            }) => {
                let acknowledged = self
                    .context
                    .log
                    .holes()
                    .is_acknowledged(stream, first, last)
                    .await;
                !acknowledged.unwrap_or(false)
            }
        }
    }

    async fn give_back(&self) {
        if let Err(failure) = self.context.lease.release().await {
            tracing::debug!(projection = self.context.key, %failure, "the lease is left to time out");
        }
        let holder = self.context.holder;
        self.context
            .announce(&Announcement::Released { holder })
            .await;
    }

    async fn halt(&self, failure: &RunnerError) {
        let why = failure.to_string();
        let halted = RunnerState::Halted { why: why.clone() };
        if *self.context.state.borrow() != halted {
            tracing::error!(
                projection = self.context.key,
                why,
                "the read model is halted: folding on would make it wrong"
            );
        }
        // For tools that report the read model's state without access to this process.
        let change = match failure {
            RunnerError::Diverged(_) => Some(CheckpointChange::Halted(why)),
            RunnerError::Unfoldable(_) | RunnerError::Hole { .. } => {
                Some(CheckpointChange::Stuck(Some(why)))
            }
            _ => None,
        };
        let (store, key) = (&self.context.store, &self.context.key);
        let recorded = match change {
            Some(change) => store.amend_checkpoint(key, change).await,
            None => Ok(()),
        };
        if let Err(failure) = recorded {
            tracing::debug!(projection = self.context.key, %failure, "the halt isn't recorded");
        }
        self.context.set_state(halted);
    }

    async fn rest_after(&self, failure: &RunnerError, pause: &mut Duration) {
        // Logged once per outage, and not for each try.
        if matches!(*self.context.state.borrow(), RunnerState::Retrying { .. }) {
            tracing::debug!(projection = self.context.key, %failure, ?pause, "can't fold, trying again");
        } else {
            tracing::warn!(projection = self.context.key, %failure, "can't fold, trying again until it works");
        }
        self.context.set_state(RunnerState::Retrying {
            why: failure.to_string(),
        });
        self.rest(*pause).await;
        *pause = (*pause * 2).min(self.context.settings.pause_max);
    }

    /// Waits, unless it is stopped or the lease is released.
    async fn stand_by(&self) {
        tokio::select! {
            () = self.context.freed.notified() => {}
            () = self.rest(self.context.settings.stand_by) => {}
        }
    }

    /// Waits, unless it is stopped. A released lease doesn't count: two halted processes would keep
    /// waking each other.
    async fn rest(&self, pause: Duration) {
        let _ = timeout(pause, self.context.stop.cancelled()).await;
    }
}

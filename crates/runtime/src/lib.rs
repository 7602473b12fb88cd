//! What every service is started with: the log, the read side, sessions, and the gate that closes
//! when one of them is away. One of these serves all services in one process, or each has its
//! own in a process of its own.
#![deny(missing_docs)]

mod build_info;
mod dead_letter_gauge;
mod difference;
mod health;
mod http_errors;
mod idempotency;
mod launch;
mod log_config;
// utoipa's derive of the parameters names its own types by a longer path than it needs.
#[allow(unused_qualifications)]
pub mod pages;
pub mod reactions;
mod session_keys;

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use eventstore::{Log, Metadata, RestsOn, StoreError, StreamName};
use httpkit::{
    Config, Gate, Prefer, RequestContext, SessionVerifier, Unready, config::ConfigError,
    telemetry::ExportError,
};
use projections::{Progress, ReadError, ReadStore, Runner, RunnerSettings, RunnerState};
use std::{error::Error, io, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use build_info::version;
pub use difference::differences;
pub use http_errors::{failed, read_failed};
pub use launch::{Fallback, Launch};
pub use log_config::log_config;
pub use session_keys::KEYS_KNOWN_WITHIN;

/// How long an answer waits for the service's own read model.
const SETTLE: Duration = Duration::from_secs(2);

/// Whole seconds from now to a moment, rounded up: what `Retry-After` says.
pub fn seconds_to(moment: DateTime<Utc>) -> u64 {
    let left = (moment - Utc::now()).to_std().unwrap_or_default();
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// An answer that tells of a commit: if it is kept for a repeated request, then only while the commit
/// stands.
pub fn telling_of(
    mut answer: HttpResponse,
    stream: StreamName,
    (sequence, commit_id): (u64, Option<Uuid>),
) -> HttpResponse {
    if let Some(commit_id) = commit_id {
        answer.extensions_mut().insert(RestsOn {
            stream: stream.as_str().to_owned(),
            sequence,
            commit_id,
        });
    }
    answer
}

/// What a read model still lacks, for `/readyz`. Where exactly it halted is in the log.
pub fn read_model_lacks(name: &str, runner: &Runner) -> Option<Unready> {
    runner.ready().err()?;
    let reason = match runner.state() {
        RunnerState::Halted { .. } => "has halted, see the log",
        RunnerState::Healing { .. } => "is being filled again: the log lost its last commits",
        _ if !runner.progress().is_of_the_log() => "is compared with the log",
        _ => "is catching up",
    };
    Some(Unready::new(name, reason))
}

/// What services share. Clones share everything.
#[derive(Clone)]
pub struct Runtime {
    /// The configuration.
    pub config: Arc<Config>,
    /// The event log.
    pub log: Log,
    /// Who is signed in.
    pub sessions: SessionVerifier,
    /// Whether everything that the API needs is there.
    pub gate: Gate,
    read: Option<ReadStore>,
    draining: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// A process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log can't be used as it is configured.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The database can't be used as it is configured.
    #[error("MONGODB_URI: {0}")]
    Read(#[from] ReadError),
    /// The configuration is wrong; the message names each variable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A service can't use a setting.
    #[error("{setting}: {source}")]
    Setting {
        /// The environment variable.
        setting: &'static str,
        /// What is wrong with its value.
        source: Source,
    },
    /// A part of a service could not start.
    #[error(transparent)]
    Service(Source),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] ExportError),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}; set HOST and PORT to an address that is free")]
    Listen {
        /// Host and port.
        address: String,
        /// What the system reported.
        source: io::Error,
    },
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] io::Error),
}

/// What an error stems from.
pub type Source = Box<dyn Error + Send + Sync>;

impl StartError {
    /// A setting that a service can't use.
    pub fn setting(setting: &'static str, source: impl Into<Source>) -> Self {
        let source = source.into();
        Self::Setting { setting, source }
    }

    /// A part of a service that could not start.
    pub fn service(source: impl Into<Source>) -> Self {
        Self::Service(source.into())
    }
}

impl Runtime {
    /// Prepares the connections: to the log, and to a database where services keep read models.
    /// Neither server needs to answer yet.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub async fn prepare(
        config: Config,
        client_name: &str,
        read: Option<ReadStore>,
    ) -> Result<Self, StartError> {
        let log = Log::connect(log_config(&config, client_name)).await?;
        Ok(Self {
            config: Arc::new(config),
            log,
            read,
            sessions: SessionVerifier::default(),
            gate: Gate::new(),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Waits until the log is there with its streams, and makes these if this is a new installation:
    /// nothing of the log is there, and no read model was ever made from one.
    ///
    /// # Errors
    /// When NATS doesn't let this process in or is too old, or a stream differs in a way that could
    /// lose data.
    pub async fn wait_for_streams(&self) -> Result<(), StartError> {
        health::wait_for_log(&self.log, self.read.as_ref(), &self.gate).await
    }

    /// Waits until log and database are there and the streams are as they must be, then goes on
    /// watching them.
    ///
    /// # Errors
    /// When a stream differs in a way that could lose data.
    pub async fn connect(&self) -> Result<(), StartError> {
        self.wait_for_streams().await?;
        if let Some(read) = &self.read {
            health::wait_for_database(read, &self.gate).await;
        }
        let stopping = &self.stopping;
        self.tasks.spawn(health::watch_log(
            self.log.clone(),
            self.gate.clone(),
            stopping.clone(),
        ));
        if let Some(read) = &self.read {
            self.tasks.spawn(health::watch_database(
                read.clone(),
                self.gate.clone(),
                stopping.clone(),
            ));
        }
        self.tasks
            .spawn(dead_letter_gauge::watch(self.log.clone(), stopping.clone()));
        self.tasks.spawn(session_keys::follow(
            self.log.clone(),
            self.sessions.clone(),
            stopping.clone(),
        ));
        Ok(())
    }

    /// How projections run here.
    pub fn runner_settings(&self) -> RunnerSettings {
        RunnerSettings::default()
    }

    /// A token that is cancelled when the process was told to stop: answers that would go on for
    /// ever end then, so that the others can be finished.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// A token that is cancelled when the last request was answered.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Ends what [`Runtime::connect`] started.
    pub async fn shutdown(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.log.close().await;
    }

    /// Where a request's command comes from. The request's id becomes the correlation id of
    /// everything that follows from it.
    pub fn metadata(&self, req: &HttpRequest, command_id: Uuid, actor: &impl ToString) -> Metadata {
        let extensions = req.extensions();
        let request_id = extensions
            .get::<RequestContext>()
            .map(|context| context.id().as_str());
        let correlation_id = request_id.map_or_else(|| command_id.to_string(), ToOwned::to_owned);
        // While traces are recorded here, the commit's own span takes its place.
        let trace_parent = req
            .headers()
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(trace::TraceParent::parse);
        Metadata {
            trace_parent: trace_parent.map(|parent| parent.to_string()),
            ..Metadata::of_request(command_id, correlation_id, actor.to_string(), Utc::now())
        }
    }

    /// Waits until a read model shows a commit, unless the caller prefers not to.
    ///
    /// If it doesn't in time the command is answered all the same, since it has taken effect; the
    /// read model's own reads then wait instead, so that none shows less than was acknowledged.
    pub async fn await_read_model(&self, req: &HttpRequest, progress: &Progress, sequence: u64) {
        if Prefer::of_headers(req.headers()).respond_async {
            if let Some(context) = req.extensions().get::<RequestContext>() {
                context.set_answered_early();
            }
            return;
        }
        if !progress.wait_for(sequence, SETTLE).await {
            progress.require_globally(sequence);
        }
    }
}

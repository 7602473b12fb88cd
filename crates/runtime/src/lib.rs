//! The runtime of every service: the log, the read side, sessions, and the gate that closes when
//! one of them is unavailable. One runtime serves all services in one process, or each service has
//! its own process and runtime.
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
mod propagation;
pub mod reactions;
mod session_keys;

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use eventstore::{Log, Metadata, RestsOn, StoreError, StreamName};
use httpkit::{
    Config, Gate, RequestContext, SessionVerifier, Unready, config::ConfigError, prefers_async,
    telemetry::ExportError,
};
use projections::{MongoStore, Progress, ReadError, Runner, RunnerState};
use std::{error::Error, io, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use build_info::version;
pub use difference::differences;
pub use http_errors::{failed, read_failed};
pub use launch::{Fallback, Launch};
pub use log_config::log_config;
pub use session_keys::KEYS_KNOWN_WITHIN;

/// How long a response waits for the service's own read model.
const SETTLE: Duration = Duration::from_secs(2);

/// Whole seconds from now to a moment, rounded up: the value of `Retry-After`.
pub fn seconds_to(moment: DateTime<Utc>) -> u64 {
    let left = (moment - Utc::now()).to_std().unwrap_or_default();
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// Marks a response that reports a commit: if it is stored for a repeated request, it is valid only
/// while the commit exists.
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

/// Why a read model is not ready, for `/readyz`. Where exactly it halted is in the log.
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

/// The state that services share. Clones share everything.
#[derive(Clone)]
pub struct Runtime {
    /// The configuration.
    pub config: Arc<Config>,
    /// The event log.
    pub log: Log,
    /// Verifies sessions.
    pub sessions: SessionVerifier,
    /// Whether everything that the API needs is available.
    pub gate: Gate,
    read: Option<MongoStore>,
    draining: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// Why a process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log can't be used with this configuration.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The database can't be used with this configuration.
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
        /// The reason.
        source: Source,
    },
    /// A part of a service could not start.
    #[error(transparent)]
    Service(Source),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] ExportError),
    /// The address can't be bound.
    #[error("can't listen on {address}: {source}; set HOST and PORT to an address that is free")]
    Listen {
        /// Host and port.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] io::Error),
}

/// The source of an error.
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
        read: Option<MongoStore>,
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

    /// Waits until the log has its streams; creates them in a new installation, where nothing of
    /// the log exists and no read model was ever filled from one.
    ///
    /// # Errors
    /// When NATS rejects this process or is too old, or a stream differs in a way that could lose
    /// data.
    pub async fn wait_for_streams(&self) -> Result<(), StartError> {
        health::wait_for_log(&self.log, self.read.as_ref(), &self.gate).await
    }

    /// Waits until log and database are available and the streams are as they must be, and then
    /// keeps watching them.
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

    /// A token that is cancelled when the process is asked to stop: responses that would never end
    /// then end, so that the others can be completed.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// A token that is cancelled after the last response.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Stops the tasks that [`Runtime::connect`] started.
    pub async fn shutdown(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.log.close().await;
    }

    /// Returns metadata for a request's command. The request's ID becomes the correlation ID of
    /// everything that the command causes.
    pub fn metadata(&self, req: &HttpRequest, command_id: Uuid, actor: &impl ToString) -> Metadata {
        let extensions = req.extensions();
        let request_id = extensions
            .get::<RequestContext>()
            .map(|context| context.id().as_str());
        let correlation_id = request_id.map_or_else(|| command_id.to_string(), ToOwned::to_owned);
        // While this process records traces, the commit's own span replaces it.
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

    /// Waits until a read model reflects a commit, unless the client asks not to.
    ///
    /// After a timeout the command is still acknowledged, since it has taken effect; the read
    /// model's own reads then wait instead, so that none shows less than was acknowledged.
    pub async fn await_read_model(
        &self,
        req: &HttpRequest,
        progress: &Progress,
        (stream, sequence): (StreamName, u64),
    ) {
        if prefers_async(req.headers()) {
            if let Some(context) = req.extensions().get::<RequestContext>() {
                context.set_answered_early();
            }
            return;
        }
        if !progress.wait_for(stream, sequence, SETTLE).await {
            progress.require_globally(stream, sequence);
        }
    }
}

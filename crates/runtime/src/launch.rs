//! From the environment to a running process, the same for every service.

use httpkit::{
    Config, Server, Service, SessionVerifier, config::ConfigError, service::termination, telemetry,
};
use std::{future::Future, net::TcpListener, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

use crate::{Runtime, StartError, build_info::was_asked_for_version};

/// What the gate calls the services themselves, until they run.
const SERVICES: &str = "services";

/// The routes that serve whatever no service does.
pub type Fallback = fn(&mut actix_web::web::ServiceConfig);

/// Runs a process: reads the configuration, listens, waits for log and database, starts the
/// services, serves until SIGTERM or SIGINT, and ends everything in order.
///
/// While something is missing the port answers already: `/healthz` says that the process lives,
/// `/readyz` what it waits for, and the API 503.
///
/// # Errors
/// When the configuration is at fault, the port is taken, or a stream could lose data.
pub async fn launch<F, Fut>(
    name: &str,
    fallback: Option<Fallback>,
    start: F,
) -> Result<(), StartError>
where
    F: FnOnce(Runtime) -> Fut,
    Fut: Future<Output = Result<Vec<Arc<dyn Service>>, StartError>>,
{
    if was_asked_for_version(name) {
        return Ok(());
    }
    let config = Config::from_env().map_err(|error| StartError::Config(error.to_string()))?;
    launch_with(config, name, fallback, start).await
}

/// As [`launch`], for a service that needs more of the configuration than all do: `check` looks at it
/// before anything is waited for, so that a fault is told at once.
///
/// # Errors
/// When the configuration is at fault, the port is taken, or a stream could lose data.
pub async fn launch_checked<F, Fut>(
    name: &str,
    check: impl FnOnce(&Config) -> Result<(), ConfigError>,
    start: F,
) -> Result<(), StartError>
where
    F: FnOnce(Runtime) -> Fut,
    Fut: Future<Output = Result<Vec<Arc<dyn Service>>, StartError>>,
{
    if was_asked_for_version(name) {
        return Ok(());
    }
    let config = Config::from_env().map_err(|error| StartError::Config(error.to_string()))?;
    check(&config).map_err(|error| StartError::Config(error.to_string()))?;
    launch_with(config, name, None, start).await
}

/// As [`launch`], for services that keep no read model: they neither need the database nor wait for
/// it.
///
/// # Errors
/// When the configuration is at fault, the port is taken, or a stream could lose data.
pub async fn launch_on_log<F, Fut>(name: &str, start: F) -> Result<(), StartError>
where
    F: FnOnce(Runtime) -> Fut,
    Fut: Future<Output = Result<Vec<Arc<dyn Service>>, StartError>>,
{
    if was_asked_for_version(name) {
        return Ok(());
    }
    let config = Config::from_env().map_err(|error| StartError::Config(error.to_string()))?;
    run(config, name, Needs::Log, None, start).await
}

/// As [`launch`], with a configuration that was read already.
///
/// # Errors
/// When the configuration is at fault, the port is taken, or a stream could lose data.
pub async fn launch_with<F, Fut>(
    config: Config,
    name: &str,
    fallback: Option<Fallback>,
    start: F,
) -> Result<(), StartError>
where
    F: FnOnce(Runtime) -> Fut,
    Fut: Future<Output = Result<Vec<Arc<dyn Service>>, StartError>>,
{
    run(config, name, Needs::LogAndReadSide, fallback, start).await
}

/// What services can't do without.
enum Needs {
    Log,
    LogAndReadSide,
}

async fn run<F, Fut>(
    config: Config,
    name: &str,
    needs: Needs,
    fallback: Option<Fallback>,
    start: F,
) -> Result<(), StartError>
where
    F: FnOnce(Runtime) -> Fut,
    Fut: Future<Output = Result<Vec<Arc<dyn Service>>, StartError>>,
{
    telemetry::start(&config, name).map_err(|error| StartError::Config(error.to_string()))?;
    eventstore::describe_metrics();
    projections::describe_metrics();
    let fault = |error: std::io::Error| StartError::Serve(error.to_string());
    let address = (config.http.host.clone(), config.http.port);
    let listener = TcpListener::bind((address.0.as_str(), address.1)).map_err(|error| {
        StartError::Serve(format!(
            "can't listen on {}:{}: {error}; set HOST and PORT to an address that is free",
            address.0, address.1
        ))
    })?;
    let told_to_stop = termination().map_err(fault)?;
    let runtime = match needs {
        Needs::Log => Runtime::prepare_on_log(config, name).await?,
        Needs::LogAndReadSide => Runtime::prepare(config, name).await?,
    };

    let (draining, told) = (runtime.draining(), told_to_stop.clone());
    tokio::spawn(async move {
        told.cancelled().await;
        draining.cancel();
    });
    let waiting = StartupServer::open(&runtime, &listener).map_err(fault)?;
    let services = async {
        runtime.connect().await?;
        start(runtime.clone()).await
    };
    let services = tokio::select! {
        services = services => services?,
        () = told_to_stop.cancelled() => return Ok(()),
    };
    let mut serving = Server::new(
        &runtime.config.http,
        runtime.gate.clone(),
        runtime.sessions.clone(),
    )
    .services(services)
    .listener(listener)
    .stop_on(told_to_stop);
    if let Some(fallback) = fallback {
        serving = serving.fallback(fallback);
    }
    let bound = serving.bind().map_err(fault)?;
    waiting.close().await;
    runtime.gate.up(SERVICES);
    let ended = bound.run().await.map_err(fault);
    runtime.shutdown().await;
    telemetry::flush().await;
    ended
}

/// Says why a process could not start, on standard error, and with which code it ends.
pub fn exit_code(ended: Result<(), StartError>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What answers on the port until the services do.
struct StartupServer {
    closing: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl StartupServer {
    fn open(runtime: &Runtime, listener: &TcpListener) -> std::io::Result<Self> {
        let closing = CancellationToken::new();
        runtime.gate.down(SERVICES, "starting");
        let room = Server::new(
            &runtime.config.http,
            runtime.gate.clone(),
            SessionVerifier::default(),
        )
        .listener(listener.try_clone()?)
        .stop_on(closing.clone())
        .bind()?;
        Ok(Self {
            closing,
            server: tokio::spawn(room.run()),
        })
    }

    async fn close(self) {
        self.closing.cancel();
        if let Err(error) = self.server.await {
            tracing::debug!(%error, "the waiting room did not close cleanly");
        }
    }
}

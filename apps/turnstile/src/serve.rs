//! `turnstile serve`: the services and the web app, all in one process or any of them.

use analytics::AnalyticsService;
use auth::AuthService;
use expiration::ExpirationService;
use httpkit::ExposeSecret as _;
use httpkit::{Config, Gate, Server, Service, SessionVerifier, service::termination, telemetry};
use orders::OrdersService;
use payments::PaymentsService;
use projections::MongoStore;
use runtime::{Launch, Runtime, StartError};
use std::sync::Arc;
use tickets::TicketsService;
use utoipa::openapi::OpenApi;

use crate::{assets, commands::Servers};

/// A part of the program to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Part {
    /// Accounts and sessions; needs no MongoDB
    Auth,
    /// Tickets for sale
    Tickets,
    /// Orders, which hold tickets
    Orders,
    /// Payments
    Payments,
    /// Schedules the end of each order's hold; needs no MongoDB
    Expiration,
    /// Live figures for analysts; needs no MongoDB
    Analytics,
    /// The web app and the description of the API; alone, it needs neither NATS nor MongoDB
    Web,
}

/// Serve the API, the workers and the web app
///
/// Without a name, everything runs in one process. With names, only these services run: in a
/// cluster each has its own process, NATS user and number of replicas.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The services to run [default: everything]
    #[arg(value_enum, value_name = "SERVICE")]
    parts: Vec<Part>,
}

impl ServeArgs {
    fn includes(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    fn keeps_read_models(&self) -> bool {
        let keep = [Part::Tickets, Part::Orders, Part::Payments];
        keep.into_iter().any(|part| self.includes(part))
    }

    /// The name of the process in NATS, traces and logs.
    fn process_name(&self) -> &'static str {
        match self.parts.as_slice() {
            [part] => part.into(),
            _ => "turnstile",
        }
    }
}

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn serve(args: &ServeArgs, servers: &Servers) -> Result<(), StartError> {
    let config = servers.config()?;
    if args.parts == [Part::Web] {
        return serve_web(&config, args).await;
    }
    if args.includes(Part::Payments) {
        // Before waiting for any server.
        config.payments_to_serve()?;
    }
    let read = if args.keeps_read_models() {
        let (uri, database) = (config.mongodb_uri.expose_secret(), &config.mongodb_database);
        Some(MongoStore::connect(uri, database).await?)
    } else {
        None
    };
    let launch = Launch {
        config,
        name: args.process_name(),
        read: read.clone(),
        fallback: args.includes(Part::Web).then_some(assets::routes as _),
    };
    launch
        .run(async |runtime| start(args, &runtime, read.as_ref()).await)
        .await
}

/// Starts the selected services, in the order of the API's description. `read` exists if one of
/// them needs it.
async fn start(
    args: &ServeArgs,
    runtime: &Runtime,
    read: Option<&MongoStore>,
) -> Result<Vec<Arc<dyn Service>>, StartError> {
    let mut services: Vec<Arc<dyn Service>> = Vec::new();
    if args.includes(Part::Auth) {
        services.push(Arc::new(AuthService::start(runtime).await?));
    }
    if let Some(read) = read {
        if args.includes(Part::Tickets) {
            services.push(Arc::new(TicketsService::start(runtime, read).await?));
        }
        if args.includes(Part::Orders) {
            services.push(Arc::new(OrdersService::start(runtime, read).await?));
        }
        if args.includes(Part::Payments) {
            services.push(Arc::new(PaymentsService::start(runtime, read).await?));
        }
    }
    if args.includes(Part::Expiration) {
        services.push(Arc::new(ExpirationService::start(runtime)));
    }
    if args.includes(Part::Analytics) {
        services.push(Arc::new(AnalyticsService::start(runtime)));
    }
    services.extend(described_by_web(args));
    Ok(services)
}

/// Serves the web app alone, which waits for no server.
async fn serve_web(config: &Config, args: &ServeArgs) -> Result<(), StartError> {
    telemetry::start(config, args.process_name())?;
    Server::new(&config.http, Gate::new(), SessionVerifier::default())
        .services(described_by_web(args))
        .fallback(assets::routes)
        .stop_on(termination()?)
        .bind()?
        .run()
        .await?;
    Ok(())
}

/// A service that runs in another process: only the description of its routes is served here.
struct Described {
    part: Part,
    openapi: fn() -> OpenApi,
}

/// The services that the web app's process describes but doesn't serve.
fn described_by_web(args: &ServeArgs) -> impl Iterator<Item = Arc<dyn Service>> {
    let all: [(Part, fn() -> OpenApi); 5] = [
        (Part::Auth, auth::openapi),
        (Part::Tickets, tickets::openapi),
        (Part::Orders, orders::openapi),
        (Part::Payments, payments::openapi),
        (Part::Analytics, analytics::openapi),
    ];
    all.into_iter()
        .filter(|(part, _)| args.includes(Part::Web) && !args.includes(*part))
        .map(|(part, openapi)| Arc::new(Described { part, openapi }) as Arc<dyn Service>)
}

impl Service for Described {
    fn name(&self) -> &'static str {
        self.part.into()
    }

    fn openapi(&self) -> OpenApi {
        (self.openapi)()
    }
}

//! A deployment of the marketplace, with its own servers.

use std::collections::HashMap;
use tempfile::TempDir;
use testkit::{
    Client, DropAcksProxy, Mongo, Nats, Person, ProxyRoutes, Router, SERVICES, TestApp, Tool,
    stripe,
};

use super::{Charge, money};

pub const TURNSTILE: &str = env!("CARGO_BIN_EXE_turnstile");
/// The signing secret of webhooks after [`SiteBuilder::stripe`].
pub const WEBHOOK_SECRET: &str = "whsec_standin";

/// How the services run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// All in one process.
    AllInOne,
    /// One process each, behind a proxy that routes by path.
    Separate,
}

/// The whole marketplace; all of it ends with the value.
pub struct Site {
    /// The processes: one, or one per service. Before their servers, so that they end first.
    pub apps: Vec<TestApp>,
    /// The log's server.
    pub nats: Nats,
    /// The read models' database.
    pub mongo: Mongo,
    client: Client,
    envs: Vec<(String, String)>,
    _router: Option<Router>,
    data_dir: TempDir,
}

/// How to start a [`Site`].
pub struct SiteBuilder {
    deployment: Deployment,
    envs: Vec<(String, String)>,
    nats: Option<Nats>,
    nats_url: Option<String>,
    mongo: Option<Mongo>,
    mongo_uri: Option<String>,
}

impl Site {
    /// Everything in one process, with the default configuration.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> SiteBuilder {
        SiteBuilder {
            deployment: Deployment::AllInOne,
            envs: Vec::new(),
            nats: None,
            nats_url: None,
            mongo: None,
            mongo_uri: None,
        }
    }

    /// A client without a session.
    pub fn anyone(&self) -> Client {
        self.client.anonymous()
    }

    /// A user who just signed up.
    pub async fn person(&self) -> Person {
        self.client.person().await
    }

    /// A user who signed up at another site on the same log, here.
    pub fn at(&self, person: &Person) -> Person {
        let client = self.client.anonymous();
        client.set_session(person.session().as_deref());
        Person {
            client,
            user: person.user.clone(),
        }
    }

    /// The one process of a deployment that has one.
    pub fn app(&self) -> &TestApp {
        assert_eq!(self.apps.len(), 1, "this site has several processes");
        &self.apps[0]
    }

    /// The processes that need MongoDB, and those that don't: a service without a read model, in a
    /// separate process, needs only the log.
    pub fn by_need_of_mongodb(&self) -> (Vec<&TestApp>, Vec<&TestApp>) {
        let alone = self.apps.len() > 1;
        let on_log = ["auth", "expiration", "analytics"];
        let all = self.apps.iter().zip(SERVICES);
        let (without, with): (Vec<_>, Vec<_>) =
            all.partition(|(_, (name, _))| alone && on_log.contains(name));
        let apps = |found: Vec<(_, _)>| found.into_iter().map(|(app, _)| app).collect();
        (apps(with), apps(without))
    }

    /// Runs the operator's tool against this site.
    pub async fn tool(&self, args: &[&str]) -> Tool {
        let mut command = tokio::process::Command::new(TURNSTILE);
        let envs = self.envs.iter().map(|(name, value)| (name, value));
        Tool::run(command.args(args).envs(envs)).await
    }

    /// The provider's charges, by order.
    pub fn charges(&self) -> HashMap<String, Charge> {
        money::charges(self.data_dir.path())
    }

    /// Checks that the log and the payment provider agree on every payment.
    pub async fn assert_money_agrees(&self) {
        self.tool(&["reconcile"]).await.assert_success();
    }

    /// Checks that the read models equal a fresh replay of the log.
    pub async fn assert_read_models_agree(&self) {
        self.tool(&["verify"]).await.assert_success();
    }
}

impl SiteBuilder {
    /// With one process per service, behind a proxy.
    pub fn separate(mut self) -> Self {
        self.deployment = Deployment::Separate;
        self
    }

    /// With this variable in the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.envs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this stand-in as the payment provider.
    pub fn stripe(self, standin: &stripe::StandIn) -> Self {
        self.env("PAYMENTS", "stripe-test")
            .env("STRIPE_SECRET_KEY", stripe::KEY)
            .env("STRIPE_PUBLISHABLE_KEY", stripe::PUBLISHABLE_KEY)
            .env("STRIPE_API_BASE", standin.base())
            .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
    }

    /// With this NATS server instead of a new one.
    pub fn nats(mut self, nats: &Nats) -> Self {
        self.nats = Some(nats.clone());
        self
    }

    /// With this database instead of a new one.
    pub fn mongo(mut self, mongo: &Mongo) -> Self {
        self.mongo = Some(mongo.clone());
        self
    }

    /// Behind a proxy that can lose acknowledgments and publications.
    pub async fn behind_proxy(self) -> (Self, DropAcksProxy) {
        let nats = Nats::start().await;
        let proxy = DropAcksProxy::start(nats.url(), 7).await;
        (self.nats(&nats).nats_url(proxy.url()), proxy)
    }

    /// With another address of NATS, such as a proxy's.
    pub fn nats_url(mut self, url: &str) -> Self {
        self.nats_url = Some(url.to_owned());
        self
    }

    /// With another address of MongoDB, such as a proxy's.
    pub fn mongo_uri(mut self, uri: &str) -> Self {
        self.mongo_uri = Some(uri.to_owned());
        self
    }

    /// Starts it, and waits until it is ready.
    pub async fn start(self) -> Site {
        let site = self.start_unready().await;
        for app in &site.apps {
            app.wait_ready().await;
        }
        site
    }

    /// Starts it, and returns without waiting.
    pub async fn start_unready(self) -> Site {
        let nats = match self.nats {
            Some(nats) => nats,
            None => Nats::start().await,
        };
        let mongo = match self.mongo {
            Some(mongo) => mongo,
            None => Mongo::database().await,
        };
        let nats_url = self.nats_url.unwrap_or_else(|| nats.url().to_owned());
        let mongo_uri = self.mongo_uri.unwrap_or_else(|| mongo.uri().to_owned());
        let data_dir = TempDir::with_prefix("site-").unwrap();
        let mut envs = vec![
            ("NATS_URL".to_owned(), nats_url),
            ("MONGODB_URI".to_owned(), mongo_uri),
            ("MONGODB_DATABASE".to_owned(), mongo.name().to_owned()),
            (
                "DATA_DIR".to_owned(),
                data_dir.path().to_str().unwrap().to_owned(),
            ),
            ("PAYMENTS".to_owned(), "sandbox".to_owned()),
        ];
        envs.extend(self.envs);
        let (apps, router) = match self.deployment {
            Deployment::AllInOne => {
                let app = TestApp::builder(TURNSTILE).arg("serve").envs(&envs);
                (vec![app.start_unready().await], None)
            }
            Deployment::Separate => start_services(&envs).await,
        };
        let client = match &router {
            Some(router) => Client::new(router.url()),
            None => apps[0].client(),
        };
        Site {
            apps,
            nats,
            mongo,
            client,
            envs,
            _router: router,
            data_dir,
        }
    }
}

async fn start_services(envs: &[(String, String)]) -> (Vec<TestApp>, Option<Router>) {
    let mut apps = Vec::new();
    for (service, _) in SERVICES {
        let app = TestApp::builder(TURNSTILE)
            .arg("serve")
            .arg(service)
            .envs(envs);
        apps.push(app.start_unready().await);
    }
    let address = |app: &TestApp| app.base_url().trim_start_matches("http://").to_owned();
    let mut routes: ProxyRoutes = SERVICES
        .iter()
        .zip(&apps)
        .map(|((_, path), app)| (*path, vec![address(app)]))
        .collect();
    routes.push(("/", vec![address(&apps[0])]));
    (apps, Some(Router::start(routes).await))
}

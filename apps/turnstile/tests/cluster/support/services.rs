//! The services as processes, one or several of each, behind one address.

use testkit::{Client, ProxyRoutes, Router, SERVICES, TestApp, Tool};

use super::TURNSTILE;

/// One process of a service.
pub struct Service {
    pub name: &'static str,
    pub app: TestApp,
}

/// The marketplace, without its servers.
pub struct Site {
    pub services: Vec<Service>,
    router: Router,
}

impl Site {
    /// Starts this number of processes of each service concurrently, each with the variables that
    /// `envs` returns for its name; returns when all are ready.
    pub async fn start(copies: usize, envs: impl Fn(&str) -> Vec<(String, String)>) -> Self {
        let mut services = Vec::new();
        let mut routes = ProxyRoutes::new();
        for (name, path) in SERVICES {
            let mut addresses = Vec::new();
            for _ in 0..copies {
                let app = builder(name, &envs(name)).start_unready().await;
                addresses.push(app.base_url().trim_start_matches("http://").to_owned());
                services.push(Service { name, app });
            }
            routes.push((path, addresses));
        }
        for service in &services {
            service.app.wait_ready().await;
        }
        Self {
            services,
            router: Router::start(routes).await.probing(),
        }
    }

    /// A client of the one address.
    pub fn client(&self) -> Client {
        Client::new(self.router.url())
    }

    /// The processes of one service.
    pub fn all(&self, name: &str) -> Vec<&TestApp> {
        let all = self.services.iter().filter(|service| service.name == name);
        all.map(|service| &service.app).collect()
    }
}

/// A process of a service, not yet started.
pub fn builder(name: &str, envs: &[(String, String)]) -> testkit::AppBuilder {
    TestApp::builder(TURNSTILE)
        .arg("serve")
        .arg(name)
        .envs(envs)
}

/// A signing key that all processes of `auth` share.
pub fn session_key() -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    ("SESSION_PRIVATE_KEY".to_owned(), key.serialize_pem())
}

/// Runs the operators' tool.
pub async fn tool(args: &[&str], envs: &[(String, String)]) -> Tool {
    let mut command = tokio::process::Command::new(TURNSTILE);
    let envs = envs.iter().map(|(name, value)| (name, value));
    Tool::run(command.args(args).envs(envs)).await
}

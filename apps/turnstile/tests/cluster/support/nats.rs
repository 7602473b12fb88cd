//! Three NATS servers, with the configuration of production.

use async_nats::{Client, ConnectOptions};
use std::path::PathBuf;
use tempfile::TempDir;
use testkit::{LONG, Nats, NatsOptions, eventually};

use super::{Certificates, password, production, replaced, tool};

/// All users in the configuration.
pub const USERS: [&str; 8] = [
    "auth",
    "tickets",
    "orders",
    "payments",
    "expiration",
    "analytics",
    "operator",
    "backup",
];

/// Three servers; they end with the value.
pub struct NatsCluster {
    pub members: Vec<Nats>,
    pub certificates: Certificates,
    _data: TempDir,
}

impl NatsCluster {
    pub async fn start() -> Self {
        let certificates = Certificates::make();
        let data = TempDir::with_prefix("nats-cluster-").unwrap();
        let port = || devservers::free_port().unwrap();
        let ports: Vec<[u16; 3]> = (0..3).map(|_| [port(), port(), port()]).collect();
        let mut members = Vec::new();
        for (n, [client, cluster, monitoring]) in ports.iter().copied().enumerate() {
            let folder = data.path().join(format!("nats-{n}"));
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(
                folder.join("accounts.conf"),
                production("nats/accounts.conf"),
            )
            .unwrap();
            let mut config = production("nats/nats.conf");
            for (what, port) in [(4222, client), (6222, cluster), (8222, monitoring)] {
                let (what, with) = (format!("0.0.0.0:{what}"), format!("127.0.0.1:{port}"));
                config = replaced(&config, &what, &with);
            }
            for (of, [_, cluster, _]) in ports.iter().enumerate() {
                let what = format!("nats-{of}.nats:6222");
                config = replaced(&config, &what, &format!("127.0.0.1:{cluster}"));
            }
            let path = |path: PathBuf| path.to_str().unwrap().to_owned();
            config = replaced(&config, "/etc/nats-tls", &path(certificates.of_servers()));
            config = replaced(
                &config,
                "\"/data\"",
                &format!("\"{}\"", folder.join("data").display()),
            );
            config = replaced(
                &config,
                "/run/nats/nats.pid",
                &path(folder.join("nats.pid")),
            );
            let mut env = vec![("POD_NAME".to_owned(), format!("nats-{n}"))];
            for user in USERS {
                let name = format!("NATS_PASSWORD_{}", user.to_uppercase());
                env.push((name, password(user)));
            }
            members.push(NatsOptions {
                port: Some(client),
                data_dir: Some(folder),
                config: Some(config),
                env,
                ..NatsOptions::default()
            });
        }
        let mut running = Vec::new();
        for member in members {
            running.push(Nats::start_with(member).await);
        }
        let cluster = Self {
            members: running,
            certificates,
            _data: data,
        };
        let context = async_nats::jetstream::new(cluster.client("operator").await);
        eventually("the servers agree on a leader", LONG, || async {
            context.query_account().await
        })
        .await;
        cluster
    }

    /// Like [`Self::start`], with the streams of an installation, which no service may create.
    pub async fn with_streams() -> Self {
        let cluster = Self::start().await;
        let operator = cluster.envs("operator");
        eventually("the streams exist", LONG, || async {
            let made = tool(&["streams", "migrate", "--yes"], &operator).await;
            (made.code == 0).then_some(()).ok_or(made.stderr)
        })
        .await;
        cluster
    }

    /// All addresses, for `NATS_URL`.
    pub fn url(&self) -> String {
        let urls = self.members.iter().map(Nats::url);
        let urls: Vec<_> = urls.map(|url| url.replace("nats://", "tls://")).collect();
        urls.join(",")
    }

    /// The variables of a process that signs in as this user.
    pub fn envs(&self, user: &str) -> Vec<(String, String)> {
        let file = |file| self.certificates.of_clients(file);
        [
            ("NATS_URL", self.url()),
            ("NATS_CA_FILE", file("ca.crt")),
            ("NATS_CERT_FILE", file("tls.crt")),
            ("NATS_KEY_FILE", file("tls.key")),
            ("NATS_USER", user.to_owned()),
            ("NATS_PASSWORD", password(user)),
            ("STREAM_REPLICAS", "3".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The options to connect as this user.
    pub fn options(&self, user: &str) -> ConnectOptions {
        let file = |file| self.certificates.of_clients(file).into();
        ConnectOptions::new()
            .add_root_certificates(file("ca.crt"))
            .add_client_certificate(file("tls.crt"), file("tls.key"))
            .custom_inbox_prefix(format!("_INBOX.{user}"))
            .user_and_password(user.to_owned(), password(user))
    }

    /// A connection of this user.
    pub async fn client(&self, user: &str) -> Client {
        self.options(user).connect(self.addresses()).await.unwrap()
    }

    /// All addresses, for a separate client.
    pub fn addresses(&self) -> Vec<async_nats::ServerAddr> {
        let urls = self.url();
        urls.split(',').map(|url| url.parse().unwrap()).collect()
    }

    /// The servers' log lines with these words.
    pub fn complaints(&self, words: &str) -> Vec<String> {
        let mut found = Vec::new();
        for member in &self.members {
            let log = std::fs::read_to_string(member.server().log()).unwrap_or_default();
            let lines = log.lines().filter(|line| line.contains(words));
            found.extend(lines.map(str::to_owned));
        }
        found
    }
}

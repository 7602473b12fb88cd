//! A running system: the program that serves, and its servers.

use serde_json::Value;
use testkit::{Mongo, Nats, TestApp};

use super::{TURNSTILE, Tool, tool};

pub struct System {
    pub nats: Nats,
    pub mongo: Mongo,
    pub app: TestApp,
}

impl System {
    /// An empty one.
    pub async fn start() -> Self {
        Self::on(Nats::start().await).await
    }

    /// One on an existing log.
    pub async fn on(nats: Nats) -> Self {
        let mongo = Mongo::database().await;
        let app = TestApp::builder(TURNSTILE)
            .arg("serve")
            .nats(nats.url())
            .mongo(&mongo)
            .start()
            .await;
        Self { nats, mongo, app }
    }

    /// The tool's options for this MongoDB.
    pub fn mongodb(&self) -> [&str; 4] {
        let (uri, name) = (self.mongo.uri(), self.mongo.name());
        ["--mongodb-uri", uri, "--mongodb-database", name]
    }

    pub async fn tool(&self, args: &[&str]) -> Tool {
        let args: Vec<_> = args.iter().copied().chain(self.mongodb()).collect();
        tool(self.nats.url(), &args).await
    }

    pub async fn read_model(&self, name: &str) -> Value {
        let models = self
            .tool(&["projections", "ls", "--sample", "20"])
            .await
            .well()
            .json();
        let found = models.into_iter().find(|model| model["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }
}

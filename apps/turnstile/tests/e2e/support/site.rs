//! A marketplace, and visitors.

use std::path::Path;

use serde_json::json;
use testkit::{Client, Mongo, Nats, TestApp, TestUser};

use super::Browser;

/// A marketplace with real servers; it ends with the value.
pub struct Site {
    pub app: TestApp,
    nats: Nats,
    _mongo: Mongo,
}

/// A user who signed up, without a browser: for actions elsewhere.
pub struct Visitor {
    pub client: Client,
    pub user: TestUser,
}

impl Site {
    /// The marketplace with its default configuration.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The marketplace with these variables.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../frontend/dist/index.html");
        assert!(
            dist.is_file(),
            "the web app isn't built: `cargo xtask build-web` builds it"
        );
        let (nats, mongo) = (Nats::start().await, Mongo::database().await);
        let mut app = TestApp::builder(env!("CARGO_BIN_EXE_turnstile"))
            .arg("serve")
            .nats(nats.url())
            .mongo(&mongo);
        for (name, value) in variables {
            app = app.env(name, *value);
        }
        Self {
            app: app.start().await,
            nats,
            _mongo: mongo,
        }
    }

    /// A browser at this marketplace, without a session.
    pub async fn browser(&self) -> Browser {
        Browser::start(self.app.base_url()).await
    }

    /// A user who signed up.
    pub async fn visitor(&self) -> Visitor {
        let (client, user) = self.app.sign_up().await;
        Visitor { client, user }
    }

    /// Grants a visitor a role, as operators do.
    pub async fn grants(&self, role: &str, visitor: &Visitor) {
        self.tool(&["users", "grant", &visitor.user.email, role])
            .await;
    }

    /// Revokes the role.
    pub async fn revokes(&self, role: &str, visitor: &Visitor) {
        self.tool(&["users", "revoke", &visitor.user.email, role])
            .await;
    }

    async fn tool(&self, args: &[&str]) {
        let mut tool = tokio::process::Command::new(env!("CARGO_BIN_EXE_turnstile"));
        let done = tool.args(args).env("NATS_URL", self.nats.url());
        let done = done.output().await.unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{args:?}: {told}");
    }

    /// A browser in which a visitor is signed in, at an address of the site.
    pub async fn browser_of(&self, visitor: &Visitor, path: &str) -> Browser {
        let browser = self.browser().await;
        // A cookie belongs to an open site.
        browser.open("/robots.txt").await;
        browser.take_session(&visitor.client).await;
        browser.open(path).await;
        browser
    }
}

impl Visitor {
    /// Lists a ticket; returns its ID.
    pub async fn offers(&self, title: &str, price: f64) -> String {
        let ticket = json!({"title": title, "price": price});
        self.client
            .post("/api/tickets", ticket)
            .await
            .expect_status(201)
            .id()
    }

    /// Orders a ticket; returns the order's ID.
    pub async fn orders(&self, ticket: &str) -> String {
        let order = json!({"ticketId": ticket});
        self.client
            .post("/api/orders", order)
            .await
            .expect_status(201)
            .id()
    }

    /// Cancels an order.
    pub async fn cancels(&self, order: &str) {
        let path = format!("/api/orders/{order}");
        self.client.delete(&path).await.assert_status(204);
    }

    /// Pays an order.
    pub async fn pays(&self, order: &str) {
        let payment = json!({"orderId": order, "token": "tok_visa"});
        self.client
            .post("/api/payments", payment)
            .await
            .assert_status(201);
    }
}

//! A marketplace, and visitors.

use std::path::Path;

use testkit::{Mongo, Nats, Person, TestApp};

use super::Browser;

/// A marketplace with real servers; it ends with the value.
pub struct Site {
    pub app: TestApp,
    nats: Nats,
    _mongo: Mongo,
}

/// A ticket for sale, with its seller and a buyer: what most tests begin with.
pub struct Sale {
    pub site: Site,
    pub seller: Person,
    pub buyer: Person,
    pub ticket: String,
}

impl Sale {
    /// A marketplace with one ticket, "Opera" for $40.
    pub async fn start() -> Self {
        let site = Site::start().await;
        let (seller, buyer) = (site.person().await, site.person().await);
        let ticket = seller.sell("Opera", 40).await;
        Self {
            site,
            seller,
            buyer,
            ticket,
        }
    }
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

    /// A user who signed up, without a browser: for actions elsewhere.
    pub async fn person(&self) -> Person {
        self.app.person().await
    }

    /// Grants a visitor a role, as operators do.
    pub async fn grants(&self, role: &str, person: &Person) {
        self.tool(&["users", "grant", &person.user.email, role])
            .await;
    }

    /// Revokes the role.
    pub async fn revokes(&self, role: &str, person: &Person) {
        self.tool(&["users", "revoke", &person.user.email, role])
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
    pub async fn browser_of(&self, person: &Person, path: &str) -> Browser {
        let browser = self.browser().await;
        // A cookie belongs to an open site.
        browser.open("/robots.txt").await;
        browser.take_session(&person.client).await;
        browser.open(path).await;
        browser
    }
}

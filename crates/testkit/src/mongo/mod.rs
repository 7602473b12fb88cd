//! A MongoDB database for one test.

use std::env;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use devservers::{MongoOptions, MongoServer};
use uuid::Uuid;

use crate::blocking;

mod proxy;
mod wire;

pub use proxy::MongoProxy;

/// A database on a MongoDB server that several tests may share.
///
/// It is deleted with the last clone of the value, if its server outlives it: databases that
/// accumulate on a server slow it down until it stalls. So end everything that uses it first.
#[derive(Debug, Clone)]
pub struct Mongo {
    uri: String,
    // Before the server, so that the server still runs when the database is deleted.
    database: Arc<TestDatabase>,
    /// `None` for the server at `TEST_MONGODB_URI`, which isn't ours.
    server: Option<Arc<MongoServer>>,
}

#[derive(Debug)]
struct TestDatabase {
    name: String,
    address: String,
    /// The server, while it is in use.
    server: Option<Weak<MongoServer>>,
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The value that owns this still holds the server.
        let outlived = self
            .server
            .as_ref()
            .is_none_or(|server| server.strong_count() > 1);
        if outlived {
            // A server that is down or frozen keeps it, which no test cares about.
            let _ = wire::drop_database(&self.address, &self.name);
        }
    }
}

/// `host:port` of a `mongodb://` address.
fn address_of(uri: &str) -> &str {
    let rest = uri.trim_start_matches("mongodb://");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
    rest.split(['/', '?', ',']).next().unwrap_or(rest)
}

/// The server of this process, as long as one of its tests uses it: a value that lives until the
/// end of the process would leave its temporary folder behind.
static SHARED: Mutex<Weak<MongoServer>> = Mutex::new(Weak::new());

impl Mongo {
    /// A new, empty database on the server at `TEST_MONGODB_URI`; without that, on a server that
    /// the tests of this process share.
    pub async fn database() -> Self {
        if let Ok(uri) = env::var("TEST_MONGODB_URI") {
            return Self::new(uri, None);
        }
        let server = blocking::run("start MongoDB", shared).await;
        Self::new(server.url().to_owned(), Some(server))
    }

    /// A new database on its own server, for tests that kill or freeze it.
    pub async fn own() -> Self {
        let start = || MongoServer::start(&MongoOptions::default());
        let server = Arc::new(blocking::run("start MongoDB", start).await);
        Self::new(server.url().to_owned(), Some(server))
    }

    /// Another empty database on the same server.
    #[must_use]
    pub fn another_database(&self) -> Self {
        Self::new(self.uri.clone(), self.server.clone())
    }

    /// `mongodb://127.0.0.1:PORT`, the same after a restart.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.database.name
    }

    /// Kills the server (`SIGKILL`); returns when it is gone. Only after [`Mongo::own`].
    pub async fn kill9(&self) {
        let server = self.own_server();
        blocking::run("kill MongoDB", move || server.kill9()).await;
    }

    /// Restarts the server on the same port and data (after a clean end, if it is running); returns
    /// when it accepts connections. Only after [`Mongo::own`].
    pub async fn restart(&self) {
        let server = self.own_server();
        blocking::run("restart MongoDB", move || server.restart()).await;
    }

    /// Freezes the server: connections stay open, and nothing is answered. Only after
    /// [`Mongo::own`].
    pub fn pause(&self) {
        let server = self.own_server();
        server.pause().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// Resumes the server after [`Mongo::pause`].
    pub fn resume(&self) {
        let server = self.own_server();
        server.resume().unwrap_or_else(|e| panic!("{e:#}"));
    }

    fn new(uri: String, server: Option<Arc<MongoServer>>) -> Self {
        let database = TestDatabase {
            name: format!("test_{}", Uuid::new_v4().simple()),
            address: address_of(&uri).to_owned(),
            server: server.as_ref().map(Arc::downgrade),
        };
        Self {
            uri,
            database: Arc::new(database),
            server,
        }
    }

    fn own_server(&self) -> Arc<MongoServer> {
        let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.server {
            Some(server) if !std::ptr::eq(shared.as_ptr(), Arc::as_ptr(server)) => server.clone(),
            _ => panic!("other tests use this MongoDB server: use Mongo::own()"),
        }
    }
}

fn shared() -> Result<Arc<MongoServer>, String> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Ok(running);
    }
    let server = MongoServer::start(&MongoOptions::default()).map_err(|e| format!("{e:#}"))?;
    let server = Arc::new(server);
    *shared = Arc::downgrade(&server);
    Ok(server)
}

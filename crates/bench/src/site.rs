//! The whole marketplace on this machine, as `cargo xtask up` runs it, and one signed-in user.

use anyhow::{Context, Result, bail};
use devservers::{MongoServer, NatsServer};
use std::{path::Path, time::Duration};
use tokio::runtime::Runtime;

use crate::{
    cpu::{Processes, resident_mib},
    http, load,
    raw_publish::RawPublisher,
    sample::Sample,
    servers::{self, HttpChild, Stores},
};

/// The servers and the program, until dropped.
pub struct Site {
    // In the order in which they end.
    pub turnstile: HttpChild,
    pub nats: NatsServer,
    mongodb: MongoServer,
    pub processes: Processes,
    /// The header lines of every request of the user.
    pub cookie: String,
    publisher: RawPublisher,
}

impl Site {
    /// Starts everything and signs a user up.
    pub fn start(
        program: &Path,
        folder: &Path,
        sync_always: bool,
        runtime: &Runtime,
    ) -> Result<Self> {
        let folder = folder.join("site");
        let nats = servers::nats(&folder.join("nats"), sync_always)?;
        let mongodb = servers::mongodb(&folder.join("mongodb"))?;
        let stores = Stores {
            nats: nats.url(),
            mongodb: mongodb.url(),
            database: "bench",
        };
        let turnstile = servers::turnstile(program, &folder, stores)?;
        let processes = Processes::with_load()
            .and("turnstile", turnstile.pid())
            .and("nats", nats.pid())
            .and("mongodb", mongodb.pid());
        Ok(Self {
            cookie: sign_up(&turnstile)?,
            publisher: runtime.block_on(RawPublisher::connect(nats.url()))?,
            turnstile,
            nats,
            mongodb,
            processes,
        })
    }

    /// The raw side of commands: see [`RawPublisher`].
    pub fn publish_raw(&self, runtime: &Runtime, duration: Duration) -> Result<Sample> {
        runtime.block_on(self.publisher.run(duration))
    }

    /// Resident memory of the program, in MiB.
    pub fn memory(&self) -> Option<f64> {
        self.turnstile.pid().and_then(resident_mib)
    }

    /// Ends everything, the program first.
    pub fn end(self) -> Result<()> {
        self.turnstile.end()?;
        self.mongodb.terminate()?;
        self.nats.terminate()
    }
}

fn sign_up(turnstile: &HttpChild) -> Result<String> {
    let body = br#"{"email":"bench@example.com","password":"measured-twice"}"#;
    let mut request = Vec::new();
    http::request(&mut request, "POST", "/api/users/signup", "", body);
    load::once(turnstile.address, &request, |answer| {
        if answer.status != 201 {
            let text = String::from_utf8_lossy(answer.body);
            bail!("the sign-up answered {} {text}", answer.status);
        }
        let cookies = answer.headers("set-cookie");
        let session = cookies
            .iter()
            .filter_map(|cookie| cookie.split(';').next())
            .find(|cookie| cookie.starts_with("session="));
        let session = session.context("the sign-up set no session cookie")?;
        Ok(format!("Cookie: {session}\r\n"))
    })
}

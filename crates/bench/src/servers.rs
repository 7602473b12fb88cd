//! The servers of a measurement, each with its own folder and port.

use anyhow::{Result, bail};
use devservers::{
    ChildProcess, MongoOptions, MongoServer, NatsOptions, NatsServer, ProcessSpec, free_port,
    last_lines,
};
use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{http, load, machine::cores};

const READY: Duration = Duration::from_mins(5);
const GRACE: Duration = Duration::from_secs(40);

/// An HTTP server as a child process.
pub struct HttpChild {
    process: ChildProcess,
    pub address: SocketAddr,
    /// Time from its start until it was ready.
    pub ready_after: Duration,
}

/// The addresses of NATS and MongoDB.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    pub nats: &'a str,
    pub mongodb: &'a str,
    pub database: &'a str,
}

/// Starts NATS in a new folder.
pub fn nats(folder: &Path, sync_always: bool) -> Result<NatsServer> {
    NatsServer::start(&NatsOptions {
        data_dir: Some(fresh(folder)?),
        sync_always,
        ..NatsOptions::default()
    })
}

/// Starts MongoDB in a new folder.
pub fn mongodb(folder: &Path) -> Result<MongoServer> {
    MongoServer::start(&MongoOptions {
        data_dir: Some(fresh(folder)?),
        ..MongoOptions::default()
    })
}

/// Starts `turnstile serve` with its default configuration, and waits until it is ready.
pub fn turnstile(program: &Path, folder: &Path, stores: Stores<'_>) -> Result<HttpChild> {
    let port = free_port()?;
    let launch = ProcessSpec::new(program, folder.join("turnstile.log"))
        .arg("serve")
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string())
        .env("HTTP_WORKERS", cores().to_string())
        .env("DATA_DIR", folder)
        .env("NATS_URL", stores.nats)
        .env("MONGODB_URI", stores.mongodb)
        .env("MONGODB_DATABASE", stores.database)
        .env("PAYMENTS", "sandbox")
        .env_remove("RUST_LOG")
        .env_remove("STRIPE_SECRET_KEY");
    HttpChild::start(launch, port, "/readyz")
}

/// Starts this program as the server that responds from memory.
pub fn raw_http(folder: &Path, list: &[u8], one: &[u8]) -> Result<HttpChild> {
    let port = free_port()?;
    let (list_file, one_file) = (folder.join("list.json"), folder.join("one.json"));
    fs::write(&list_file, list)?;
    fs::write(&one_file, one)?;
    let launch = ProcessSpec::new(env::current_exe()?, folder.join("raw-http.log"))
        .arg("raw-http")
        .args(["--port", &port.to_string()])
        .args(["--workers", &cores().to_string()])
        .arg("--list")
        .arg(list_file)
        .arg("--one")
        .arg(one_file);
    HttpChild::start(launch, port, "/api/tickets")
}

impl HttpChild {
    fn start(launch: ProcessSpec, port: u16, ready_path: &str) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let log = launch.log().to_owned();
        let process = ChildProcess::new(launch);
        let began = Instant::now();
        process.start()?;
        let mut request = Vec::new();
        http::request(&mut request, "GET", ready_path, "", b"");
        loop {
            let asked = load::once(address, &request, |answer| Ok(answer.status));
            if matches!(asked, Ok(200)) {
                break;
            }
            let ended = process.exit_status();
            if ended.is_some() || began.elapsed() > READY {
                bail!(
                    "it doesn't get ready ({ended:?}); {} ends with:\n{}",
                    log.display(),
                    last_lines(&log, 15)
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self {
            process,
            address,
            ready_after: began.elapsed(),
        })
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Ends it cleanly.
    pub fn end(self) -> Result<()> {
        self.process.terminate(GRACE).map(|_| ())
    }
}

fn fresh(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    Ok(folder.canonicalize()?)
}

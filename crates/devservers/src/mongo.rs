//! MongoDB as a child process.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::server::{ServerProcess, server_methods};
use crate::{ProcessSpec, ServerPlan, tools};

/// How to run MongoDB. The default: standalone, any free port, a temporary folder.
#[derive(Debug, Clone, Default)]
pub struct MongoOptions {
    /// The port of 127.0.0.1; `None` for a free one.
    pub port: Option<u16>,
    /// The folder for log and data; `None` for a temporary one.
    pub data_dir: Option<PathBuf>,
    /// The name of its replica set. The caller sends `replSetInitiate`; until then the server
    /// accepts connections but no writes.
    pub replica_set: Option<String>,
    /// A complete configuration file that replaces the generated one. It must listen on `port` of
    /// 127.0.0.1 and name its own folders, which must exist; the other options have no effect on
    /// it.
    pub config: Option<String>,
}

impl MongoOptions {
    /// The server on that port and folder, not yet started. Finds or installs the program.
    ///
    /// # Errors
    /// When the program can't be installed or the folder can't be written.
    pub fn plan(&self, port: u16, data_dir: &Path) -> Result<ServerPlan> {
        let program = tools::mongod()?;
        if let Some(config) = &self.config {
            let file = data_dir.join("mongod.conf");
            fs::write(&file, config).with_context(|| format!("can't write {}", file.display()))?;
            let launch = ProcessSpec::new(program, data_dir.join("mongod.log"))
                .arg("--config")
                .arg(file);
            return Ok(Self::planned(launch, port));
        }
        let database = data_dir.join("db");
        fs::create_dir_all(&database)
            .with_context(|| format!("can't create {}", database.display()))?;
        let mut launch = ProcessSpec::new(program, data_dir.join("mongod.log"))
            .arg("--dbpath")
            .arg(database)
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"])
            .args(["--port", &port.to_string()])
            // By default its cache would take half of the memory, in each of several tests.
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            // No diagnostics once per second in files that are never read here.
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        if let Some(name) = &self.replica_set {
            launch = launch.args(["--replSet", name]);
        }
        Ok(Self::planned(launch, port))
    }

    fn planned(launch: ProcessSpec, port: u16) -> ServerPlan {
        ServerPlan {
            name: "mongodb",
            launch,
            port,
            url: format!("mongodb://127.0.0.1:{port}"),
            ready_line: "Waiting for connections",
        }
    }
}

/// A running MongoDB server, which ends when the value is dropped.
#[derive(Debug)]
pub struct MongoServer {
    server: ServerProcess,
}

impl MongoServer {
    /// Starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// When it can't be found or installed, or doesn't become ready; the message states why.
    pub fn start(options: &MongoOptions) -> Result<Self> {
        let server = ServerProcess::start(
            options.port,
            options.data_dir.as_deref(),
            |port, data_dir| options.plan(port, data_dir),
        )?;
        Ok(Self { server })
    }
}

server_methods!(MongoServer);

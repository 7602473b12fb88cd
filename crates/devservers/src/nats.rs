//! NATS with JetStream as a child process.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::server::{ServerProcess, server_methods};
use crate::{ProcessSpec, ServerPlan, tools};

/// How to run NATS. The default: any free port, a temporary folder, the server's defaults.
#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    /// The port of 127.0.0.1; `None` for a free one.
    pub port: Option<u16>,
    /// The folder for configuration, log and streams; `None` for a temporary one.
    pub data_dir: Option<PathBuf>,
    /// Whether each acknowledgment waits for the disk (`sync_interval: always`). Otherwise the
    /// server syncs every two minutes: a power cut can lose acknowledged messages, `kill -9` can't.
    pub sync_always: bool,
    /// A port for the server's monitoring pages (`/varz`, `/jsz`, …), if any.
    pub monitoring_port: Option<u16>,
    /// More lines for the configuration file, at the top level.
    pub extra_config: String,
    /// A complete configuration file that replaces the generated one. It must listen on `port` of
    /// 127.0.0.1 and name its own folders; the other options have no effect on it.
    pub config: Option<String>,
    /// Variables that the configuration file refers to.
    pub env: Vec<(String, String)>,
}

impl NatsOptions {
    /// The server on that port and folder, not yet started. Finds or installs the program and
    /// writes the configuration.
    ///
    /// # Errors
    /// When the program can't be installed or the folder can't be written.
    pub fn plan(&self, port: u16, data_dir: &Path) -> Result<ServerPlan> {
        let program = tools::nats_server()?;
        fs::create_dir_all(data_dir)
            .with_context(|| format!("can't create {}", data_dir.display()))?;
        // The server resolves paths relative to its working directory, not its configuration.
        let data_dir = data_dir.canonicalize()?;
        let config_file = data_dir.join("nats.conf");
        fs::write(&config_file, self.config(port, &data_dir))
            .with_context(|| format!("can't write {}", config_file.display()))?;
        Ok(ServerPlan {
            name: "nats",
            launch: self.env.iter().fold(
                ProcessSpec::new(program, data_dir.join("nats.log"))
                    .arg("-c")
                    .arg(config_file),
                |launch, (name, value)| launch.env(name, value),
            ),
            port,
            url: format!("nats://127.0.0.1:{port}"),
            ready_line: "Server is ready",
        })
    }

    fn config(&self, port: u16, data_dir: &Path) -> String {
        if let Some(config) = &self.config {
            return config.clone();
        }
        let sync = if self.sync_always {
            "sync_interval: always"
        } else {
            ""
        };
        let mut text = format!(
            "listen: \"127.0.0.1:{port}\"\n\
             jetstream {{\n  store_dir: \"{}\"\n  {sync}\n}}\n",
            data_dir.display()
        );
        if let Some(port) = self.monitoring_port {
            let _ = writeln!(text, "http: \"127.0.0.1:{port}\"");
        }
        text + &self.extra_config
    }
}

/// A running NATS server with JetStream, which ends when the value is dropped.
#[derive(Debug)]
pub struct NatsServer {
    server: ServerProcess,
}

impl NatsServer {
    /// Starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// When it can't be found or installed, or doesn't become ready; the message states why.
    pub fn start(options: &NatsOptions) -> Result<Self> {
        let server = ServerProcess::start(
            options.port,
            options.data_dir.as_deref(),
            |port, data_dir| options.plan(port, data_dir),
        )?;
        Ok(Self { server })
    }
}

server_methods!(NatsServer);

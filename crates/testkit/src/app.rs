//! The program under test as a child process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use devservers::{ChildProcess, ProcessSpec, Signal, free_port, last_lines};
use tempfile::TempDir;

use crate::{Client, Mongo, Person, Response, blocking, eventually};

/// Enough for a debug build that replays a log on a busy machine.
const READY: Duration = Duration::from_mins(1);
/// More than the program's own time limit for completing accepted requests.
const GRACE: Duration = Duration::from_secs(40);

/// A server program that runs as a child process, on a free port and with its own temporary data
/// folder, and ends with the value.
#[derive(Debug)]
pub struct TestApp {
    base_url: String,
    ready_path: String,
    client: Client,
    process: Arc<ChildProcess>,
    _data_dir: TempDir,
}

/// How to start a [`TestApp`].
#[derive(Debug, Clone)]
pub struct AppBuilder {
    program: PathBuf,
    args: Vec<String>,
    envs: Vec<(String, String)>,
    ready_path: String,
}

impl TestApp {
    /// `program` is the path of the binary: a test in the binary's package uses
    /// `env!("CARGO_BIN_EXE_<name>")`, which also builds it.
    pub fn builder(program: impl Into<PathBuf>) -> AppBuilder {
        AppBuilder {
            program: program.into(),
            args: Vec::new(),
            envs: Vec::new(),
            ready_path: "/readyz".to_owned(),
        }
    }

    /// `http://127.0.0.1:PORT`, the same after a restart.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A client without a session.
    pub fn client(&self) -> Client {
        self.client.anonymous()
    }

    /// A user who just signed up.
    pub async fn person(&self) -> Person {
        self.client.person().await
    }

    /// The file with the program's output.
    pub fn logs(&self) -> &Path {
        self.process.log()
    }

    /// The program's output so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.logs()).unwrap_or_default()
    }

    /// The process ID while it is running, otherwise `None`.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Kills it (`SIGKILL`); returns when it is gone.
    pub async fn kill9(&self) {
        let process = self.process.clone();
        blocking::run("kill the app", move || process.kill9()).await;
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Panics
    /// When it doesn't end with exit code 0.
    pub async fn terminate(&self) {
        let process = self.process.clone();
        let status = blocking::run("end the app", move || process.terminate(GRACE)).await;
        assert!(
            status.is_some_and(|status| status.success()),
            "{}",
            self.problem(&format!("the app ended with {status:?}"))
        );
    }

    /// Sends `SIGTERM` and returns at once, for tests that observe its shutdown.
    pub fn begin_to_end(&self) {
        let signal = self.process.signal(Signal::SIGTERM);
        signal.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Freezes it: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.process.pause().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// Resumes it after [`TestApp::pause`].
    pub fn resume(&self) {
        let signal = self.process.signal(Signal::SIGCONT);
        signal.unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// Restarts it on the same port and data, after a clean end if it is running; returns when it
    /// is ready.
    pub async fn restart(&self) {
        if self.pid().is_some() {
            self.terminate().await;
        }
        self.start_process().await;
        self.wait_ready().await;
    }

    /// Restarts it and returns at once, ready or not.
    pub async fn start_process(&self) {
        let process = self.process.clone();
        blocking::run("start the app", move || process.start()).await;
    }

    /// Waits until its readiness route answers 200.
    ///
    /// # Panics
    /// With the last lines of its log when it ends or isn't ready within a minute.
    pub async fn wait_ready(&self) {
        let what = format!("{} is ready ({})", self.base_url, self.logs().display());
        let ready = eventually(&what, READY, || async {
            let status = self.process.exit_status();
            assert!(
                status.is_none(),
                "{}",
                self.problem(&format!("the app ended at its start: {status:?}"))
            );
            let asked = self.client.get(&self.ready_path).try_send().await;
            match asked {
                Ok(Response { status: 200, .. }) => Ok(()),
                Ok(other) => Err(other.describe()),
                Err(error) => Err(format!("{error}; {}", self.problem("the app"))),
            }
        });
        ready.await;
    }

    fn problem(&self, what: &str) -> String {
        format!(
            "{what}; its log ends with:\n{}",
            last_lines(self.logs(), 30)
        )
    }
}

impl AppBuilder {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Sets an environment variable; the later of two wins.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.envs.push((name.to_owned(), value.into()));
        self
    }

    /// Sets environment variables; the later of two wins.
    #[must_use]
    pub fn envs<'e>(mut self, envs: impl IntoIterator<Item = &'e (String, String)>) -> Self {
        self.envs.extend(envs.into_iter().cloned());
        self
    }

    /// Sets `NATS_URL`, to a server or a proxy in front of it.
    #[must_use]
    pub fn nats(self, url: &str) -> Self {
        self.env("NATS_URL", url)
    }

    /// Sets `MONGODB_URI` and `MONGODB_DATABASE`.
    #[must_use]
    pub fn mongo(self, mongo: &Mongo) -> Self {
        self.env("MONGODB_URI", mongo.uri())
            .env("MONGODB_DATABASE", mongo.name())
    }

    /// The route that answers 200 once the program is ready; `/readyz` by default.
    #[must_use]
    pub fn ready_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.ready_path);
        self
    }

    /// Starts the program with `HOST`, `PORT` and `DATA_DIR` set and the sandbox for payments, and
    /// waits until it is ready.
    pub async fn start(self) -> TestApp {
        let app = self.start_unready().await;
        app.wait_ready().await;
        app
    }

    /// Starts the program and returns at once: for tests of its behavior before it is ready.
    pub async fn start_unready(self) -> TestApp {
        let data_dir = TempDir::with_prefix("testapp-").unwrap_or_else(|e| panic!("{e}"));
        let port = free_port().unwrap_or_else(|e| panic!("{e:#}"));
        let base_url = format!("http://127.0.0.1:{port}");
        let mut launch = ProcessSpec::new(self.program, data_dir.path().join("app.log"))
            .args(self.args)
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string())
            .env("DATA_DIR", data_dir.path())
            .env("PAYMENTS", "sandbox");
        for (name, value) in self.envs {
            launch = launch.env(name, value);
        }
        let app = TestApp {
            client: Client::new(&base_url),
            base_url,
            ready_path: self.ready_path,
            process: Arc::new(ChildProcess::new(launch)),
            _data_dir: data_dir,
        };
        app.start_process().await;
        app
    }
}

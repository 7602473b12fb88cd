//! `cargo xtask up` with the real servers, and a small script in place of the program.

#![allow(clippy::unwrap_used, reason = "the helpers of tests, too, may panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use devservers::free_port;

const LONG: Duration = Duration::from_mins(1);

/// Prints its process ID and environment, answers 503 at first, and records a clean end.
const PROGRAM: &str = r#"#!/usr/bin/env python3
import http.server, os, signal, sys, urllib.parse
data = os.environ["DATA_DIR"]
def note(name, text):
    with open(data + "/" + name, "a") as file:
        file.write(text + "\n")
def end(*_):
    note("ended", "in order")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("pids", str(os.getpid()))
note("args", " ".join(sys.argv[1:]))
note("payments", os.environ["PAYMENTS"])
note("servers", os.environ["NATS_URL"] + " " + os.environ["MONGODB_URI"])
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        self.send_response(200 if asked > 2 and self.path == "/readyz" else 503)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"#;

struct Up {
    child: Child,
    lines: Receiver<String>,
}

fn program(folder: &Path) -> PathBuf {
    let path = folder.join("program");
    fs::write(&path, PROGRAM).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn command(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["up", "--port", &port.to_string(), "--data-dir"])
        .arg(folder.join("data"))
        .arg("--program")
        .arg(program(folder))
        .env_remove("PAYMENTS")
        .env_remove("NATS_URL")
        .env_remove("MONGODB_URI");
    command
}

fn refused(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    output
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines().last().unwrap().to_owned()
}

impl Up {
    /// Starts it, with both of its outputs in `lines`.
    fn start(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let errors = sender.clone();
        thread::spawn(move || {
            stdout
                .lines()
                .try_for_each(|line| sender.send(line.unwrap()))
        });
        thread::spawn(move || {
            stderr
                .lines()
                .try_for_each(|line| errors.send(line.unwrap()))
        });
        Self { child, lines }
    }

    fn wait_for_line(&self, part: &str) -> String {
        let mut seen = Vec::new();
        let end = Instant::now() + LONG;
        while let Ok(line) = self.lines.recv_timeout(end - Instant::now()) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {part:?} among {seen:#?}")
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn note(folder: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join("data").join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn takes_connections(url: &str) -> bool {
    let address = url.split_once("://").unwrap().1;
    TcpStream::connect(address).is_ok()
}

#[test]
fn up_runs_everything_and_shuts_down_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut up = Up::start(command(folder.path(), port));
    // Servers are named before they are ready.
    for server in ["nats", "mongodb"] {
        up.wait_for_line(&format!("starting {server}"));
        up.wait_for_line(&format!("{server} runs: "));
    }
    let ready = up.wait_for_line("ready ");
    assert_eq!(ready, format!("ready http://127.0.0.1:{port}"));
    assert_eq!(note(folder.path(), "args"), ["serve"]);
    assert_eq!(note(folder.path(), "payments"), ["sandbox"]);

    let servers = note(folder.path(), "servers")[0].clone();
    let (nats, mongo) = servers.split_once(' ').unwrap();
    assert!(takes_connections(nats) && takes_connections(mongo));

    up.signal("-TERM");
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
    assert_eq!(note(folder.path(), "ended"), ["in order"]);
    assert!(!takes_connections(nats) && !takes_connections(mongo));
    let lock = fs::read_to_string(folder.path().join("data/mongodb/db/mongod.lock")).unwrap();
    assert_eq!(lock, "", "MongoDB ended in order, too");
}

#[test]
fn a_killed_program_is_restarted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(command(folder.path(), free_port().unwrap()));
    up.wait_for_line("ready ");
    let pids = note(folder.path(), "pids");
    Command::new("kill")
        .args(["-9", &pids[0]])
        .status()
        .unwrap();
    let line = up.wait_for_line("turnstile was ended by signal 9");
    assert!(line.contains("it starts again in 0.5 s"), "{line}");
    assert!(line.contains("turnstile.log"), "{line}");
    let end = Instant::now() + LONG;
    while note(folder.path(), "pids").len() < 2 {
        assert!(Instant::now() < end, "it isn't started again");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn killing_up_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(command(folder.path(), free_port().unwrap()));
    up.wait_for_line("ready ");
    let pid = note(folder.path(), "pids")[0].clone();
    up.child.kill().unwrap();
    up.child.wait().unwrap();
    let servers = note(folder.path(), "servers")[0].clone();
    let (nats, mongo) = servers.split_once(' ').unwrap();
    let end = Instant::now() + LONG;
    // A killed process that was not waited for yet has no command line any more.
    let runs = || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    while runs() || takes_connections(nats) || takes_connections(mongo) {
        assert!(Instant::now() < end, "something outlived its parent");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn running_servers_are_reused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), free_port().unwrap());
    command
        .env("NATS_URL", "nats://elsewhere:4222")
        .env("MONGODB_URI", "mongodb://elsewhere");
    let up = Up::start(command);
    up.wait_for_line("ready ");
    let servers = note(folder.path(), "servers");
    assert_eq!(servers, ["nats://elsewhere:4222 mongodb://elsewhere"]);
    assert!(!folder.path().join("data/nats").exists());
    assert!(!folder.path().join("data/mongodb").exists());
}

/// With servers only, and so far without any data.
fn servers_only(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["up", "--servers-only", "--data-dir"])
        .arg(folder.join("data"))
        .env_remove("NATS_URL")
        .env_remove("MONGODB_URI");
    command
}

#[test]
fn only_servers_can_be_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(servers_only(folder.path()));
    let told = up.wait_for_line("export ");
    let addresses: Vec<_> = told.split('\'').skip(1).step_by(2).collect();
    let names = ["export NATS_URL='nats://", "' MONGODB_URI='mongodb://"];
    assert!(names.iter().all(|name| told.contains(name)), "{told}");
    assert!(addresses.iter().all(|url| takes_connections(url)), "{told}");
    up.signal("-INT");
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
    assert!(
        !addresses.iter().any(|url| takes_connections(url)),
        "{told}"
    );
    assert!(!folder.path().join("data/turnstile.log").exists());
}

#[test]
fn with_all_servers_running_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = servers_only(folder.path());
    command
        .env("NATS_URL", "nats://elsewhere:4222")
        .env("MONGODB_URI", "mongodb://elsewhere");
    let line = last_line(&refused(&mut command));
    assert!(line.ends_with("there is nothing to start"), "{line}");
}

#[test]
fn a_busy_port_is_reported_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = refused(&mut command(folder.path(), port));
    let expected = format!("error: port {port} of 127.0.0.1 is busy: choose another with --port\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
}

#[test]
fn a_second_up_on_the_same_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Up::start(command(folder.path(), free_port().unwrap()));
    first.wait_for_line("looking for the servers");
    let output = refused(&mut command(folder.path(), free_port().unwrap()));
    let line = last_line(&output);
    let holder = format!("process {} already runs Turnstile on", first.child.id());
    assert!(line.contains(&holder), "{line}");
}

#[test]
fn compilation_before_the_start_is_shown() {
    let config = devservers::tools::workspace().join(".cargo/config.toml");
    let config = fs::read_to_string(config).unwrap();
    let alias = config.lines().find(|line| line.starts_with("xtask"));
    assert_eq!(alias, Some(r#"xtask = "run --package xtask --""#));
}

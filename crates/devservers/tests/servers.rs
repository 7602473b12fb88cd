//! The real servers as child processes.
#![allow(clippy::unwrap_used, reason = "the helpers of tests, too, may panic")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use devservers::{MongoOptions, MongoServer, NatsOptions, NatsServer};

fn nats_greeting(server: &NatsServer) -> String {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn runs(pid: u32) -> bool {
    // A zombie has a state but no program any more.
    fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn nats_has_jetstream_and_ends_with_its_value() {
    let server = NatsServer::start(&NatsOptions::default()).unwrap();
    let greeting = nats_greeting(&server);
    assert!(greeting.contains("\"jetstream\":true"), "{greeting}");
    assert_eq!(
        server.url(),
        format!("nats://127.0.0.1:{}", server.port()),
        "the address that clients are given"
    );
    let (pid, data) = (server.pid().unwrap(), server.data_dir().to_owned());
    drop(server);
    assert!(!runs(pid));
    assert!(!data.exists(), "the temporary folder is removed");
}

#[test]
fn a_killed_nats_starts_again_on_the_same_port_and_data() {
    let server = NatsServer::start(&NatsOptions {
        sync_always: true,
        ..NatsOptions::default()
    })
    .unwrap();
    let (first, port) = (server.pid().unwrap(), server.port());
    server.kill9().unwrap();
    assert_eq!(server.pid(), None);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart().unwrap();
    assert_ne!(server.pid(), Some(first));
    assert_eq!(server.port(), port);
    assert!(nats_greeting(&server).contains("INFO"));
}

#[test]
fn a_paused_nats_does_not_respond_until_it_resumes() {
    let server = NatsServer::start(&NatsOptions::default()).unwrap();
    server.pause().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    assert!(stream.read(&mut [0; 16]).is_err(), "it answered");
    server.resume().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    assert!(stream.read(&mut [0; 16]).unwrap() > 0);
}

#[test]
fn nats_serves_monitoring_on_the_configured_port() {
    let port = devservers::free_port().unwrap();
    let _server = NatsServer::start(&NatsOptions {
        monitoring_port: Some(port),
        extra_config: "max_payload: 2MB\n".into(),
        ..NatsOptions::default()
    })
    .unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(b"GET /varz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"max_payload\": 2097152"), "{answer}");
}

#[test]
fn a_server_that_cannot_start_reports_why() {
    let error = NatsServer::start(&NatsOptions {
        extra_config: "no_such_option: 1\n".into(),
        ..NatsOptions::default()
    })
    .unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("nats ended at its start"), "{text}");
    assert!(text.contains("no_such_option"), "{text}");
}

#[test]
fn a_taken_port_is_an_error() {
    let first = NatsServer::start(&NatsOptions::default()).unwrap();
    let error = NatsServer::start(&NatsOptions {
        port: Some(first.port()),
        ..NatsOptions::default()
    })
    .unwrap_err();
    assert!(
        format!("{error:#}").contains("address already in use"),
        "{error:#}"
    );
}

#[test]
fn mongodb_keeps_its_data_after_a_kill_and_deletes_it_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let options = MongoOptions {
        data_dir: Some(folder.path().to_owned()),
        ..MongoOptions::default()
    };
    let server = MongoServer::start(&options).unwrap();
    let first = server.pid().unwrap();
    server.kill9().unwrap();
    server.restart().unwrap();
    assert_ne!(server.pid(), Some(first));
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_ok());
    server.terminate().unwrap();
    assert_eq!(server.pid(), None);
    let lock = fs::read_to_string(folder.path().join("db/mongod.lock")).unwrap();
    assert_eq!(lock, "", "an orderly end empties the lock file");
    drop(server);
    assert!(Path::new(&folder.path().join("mongod.log")).exists());
}

/// The helper of the test below: a separate process that starts a server, prints its process ID and
/// waits to be killed.
#[test]
fn helper_that_starts_a_server_and_waits() {
    let Some(folder) = std::env::var_os("START_A_SERVER_IN_AND_WAIT") else {
        return;
    };
    let options = NatsOptions {
        data_dir: Some(folder.into()),
        ..NatsOptions::default()
    };
    // Started by a thread that ends at once: the server must not end with that thread.
    let server = std::thread::spawn(move || NatsServer::start(&options).unwrap())
        .join()
        .unwrap();
    eprintln!("server {}", server.pid().unwrap());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_server_ends_with_its_parent_process_and_not_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_starts_a_server_and_waits"])
        .arg("--nocapture")
        .env("START_A_SERVER_IN_AND_WAIT", folder.path())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stderr.take().unwrap()).lines();
    let pid: u32 = lines
        .find_map(|line| line.unwrap().strip_prefix("server ")?.parse().ok())
        .unwrap();
    assert!(runs(pid), "it ended with the thread that started it");
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the server ends with its killed parent", || !runs(pid));
}

//! The supervisor, with small shell programs as its children.
#![allow(clippy::unwrap_used, reason = "the helpers of tests, too, may panic")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use devservers::supervise::{Supervisor, Waited};
use devservers::{ProcessSpec, last_lines};

const LONG: Duration = Duration::from_secs(20);

fn shell(folder: &Path, name: &str, script: &str) -> ProcessSpec {
    ProcessSpec::new("/bin/sh", folder.join(format!("{name}.log"))).args(["-c", script])
}

fn supervisor() -> (Supervisor, Arc<AtomicBool>, Arc<Mutex<Vec<String>>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let lines = Arc::new(Mutex::new(Vec::new()));
    let said = lines.clone();
    let say = move |line: &str| said.lock().unwrap().push(line.to_owned());
    (Supervisor::new(stop.clone(), say), stop, lines)
}

#[test]
fn an_ended_child_is_restarted_with_a_growing_pause() {
    let folder = tempfile::tempdir().unwrap();
    let (mut supervisor, _, lines) = supervisor();
    let starts = folder.path().join("starts");
    let script = format!("echo started >> {}; exit 3", starts.display());
    let child = shell(folder.path(), "short", &script);
    supervisor.start("short", child, LONG).unwrap();

    let count = || fs::read_to_string(&starts).map_or(0, |text| text.lines().count());
    let begin = Instant::now();
    assert_eq!(supervisor.wait_for(LONG, || count() >= 3), Waited::Done);
    assert!(
        begin.elapsed() >= Duration::from_millis(1500),
        "0.5 s + 1 s"
    );
    let lines = lines.lock().unwrap();
    let log = folder.path().join("short.log");
    let first = format!(
        "short ended with exit code 3; it starts again in 0.5 s (its log: {})",
        log.display()
    );
    assert_eq!(lines[0], first);
    assert!(lines[1].contains("in 1.0 s"), "{lines:?}");
}

#[test]
fn the_stop_flag_ends_the_run_and_the_children_end_in_reverse_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut supervisor, stop, lines) = supervisor();
    let order = folder.path().join("order");
    for name in ["first", "second"] {
        let script = format!(
            "trap 'echo {name} >> {}; exit 0' TERM; echo up; while :; do sleep 0.02; done",
            order.display()
        );
        let child = shell(folder.path(), name, &script);
        let log = child.log().to_owned();
        supervisor.start(name, child, LONG).unwrap();
        let is_up = || last_lines(&log, 1) == "up";
        assert_eq!(supervisor.wait_for(LONG, is_up), Waited::Done);
    }
    stop.store(true, Ordering::SeqCst);
    supervisor.run();
    supervisor.stop_all();
    assert_eq!(fs::read_to_string(order).unwrap(), "second\nfirst\n");
    assert_eq!(*lines.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn a_child_that_does_not_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut supervisor, _, _) = supervisor();
    let script = "trap '' TERM; echo $$; while :; do sleep 0.02; done";
    let child = shell(folder.path(), "deaf", script);
    let log = child.log().to_owned();
    supervisor
        .start("deaf", child, Duration::from_millis(200))
        .unwrap();
    let is_up = || !last_lines(&log, 1).is_empty();
    assert_eq!(supervisor.wait_for(LONG, is_up), Waited::Done);
    let begin = Instant::now();
    supervisor.stop_all();
    assert!(begin.elapsed() >= Duration::from_millis(200));
    let process = format!("/proc/{}", last_lines(&log, 1));
    assert!(!Path::new(&process).exists());
}

#[test]
fn a_wait_ends_after_its_timeout() {
    let (mut supervisor, _, _) = supervisor();
    let waited = supervisor.wait_for(Duration::from_millis(60), || false);
    assert_eq!(waited, Waited::TimedOut);
}

#[test]
fn a_missing_program_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut supervisor, _, _) = supervisor();
    let launch = ProcessSpec::new("/no/such/program", folder.path().join("log"));
    let error = supervisor.start("ghost", launch, LONG).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "can't start ghost: there is no program at /no/such/program"
    );
}

//! One pod: its process, and its probes.

use devservers::{ChildProcess, last_lines};
use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use manifests::Pod;
use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

/// Time until all load balancers know that a pod is stopping, or is gone.
const PROPAGATION: Duration = Duration::from_secs(1);

/// A running pod.
pub struct RunningPod {
    pub name: String,
    pub owner: String,
    pub address: Ipv4Addr,
    pub port: u16,
    pod: Pod,
    /// The client of the probes.
    client: reqwest::Client,
    process: ChildProcess,
    is_ready: AtomicBool,
    /// When it was stopped, or killed.
    left: Mutex<Option<Instant>>,
    was_killed: AtomicBool,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

impl RunningPod {
    /// Starts the process and its probes.
    pub fn start(name: &str, address: Ipv4Addr, pod: &Pod, process: ChildProcess) -> Arc<Self> {
        process.start().unwrap();
        let container = pod.container().unwrap();
        let port = container.ports.iter().flatten().next();
        let port = port.map_or(0, |port| port.container_port);
        let running = Arc::new(Self {
            name: name.to_owned(),
            owner: pod.owner.clone(),
            address,
            port: u16::try_from(port).unwrap(),
            pod: pod.clone(),
            client: reqwest::Client::new(),
            process,
            is_ready: AtomicBool::new(false),
            left: Mutex::new(None),
            was_killed: AtomicBool::new(false),
            watcher: Mutex::new(None),
        });
        let watcher = tokio::spawn(running.clone().watch());
        *running.watcher.lock().unwrap() = Some(watcher);
        running
    }

    /// Whether it should be running, for the controller.
    pub fn is_wanted(&self) -> bool {
        self.left.lock().unwrap().is_none()
    }

    pub fn is_ready(&self) -> bool {
        self.is_wanted() && self.is_ready.load(Ordering::SeqCst)
    }

    /// Whether it receives requests, as far as the load balancer knows.
    pub fn takes_requests(&self) -> bool {
        let left = *self.left.lock().unwrap();
        self.is_ready.load(Ordering::SeqCst) && left.is_none_or(|at| at.elapsed() < PROPAGATION)
    }

    /// Whether it was killed at or after this moment.
    pub fn was_killed_after(&self, moment: Instant) -> bool {
        let killed = self.was_killed.load(Ordering::SeqCst);
        killed && self.left.lock().unwrap().is_some_and(|at| at >= moment)
    }

    /// Kills it (`SIGKILL`).
    pub fn kill(&self) {
        self.was_killed.store(true, Ordering::SeqCst);
        self.stop_probing();
        self.process.kill9().unwrap();
        // After the fact: requests in its hands until now were in flight.
        *self.left.lock().unwrap() = Some(Instant::now());
    }

    /// Ends it like Kubernetes: `preStop`, then SIGTERM, within its time limit.
    pub async fn end(self: Arc<Self>) {
        let begun = Instant::now();
        *self.left.lock().unwrap() = Some(begun);
        self.stop_probing();
        let container = self.pod.container().unwrap();
        let hook = container
            .lifecycle
            .as_ref()
            .and_then(|l| l.pre_stop.as_ref());
        if let Some(sleep) = hook.and_then(|hook| hook.sleep.as_ref()) {
            tokio::time::sleep(seconds(Some(i32::try_from(sleep.seconds).unwrap()), 0)).await;
        }
        let grace = self.pod.spec.termination_grace_period_seconds.unwrap();
        let grace = Duration::from_secs(u64::try_from(grace).unwrap());
        let left = grace.saturating_sub(begun.elapsed());
        let pod = self.clone();
        let ended = tokio::task::spawn_blocking(move || pod.process.terminate(left));
        let status = ended.await.unwrap().unwrap();
        assert!(
            status.is_some_and(|s| s.success()),
            "{}",
            self.describe("did not end well")
        );
    }

    fn stop_probing(&self) {
        if let Some(watcher) = self.watcher.lock().unwrap().take() {
            watcher.abort();
        }
    }

    /// Checks that nothing has happened that Kubernetes would have had to repair.
    pub fn assert_is_well(&self) {
        if !self.is_wanted() {
            return;
        }
        let status = self.process.exit_status();
        assert!(
            status.is_none(),
            "{}",
            self.describe(&format!("ended: {status:?}"))
        );
        let watcher = self.watcher.lock().unwrap();
        let gave_up = watcher.as_ref().is_some_and(JoinHandle::is_finished);
        assert!(!gave_up, "{}", self.describe("failed its probes"));
    }

    fn describe(&self, what: &str) -> String {
        format!(
            "{} {what}; its log:\n{}",
            self.name,
            last_lines(self.process.log(), 30)
        )
    }

    /// Probes it according to its container; returns when it would be restarted.
    async fn watch(self: Arc<Self>) {
        let container = self.pod.container().unwrap();
        let (startup, readiness, liveness) = (
            container.startup_probe.as_ref().unwrap(),
            container.readiness_probe.as_ref().unwrap(),
            container.liveness_probe.as_ref().unwrap(),
        );
        if !self.comes_up(container, startup).await {
            return;
        }
        tokio::select! {
            () = self.keep_readiness(container, readiness) => {}
            () = self.until_dead(container, liveness) => {}
        }
    }

    async fn comes_up(&self, container: &Container, probe: &Probe) -> bool {
        for _ in 0..probe.failure_threshold.unwrap_or(3) {
            if self.ask(container, probe).await {
                return true;
            }
            tokio::time::sleep(seconds(probe.period_seconds, 10)).await;
        }
        false
    }

    async fn keep_readiness(&self, container: &Container, probe: &Probe) {
        let mut failures = 0;
        loop {
            if self.ask(container, probe).await {
                failures = 0;
                self.is_ready.store(true, Ordering::SeqCst);
            } else {
                failures += 1;
                if failures >= probe.failure_threshold.unwrap_or(3) {
                    self.is_ready.store(false, Ordering::SeqCst);
                }
            }
            tokio::time::sleep(seconds(probe.period_seconds, 10)).await;
        }
    }

    async fn until_dead(&self, container: &Container, probe: &Probe) {
        let mut failures = 0;
        while failures < probe.failure_threshold.unwrap_or(3) {
            tokio::time::sleep(seconds(probe.period_seconds, 10)).await;
            failures = if self.ask(container, probe).await {
                0
            } else {
                failures + 1
            };
        }
    }

    async fn ask(&self, container: &Container, probe: &Probe) -> bool {
        let patience = seconds(probe.timeout_seconds, 1);
        let answer = async {
            if let Some(get) = &probe.http_get {
                let port = number(container, &get.port);
                let path = get.path.as_deref().unwrap_or("/");
                let url = format!("http://{}:{port}{path}", self.address);
                let answer = self.client.get(url).send().await;
                return answer.is_ok_and(|answer| answer.status().is_success());
            }
            let port = &probe.tcp_socket.as_ref().unwrap().port;
            let address = (self.address, number(container, port));
            TcpStream::connect(address).await.is_ok()
        };
        timeout(patience, answer).await.unwrap_or(false)
    }
}

fn seconds(given: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(given.map_or(default, |seconds| u64::try_from(seconds).unwrap()))
}

fn number(container: &Container, port: &IntOrString) -> u16 {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let port = ports.find(|port| port.name.as_ref() == Some(name));
            port.unwrap().container_port
        }
    };
    u16::try_from(number).unwrap()
}

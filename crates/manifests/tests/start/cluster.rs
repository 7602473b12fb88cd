//! A minimal Kubernetes: replicas, jobs that run to their end, rollouts.

use devservers::{ChildProcess, ProcessSpec, last_lines};
use k8s_openapi::api::core::v1::Container;
use manifests::{Manifests, Overlay, Pod, VariableValue};
use rand::seq::IndexedRandom;
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use testkit::{LONG, eventually};

use crate::{
    addresses::{Network, program},
    kubelet::RunningPod,
    volumes::Mounts,
};

/// Enough for a new cluster of debug builds on a busy machine.
const START: Duration = Duration::from_secs(90);

/// The objects of an overlay, running.
pub struct Cluster {
    pub manifests: Manifests,
    network: Network,
    pods: Mutex<Vec<Arc<RunningPod>>>,
    made: AtomicUsize,
    root: TempDir,
}

impl Cluster {
    /// Starts all pods and jobs at once, in no order, like Kubernetes, and waits until all are
    /// ready. The named ones have two pods.
    pub async fn start(overlay: Overlay, scaled: &[&str]) -> Arc<Self> {
        // If another crate of the build enables TLS in reqwest, it can't be created without a
        // provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let manifests = overlay.read().unwrap_or_else(|error| panic!("{error:#}"));
        let cluster = Arc::new(Self {
            network: Network::of(&manifests),
            manifests,
            pods: Mutex::default(),
            made: AtomicUsize::new(0),
            root: TempDir::with_prefix("cluster-").unwrap(),
        });
        let mut jobs = Vec::new();
        for pod in cluster.manifests.pods().unwrap() {
            match pod.kind.as_str() {
                "Deployment" => {
                    let count = if scaled.contains(&pod.owner.as_str()) {
                        2
                    } else {
                        1
                    };
                    for _ in 0..count {
                        cluster.make(&pod);
                    }
                }
                "StatefulSet" => _ = cluster.run(&format!("{}-0", pod.owner), &pod),
                "Job" => jobs.push(tokio::spawn(cluster.clone().run_job(pod))),
                // Started by its schedule.
                "CronJob" => {}
                other => panic!("a pod of a {other}"),
            }
        }
        cluster.wait_until_all_are_ready().await;
        for job in jobs {
            job.await.unwrap();
        }
        cluster
    }

    /// The pods of a Service that accept requests.
    pub fn endpoints(&self, service: &str) -> Vec<Arc<RunningPod>> {
        let pods = self.pods.lock().unwrap();
        let behind = pods
            .iter()
            .filter(|pod| pod.owner == service && pod.takes_requests());
        behind.cloned().collect()
    }

    /// Waits until every pod that should be running is ready.
    pub async fn wait_until_all_are_ready(&self) {
        eventually("all pods are ready", START, || async {
            let pods = self.pods.lock().unwrap();
            let wanted: Vec<_> = pods.iter().filter(|pod| pod.is_wanted()).collect();
            for pod in &wanted {
                pod.assert_is_well();
            }
            let waiting = wanted.iter().filter(|pod| !pod.is_ready());
            let waiting: Vec<_> = waiting.map(|pod| pod.name.clone()).collect();
            if waiting.is_empty() {
                Ok(())
            } else {
                Err(waiting)
            }
        })
        .await;
    }

    /// Kills one of a Deployment's pods at random, and starts another in its place. Returns its
    /// name.
    pub async fn kill_any_of(&self, owner: &str) -> String {
        let candidates: Vec<_> = {
            let pods = self.pods.lock().unwrap();
            let ready = pods.iter().filter(|pod| pod.is_ready());
            ready.filter(|pod| pod.owner == owner).cloned().collect()
        };
        let victim = candidates.choose(&mut rand::rng()).unwrap().clone();
        let killed = victim.clone();
        tokio::task::spawn_blocking(move || killed.kill())
            .await
            .unwrap();
        self.make(&self.manifests.pod(&victim.owner).unwrap());
        victim.name.clone()
    }

    /// Replaces the pods of a Deployment according to its strategy: a new one is ready before an
    /// old one ends.
    pub async fn roll(&self, owner: &str) {
        let deployment = self
            .manifests
            .of_kind("Deployment")
            .find(|d| d.name == owner);
        let strategy = deployment
            .unwrap()
            .value
            .pointer("/spec/strategy/rollingUpdate");
        let expected = serde_json::json!({"maxSurge": 1, "maxUnavailable": 0});
        assert_eq!(strategy, Some(&expected), "of {owner}");
        let pod = self.manifests.pod(owner).unwrap();
        let old: Vec<_> = {
            let pods = self.pods.lock().unwrap();
            let own = pods
                .iter()
                .filter(|pod| pod.owner == owner && pod.is_wanted());
            own.cloned().collect()
        };
        let mut going = Vec::new();
        for old in old {
            let new = self.make(&pod);
            eventually(&format!("{} is ready", new.name), LONG, || async {
                new.assert_is_well();
                new.is_ready()
            })
            .await;
            going.push(tokio::spawn(old.end()));
        }
        for pod in going {
            pod.await.unwrap();
        }
    }

    /// Runs a command of the operators' tool, as in a pod of the orders service.
    pub async fn run_tool(self: &Arc<Self>, command: &str) {
        let mut pod = self.manifests.pod("orders").unwrap();
        let container = &mut pod.spec.containers[0];
        container.command = Some(vec!["/usr/local/bin/turnstile".into(), command.into()]);
        pod.owner = format!("tool-{command}");
        assert!(self.run_once(&pod).await, "{}", self.last_words(&pod.owner));
    }

    async fn run_job(self: Arc<Self>, pod: Pod) {
        // As often as `restartPolicy: OnFailure` would within the relevant time.
        for _ in 0..3 {
            if self.run_once(&pod).await {
                return;
            }
        }
        panic!("{} failed: {}", pod.owner, self.last_words(&pod.owner));
    }

    /// Runs a pod to its end; returns whether it succeeded.
    async fn run_once(&self, pod: &Pod) -> bool {
        let process = self.process(&pod.owner, pod, self.network.next());
        process.start().unwrap();
        let ended = tokio::task::spawn_blocking(move || process.wait(START));
        ended.await.unwrap().is_some_and(|status| status.success())
    }

    fn last_words(&self, pod: &str) -> String {
        last_lines(&log_of(self.root.path(), pod), 20)
    }

    /// Starts another pod of a Deployment.
    fn make(&self, pod: &Pod) -> Arc<RunningPod> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.run(&format!("{}-{number}", pod.owner), pod)
    }

    fn run(&self, name: &str, pod: &Pod) -> Arc<RunningPod> {
        let address = self.network.address(name);
        let process = self.process(name, pod, address);
        let running = RunningPod::start(name, address, pod, process);
        self.pods.lock().unwrap().push(running.clone());
        running
    }

    /// The container's command with exactly its environment, and nothing of this process's.
    fn process(&self, name: &str, pod: &Pod, address: Ipv4Addr) -> ChildProcess {
        let container = pod.container().unwrap();
        let mounts = Mounts::make(self.root.path(), pod, name);
        let localize = |text: &str| mounts.localize(&self.network.localize(text, address));
        mounts.fill(&self.manifests, pod, |text| {
            self.network.localize(text, address)
        });
        let command = container.command.as_ref().unwrap();
        let words = command[1..].iter().chain(container.args.iter().flatten());
        let log = log_of(self.root.path(), name);
        let mut launch =
            ProcessSpec::new(program(&command[0]), log).args(words.map(|word| localize(word)));
        for (inherited, _) in std::env::vars_os() {
            launch = launch.env_remove(inherited);
        }
        for (variable, value) in self.variables(name, container) {
            launch = launch.env(variable, localize(&value));
        }
        ChildProcess::new(launch)
    }

    fn variables(&self, pod: &str, container: &Container) -> BTreeMap<String, String> {
        let variables = self.manifests.environment(container).unwrap();
        let text = |(name, value)| match value {
            VariableValue::Text(text) => (name, text),
            VariableValue::Field(field) if field == "metadata.name" => (name, pod.to_owned()),
            other => panic!("{pod}: {name} is {other:?}"),
        };
        variables.into_iter().map(text).collect()
    }
}

fn log_of(root: &Path, pod: &str) -> std::path::PathBuf {
    root.join("logs").join(format!("{pod}.log"))
}

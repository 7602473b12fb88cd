//! The machine and the versions, without which figures mean nothing.

use serde::Serialize;
use std::{fs, path::Path, process::Command, thread};

/// The machine of a run.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub cpu: String,
    pub memory_gib: f64,
    pub kernel: String,
    pub rustc: String,
    pub nats: String,
    pub mongodb: String,
    /// One, five and fifteen minutes, before the run.
    pub load_average: String,
    pub commit: String,
}

impl Machine {
    /// Inspects the machine.
    pub fn inspect(nats: &Path, mongod: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once(':'));
            value.map_or(String::new(), |(_, value)| value.trim().to_owned())
        };
        let meminfo = value(&read("/proc/meminfo"), "MemTotal");
        let kib: f64 = meminfo.trim_end_matches(" kB").parse().unwrap_or_default();
        let load = read("/proc/loadavg");
        Self {
            cores: cores(),
            cpu: value(&cpuinfo, "model name"),
            memory_gib: kib / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: said(Command::new("rustc").arg("--version")),
            nats: said(Command::new(nats).arg("--version")),
            mongodb: said(Command::new(mongod).arg("--version")),
            load_average: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            commit: said(Command::new("git").args(["describe", "--always", "--dirty"])),
        }
    }

    /// Prints one paragraph.
    pub fn print(&self) {
        println!(
            "{} cores of {}, {:.0} GiB, Linux {}; load average before: {}",
            self.cores, self.cpu, self.memory_gib, self.kernel, self.load_average
        );
        println!(
            "{}; {}; {}; commit {}",
            self.rustc, self.nats, self.mongodb, self.commit
        );
    }
}

/// Number of processors that this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The first line of a program's output.
fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout);
    let text = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

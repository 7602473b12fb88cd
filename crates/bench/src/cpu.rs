//! Processor time by process, from `/proc`: shows where time is spent, and whether a round was
//! disturbed.

use serde::Serialize;
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// The unit of processor time in `/proc`. It is the same on every Linux, whatever its kernel's own
/// clock.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a process is observed to determine whether it is busy.
const LOOK: Duration = Duration::from_millis(300);
/// Below this share of one processor the servers count as quiet: heartbeats cost something.
const QUIET: f64 = 0.12;
/// After this time the measurement starts anyway.
const QUIET_TIMEOUT: Duration = Duration::from_mins(3);

/// The processes of a measurement, by name.
#[derive(Clone, Debug, Default)]
pub struct Processes(Vec<(&'static str, Who)>);

#[derive(Clone, Copy, Debug)]
enum Who {
    Process(u32),
    /// All children of this process that have ended.
    EndedChildren,
}

/// Processor time up to a moment.
#[derive(Clone, Debug)]
pub struct CpuReading {
    at: Instant,
    each: Vec<f64>,
    machine: f64,
}

/// Shares of one processor, in percent.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// By process.
    pub processes: Vec<(String, f64)>,
    /// All other processes on the machine.
    pub others: f64,
}

impl Processes {
    /// This process, the load generator.
    pub fn with_load() -> Self {
        Self(vec![("load", Who::Process(std::process::id()))])
    }

    /// Adds a process, if it is running.
    #[must_use]
    pub fn and(mut self, name: &'static str, pid: Option<u32>) -> Self {
        self.0.extend(pid.map(|pid| (name, Who::Process(pid))));
        self
    }

    /// Adds processes that start and end within a round.
    #[must_use]
    pub fn and_children(mut self, name: &'static str) -> Self {
        self.0.push((name, Who::EndedChildren));
        self
    }

    /// Reads the counters.
    pub fn read(&self) -> CpuReading {
        CpuReading {
            at: Instant::now(),
            each: self.0.iter().map(|(_, who)| seconds_of(*who)).collect(),
            machine: machine_seconds(),
        }
    }

    /// The usage since a reading.
    pub fn since(&self, before: &CpuReading) -> Usage {
        let now = self.read();
        let percent = |seconds: f64| 100.0 * seconds / (now.at - before.at).as_secs_f64();
        let pairs = before.each.iter().zip(&now.each);
        let used: Vec<f64> = pairs.map(|(before, now)| (now - before).max(0.0)).collect();
        let others = now.machine - before.machine - used.iter().sum::<f64>();
        let names = self.0.iter().map(|(name, _)| (*name).to_owned());
        Usage {
            processes: names.zip(used.into_iter().map(percent)).collect(),
            others: percent(others).max(0.0),
        }
    }

    /// Waits until the servers are idle, so that remaining work of one round isn't measured in the
    /// next. Returns how long that took.
    pub fn wait_until_quiet(&self) -> Duration {
        let began = Instant::now();
        loop {
            let busy = began.elapsed();
            let before = self.read();
            thread::sleep(LOOK);
            let used = self.since(&before).processes;
            if used.iter().all(|(_, percent)| *percent < 100.0 * QUIET) {
                return busy;
            }
            if busy > QUIET_TIMEOUT {
                eprintln!("the servers don't come to rest; the figures may suffer");
                return busy;
            }
        }
    }
}

/// Averages the usage of several rounds.
pub fn average(rounds: &[Usage]) -> Usage {
    let Some(first) = rounds.first() else {
        return Usage::default();
    };
    #[allow(clippy::cast_precision_loss)]
    let mean =
        |of: &dyn Fn(&Usage) -> f64| rounds.iter().map(of).sum::<f64>() / rounds.len() as f64;
    let names = first.processes.iter().map(|(name, _)| name.clone());
    Usage {
        processes: names
            .enumerate()
            .map(|(i, name)| {
                let of = |usage: &Usage| usage.processes.get(i).map_or(0.0, |used| used.1);
                (name, mean(&of))
            })
            .collect(),
        others: mean(&|usage| usage.others),
    }
}

/// The resident memory of a process, in MiB.
#[allow(clippy::cast_precision_loss)]
pub fn resident_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib as f64 / 1024.0)
}

/// User and system time; 0 for a process that is gone.
fn seconds_of(who: Who) -> f64 {
    let (pid, first) = match who {
        Who::Process(pid) => (pid, 11),
        // The position of the times of ended children; a process's own are two fields earlier.
        Who::EndedChildren => (std::process::id(), 13),
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the program's name, which may contain anything, in parentheses.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    ticks(fields.split(' ').skip(first).take(2))
}

/// The time during which the processors weren't idle.
fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace();
    // user nice system, not idle and iowait, irq softirq steal
    let busy = fields
        .enumerate()
        .filter(|(i, _)| matches!(i, 1..=3 | 6..=8));
    ticks(busy.map(|(_, field)| field))
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> f64 {
    let all: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    all / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_busy_process_uses_processor_time() {
        let own = Processes::with_load();
        let before = own.read();
        let began = Instant::now();
        let mut sum = 0_u64;
        while began.elapsed() < Duration::from_millis(200) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let usage = own.since(&before);
        assert!(usage.processes[0].1 > 5.0, "{usage:?}");
        assert!(resident_mib(std::process::id()).unwrap() > 0.5);
    }

    #[test]
    fn a_busy_child_counts_after_it_ended() {
        let children = Processes::default().and_children("child");
        let before = children.read();
        let counting = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let mut child = Command::new("sh").args(["-c", counting]).spawn().unwrap();
        assert!(child.wait().unwrap().success());
        let usage = children.since(&before);
        assert!(usage.processes[0].1 > 5.0, "{usage:?}");
    }
}

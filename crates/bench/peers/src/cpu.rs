//! Processor time from `/proc`: of this process, of the two servers, of everything else.

use std::{
    fs, process, thread,
    time::{Duration, Instant},
};

const TICKS_PER_SECOND: f64 = 100.0;
/// How long the processes are observed to determine whether they are at rest.
const LOOK: Duration = Duration::from_millis(300);
/// Seconds of processor time in that time, below which they are.
const QUIET: f64 = 0.12 * 0.3;
/// After this time the next round begins anyway.
const QUIET_TIMEOUT: Duration = Duration::from_secs(20);

/// The servers' process ids.
#[derive(Clone, Copy, Debug)]
pub struct Servers {
    pub nats: u32,
    pub postgres: u32,
}

/// Processor time in seconds, up to a moment or within a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub client: f64,
    pub nats: f64,
    pub postgres: f64,
    pub others: f64,
}

impl Servers {
    /// Up to now.
    pub fn used(self) -> Used {
        let [client, nats, postgres] = [process::id(), self.nats, self.postgres].map(family);
        Used {
            client,
            nats,
            postgres,
            others: machine() - client - nats - postgres,
        }
    }

    /// Since an earlier moment.
    pub fn used_since(self, before: Used) -> Used {
        let now = self.used();
        let since = |now: f64, before: f64| (now - before).max(0.0);
        Used {
            client: since(now.client, before.client),
            nats: since(now.nats, before.nats),
            postgres: since(now.postgres, before.postgres),
            others: since(now.others, before.others),
        }
    }

    /// Waits until both servers are at rest, so that work that one round leaves behind isn't
    /// measured in the next.
    pub fn wait_until_quiet(self) {
        let began = Instant::now();
        while began.elapsed() < QUIET_TIMEOUT {
            let before = self.used();
            thread::sleep(LOOK);
            let used = self.used_since(before);
            if used.client + used.nats + used.postgres < QUIET {
                break;
            }
        }
    }
}

/// Of a process, its children, and those of them that have ended: PostgreSQL has one process per
/// connection.
fn family(pid: u32) -> f64 {
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0.0;
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.map(|each: u32| match fields(each) {
        Some(fields) if each == pid => ticks(&fields, 11..15),
        Some(fields) if fields.get(1) == Some(&f64::from(pid)) => ticks(&fields, 11..13),
        _ => 0.0,
    })
    .sum()
}

/// The numbers of `/proc/PID/stat` after the program's name, which may contain anything: its state,
/// its parent, …
fn fields(pid: u32) -> Option<Vec<f64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let numbers = fields.split_whitespace().map(str::parse::<f64>);
    Some(numbers.map(Result::unwrap_or_default).collect())
}

/// The time during which the processors weren't idle.
fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let numbers = line.split_whitespace().map(str::parse::<f64>);
    let numbers: Vec<f64> = numbers.map(Result::unwrap_or_default).collect();
    // user nice system, not idle and iowait, irq softirq steal
    ticks(&numbers, 1..4) + ticks(&numbers, 6..9)
}

fn ticks(fields: &[f64], range: std::ops::Range<usize>) -> f64 {
    fields
        .get(range)
        .map_or(0.0, |some| some.iter().sum::<f64>())
        / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_uses_counts_for_its_parent() {
        let before = family(process::id());
        let counting = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let mut child = process::Command::new("sh")
            .args(["-c", counting])
            .spawn()
            .unwrap();
        assert!(child.wait().unwrap().success());
        assert!(family(process::id()) - before > 0.05);
    }
}

//! The dependencies of the services, and whether they are available.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::Serialize;

/// A missing dependency, as shown publicly by `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unready {
    /// Its name.
    pub name: String,
    /// The reason. A fixed text, so that it can't contain an address or a driver's message: those
    /// are for the log.
    pub reason: &'static str,
}

impl Unready {
    /// A dependency and the reason.
    pub fn new(name: impl Into<String>, reason: &'static str) -> Self {
        Self {
            name: name.into(),
            reason,
        }
    }
}

/// Named dependencies, each up or down; set by the tasks that watch them.
///
/// While one is down, the API answers 503 at once: if each request waited for a timeout, requests
/// that can't succeed would fill the server. Cheap to clone; clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    closed: AtomicBool,
    /// Number of requests that were refused since it closed.
    refused: AtomicU64,
    down: RwLock<BTreeMap<String, &'static str>>,
}

impl Gate {
    /// A gate that is open until a dependency is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks a dependency as down, for this reason.
    pub fn down(&self, name: &str, reason: &'static str) {
        self.down_with_cause(name, reason, reason);
    }

    /// Marks a dependency as down, for this reason; the cause is for the log only.
    pub fn down_with_cause(&self, name: &str, reason: &'static str, cause: impl Display) {
        let mut down = self.0.down.write().unwrap_or_else(PoisonError::into_inner);
        if down.insert(name.to_owned(), reason).is_none() {
            tracing::warn!(dependency = name, %cause, "a dependency is down");
        }
        self.0.closed.store(true, Ordering::Release);
        measure(name, 0.0);
    }

    /// Marks a dependency as up again.
    pub fn up(&self, name: &str) {
        let mut down = self.0.down.write().unwrap_or_else(PoisonError::into_inner);
        if down.remove(name).is_some() {
            let refused = if down.is_empty() {
                self.0.refused.swap(0, Ordering::Relaxed)
            } else {
                self.0.refused.load(Ordering::Relaxed)
            };
            tracing::info!(dependency = name, refused, "a dependency is up again");
        }
        self.0.closed.store(!down.is_empty(), Ordering::Release);
        measure(name, 1.0);
    }

    /// Counts a request that was refused because the gate is closed. The number is logged once,
    /// when everything is up again.
    pub fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing is down. Costs one load.
    pub fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::Acquire)
    }

    /// The dependencies that are down.
    pub fn missing(&self) -> Vec<Unready> {
        let down = self.0.down.read().unwrap_or_else(PoisonError::into_inner);
        down.iter()
            .map(|(name, reason)| Unready::new(name, reason))
            .collect()
    }
}

fn measure(dependency: &str, up: f64) {
    metrics::gauge!("dependency_up", "dependency" => dependency.to_owned()).set(up);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_opens_when_the_last_dependency_is_up_again() {
        let gate = Gate::new();
        assert!(gate.is_open());
        gate.down("NATS", "no route");
        gate.down("MongoDB", "no primary");
        gate.up("NATS");
        assert!(!gate.is_open());
        assert_eq!(gate.missing(), [Unready::new("MongoDB", "no primary")]);
        gate.up("MongoDB");
        gate.up("MongoDB");
        assert!(gate.is_open());
    }
}

//! Clusters, services that sign in to them, and users who trade.

mod mongo;
mod nats;
mod partition;
mod s3;
mod services;
mod tls;
mod traffic;

pub use mongo::MongoSet;
pub use nats::NatsCluster;
pub use partition::PartitionableCluster;
pub use s3::{ObjectStore, SECRET};
pub use services::{Site, builder, session_key, tool};
pub use tls::Certificates;
pub use traffic::Traffic;

/// The folder of a file of the production overlay.
pub fn production(file: &str) -> String {
    let overlay = devservers::tools::workspace().join("k8s/overlays/production");
    let file = overlay.join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Replaces text that must exist: a changed file must not be tested with its old ports.
pub fn replaced(text: &str, what: &str, with: &str) -> String {
    assert!(text.contains(what), "{what} isn't in:\n{text}");
    text.replace(what, with)
}

/// The program.
pub const TURNSTILE: &str = env!("CARGO_BIN_EXE_turnstile");

/// The password of a user in these tests.
pub fn password(user: &str) -> String {
    format!("secret-of-{user}")
}

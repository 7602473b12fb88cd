//! Clusters, services that sign in to them, and people who trade.

mod apart;
mod market;
mod mongo;
mod nats;
mod s3;
mod services;
mod tls;

pub use apart::Apart;
pub use market::Market;
pub use mongo::MongoSet;
pub use nats::NatsCluster;
pub use s3::{ObjectStore, SECRET};
pub use services::{Site, builder, run, session_key, tool};
pub use tls::Certificates;

use std::path::{Path, PathBuf};

/// The folder of a file of the production overlay.
pub fn production(file: &str) -> String {
    let overlay = devservers::tools::workspace().join("k8s/overlays/production");
    let file = overlay.join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Replaces what must be there: a file that changed must not be tested with its old ports.
pub fn replaced(text: &str, what: &str, with: &str) -> String {
    assert!(text.contains(what), "{what} isn't in:\n{text}");
    text.replace(what, with)
}

/// The program of a service, where cargo puts the programs of a workspace.
pub fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_turnstile")).with_file_name(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --bins --tests` first",
        path.display()
    );
    path
}

/// The password of a user in these tests.
pub fn password(user: &str) -> String {
    format!("secret-of-{user}")
}

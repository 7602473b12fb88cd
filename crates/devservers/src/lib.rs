//! The servers that Turnstile needs, as child processes of developer tools and tests.
//!
//! - [`tools`] finds or installs `nats-server`, `mongod` and other tools that a build step needs.
//! - [`NatsServer`] and [`MongoServer`] are one running server each: started on its own port;
//!   killed, frozen, resumed and restarted on the same data at will; and ended when the value is
//!   dropped.
//! - [`ServerPlan`] is the same server before it runs, for callers that run it themselves.
//! - [`supervise`] keeps a set of children running until it is asked to end them all.
//!
//! Everything here blocks, and the crate has few dependencies: every `cargo xtask` waits for it, so
//! it must compile in seconds.
//!
//! Children end with their parent, even if the parent is killed with `SIGKILL`: see
//! [`ProcessSpec::spawn`].
#![deny(missing_docs)]

pub mod cargo;
mod child;
mod launch;
mod logs;
mod mongo;
mod nats;
mod plan;
mod ports;
mod server;
pub mod supervise;
pub mod tools;

pub use child::ChildProcess;
pub use launch::ProcessSpec;
pub use logs::last_lines;
pub use mongo::{MongoOptions, MongoServer};
pub use nats::{NatsOptions, NatsServer};
pub use nix::sys::signal::Signal;
pub use plan::ServerPlan;
pub use ports::{free_port, port_is_free};

//! The harness of all integration tests: real servers, the real program as a child process, a
//! client with a session, a stand-in for Stripe, and proxies between them: a reverse proxy in front
//! of the services, and one in front of NATS that loses acknowledgments.
//!
//! Functions panic with a message that states what went wrong, where a library would return an
//! error, because a test fails anyway. Nothing sleeps for a fixed time: [`eventually()`] waits for
//! a condition, with a limit.
//!
//! ```no_run
//! # async fn example() {
//! use testkit::{Mongo, Nats, TestApp};
//!
//! let (nats, mongo) = (Nats::start().await, Mongo::database().await);
//! // In a test of the package that has the binary: env!("CARGO_BIN_EXE_turnstile")
//! let app = TestApp::builder("/path/to/turnstile")
//!     .arg("serve")
//!     .nats(nats.url())
//!     .mongo(&mongo)
//!     .start()
//!     .await;
//! let seller = app.person().await;
//! let ticket = seller.sell("Concert", 20).await;
//! let buyer = app.person().await;
//! let order = buyer.order(&ticket).await;
//! buyer.pay(&order).await;
//! # }
//! ```
#![deny(missing_docs)]

mod app;
mod blocking;
mod call;
mod client;
mod corpus;
mod eventually;
mod mongo;
mod nats;
mod proxy;
mod response;
mod router;
mod session;
pub mod stripe;
mod tool;

pub use app::{AppBuilder, TestApp};
pub use call::Call;
pub use client::{Client, Person, TestUser};
pub use corpus::replay;
pub use eventually::{ConditionResult, LONG, eventually};
pub use mongo::{Mongo, MongoProxy};
pub use nats::{DiskCopy, Nats};
pub use proxy::{Ack, DropAcksProxy, Publication};
pub use response::{ErrorEntry, Response};
pub use router::{ProxyRoutes, Router, SERVICES};
pub use tool::Tool;

pub use devservers::{MongoOptions, NatsOptions};
pub use reqwest::Method;

//! The marketplace as its users see it: the real program, a real NATS and a real MongoDB, HTTP.
//!
//! `routes` has every row of the contract; `races` shows that one of many wins; `faults` kills,
//! freezes and garbles what the program stands on; `stripe` takes money through a stand-in for
//! Stripe, and looks at its books; `history` keeps what is written afterwards apart from what happens;
//! `readme` does what the README says.
//! The services as separate processes are found
//! beside the program: `cargo build --workspace --bins --tests` makes them.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod faults;
mod history;
mod races;
mod readme;
mod routes;
mod stripe;
mod support;

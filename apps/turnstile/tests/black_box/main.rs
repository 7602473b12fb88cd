//! The marketplace as its users see it: the real program, a real NATS and a real MongoDB, HTTP.
//!
//! `routes` has every row of the contract; `races` shows that one of many wins; `faults` kills,
//! freezes and garbles the servers and the network; `stripe` pays through a stand-in for Stripe,
//! and checks its records; `history` keeps the writing of history apart from running services;
//! `readme` runs the commands in the README.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod faults;
mod history;
mod races;
mod readme;
mod routes;
mod stripe;
mod support;

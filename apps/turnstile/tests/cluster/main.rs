//! The marketplace as in production: three NATS servers and three members of MongoDB with the
//! configuration files of `k8s/overlays/production` (ports and paths replaced), services as
//! separate processes that sign in as their users, and several processes of each behind one
//! address.
//!
//! `access` checks authentication and permissions, `escapes` what no service can have the server
//! do, `start` that many may start at once, `fail_over` the acknowledged work when servers crash or
//! freeze, `isolation` when one is cut off, `scale_out` that the processes of a service are
//! interchangeable, and `streams`, `backup` and `growing` the operators' work on streams.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod access;
mod backup;
mod database;
mod escalation;
mod fail_over;
mod isolation;
mod scale_out;
mod start;
mod streams;
mod support;
mod three_servers;

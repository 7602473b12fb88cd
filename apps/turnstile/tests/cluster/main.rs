//! The marketplace as it runs in production: three NATS servers and three members of MongoDB with the
//! configuration files of `k8s/overlays/production` (ports and paths replaced), services as processes
//! of their own that sign in as who they are, and several processes of each behind one address.
//!
//! `access` shows who is let in and what each may say, `escapes` what none can have the server do,
//! `start` that many may start at once, `fail_over` what becomes of acknowledged work when servers die
//! or freeze, `isolation` when one is cut off, `scale_out` that any process of a service is as good as
//! another, `streams`, `backup` and `growing` what operators do with streams.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod access;
mod backup;
mod database;
mod escapes;
mod fail_over;
mod growing;
mod isolation;
mod scale_out;
mod start;
mod streams;
mod support;

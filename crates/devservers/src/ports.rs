//! Ports for servers.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Below the range from which Linux takes the ports of outgoing connections (32768 and up): in that
/// range, a client that connects while its server restarts can get the server's port, or even
/// connect to itself.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// Returns a free port of 127.0.0.1. Another process may take it before the caller does, which is
/// unlikely, as it is picked at random from some 20,000.
///
/// # Errors
/// When a hundred random ports are all busy.
pub fn free_port() -> Result<u16> {
    (0..100)
        .map(|_| FIRST + random_below(COUNT))
        .find(|port| port_is_free(*port))
        .context("a hundred random ports of 127.0.0.1 are all busy")
}

/// Whether a server could listen on that port of 127.0.0.1 now.
pub fn port_is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The standard library's hash keys are its only source of randomness, and good enough here.
fn random_below(bound: u16) -> u16 {
    let random = RandomState::new().build_hasher().finish();
    u16::try_from(random % u64::from(bound)).unwrap_or_default()
}

//! Whether there is a connection to the server.

use dioxus::prelude::*;
use state::Backoff;

use super::live;
use crate::{browser::time, client};

/// Whether the connection is lost, and for how long it has to be before it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Connection {
    /// No answer came to the last request.
    pub is_lost: bool,
    /// It has been lost for long enough to bother the visitor with it.
    pub is_known: bool,
}

/// A server that restarts is away for less than this, in milliseconds.
const GRACE: u32 = 700;

/// The connection.
pub static CONNECTION: GlobalSignal<Connection> = Signal::global(Connection::default);

/// Counts the reasons to try again at once.
static WAKE: GlobalSignal<u32> = Signal::global(|| 0);

/// A request got no answer.
pub fn lost() {
    if CONNECTION.peek().is_lost {
        return;
    }
    CONNECTION.write().is_lost = true;
    dioxus::core::spawn_forever(async {
        time::sleep(GRACE).await;
        let now = *CONNECTION.peek();
        if now.is_lost && !now.is_known {
            CONNECTION.write().is_known = true;
        }
    });
    dioxus::core::spawn_forever(probe());
}

/// An answer came.
pub fn found() {
    if CONNECTION.peek().is_lost {
        *CONNECTION.write() = Connection::default();
        // What happened meanwhile was missed.
        live::refresh();
    }
}

/// Tries again now: the visitor or the browser has reason to believe that it helps.
pub fn try_now() {
    *WAKE.write() += 1;
}

/// Asks for something small until an answer comes; every request's outcome ends up in [`lost`]
/// or [`found`].
async fn probe() {
    let mut backoff = Backoff::default();
    while CONNECTION.peek().is_lost {
        let seen = *WAKE.peek();
        let until = time::now() + f64::from(backoff.next_ms());
        while time::now() < until && *WAKE.peek() == seen && CONNECTION.peek().is_lost {
            time::sleep(150).await;
        }
        if CONNECTION.peek().is_lost {
            let _ = client::current_user().await;
        }
    }
}

/// Waits until the connection is found again.
pub async fn restored() {
    while CONNECTION.peek().is_lost {
        time::sleep(100).await;
    }
}

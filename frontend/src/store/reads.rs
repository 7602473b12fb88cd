//! Reading from the server: again and again until an answer comes.

use std::future::Future;

use dioxus::prelude::*;
use state::Backoff;

use super::{connection, live, session};
use crate::browser::time;
use crate::client::{Failure, Outcome};

/// How often a server that fails is asked again before the page says so.
const TRIES: u32 = 4;

/// Something that is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read<T> {
    /// Not here yet.
    Loading,
    /// Here. It stays while it is read again.
    Ready(T),
    /// It can't be had.
    Failed(Failure),
}

impl<T> Read<T> {
    /// It, if it is here.
    pub const fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }
}

/// Reads, waiting as long as there is no connection, and trying a server that fails again.
pub async fn patiently<T, F: Future<Output = Outcome<T>>>(read: impl Fn() -> F) -> Outcome<T> {
    let mut backoff = Backoff::default();
    let mut tries = 0;
    loop {
        match read().await {
            Err(Failure::Unreachable) => connection::restored().await,
            Err(Failure::Broken | Failure::Busy(_)) if tries < TRIES => {
                tries += 1;
                time::sleep(backoff.next_ms()).await;
            }
            Err(failure) if failure.refused() == Some(401) => {
                session::ended().await;
                return Err(failure);
            }
            outcome => return outcome,
        }
    }
}

/// Reads something for a component: at first, whenever `what` reads state that changed, and
/// whenever live events may have been missed. What is shown stays until there is something newer.
pub fn use_read<T, F>(what: impl Fn() -> F + Clone + 'static) -> Signal<Read<T>>
where
    T: PartialEq + 'static,
    F: Future<Output = Outcome<T>> + 'static,
{
    let mut value = use_signal(|| Read::Loading);
    use_resource(move || {
        live::follow_refresh();
        // The first call is made here, where what it reads is noticed.
        let first = what();
        let what = what.clone();
        async move {
            let first = std::cell::RefCell::new(Some(first));
            let again = move || {
                let begun = first.take();
                let what = what.clone();
                async move {
                    match begun {
                        Some(begun) => begun.await,
                        None => what().await,
                    }
                }
            };
            let outcome = patiently(again).await;
            let now = match outcome {
                Ok(read) => Read::Ready(read),
                Err(failure) => Read::Failed(failure),
            };
            if *value.peek() != now {
                value.set(now);
            }
        }
    });
    value
}

//! Reading from the server: again and again until an answer comes.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::pin;

use dioxus::prelude::*;
use futures_util::future::{Either, select};
use state::Backoff;

use super::tasks::use_task;
use super::{connection, live};
use crate::browser::time;
use crate::client::{Failure, Outcome};

/// How long something may take, in milliseconds, before the page says that it does.
const LATE: u32 = 5_000;

/// Why something isn't here, once that is worth a word.
pub type Trouble = Option<Failure>;

/// Something that is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read<T> {
    /// Not here yet.
    Loading,
    /// Here. It stays while it is read again.
    Ready(T),
    /// It can't be had, or is late: it is asked for again and again then, and may come any moment.
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

/// Reads until there is an answer that settles it, however long the connection or the server is
/// away. If that takes long, `late` is told why, once; it goes on all the same.
pub async fn patiently<T, F: Future<Output = Outcome<T>>>(
    read: impl Fn() -> F,
    late: impl FnOnce(Failure),
) -> Outcome<T> {
    let last = RefCell::new(Failure::Unreachable);
    let attempts = async {
        let mut backoff = Backoff::default();
        loop {
            match read().await {
                Err(Failure::Unreachable) => {
                    last.replace(Failure::Unreachable);
                    connection::restored().await;
                }
                Err(failure @ (Failure::Broken | Failure::Busy { .. })) => {
                    last.replace(failure);
                    time::sleep(backoff.next_ms()).await;
                }
                outcome => return outcome,
            }
        }
    };
    let warning = async {
        time::sleep(LATE).await;
        late(last.borrow().clone());
        pending::<()>().await;
    };
    match select(pin!(attempts), pin!(warning)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), attempts)) => attempts.await,
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
    use_task(move || {
        live::follow_refresh();
        // The first call is made here, where what it reads is noticed.
        let first = what();
        let what = what.clone();
        Box::pin(async move {
            let first = RefCell::new(Some(first));
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
            let late = |failure| {
                if value.peek().ready().is_none() {
                    value.set(Read::Failed(failure));
                }
            };
            let now = match patiently(again, late).await {
                Ok(read) => Read::Ready(read),
                Err(failure) => Read::Failed(failure),
            };
            if *value.peek() != now {
                value.set(now);
            }
        })
    });
    value
}

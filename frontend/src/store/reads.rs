//! Reading from the server: again and again until an answer comes.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::{Pin, pin};

use dioxus::prelude::*;
use futures_util::future::{Either, select};
use state::Backoff;

use super::requests::Api;
use super::tasks::use_task;
use crate::browser::time;
use crate::client::{ApiResult, Failure};

/// How long something may take, in milliseconds, before the page says that it does.
const LATE: u32 = 5_000;

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
pub async fn retry_until_online<T, F: Future<Output = ApiResult<T>>>(
    api: Api,
    read: impl Fn() -> F,
    late: impl FnMut(Failure),
) -> ApiResult<T> {
    let value = RefCell::new(None);
    let attempt = || -> Attempt<'_> {
        Box::pin(async {
            value.replace(Some(read().await?));
            Ok(())
        })
    };
    let mut late = late;
    retry(api, &attempt, &mut late).await?;
    value.into_inner().ok_or(Failure::Broken)
}

type Attempt<'a> = Pin<Box<dyn Future<Output = ApiResult<()>> + 'a>>;

/// Not a part of [`retry_until_online`], which is compiled for each kind of what is read.
async fn retry<'a>(
    api: Api,
    attempt: &dyn Fn() -> Attempt<'a>,
    late: &mut dyn FnMut(Failure),
) -> ApiResult<()> {
    let last = RefCell::new(Failure::Unreachable);
    let attempts = async {
        let mut backoff = Backoff::default();
        loop {
            match attempt().await {
                Err(Failure::Unreachable) => {
                    last.replace(Failure::Unreachable);
                    api.connection.restored().await;
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
pub fn use_read<T, F>(api: Api, what: impl Fn() -> F + Clone + 'static) -> Signal<Read<T>>
where
    T: PartialEq + 'static,
    F: Future<Output = ApiResult<T>> + 'static,
{
    let value = use_signal(|| Read::Loading);
    use_task(move || {
        api.refresh.follow();
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
            read_into(api, value, again).await;
        })
    });
    value
}

/// Reads into what is shown, which stays until there is something newer.
pub async fn read_into<T: PartialEq + 'static, F: Future<Output = ApiResult<T>>>(
    api: Api,
    mut value: Signal<Read<T>>,
    read: impl Fn() -> F,
) {
    let late = |failure| {
        if value.peek().ready().is_none() {
            value.set(Read::Failed(failure));
        }
    };
    let now = match retry_until_online(api, read, late).await {
        Ok(read) => Read::Ready(read),
        Err(failure) => Read::Failed(failure),
    };
    if *value.peek() != now {
        value.set(now);
    }
}

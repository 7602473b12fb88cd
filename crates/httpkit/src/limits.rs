//! Limits for attempts: failed sign-ins on an account and from an address, and sign-ups from an
//! address.
//!
//! Fixed windows, counted in this process's memory and limited in number: with several pods each
//! counts separately, so the effective limit is at most that many times higher. Shared counters
//! were rejected: they would add a round trip to each sign-in, and guessing is already slow because
//! of the cost of a password hash.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use moka::sync::Cache;
use uuid::Uuid;

use crate::{AppError, error::too_many_requests};

/// Number of counters of each kind; the least used are dropped first.
const REMEMBERED: u64 = 200_000;

/// Limits for attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Failed sign-ins per account in a window.
    pub signin_failures_per_account: u32,
    /// Failed sign-ins per address in a window.
    pub signin_failures_per_address: u32,
    /// The window for failed sign-ins.
    pub signin_window: Duration,
    /// Sign-ups per address in a window.
    pub signups_per_address: u32,
    /// The window for sign-ups.
    pub signup_window: Duration,
}

/// Counts attempts. Cheap to clone; clones share the counters.
#[derive(Clone)]
pub struct Limits {
    accounts: Counters<Uuid>,
    addresses: Counters<AddressKey>,
    signups: Counters<AddressKey>,
}

impl Limits {
    /// Counters with these limits.
    pub fn new(config: &LimitConfig) -> Self {
        Self {
            accounts: Counters::new(config.signin_failures_per_account, config.signin_window),
            addresses: Counters::new(config.signin_failures_per_address, config.signin_window),
            signups: Counters::new(config.signups_per_address, config.signup_window),
        }
    }

    /// Counts an attempt to sign in, before its password is checked; 429 if the account or the
    /// address has had too many, whose passwords are then not checked.
    ///
    /// It counts as a failure until it is marked otherwise: of many concurrent guesses no more are
    /// checked than of as many in a row, and the response to the others doesn't depend on the
    /// guess. Count attempts on accounts that don't exist as well: otherwise the responses would
    /// reveal which accounts exist.
    pub fn attempt(
        &self,
        account: Uuid,
        address: Option<IpAddr>,
    ) -> Result<SignInAttempt, AppError> {
        // If the address is refused, this is undone.
        let mut attempt = SignInAttempt {
            account: self.accounts.reserve(account)?,
            address: None,
            verdict: Verdict::NotJudged,
        };
        if let Some(address) = address {
            attempt.address = Some(self.addresses.reserve(address.into())?);
        }
        attempt.verdict = Verdict::Failed;
        Ok(attempt)
    }

    /// Counts a sign-up; 429 if there were too many from this address.
    pub fn count_signup(&self, address: Option<IpAddr>) -> Result<(), AppError> {
        if let Some(address) = address {
            let window = self.signups.reserve(address.into())?;
            window.settle(Verdict::Failed);
        }
        Ok(())
    }
}

/// An attempt to sign in that was counted. Dropped without a verdict, it counts as failed.
#[must_use = "it has failed unless it is told otherwise"]
pub struct SignInAttempt {
    account: Arc<Window>,
    address: Option<Arc<Window>>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Failed,
    Succeeded,
    NotJudged,
}

impl SignInAttempt {
    /// The password was right: resets the failures on the account, and removes the attempt from its
    /// address.
    pub fn succeeded(mut self) {
        self.verdict = Verdict::Succeeded;
    }

    /// The password was not checked: removes the attempt.
    pub fn not_judged(mut self) {
        self.verdict = Verdict::NotJudged;
    }
}

impl Drop for SignInAttempt {
    fn drop(&mut self) {
        self.account.settle(self.verdict);
        if let Some(address) = &self.address {
            address.settle(match self.verdict {
                // The owner's sign-in proves nothing about others at that address.
                Verdict::Succeeded => Verdict::NotJudged,
                verdict => verdict,
            });
        }
    }
}

/// An address, or the /64 of an IPv6 one: a client with one address there has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct AddressKey(u128);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => u32::from(address).into(),
            IpAddr::V6(address) => u128::from(address) >> 64 << 64,
        })
    }
}

/// A window that began with its first attempt.
struct Window {
    began: Instant,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    failed: u32,
    /// Attempts without a verdict.
    pending: u32,
}

impl Window {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, verdict: Verdict) {
        let mut counts = self.counts();
        counts.pending = counts.pending.saturating_sub(1);
        match verdict {
            Verdict::Failed => counts.failed = counts.failed.saturating_add(1),
            Verdict::Succeeded => counts.failed = 0,
            Verdict::NotJudged => {}
        }
    }
}

#[derive(Clone)]
struct Counters<K> {
    limit: u32,
    length: Duration,
    cache: Cache<K, Arc<Window>>,
}

impl<K: Copy + Eq + std::hash::Hash + Send + Sync + 'static> Counters<K> {
    fn new(limit: u32, length: Duration) -> Self {
        Self {
            limit,
            length,
            cache: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(length)
                .build(),
        }
    }

    /// Counts an attempt as pending, unless there were too many: then returns 429 and counts
    /// nothing.
    fn reserve(&self, key: K) -> Result<Arc<Window>, AppError> {
        let window = self.cache.get_with(key, || {
            Arc::new(Window {
                began: Instant::now(),
                counts: Mutex::default(),
            })
        });
        let left = self.length.saturating_sub(window.began.elapsed());
        let mut counts = window.counts();
        if counts.failed.saturating_add(counts.pending) >= self.limit && !left.is_zero() {
            return Err(too_many_requests(left.as_secs() + 1));
        }
        counts.pending += 1;
        drop(counts);
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{ResponseError as _, http::header::RETRY_AFTER};

    fn limits(window: Duration) -> Limits {
        Limits::new(&LimitConfig {
            signin_failures_per_account: 3,
            signin_failures_per_address: 5,
            signin_window: window,
            signups_per_address: 2,
            signup_window: window,
        })
    }

    const LONG: Duration = Duration::from_mins(10);
    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    /// A wrong guess.
    fn fail(limits: &Limits, account: Uuid, address: Option<IpAddr>) {
        drop(limits.attempt(account, address).unwrap());
    }

    #[test]
    fn failures_on_one_account_block_only_that_account() {
        let limits = limits(LONG);
        let (account, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..3 {
            fail(&limits, account, HERE);
        }
        let error = limits.attempt(account, THERE).err().unwrap();
        assert_eq!(error.status(), 429);
        let answer = error.error_response();
        let seconds = answer.headers().get(RETRY_AFTER).unwrap().to_str().unwrap();
        assert!((599..=601).contains(&seconds.parse().unwrap()), "{seconds}");
        fail(&limits, other, HERE);
    }

    #[test]
    fn failures_from_one_address_block_it_for_all_accounts() {
        let limits = limits(LONG);
        for account in 0..5 {
            fail(&limits, Uuid::from_u128(account), HERE);
        }
        let account = Uuid::from_u128(9);
        for _ in 0..4 {
            assert!(limits.attempt(account, HERE).is_err());
        }
        // Attempts that the address refused were not counted on the account.
        fail(&limits, account, THERE);
    }

    #[test]
    fn concurrent_attempts_count_like_sequential_ones() {
        let limits = limits(LONG);
        let account = Uuid::from_u128(1);
        let at_once: Vec<_> = (0..200).map(|_| limits.attempt(account, HERE)).collect();
        assert_eq!(at_once.iter().filter(|attempt| attempt.is_ok()).count(), 3);
    }

    #[test]
    fn a_success_resets_finished_failures_only() {
        let limits = limits(LONG);
        let account = Uuid::from_u128(1);
        fail(&limits, account, None);
        let guess = limits.attempt(account, None).unwrap();
        limits.attempt(account, None).unwrap().succeeded();
        drop(guess);
        fail(&limits, account, None);
        fail(&limits, account, None);
        assert!(limits.attempt(account, None).is_err());
    }

    #[test]
    fn successes_and_undecided_attempts_do_not_count_per_address() {
        let limits = limits(LONG);
        for account in 0..20 {
            let attempt = limits.attempt(Uuid::from_u128(account), HERE).unwrap();
            if account % 2 == 0 {
                attempt.succeeded();
            } else {
                attempt.not_judged();
            }
        }
    }

    #[test]
    fn sign_ups_from_one_address_are_counted() {
        let limits = limits(LONG);
        limits.count_signup(HERE).unwrap();
        limits.count_signup(HERE).unwrap();
        assert_eq!(limits.count_signup(HERE).unwrap_err().status(), 429);
        limits.count_signup(THERE).unwrap();
    }

    #[test]
    fn addresses_in_one_ipv6_network_count_as_one() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn attempts_are_allowed_again_after_the_window() {
        let limits = limits(Duration::from_millis(30));
        let account = Uuid::from_u128(1);
        for _ in 0..3 {
            fail(&limits, account, None);
        }
        let began = Instant::now();
        while limits.attempt(account, None).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "still refused");
            std::thread::yield_now();
        }
    }
}

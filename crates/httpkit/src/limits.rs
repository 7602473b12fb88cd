//! How often one may try: failed sign-ins on an account and from an address, and sign-ups from an
//! address.
//!
//! Fixed windows, counted in this process's memory and bounded: with several pods each counts for
//! itself, so the effective limit is at most that many times higher. Shared counters were
//! rejected: they would put a round trip in front of each sign-in, and guessing is already slow
//! by the cost of a password hash.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use moka::sync::Cache;
use uuid::Uuid;

use crate::{AppError, error::too_many_requests};

/// Counters that are kept of each kind; the least used go first.
const REMEMBERED: u64 = 200_000;

/// How often one may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Failed sign-ins on one account in a window.
    pub signin_failures_per_account: u32,
    /// Failed sign-ins from one address in a window.
    pub signin_failures_per_address: u32,
    /// The window for failed sign-ins.
    pub signin_window: Duration,
    /// Sign-ups from one address in a window.
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
    /// With these limits and nothing counted.
    pub fn new(config: &LimitConfig) -> Self {
        Self {
            accounts: Counters::new(config.signin_failures_per_account, config.signin_window),
            addresses: Counters::new(config.signin_failures_per_address, config.signin_window),
            signups: Counters::new(config.signups_per_address, config.signup_window),
        }
    }

    /// 429 if an account or an address has failed too often to try again now.
    ///
    /// Ask before the password is looked at, and again once its turn to be hashed has come: of
    /// many attempts sent at once, those that waited are then refused too.
    pub fn check_signin(&self, account: Uuid, address: Option<IpAddr>) -> Result<(), AppError> {
        self.accounts.check(&account)?;
        address.map_or(Ok(()), |address| self.addresses.check(&address.into()))
    }

    /// Counts a failed sign-in. Count those on accounts that don't exist as well: else the answers
    /// would tell which do.
    pub fn signin_failed(&self, account: Uuid, address: Option<IpAddr>) {
        self.accounts.count(account);
        if let Some(address) = address {
            self.addresses.count(address.into());
        }
    }

    /// Forgets the failures on an account whose owner has signed in.
    pub fn signin_succeeded(&self, account: Uuid) {
        self.accounts.cache.invalidate(&account);
    }

    /// Counts a sign-up; 429 if there were too many from this address.
    pub fn count_signup(&self, address: Option<IpAddr>) -> Result<(), AppError> {
        let Some(address) = address else {
            return Ok(());
        };
        let key = AddressKey::from(address);
        self.signups.check(&key)?;
        self.signups.count(key);
        Ok(())
    }
}

/// An address, or the /64 of an IPv6 one: who has one address there has all of them.
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

/// A window that began when its first attempt was counted.
struct Window {
    began: Instant,
    count: AtomicU32,
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

    fn check(&self, key: &K) -> Result<(), AppError> {
        let Some(window) = self.cache.get(key) else {
            return Ok(());
        };
        let left = self.length.saturating_sub(window.began.elapsed());
        if window.count.load(Ordering::Relaxed) < self.limit || left.is_zero() {
            return Ok(());
        }
        Err(too_many_requests(left.as_secs() + 1))
    }

    fn count(&self, key: K) {
        let window = self.cache.get_with(key, || {
            Arc::new(Window {
                began: Instant::now(),
                count: AtomicU32::new(0),
            })
        });
        window.count.fetch_add(1, Ordering::Relaxed);
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

    #[test]
    fn an_account_that_failed_too_often_must_wait_and_others_need_not() {
        let limits = limits(LONG);
        let (account, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..3 {
            limits.check_signin(account, HERE).unwrap();
            limits.signin_failed(account, HERE);
        }
        let error = limits.check_signin(account, THERE).unwrap_err();
        assert_eq!(error.status(), 429);
        let answer = error.error_response();
        let seconds = answer.headers().get(RETRY_AFTER).unwrap().to_str().unwrap();
        assert!((599..=601).contains(&seconds.parse().unwrap()), "{seconds}");
        limits.check_signin(other, HERE).unwrap();
    }

    #[test]
    fn an_address_that_failed_too_often_must_wait_whatever_the_account() {
        let limits = limits(LONG);
        for account in 0..5 {
            let account = Uuid::from_u128(account);
            limits.check_signin(account, HERE).unwrap();
            limits.signin_failed(account, HERE);
        }
        assert!(limits.check_signin(Uuid::from_u128(9), HERE).is_err());
        limits.check_signin(Uuid::from_u128(9), THERE).unwrap();
    }

    #[test]
    fn a_good_sign_in_forgets_the_failures_on_its_account() {
        let limits = limits(LONG);
        let account = Uuid::from_u128(1);
        for _ in 0..3 {
            limits.signin_failed(account, None);
        }
        limits.signin_succeeded(account);
        limits.check_signin(account, None).unwrap();
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
    fn neighbors_in_an_ipv6_network_count_as_one() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn when_the_window_is_over_one_may_try_again() {
        let limits = limits(Duration::from_millis(30));
        let account = Uuid::from_u128(1);
        for _ in 0..3 {
            limits.signin_failed(account, None);
        }
        let began = Instant::now();
        while limits.check_signin(account, None).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "still refused");
            std::thread::yield_now();
        }
    }
}

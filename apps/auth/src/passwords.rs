//! Hashes passwords: deliberately slow, so never on a thread that handles requests.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use runtime::Source;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Argon2id with 19 MiB, two passes, one lane: the first choice of the OWASP Password Storage
/// Cheat Sheet for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Limit for waiting requests per concurrent hash: about a second of work. Later requests would
/// wait longer than users do, and without a limit an attacker could keep the processors busy.
const WAITING_EACH: usize = 32;

/// Hashes and checks passwords, with a limit on concurrency.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// More concurrency would only take memory (19 MiB per hash) and slow each hash down. The
    /// permit belongs to the work and not to the request: a client that disconnects doesn't end a
    /// running hash, and by disconnecting repeatedly could otherwise start any number of them.
    permits: Arc<Semaphore>,
    /// Permits for running and waiting requests.
    places: Arc<Semaphore>,
    /// Checked when there is no account, so that it takes the same time.
    decoy: Arc<str>,
}

/// A password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingFailed {
    /// The queue is full.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// A defect of this program.
    #[error("could not hash a password: {0}")]
    Fault(#[source] Source),
}

impl HashingFailed {
    fn fault(why: impl Into<Source>) -> Self {
        Self::Fault(why.into())
    }
}

impl Passwords {
    /// Prepares for `at_once` concurrent hashes.
    pub fn new(at_once: usize) -> Result<Self, HashingFailed> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(HashingFailed::fault)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon2, "there is nobody here")?;
        Ok(Self {
            argon2,
            permits: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once * (1 + WAITING_EACH))),
            decoy: decoy.into(),
        })
    }

    /// Hashes a password, with its own salt, into PHC string form.
    pub async fn hash(&self, password: String) -> Result<String, HashingFailed> {
        let argon2 = self.argon2.clone();
        self.run_blocking(move || hash(&argon2, &password)).await?
    }

    /// Whether a password matches a hash. `None` stands for an account that doesn't exist: the same
    /// work is done, and the result is false.
    pub async fn matches(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, HashingFailed> {
        let argon2 = self.argon2.clone();
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let matches = self
            .run_blocking(move || {
                let hash = PasswordHash::new(&hash).map_err(HashingFailed::fault)?;
                Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await??;
        Ok(matches && exists)
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashingFailed> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| HashingFailed::Busy)?;
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(HashingFailed::fault)?;
        let work = move || {
            let _turn = (place, permit);
            work()
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(HashingFailed::fault)
    }
}

fn hash(argon2: &Argon2<'static>, password: &str) -> Result<String, HashingFailed> {
    let hash: PasswordHash = argon2
        .hash_password(password.as_bytes())
        .map_err(HashingFailed::fault)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    #[tokio::test]
    async fn only_the_hashed_password_matches() {
        let passwords = Passwords::new(1).unwrap();
        let hash = passwords.hash("secret".to_owned()).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(
            passwords
                .matches("secret".to_owned(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .matches("Secret".to_owned(), Some(hash))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn no_password_matches_without_an_account() {
        let passwords = Passwords::new(1).unwrap();
        assert!(
            !passwords
                .matches("there is nobody here".to_owned(), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn abandoned_hashing_occupies_its_slot_until_it_ends() {
        let passwords = Passwords::new(1).unwrap();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let mut abandoned = Box::pin(passwords.run_blocking(move || ended.recv().is_ok()));
        assert!(futures_util::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        assert_eq!(passwords.permits.available_permits(), 0);
        drop(end);
        passwords.hash("secret".to_owned()).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_rejects_at_once() {
        let passwords = Passwords::new(1).unwrap();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let mut at_work = Box::pin(passwords.run_blocking(move || ended.recv().is_ok()));
        assert!(futures_util::poll!(&mut at_work).is_pending());
        let mut waiting = Vec::new();
        for _ in 0..WAITING_EACH {
            let mut hash = Box::pin(passwords.hash("secret".to_owned()));
            assert!(futures_util::poll!(&mut hash).is_pending());
            waiting.push(hash);
        }
        let mut one_more = Box::pin(passwords.hash("secret".to_owned()));
        let refused = futures_util::poll!(&mut one_more);
        let is_refused = matches!(refused, Poll::Ready(Err(HashingFailed::Busy)));
        assert!(is_refused, "{refused:?}");
        // A request that is dropped frees its place.
        waiting.pop();
        let mut hash = Box::pin(passwords.hash("secret".to_owned()));
        assert!(futures_util::poll!(&mut hash).is_pending());
        drop((end, waiting));
        hash.await.unwrap();
    }

    #[tokio::test]
    async fn each_hash_of_a_password_differs() {
        let passwords = Passwords::new(2).unwrap();
        let (one, two) = tokio::join!(
            passwords.hash("secret".to_owned()),
            passwords.hash("secret".to_owned())
        );
        assert_ne!(one.unwrap(), two.unwrap());
    }
}

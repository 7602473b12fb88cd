//! The auth service: accounts and sessions.
//!
//! It alone has the private key that signs sessions. It publishes the public half in the log, so
//! every other service can verify sessions itself.
#![deny(missing_docs)]

mod accounts;
mod passwords;
mod routes;

use event_streams::USERS;
use eventstore::StoreError;
use httpkit::ExposeSecret as _;
use httpkit::{Constraint, Limits, Routes, Service, SessionSigner, Unready};
use runtime::{Runtime, StartError};
use std::{sync::Arc, time::Duration};

use accounts::Accounts;
use passwords::Passwords;

/// Pause before the key is looked up again in a log that didn't answer.
const AGAIN: Duration = Duration::from_secs(1);

/// The running service. Clones share it.
#[derive(Clone)]
pub struct AuthService {
    runtime: Runtime,
    accounts: Accounts,
    signer: Arc<SessionSigner>,
}

impl AuthService {
    /// Finds or generates the key, and publishes its public half.
    ///
    /// # Errors
    /// When the key can't be used, or the log can't be reached.
    pub async fn start(runtime: &Runtime) -> Result<Self, StartError> {
        let config = &runtime.config;
        let signer = match &config.session_private_key {
            Some(pem) => SessionSigner::from_pem(pem.expose_secret(), "SESSION_PRIVATE_KEY"),
            None => SessionSigner::from_data_dir(&config.data_dir),
        };
        let signer = signer.map_err(StartError::service)?;
        let public = signer.public_key();
        let jwk = serde_json::to_string(public).map_err(StartError::service)?;
        announce(runtime, &public.kid, &jwk).await?;
        tokio::spawn(stay_announced(runtime.clone(), public.kid.clone(), jwk));
        runtime.sessions.add(public);
        let passwords = Passwords::new(config.password_hashers);
        let passwords = passwords.map_err(StartError::service)?;
        Ok(Self {
            runtime: runtime.clone(),
            accounts: Accounts {
                users: runtime.log.store(USERS),
                passwords,
                limits: Limits::new(&config.limits),
            },
            signer: Arc::new(signer),
        })
    }
}

/// Publishes the public key that verifies new sessions.
///
/// A key that wasn't published before (by `turnstile keys rotate`) takes effect when every process
/// has had the time to learn it; until then a session would be invalid in other services. The first
/// key of all takes effect at once.
async fn announce(runtime: &Runtime, kid: &str, jwk: &str) -> Result<(), StartError> {
    let others = runtime.log.session_keys().list().await?;
    let published = runtime.log.session_keys().publish(kid, jwk).await;
    let is_new = published.map_err(|error| match error {
        StoreError::Rejected(why) => StartError::service(format!(
            "SESSION_PRIVATE_KEY, or the key in DATA_DIR: {why}; give auth another"
        )),
        other => other.into(),
    })?;
    if is_new && others.iter().any(|other| other.key.is_some()) {
        tracing::info!(kid, "waiting until every service knows the new session key");
        tokio::time::sleep(runtime::KEYS_KNOWN_WITHIN).await;
    }
    Ok(())
}

/// Publishes it again after each connection: a log that lost its tail may have lost that, too, and
/// a service that starts later could verify no session.
async fn stay_announced(runtime: Runtime, kid: String, jwk: String) {
    let stopping = runtime.stopping();
    let mut connection = runtime.log.connection();
    let mut pause = false;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = connection.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN), if pause => {}
        }
        if !*connection.borrow_and_update() {
            continue;
        }
        pause = match runtime.log.session_keys().publish(&kid, &jwk).await {
            // It was retired in the meantime: readiness reports that.
            Ok(false) | Err(StoreError::Rejected(_)) => false,
            Ok(true) => {
                tracing::error!(
                    kid,
                    "the log had lost the session key, it was published again"
                );
                false
            }
            Err(error) => {
                tracing::debug!(%error, "can't look for the session key in the log");
                true
            }
        };
    }
}

/// The service's part of the API's description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::all().openapi()
}

impl Service for AuthService {
    fn name(&self) -> &'static str {
        "auth"
    }

    fn routes(&self) -> Routes {
        routes::all().with(self.clone())
    }

    fn constraints(&self) -> Vec<Constraint> {
        routes::constraints()
    }

    /// Not ready while the signing key is retired: its sessions would be invalid.
    fn readiness(&self) -> Vec<Unready> {
        let good = self.runtime.sessions.knows(&self.signer.public_key().kid);
        Vec::from_iter((!good).then(|| Unready::new("session key", "was retired")))
    }
}

//! The caller of a request: a JWT in one cookie.
//!
//! `auth` signs with an Ed25519 key that only it has ([`SessionSigner`]); all services verify with
//! the public keys ([`SessionVerifier`]). An invalid token (forged, expired, with another algorithm
//! or an unknown key) means *anonymous*; it is never an error by itself.

mod cookie;
mod new_key;
mod private_file;
mod signer;
mod verifier;

pub use cookie::{CookiePolicy, SESSION_COOKIE, SecureCookies};
pub use new_key::NewKey;
pub use signer::{KeyError, SessionSigner};
pub use verifier::{PublicKey, SessionVerifier};

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, web};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AppError, RequestContext, error::unauthorized};

/// The contents of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: Uuid,
    /// The user's address.
    pub email: String,
    /// The start of the session, in seconds since 1970-01-01T00:00:00Z.
    pub iat: i64,
    /// Its end, in the same unit.
    pub exp: i64,
    /// Identity of the session.
    pub jti: Uuid,
}

/// A caller with a session. As an argument of a handler: 401 without one. Name it before the body
/// (see [`json`](crate::json)).
#[derive(Clone, Debug)]
pub struct Session(Arc<Claims>);

impl Session {
    /// The user's id.
    pub fn user_id(&self) -> Uuid {
        self.0.sub
    }

    /// The user's address.
    pub fn email(&self) -> &str {
        &self.0.email
    }

    /// The contents of the token.
    pub fn claims(&self) -> &Claims {
        &self.0
    }
}

/// A caller with or without a session.
#[derive(Clone, Debug)]
pub struct MaybeSession(pub Option<Session>);

impl MaybeSession {
    /// The caller of a request. Of several session cookies the first valid one counts.
    pub fn of(req: &HttpRequest) -> Self {
        let verifier = req.app_data::<web::Data<SessionVerifier>>();
        let session = verifier.and_then(|verifier| {
            cookie::tokens(req.headers())
                .find_map(|token| verifier.verify(token))
                .map(Session)
        });
        if let Some(session) = &session
            && let Some(context) = req.extensions().get::<RequestContext>()
        {
            context.set_user(session.user_id());
        }
        Self(session)
    }
}

impl FromRequest for MaybeSession {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req)))
    }
}

impl FromRequest for Session {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(MaybeSession::of(req).0.ok_or_else(unauthorized))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{http::header::COOKIE, test::TestRequest};
    use std::time::Duration;

    #[test]
    fn the_first_valid_session_cookie_applies() {
        let signer = SessionSigner::ephemeral();
        let verifier = SessionVerifier::new([signer.public_key().clone()]);
        let token = |signer: &SessionSigner, id: u128| {
            let lifetime = Duration::from_mins(1);
            let token = signer.sign(Uuid::from_u128(id), "a@b.c", lifetime);
            token.unwrap().0
        };
        let (first, second) = (token(&signer, 1), token(&signer, 2));
        let forged = token(&SessionSigner::ephemeral(), 3);
        for (header, expected) in [
            (format!("session=; session={first}"), Some(1)),
            (format!("session={forged}; session={first}"), Some(1)),
            (format!("session={first}; session={second}"), Some(1)),
            (format!("session={second}; session={first}"), Some(2)),
            (format!("session={first}; session="), Some(1)),
            (format!("session={forged}; session=x"), None),
        ] {
            let req = TestRequest::default()
                .app_data(web::Data::new(verifier.clone()))
                .insert_header((COOKIE, header.clone()))
                .to_http_request();
            let session = MaybeSession::of(&req).0;
            let user = session.map(|session| session.user_id().as_u128());
            assert_eq!(user, expected, "{header}");
        }
    }
}

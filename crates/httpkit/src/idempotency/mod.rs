//! `Idempotency-Key`: the same user with the same key gets the first response again.
//!
//! Two mechanisms work together. The *command ID* derives from the key, the user and the request;
//! the log records it with the events, so a command takes effect once in any case. The idempotency
//! record keeps the *response*, so that every process returns it unchanged; this module contains
//! the HTTP side of both.
//!
//! The command ID derives from the request as well, because responses are dropped eventually and
//! commands are not: IDs derive from a command's ID, and a key that is used again after its
//! response is gone, with another request, would otherwise give a second resource the ID of the
//! first.

mod fingerprint;

pub use fingerprint::Fingerprint;

use actix_web::{HttpRequest, http::header::HeaderName};
use uuid::Uuid;

use crate::{HandlerResult, error::bad_request};

/// The header that carries the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of a repeated response.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const LONGEST_KEY: usize = 255;
/// Namespace of command IDs (`UUIDv5`). If it changed, every request could be repeated once.
const NAMESPACE: Uuid = Uuid::from_u128(0x3c0b_61a4_87f2_4a0d_8f7e_20d9_5b1c_e6d4);

/// A user's key: identifies a response, and together with its request a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    id: Uuid,
}

impl IdempotencyKey {
    /// Reads the key of a request: `None` without the header, 400 if it isn't 1 to 255 visible
    /// ASCII characters.
    pub fn of(req: &HttpRequest, user: Uuid) -> HandlerResult<Option<Self>> {
        let mut sent = req.headers().get_all(IDEMPOTENCY_KEY);
        let Some(value) = sent.next() else {
            return Ok(None);
        };
        let good = (1..=LONGEST_KEY).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic)
            && sent.next().is_none();
        if !good {
            return Err(bad_request(format!(
                "Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters"
            )));
        }
        let name = [user.as_bytes(), value.as_bytes()].concat();
        Ok(Some(Self {
            id: Uuid::new_v5(&NAMESPACE, &name),
        }))
    }

    /// The key of the response's record.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The command ID of a request with this key.
    pub fn command_id(&self, fingerprint: Fingerprint) -> Uuid {
        Uuid::new_v5(&self.id, &fingerprint.0)
    }
}

/// The pattern of a key, as a regular expression.
pub(crate) fn key_pattern() -> String {
    format!("^[!-~]{{1,{LONGEST_KEY}}}$")
}

/// Returns 400 if the key of a request is malformed. For commands that can't take effect twice
/// (signing in and out): a key is allowed there and has no effect.
pub fn check(req: &HttpRequest) -> HandlerResult<()> {
    IdempotencyKey::of(req, Uuid::nil()).map(|_| ())
}

/// The ID of a request's command: derived from user and key if there is a key, otherwise random.
/// For commands whose response must not be stored, because it or the body contains a secret
/// (sign-up): there the address takes the place of the user, and no other ID derives from the
/// command.
pub fn command_id(req: &HttpRequest, user: Uuid) -> HandlerResult<Uuid> {
    let key = IdempotencyKey::of(req, user)?;
    Ok(key.map_or_else(Uuid::now_v7, |key| key.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn key(user: u128, text: &str) -> Option<IdempotencyKey> {
        let req = TestRequest::default()
            .insert_header((IDEMPOTENCY_KEY, text))
            .to_http_request();
        IdempotencyKey::of(&req, Uuid::from_u128(user)).ok()?
    }

    #[test]
    fn user_and_key_determine_the_command_id() {
        assert!(key(1, "a").is_some());
        assert_eq!(key(1, "a"), key(1, "a"));
        assert_ne!(key(1, "a"), key(2, "a"));
        assert_ne!(key(1, "a"), key(1, "b"));
    }

    #[test]
    fn another_request_with_the_same_key_is_another_command() {
        let key = key(1, "a").unwrap();
        let [first, second] = [[1; 32], [2; 32]].map(Fingerprint);
        assert_eq!(key.command_id(first), key.command_id(first));
        assert_ne!(key.command_id(first), key.command_id(second));
    }

    #[test]
    fn two_keys_in_one_request_are_invalid() {
        let req = TestRequest::default()
            .append_header((IDEMPOTENCY_KEY, "a"))
            .append_header((IDEMPOTENCY_KEY, "b"))
            .to_http_request();
        assert!(IdempotencyKey::of(&req, Uuid::nil()).is_err());
    }

    #[test]
    fn without_a_key_every_command_has_a_new_id() {
        let req = TestRequest::default().to_http_request();
        let ids = [(); 2].map(|()| command_id(&req, Uuid::nil()).unwrap());
        assert_ne!(ids[0], ids[1]);
    }
}

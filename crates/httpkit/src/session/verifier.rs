//! Verifies tokens.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::VerifyingKey;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Claims;
use crate::clock;

/// Size of the cache of valid tokens, in bytes: about a hundred thousand tokens. Others are
/// verified each time.
const REMEMBERED: u64 = 32 << 20;
/// Approximate size of an entry without its address.
const REMEMBERED_EACH: usize = 256;
/// After this time a token is verified again, so that inactive users take no memory.
const REMEMBERED_FOR: Duration = Duration::from_mins(15);
/// Longer tokens are not ours, and are not worth a hash.
const LONGEST_TOKEN: usize = 2048;

/// The public half of a signing key, as a JSON Web Key (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key's 32 bytes, base64url.
    pub x: String,
    /// The key's ID: its thumbprint (RFC 7638), so one key has one ID everywhere.
    pub kid: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

impl PublicKey {
    pub(super) fn of(key: &VerifyingKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        Self {
            kid: thumbprint(&x),
            x,
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            usage: "sig".to_owned(),
        }
    }

    /// The key itself, if this is an Ed25519 key whose ID is its thumbprint.
    fn decoding_key(&self) -> Option<DecodingKey> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(&self.x).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok()?;
        let ours = self.kty == "OKP" && self.crv == "Ed25519" && self.kid == thumbprint(&self.x);
        ours.then(|| DecodingKey::from_ed_der(&bytes))
    }
}

fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

/// Verifies tokens with the currently known public keys.
///
/// A valid token is cached (by its hash) until it expires: an Ed25519 verification costs more than
/// the handlers do. Cheap to clone; clones share keys and cache.
#[derive(Clone)]
pub struct SessionVerifier {
    keys: Arc<RwLock<HashMap<String, DecodingKey>>>,
    good: Cache<[u8; 32], Arc<Claims>>,
    validation: Arc<Validation>,
}

impl Default for SessionVerifier {
    fn default() -> Self {
        Self::new([])
    }
}

impl SessionVerifier {
    /// A verifier with these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        // The algorithm is fixed here, not taken from the token; `exp` is required and has no
        // leeway.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = 0;
        let verifier = Self {
            keys: Arc::default(),
            good: Cache::builder()
                .max_capacity(REMEMBERED)
                .weigher(|_, claims: &Arc<Claims>| {
                    u32::try_from(REMEMBERED_EACH + claims.email.len()).unwrap_or(u32::MAX)
                })
                .time_to_live(REMEMBERED_FOR)
                .build(),
            validation: Arc::new(validation),
        };
        verifier.replace(keys);
        verifier
    }

    /// Adds a key. Returns whether it is valid.
    pub fn add(&self, key: &PublicKey) -> bool {
        let Some(decoding) = key.decoding_key() else {
            return false;
        };
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.kid.clone(), decoding);
        true
    }

    /// Removes a key: its sessions end. Returns whether it was known.
    pub fn remove(&self, kid: &str) -> bool {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let known = keys.remove(kid).is_some();
        if known {
            self.good.invalidate_all();
        }
        known
    }

    /// Whether a key is known.
    pub fn knows(&self, kid: &str) -> bool {
        let keys = self.keys.read();
        keys.unwrap_or_else(PoisonError::into_inner)
            .contains_key(kid)
    }

    /// Replaces all keys: the sessions of removed keys end. Invalid keys are left out.
    pub fn replace(&self, keys: impl IntoIterator<Item = PublicKey>) {
        let keys = keys
            .into_iter()
            .filter_map(|key| Some((key.decoding_key()?, key.kid)))
            .map(|(decoding, kid)| (kid, decoding))
            .collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        self.good.invalidate_all();
    }

    /// Number of known keys. With none, no session can be verified.
    pub fn key_count(&self) -> usize {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The contents of a token; `None` if it isn't valid now.
    pub fn verify(&self, token: &str) -> Option<Arc<Claims>> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let hash = Sha256::digest(token).into();
        if let Some(claims) = self.good.get(&hash) {
            if claims.exp > clock::unix_seconds() {
                return Some(claims);
            }
            self.good.invalidate(&hash);
            return None;
        }
        let kid = decode_header(token).ok()?.kid?;
        // Held until the token is cached: otherwise a key that is removed just now could leave a
        // token behind that outlives it.
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let claims = decode::<Claims>(token, keys.get(&kid)?, &self.validation)
            .ok()?
            .claims;
        if claims.exp <= clock::unix_seconds() {
            return None; // at `exp` it is over: the library lets that very second pass
        }
        let claims = Arc::new(claims);
        self.good.insert(hash, Arc::clone(&claims));
        drop(keys);
        Some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionSigner;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};
    use std::time::Duration;
    use uuid::Uuid;

    const HOUR: Duration = Duration::from_hours(1);

    fn issue(signer: &SessionSigner) -> String {
        signer.sign(Uuid::from_u128(7), "a@b.c", HOUR).unwrap().0
    }

    fn pair() -> (SessionSigner, SessionVerifier) {
        let signer = SessionSigner::ephemeral();
        let verifier = SessionVerifier::new([signer.public_key().clone()]);
        (signer, verifier)
    }

    fn claims(exp: i64) -> Value {
        json!({ "sub": Uuid::nil(), "email": "a@b.c", "iat": 0, "exp": exp, "jti": Uuid::nil() })
    }

    #[test]
    fn a_valid_token_can_be_verified_repeatedly() {
        let (signer, verifier) = pair();
        let token = issue(&signer);
        for _ in 0..2 {
            let claims = verifier.verify(&token).unwrap();
            assert_eq!(claims.sub, Uuid::from_u128(7));
            assert_eq!(claims.exp - claims.iat, 3600);
        }
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let (_, verifier) = pair();
        assert!(
            verifier
                .verify(&issue(&SessionSigner::ephemeral()))
                .is_none()
        );
    }

    #[test]
    fn a_token_signed_with_another_key_than_it_names_is_refused() {
        let (signer, verifier) = pair();
        let (ours, forged) = (issue(&signer), issue(&SessionSigner::ephemeral()));
        let part = |token: &str, index| token.split('.').nth(index).unwrap().to_owned();
        let token = [part(&ours, 0), part(&forged, 1), part(&forged, 2)].join(".");
        assert!(verifier.verify(&token).is_none());
    }

    #[test]
    fn a_tampered_token_is_refused() {
        let (signer, verifier) = pair();
        let token = issue(&signer);
        assert!(verifier.verify(&token).is_some());
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            // The last character of a part may contain unused bits, and a decoder that ignored them
            // would accept two spellings of one token: it must not.
            assert!(verifier.verify(&tampered).is_none(), "{index}");
        }
    }

    #[test]
    fn the_public_key_cannot_be_used_as_an_hmac_secret() {
        let (signer, verifier) = pair();
        let key = signer.public_key();
        let bytes = URL_SAFE_NO_PAD.decode(&key.x).unwrap();
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            for secret in [&bytes[..], key.x.as_bytes()] {
                let mut header = Header::new(algorithm);
                header.kid = Some(key.kid.clone());
                let later = clock::unix_seconds() + 3600;
                let secret = EncodingKey::from_secret(secret);
                let token = encode(&header, &claims(later), &secret).unwrap();
                assert!(verifier.verify(&token).is_none(), "{algorithm:?}");
            }
        }
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        let (signer, verifier) = pair();
        let kid = &signer.public_key().kid;
        let later = clock::unix_seconds() + 3600;
        for algorithm in ["none", "None", "EdDSA"] {
            let header = json!({ "alg": algorithm, "typ": "JWT", "kid": kid }).to_string();
            let body = URL_SAFE_NO_PAD.encode(claims(later).to_string());
            let token = format!("{}.{body}.", URL_SAFE_NO_PAD.encode(header));
            assert!(verifier.verify(&token).is_none(), "{algorithm}");
        }
    }

    #[test]
    fn expired_tokens_and_those_without_expiry_are_refused() {
        let (signer, verifier) = pair();
        let now = clock::unix_seconds();
        assert!(
            verifier
                .verify(&signer.sign_anything(&claims(now + 60)))
                .is_some()
        );
        assert!(
            verifier
                .verify(&signer.sign_anything(&claims(now - 1)))
                .is_none()
        );
        let mut endless = claims(0);
        endless.as_object_mut().unwrap().remove("exp");
        assert!(verifier.verify(&signer.sign_anything(&endless)).is_none());
        endless["exp"] = json!("never");
        assert!(verifier.verify(&signer.sign_anything(&endless)).is_none());
    }

    #[test]
    fn an_expired_token_leaves_the_cache() {
        let (signer, verifier) = pair();
        let token = signer.sign_anything(&claims(clock::unix_seconds() + 1));
        let began = std::time::Instant::now();
        while verifier.verify(&token).is_some() {
            assert!(began.elapsed() < Duration::from_secs(10), "still good");
            std::thread::yield_now();
        }
        assert!(verifier.verify(&token).is_none());
    }

    #[test]
    fn removing_a_key_ends_its_sessions() {
        let (old, verifier) = pair();
        let new = SessionSigner::ephemeral();
        let (old_token, new_token) = (issue(&old), issue(&new));
        assert!(verifier.add(new.public_key()));
        assert!(verifier.verify(&old_token).is_some());
        assert!(verifier.verify(&new_token).is_some());
        verifier.replace([new.public_key().clone()]);
        assert!(verifier.verify(&old_token).is_none());
        assert!(verifier.verify(&new_token).is_some());
        assert_eq!(verifier.key_count(), 1);
    }

    #[test]
    fn a_key_that_arrives_later_verifies_earlier_tokens() {
        let (signer, verifier) = (SessionSigner::ephemeral(), SessionVerifier::default());
        let token = issue(&signer);
        assert!(verifier.verify(&token).is_none());
        assert!(verifier.add(signer.public_key()));
        assert!(verifier.verify(&token).is_some());
    }

    #[test]
    fn a_key_with_a_wrong_id_is_rejected() {
        let verifier = SessionVerifier::default();
        let good = SessionSigner::ephemeral().public_key().clone();
        let other = SessionSigner::ephemeral().public_key().clone();
        for bad in [
            PublicKey {
                kid: other.kid,
                ..good.clone()
            },
            PublicKey {
                x: "AAAA".to_owned(),
                ..good.clone()
            },
            PublicKey {
                kty: "oct".to_owned(),
                ..good.clone()
            },
        ] {
            assert!(!verifier.add(&bad));
        }
        assert!(verifier.add(&good));
    }

    #[test]
    fn invalid_tokens_are_refused() {
        let (_, verifier) = pair();
        for token in ["", ".", "..", "a.b.c", "\u{0}", &"x".repeat(100_000)] {
            assert!(verifier.verify(token).is_none());
        }
    }
}

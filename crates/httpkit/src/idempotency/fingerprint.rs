//! The content of a request, as a hash.

use std::fmt;

use actix_web::http::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::RawBody;

/// The SHA-256 of a request's method, path and body. Equivalent JSON has the same hash: the order
/// of members and white space don't count.
///
/// It is stored in the log: don't compute one of a body that contains a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request.
    pub fn of(method: &Method, path: &str, body: &RawBody) -> Self {
        let mut hash = Sha256::new();
        for part in [method.as_str().as_bytes(), path.as_bytes()] {
            hash.update(part);
            hash.update([0]); // neither can contain it, so no two pairs look alike
        }
        match serde_json::from_slice::<Value>(&body.0) {
            Ok(value) => add(&mut hash, &value),
            Err(_) => hash.update(&body.0),
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Adds JSON in a canonical form. Members are sorted here: whether `serde_json` keeps them sorted
/// depends on a feature that any other crate may enable. The parser limits the depth.
fn add(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, value) in members {
                hash.update(Value::from(name.as_str()).to_string());
                hash.update(b":");
                add(hash, value);
                hash.update(b",");
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                add(hash, item);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        scalar => hash.update(scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &'static str) -> Fingerprint {
        Fingerprint::of(&Method::POST, "/api/orders", &RawBody(body.into()))
    }

    #[test]
    fn the_fingerprint_ignores_spelling() {
        assert_eq!(
            of(r#"{"a":[1,{"x":1,"y":2}],"b":"c"}"#),
            of(" { \"b\": \"\\u0063\", \"a\": [1, {\"y\":2, \"x\":1}] } ")
        );
    }

    #[test]
    fn the_fingerprint_depends_on_the_meaning() {
        let bodies = [
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[[1],2]}"#,
            r#"{"a":null}"#,
            r#"{"a:1":null}"#,
            "{}",
            "",
            "nonsense",
            "nonsense ",
        ];
        for (index, one) in bodies.iter().enumerate() {
            for other in &bodies[index + 1..] {
                assert_ne!(of(one), of(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn the_fingerprint_depends_on_method_and_path() {
        let body = RawBody::default();
        let post = Fingerprint::of(&Method::POST, "/a", &body);
        assert_ne!(post, Fingerprint::of(&Method::PUT, "/a", &body));
        assert_ne!(post, Fingerprint::of(&Method::POST, "/b", &body));
    }
}

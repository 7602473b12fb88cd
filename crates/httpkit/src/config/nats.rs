//! Authentication to NATS, and verification of its certificate.

use std::path::PathBuf;

use super::{Secret, reader::VariableReader, vars as v};

/// Credentials and certificates for NATS. Empty by default.
#[derive(Clone, Debug, Default)]
pub struct NatsAccess {
    /// The authorities for NATS's certificate, if not those of the system.
    pub ca_file: Option<PathBuf>,
    /// A client certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Credentials.
    pub login: Option<NatsLogin>,
}

/// Credentials for NATS.
#[derive(Clone, Debug)]
pub enum NatsLogin {
    /// A user with a password.
    Password {
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// A credentials file: a signed user and its key.
    Credentials(PathBuf),
}

/// Doesn't check whether the files exist: a configuration can be checked on a different machine
/// than the one that uses it.
pub(super) fn read(reader: &VariableReader<'_>) -> NatsAccess {
    let file = |var| reader.optional(var, |text| Some(PathBuf::from(text)));
    let (certificate, key) = (file(&v::NATS_CERT_FILE), file(&v::NATS_KEY_FILE));
    let user = reader.optional(&v::NATS_USER, |text| {
        // It is also a token of the subjects for replies.
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        text.bytes().all(good).then(|| text.to_owned())
    });
    let password = reader.optional(&v::NATS_PASSWORD, |text| Some(Secret::from(text)));
    let credentials = file(&v::NATS_CREDS_FILE);

    if certificate.is_some() && key.is_none() {
        reader.refuse(&v::NATS_CERT_FILE, "set together with NATS_KEY_FILE");
    }
    if key.is_some() && certificate.is_none() {
        reader.refuse(&v::NATS_KEY_FILE, "set together with NATS_CERT_FILE");
    }
    if password.is_some() && !reader.is_set(&v::NATS_USER) {
        reader.refuse(&v::NATS_PASSWORD, "set together with NATS_USER");
    }
    if user.is_some() && password.is_none() {
        reader.refuse(&v::NATS_USER, "set together with NATS_PASSWORD");
    }
    if credentials.is_some() && user.is_some() {
        let allowed = "unset when NATS_USER is set: one signs in as one or the other";
        reader.refuse(&v::NATS_CREDS_FILE, allowed);
    }
    let by_password = user.zip(password);
    NatsAccess {
        ca_file: file(&v::NATS_CA_FILE),
        certificate: certificate.zip(key),
        login: by_password
            .map(|(user, password)| NatsLogin::Password { user, password })
            .or(credentials.map(NatsLogin::Credentials)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use secrecy::ExposeSecret as _;

    fn access(variables: &[(&str, &str)]) -> Result<NatsAccess, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(&lookup)
            .map(|config| config.nats)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_is_accepted_and_never_printed() {
        let access = access(&[
            ("NATS_CA_FILE", "/tls/ca.crt"),
            ("NATS_CERT_FILE", "/tls/tls.crt"),
            ("NATS_KEY_FILE", "/tls/tls.key"),
            ("NATS_USER", "orders"),
            ("NATS_PASSWORD", "hunter2"),
        ])
        .unwrap();
        assert!(!format!("{access:?}").contains("hunter2"), "{access:?}");
        let Some(NatsLogin::Password { user, password }) = access.login else {
            panic!("{access:?}");
        };
        assert_eq!(
            (user.as_str(), password.expose_secret()),
            ("orders", "hunter2")
        );
        let files = ("/tls/tls.crt".into(), "/tls/tls.key".into());
        assert_eq!(access.certificate, Some(files));
        assert_eq!(access.ca_file, Some("/tls/ca.crt".into()));
    }

    #[test]
    fn a_credentials_file_is_optional() {
        let signed = access(&[("NATS_CREDS_FILE", "/nats/orders.creds")]).unwrap();
        let Some(NatsLogin::Credentials(file)) = signed.login else {
            panic!("{signed:?}");
        };
        assert_eq!(file, PathBuf::from("/nats/orders.creds"));
        let nobody = access(&[]).unwrap();
        assert!(nobody.login.is_none() && nobody.certificate.is_none());
        let named = [("NATS_USER", "a-B_9"), ("NATS_PASSWORD", "hunter2")];
        assert!(access(&named).unwrap().login.is_some());
    }

    #[test]
    fn incomplete_and_duplicate_identities_are_refused_by_name() {
        let rows: [(&[(&str, &str)], &str); 6] = [
            (&[("NATS_CERT_FILE", "a")], "NATS_KEY_FILE"),
            (&[("NATS_KEY_FILE", "a")], "NATS_CERT_FILE"),
            (&[("NATS_USER", "orders")], "NATS_PASSWORD"),
            (&[("NATS_PASSWORD", "hunter2")], "NATS_USER"),
            (
                &[("NATS_USER", "a.b"), ("NATS_PASSWORD", "hunter2")],
                "NATS_USER",
            ),
            (
                &[
                    ("NATS_USER", "a"),
                    ("NATS_PASSWORD", "hunter2"),
                    ("NATS_CREDS_FILE", "b"),
                ],
                "NATS_CREDS_FILE",
            ),
        ];
        for (variables, named) in rows {
            let error = access(variables).unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

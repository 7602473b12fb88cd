//! An object store that speaks the S3 API.
//!
//! Objects are put and got whole, so signing two kinds of request is all that is needed: `rusty-s3`
//! does that, and reqwest, which is here anyway, sends them. A whole SDK was rejected: it would take
//! longer to build than the rest of this program.

use httpkit::tls;
use reqwest::{Client, Response, StatusCode, Url};
use rusty_s3::{Bucket as Address, Credentials, S3Action as _, UrlStyle};
use std::{env, error::Error, fmt, time::Duration};

use super::CommandError;

/// For so long a signature is good.
const SIGNED_FOR: Duration = Duration::from_mins(10);
/// How often an object is tried.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A bucket and the prefix of all names in it.
pub(super) struct Bucket {
    address: Address,
    credentials: Credentials,
    prefix: String,
    client: Client,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.address.name(), self.prefix)
    }
}

impl Bucket {
    /// `rest` is what follows `s3://`.
    pub(super) fn of(rest: &str) -> Result<Self, CommandError> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let region = set("AWS_REGION")
            .or_else(|| set("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint =
            set("AWS_ENDPOINT_URL").unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let endpoint =
            Url::parse(&endpoint).map_err(|error| failed(&format!("AWS_ENDPOINT_URL: {error}")))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let address = Address::new(endpoint, UrlStyle::Path, name.to_owned(), region)
            .map_err(|error| failed(&format!("s3://{rest}: {error}")))?;
        let (Some(key), Some(secret)) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"))
        else {
            return Err(failed(
                "an object store needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        };
        let credentials = match set("AWS_SESSION_TOKEN") {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        };
        let tls = tls::client_config().map_err(|error| failed(&error.to_string()))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(1))
            .build()
            .map_err(|error| failed(&error.to_string()))?;
        Ok(Self {
            address,
            credentials,
            prefix: prefix.trim_end_matches('/').to_owned(),
            client,
        })
    }

    pub(super) async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), CommandError> {
        let bytes = bytes::Bytes::from(bytes);
        let path = self.path(object);
        let send = || {
            let url = self
                .address
                .put_object(Some(&self.credentials), &path)
                .sign(SIGNED_FOR);
            self.client.put(url).body(bytes.clone()).send()
        };
        self.patiently(&path, send).await.map(|_| ())
    }

    pub(super) async fn get(&self, object: &str) -> Result<Vec<u8>, CommandError> {
        let path = self.path(object);
        let send = || {
            let url = self
                .address
                .get_object(Some(&self.credentials), &path)
                .sign(SIGNED_FOR);
            self.client.get(url).send()
        };
        self.patiently(&path, send).await
    }

    fn path(&self, object: &str) -> String {
        match self.prefix.as_str() {
            "" => object.to_owned(),
            prefix => format!("{prefix}/{object}"),
        }
    }

    /// Tries it again after what may pass. The URL is in no error: it carries the signature.
    async fn patiently<F>(&self, path: &str, send: impl Fn() -> F) -> Result<Vec<u8>, CommandError>
    where
        F: Future<Output = reqwest::Result<Response>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let (may_pass, why) = match taken(send().await).await {
                Ok(bytes) => return Ok(bytes),
                Err(why) => why,
            };
            if !may_pass || tries == TRIES {
                return Err(failed(&format!("{self:?}: {path}: {why}")));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }
}

/// The body of a good answer; else whether it may pass, and what is wrong.
async fn taken(sent: reqwest::Result<Response>) -> Result<Vec<u8>, (bool, String)> {
    let lost = |error: reqwest::Error| {
        let error = error.without_url();
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        (true, format!("{error} {cause}"))
    };
    let response = sent.map_err(lost)?;
    let status = response.status();
    let body = response.bytes().await.map_err(lost)?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    let may_pass = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let text = String::from_utf8_lossy(&body);
    // <Error><Code>SignatureDoesNotMatch</Code>…
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map_or("", |(code, _)| code);
    Err((may_pass, format!("{status} {code}")))
}

fn failed(why: &str) -> CommandError {
    CommandError::Failed(why.to_owned())
}

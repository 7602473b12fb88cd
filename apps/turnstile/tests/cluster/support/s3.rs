//! A stand-in for an object store: puts and gets objects of one bucket for clients that sign
//! according to Amazon's documents (Signature Version 4). It checks with its own code.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    io::{Error, Result},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The secret of the only valid key.
pub const SECRET: &str = "the right secret";
const KEY: &str = "AKIDTURNSTILE";
const BUCKET: &str = "/backups/";

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// The store; it ends with the value.
pub struct ObjectStore {
    address: String,
    listening: JoinHandle<()>,
}

impl ObjectStore {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let host = address.clone();
        let objects = Objects::default();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (objects, host) = (objects.clone(), host.clone());
                tokio::spawn(async move { serve(client, &host, &objects).await });
            }
        });
        Self { address, listening }
    }

    /// The variables of a tool with this secret.
    pub fn envs(&self, secret: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Answers one request after the other on a connection.
async fn serve(mut client: TcpStream, host: &str, objects: &Objects) -> Result<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).map_err(Error::other)?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok())?
        });
        let length = length.unwrap_or_default();
        while bytes.len() < end + length {
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        let rest = bytes.split_off(end + length);
        let body = bytes.split_off(end);
        bytes = rest;
        let (status, answer) = answer(&head, host, body, objects);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: \"1\"\r\n\
             last-modified: Sat, 28 Nov 2026 00:00:00 GMT\r\n\r\n",
            answer.len()
        );
        client.write_all(head.as_bytes()).await?;
        client.write_all(&answer).await?;
    }
}

fn answer(head: &str, host: &str, body: Vec<u8>, objects: &Objects) -> (&'static str, Vec<u8>) {
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    let error = |code: &str| format!("<Error><Code>{code}</Code></Error>").into_bytes();
    if !is_signed(method, path, head, host, &body) {
        return ("403 Forbidden", error("SignatureDoesNotMatch"));
    }
    if !path.starts_with(BUCKET) {
        return ("404 Not Found", error("NoSuchBucket"));
    }
    let mut objects = objects.lock().unwrap();
    match method {
        "PUT" => {
            objects.insert(path.to_owned(), body);
            ("200 OK", Vec::new())
        }
        _ => match objects.get(path) {
            Some(object) => ("200 OK", object.clone()),
            None => ("404 Not Found", error("NoSuchKey")),
        },
    }
}

fn is_signed(method: &str, path: &str, head: &str, host: &str, body: &[u8]) -> bool {
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.trim())
    };
    let authorization = header("authorization");
    let part = |name: &str| {
        let parts = authorization
            .trim_start_matches("AWS4-HMAC-SHA256 ")
            .split(", ");
        let mut found = parts.filter_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.next().unwrap_or_default()
    };
    let names = part("SignedHeaders");
    let signed: Vec<_> = names
        .split(';')
        .map(|name| format!("{name}:{}", header(name)))
        .collect();
    let signed = signed.join("\n");
    let digest = header("x-amz-content-sha256");
    let request = format!("{method}\n{path}\n\n{signed}\n\n{names}\n{digest}");
    let Some((key, scope)) = part("Credential").split_once('/') else {
        return false;
    };
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        header("x-amz-date"),
        hex::encode(Sha256::digest(request))
    );
    let start = format!("AWS4{SECRET}").into_bytes();
    let signing = scope.split('/').fold(start, |key, part| mac(&key, part));
    let is_whole = digest == hex::encode(Sha256::digest(body));
    let is_ours = key == KEY && header("host") == host && names.contains("host");
    is_whole && is_ours && hex::encode(mac(&signing, &to_sign)) == part("Signature")
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

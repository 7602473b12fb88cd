//! The part of the NATS client protocol that a proxy needs.

use std::{
    fmt::Write as _,
    io::{Error, ErrorKind, Result},
};

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};
use uuid::Uuid;

/// JetStream's answer to a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The stream of the message.
    pub stream: String,
    /// The sequence of the stored message; 0 when it was refused.
    pub sequence: u64,
    /// Whether the message ID was seen before, so that nothing was stored.
    pub duplicate: bool,
    /// The error code if the message was refused, such as 10071 for a wrong last sequence.
    pub refused: Option<u64>,
}

/// A message that a client publishes.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Its subject.
    pub subject: &'a str,
    /// Its headers, if it has any, and its body.
    content: &'a [u8],
}

impl Publication<'_> {
    /// Whether its headers or its body contain this text.
    pub fn contains(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.content.windows(text.len()).any(|part| part == text)
    }
}

/// One protocol line, with its payload if it has one.
pub(super) struct Frame {
    bytes: Vec<u8>,
    /// The subject and the position of the payload, for a publication of a client.
    published: Option<(String, usize)>,
    /// The position of the payload, for a message to an inbox that expects no answer and has no
    /// headers, like all publish acknowledgments.
    inbox_payload: Option<usize>,
    /// The client's subscription that a consumer delivers this to.
    delivered_to: Option<String>,
}

#[derive(Deserialize)]
struct AckJson {
    /// All other answers of JetStream state their type.
    #[serde(rename = "type")]
    kind: Option<Value>,
    stream: String,
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<AckError>,
}

#[derive(Deserialize)]
struct AckError {
    err_code: u64,
}

impl Frame {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The subscription that a consumer delivers this to. Heartbeats are no deliveries.
    pub(super) fn delivered_to(&self) -> Option<&str> {
        self.delivered_to.as_deref()
    }

    pub(super) fn publication(&self) -> Option<Publication<'_>> {
        let (subject, payload) = self.published.as_ref()?;
        Some(Publication {
            subject,
            content: &self.bytes[*payload..],
        })
    }

    /// The same publication by another client: under other IDs, with parts of its text replaced by
    /// others of the same length, and without a reply subject.
    pub(super) fn as_a_rivals(&self, replacing: (&str, &str)) -> Option<Vec<u8>> {
        let (_, payload) = self.published.as_ref()?;
        let line = String::from_utf8_lossy(&self.bytes[..*payload]).into_owned();
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if words.len() != 5 {
            return None; // HPUB <subject> <reply> <size> <size>
        }
        words.remove(2);
        let text = String::from_utf8_lossy(&self.bytes[*payload..]).into_owned();
        let text = text.replace(replacing.0, replacing.1);
        let text = with_other_ids(&text);
        (text.len() == self.bytes.len() - payload)
            .then(|| format!("{}\r\n{text}", words.join(" ")).into_bytes())
    }

    pub(super) fn ack(&self) -> Option<Ack> {
        let payload = &self.bytes[self.inbox_payload?..];
        let json: AckJson = serde_json::from_slice(payload.strip_suffix(b"\r\n")?).ok()?;
        if json.kind.is_some() {
            return None;
        }
        Some(Ack {
            stream: json.stream,
            sequence: json.seq,
            duplicate: json.duplicate,
            refused: json.error.map(|error| error.err_code),
        })
    }
}

/// The same commits under other IDs, and of other commands.
fn with_other_ids(text: &str) -> String {
    const BEGIN: &str = r#"{"id":""#;
    const THEN: &str = r#"","command":""#;
    const ID: usize = 36;
    let mut parts = text.split(BEGIN);
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        changed.push_str(BEGIN);
        let rest = part.get(ID..).and_then(|rest| rest.strip_prefix(THEN));
        match rest.and_then(|rest| rest.get(ID..)) {
            Some(rest) => {
                let (id, command) = (Uuid::new_v4(), Uuid::new_v4());
                // Writing to a string can't fail.
                let _ = write!(changed, "{id}{THEN}{command}{rest}");
            }
            // It begins with the ID of something else.
            None => changed.push_str(part),
        }
    }
    changed
}

/// Reads the next frame; `None` at the end of the connection. Reads to the end of each message and
/// never into the next, so it can't split one.
pub(super) async fn read_frame(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Frame>> {
    let mut bytes = Vec::new();
    if from.read_until(b'\n', &mut bytes).await? == 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&bytes).into_owned();
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default().to_ascii_uppercase();
    if !["MSG", "HMSG", "PUB", "HPUB"].contains(&verb.as_str()) {
        return Ok(Some(Frame {
            bytes,
            published: None,
            inbox_payload: None,
            delivered_to: None,
        }));
    }
    // MSG <subject> <sid> [reply] <size>, PUB <subject> [reply] <size>; HMSG and HPUB have the size
    // of their headers before the total.
    let words: Vec<&str> = words.collect();
    let size = words.last().and_then(|size| size.parse::<usize>().ok());
    let size = size.ok_or_else(|| Error::new(ErrorKind::InvalidData, line.clone()))?;
    let payload = bytes.len();
    bytes.resize(payload + size + 2, 0);
    from.read_exact(&mut bytes[payload..]).await?;
    let is_inbox = verb == "MSG" && words.len() == 3 && words[0].starts_with("_INBOX.");
    let is_delivered = words.len() > 3 && words[2].starts_with("$JS.ACK.");
    let is_published = verb.ends_with("PUB");
    Ok(Some(Frame {
        bytes,
        published: is_published.then(|| (words[0].to_owned(), payload)),
        inbox_payload: is_inbox.then_some(payload),
        delivered_to: is_delivered.then(|| words[1].to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frames(mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = read_frame(&mut bytes).await.unwrap() {
            frames.push(frame);
        }
        frames
    }

    fn message(subject: &str, payload: &str) -> String {
        format!("MSG {subject} 1 {}\r\n{payload}\r\n", payload.len())
    }

    #[tokio::test]
    async fn frames_are_split_at_their_ends_and_lose_no_byte() {
        let stream = [
            "INFO {\"server_id\":\"X\"}\r\n",
            &message("a.b", "MSG looks like a line\r\nbut is payload"),
            "HMSG a 1 reply.to 12 17\r\nNATS/1.0\r\n\r\nhello\r\n",
            "PING\r\n",
            "MSG a 1 0\r\n\r\n",
        ];
        let whole = stream.concat();
        let frames = frames(whole.as_bytes()).await;
        let found: Vec<_> = frames.iter().map(Frame::bytes).collect();
        let expected: Vec<_> = stream.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn publish_acknowledgments_are_distinguished_from_other_messages() {
        let ack = |text: String| async move { frames(text.as_bytes()).await[0].ack() };
        let stored = ack(message("_INBOX.a.b", r#"{"stream":"S","seq":7}"#)).await;
        let refused =
            r#"{"error":{"code":400,"err_code":10071,"description":"x"},"stream":"S","seq":0}"#;
        let refused = ack(message("_INBOX.a.b", refused)).await.unwrap();
        assert_eq!(stored.unwrap().sequence, 7);
        assert_eq!(refused.refused, Some(10071));

        let others = [
            message("orders.1", r#"{"stream":"S","seq":7}"#),
            message("_INBOX.a", r#"{"type":"io.nats.x","stream":"S","seq":7}"#),
            message("_INBOX.a", r#"{"stream":"S"}"#),
            message("_INBOX.a", "text"),
            "MSG _INBOX.a 1 $JS.ACK.x 22\r\n{\"stream\":\"S\",\"seq\":7}\r\n".to_owned(),
            "PING\r\n".to_owned(),
        ];
        for other in others {
            assert_eq!(ack(other.clone()).await, None, "{other}");
        }
    }

    #[tokio::test]
    async fn publications_are_distinguished_from_other_commands() {
        let stream = "CONNECT {}\r\nPUB a.b 5\r\nhello\r\nSUB a.b 1\r\n\
                      HPUB c reply.to 12 17\r\nNATS/1.0\r\n\r\nthere\r\nPING\r\n";
        let frames = frames(stream.as_bytes()).await;
        let found: Vec<_> = frames.iter().filter_map(Frame::publication).collect();
        assert_eq!(
            found.iter().map(|p| p.subject).collect::<Vec<_>>(),
            ["a.b", "c"]
        );
        assert!(found[0].contains("ello") && !found[0].contains("there"));
        assert!(found[1].contains("NATS/1.0") && found[1].contains("there"));
    }

    #[tokio::test]
    async fn a_competing_publication_has_other_ids_and_no_reply_subject() {
        let id = "3f0c3a52-6a1f-4b5e-9d3b-0c1d2e3f4a5b";
        let headers = "NATS/1.0\r\nActor: me\r\n\r\n";
        let commit = format!(r#"{{"id":"{id}","command":"{id}","words":"mine"}}"#);
        let payload = format!(r#"{{"at":7,"commits":[{commit},{commit}]}}"#);
        let total = headers.len() + payload.len();
        let stream = format!(
            "HPUB S.a reply {} {total}\r\n{headers}{payload}\r\n",
            headers.len()
        );
        let own = frames(stream.as_bytes()).await.remove(0);
        let rivals = own.as_a_rivals(("mine", "ours")).unwrap();
        let rivals = frames(&rivals).await.remove(0);
        let publication = rivals.publication().unwrap();
        assert_eq!(publication.subject, "S.a");
        assert!(publication.contains("\"ours\"}]}\r\n") && publication.contains("Actor: me"));
        assert!(!publication.contains(id) && !publication.contains("mine"));
        let line = format!("HPUB S.a {} {total}\r\n", headers.len());
        assert!(rivals.bytes().starts_with(line.as_bytes()));
        assert!(own.as_a_rivals(("mine", "longer")).is_none());
    }

    #[tokio::test]
    async fn a_message_without_a_size_is_an_error() {
        let read = read_frame(&mut &b"MSG a 1 many\r\n"[..]).await;
        assert_eq!(read.err().map(|e| e.kind()), Some(ErrorKind::InvalidData));
    }
}

//! Server-sent events (WHATWG HTML §9.2): responses that continue.

use std::{convert::Infallible, time::Duration};

use actix_web::HttpResponse;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

/// Interval of heartbeats on an idle stream; below the idle timeouts of common proxies.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// A response that continues with these chunks until they end, the client disconnects, or the token
/// is cancelled: when the process is stopped.
pub fn answer<S>(chunks: S, ending: CancellationToken) -> HttpResponse
where
    S: Stream<Item = Bytes> + 'static,
{
    let chunks = chunks.take_until(ending.cancelled_owned());
    HttpResponse::Ok()
        .insert_header(("Content-Type", "text/event-stream"))
        // A proxy that compressed it would hold it back until there is enough to compress.
        .insert_header(("Cache-Control", "no-store, no-transform"))
        // Proxies that buffer responses would turn the stream into silence.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(chunks.map(Ok::<_, Infallible>).boxed_local())
}

/// A comment, which clients skip.
pub const fn heartbeat() -> Bytes {
    Bytes::from_static(b": still here\n\n")
}

/// Appends one event to a chunk. The data must have no line breaks: JSON, as it is rendered here,
/// has none.
pub fn append(chunk: &mut Vec<u8>, event: &str, json: &[u8]) {
    chunk.extend_from_slice(b"event: ");
    chunk.extend_from_slice(event.as_bytes());
    chunk.extend_from_slice(b"\ndata: ");
    chunk.extend_from_slice(json);
    chunk.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use futures_util::stream;

    #[actix_web::test]
    async fn shutdown_ends_a_stream() {
        let ending = CancellationToken::new();
        let mut chunk = Vec::new();
        append(&mut chunk, "ticket", b"{}");
        let first = stream::once(async { Bytes::from(chunk) });
        let told = ending.clone();
        // Cancelled after the first chunk; otherwise this would never end.
        let for_ever = first.chain(stream::once(async move {
            told.cancel();
            futures_util::future::pending().await
        }));
        let answer = answer(for_ever, ending);
        let header = |name| answer.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("Content-Type"), "text/event-stream");
        assert_eq!(header("Cache-Control"), "no-store, no-transform");
        let body = to_bytes(answer.into_body()).await.unwrap();
        assert_eq!(body, "event: ticket\ndata: {}\n\n");
    }

    #[test]
    fn a_heartbeat_is_a_separate_comment() {
        let heartbeat = heartbeat();
        assert!(heartbeat.starts_with(b":") && heartbeat.ends_with(b"\n\n"));
    }
}

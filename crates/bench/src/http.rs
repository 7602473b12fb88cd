//! A minimal HTTP/1.1 client: one connection, one request at a time, fixed lengths.
//!
//! The load generator shares the machine with the server that it measures, and takes processor time
//! from it. A full client was measured to use about as much as the server.

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Enough for a page of a hundred tickets in the first read.
const BUFFER: usize = 64 * 1024;
const MOST_HEADERS: usize = 32;

/// A connection that is reused.
pub struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response, in the connection's buffer until the next request.
pub struct Response<'a> {
    pub status: u16,
    pub body: &'a [u8],
    head: &'a [u8],
}

struct Head {
    status: u16,
    length: usize,
    body: usize,
}

impl HttpConnection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("can't connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER],
        })
    }

    /// Sends a request and reads the complete response.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>> {
        self.stream.write_all(request).await?;
        let (mut filled, mut head) = (0, None::<Head>);
        let head = loop {
            if let Some(head) = head.take_if(|head| filled >= head.length + head.body) {
                break head;
            }
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            filled += read;
            if head.is_none() {
                head = parse(&self.buffer[..filled])?;
            }
        };
        let (bytes, end) = (&self.buffer, head.length + head.body);
        Ok(Response {
            status: head.status,
            body: &bytes[head.length..end],
            head: &bytes[..head.length],
        })
    }
}

impl Response<'_> {
    /// The values of a header.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        if response.parse(self.head).is_err() {
            return Vec::new();
        }
        response
            .headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| String::from_utf8_lossy(header.value).into_owned())
            .collect()
    }
}

/// Parses the head, once it is complete.
fn parse(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes).context("not HTTP")? else {
        return Ok(None);
    };
    let mut body = 0;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body = std::str::from_utf8(header.value)?.parse()?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the answer's length isn't told beforehand");
        }
    }
    Ok(Some(Head {
        status: response.code.unwrap_or(0),
        length,
        body,
    }))
}

/// Writes a request. `headers` are whole lines, each with its end.
pub fn request(buffer: &mut Vec<u8>, method: &str, path: &str, headers: &str, body: &[u8]) {
    use std::io::Write as _;
    buffer.clear();
    // Writing to a vector can't fail.
    let _ = write!(
        buffer,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
    );
    if !body.is_empty() {
        let length = body.len();
        let _ = write!(
            buffer,
            "Content-Type: application/json\r\nContent-Length: {length}\r\n"
        );
    }
    buffer.extend_from_slice(b"\r\n");
    buffer.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_fragmented_response_is_read_to_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 256];
            for pieces in [
                &[
                    "HTTP/1.1 20",
                    "1 Created\r\nContent-Le",
                    "ngth: 5\r\nX: y\r\n\r\nhe",
                    "llo",
                ][..],
                &["HTTP/1.1 204 No Content\r\n\r\n"],
            ] {
                let _ = stream.read(&mut bytes).await.unwrap();
                for piece in pieces {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        };
        let client = async {
            let mut connection = HttpConnection::open(address).await.unwrap();
            let mut bytes = Vec::new();
            request(&mut bytes, "POST", "/", "Cookie: a\r\n", b"{}");
            let answer = connection.exchange(&bytes).await.unwrap();
            assert_eq!((answer.status, answer.body), (201, &b"hello"[..]));
            assert_eq!(answer.headers("x"), ["y"]);
            let answer = connection.exchange(&bytes).await.unwrap();
            assert_eq!((answer.status, answer.body), (204, &b""[..]));
            let ended = connection.exchange(&bytes).await;
            assert!(ended.is_err(), "the server is gone");
        };
        tokio::join!(server, client);
    }

    #[test]
    fn a_request_states_the_length_of_its_body() {
        let mut bytes = Vec::new();
        request(&mut bytes, "POST", "/x", "Cookie: a\r\n", b"{}");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        );
    }
}

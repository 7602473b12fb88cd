//! Long responses are compressed for clients that accept it.

use std::io::Read as _;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::stream;
use httpkit::{etag::Rendered, sse};
use reqwest::{Method, Response};
use tokio_util::sync::CancellationToken;

use crate::common::Running;

fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/long").route(web::get().to(long)))
        .service(web::resource("/api/short").route(web::get().to(short)))
        .service(web::resource("/api/picture").route(web::get().to(picture)))
        .service(web::resource("/api/events").route(web::get().to(live)));
}

/// As long as a list of a few tickets.
fn list() -> String {
    let one = "{\"title\":\"Opera\",\"price\":40,\"status\":\"open\"}";
    format!("[{}]", vec![one; 30].join(","))
}

async fn long(req: HttpRequest) -> HttpResponse {
    Rendered::new(list()).respond(&req)
}

async fn short(req: HttpRequest) -> HttpResponse {
    Rendered::new(format!("[\"{}\"]", "x".repeat(1_019))).respond(&req)
}

async fn picture() -> HttpResponse {
    let bytes = vec![0_u8; 5_000];
    HttpResponse::Ok().content_type("image/png").body(bytes)
}

async fn live() -> HttpResponse {
    let chunk = Bytes::from(format!("data: {}\n\n", "x".repeat(2_000)));
    sse::answer(stream::iter([chunk]), CancellationToken::new())
}

async fn ask(server: &Running, method: Method, path: &str, takes: &str) -> Response {
    let call = server.client.request(method, server.url(path));
    call.header("accept-encoding", takes).send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|it| it.to_str().unwrap())
}

#[tokio::test]
async fn a_long_response_is_compressed_without_change() {
    let server = Running::with(routes).await;
    for (takes, is_compressed) in [
        ("gzip, deflate, br, zstd", true),
        ("br;q=1.0, gzip;q=0.5", true),
        ("identity", false),
        ("br", false),
        ("gzip;q=0", false),
    ] {
        let answer = ask(&server, Method::GET, "/api/long", takes).await;
        assert_eq!(header(&answer, "vary"), Some("Accept-Encoding"), "{takes}");
        let coding = header(&answer, "content-encoding").map(str::to_owned);
        assert_eq!(coding, is_compressed.then(|| "gzip".to_owned()), "{takes}");
        let length: usize = header(&answer, "content-length").unwrap().parse().unwrap();
        let body = answer.bytes().await.unwrap();
        assert_eq!(body.len(), length, "{takes}");
        if is_compressed {
            assert!(body.len() < list().len() / 4, "{} bytes", body.len());
            let mut plain = String::new();
            GzDecoder::new(&body[..])
                .read_to_string(&mut plain)
                .unwrap();
            assert_eq!(plain, list());
        } else {
            assert_eq!(body, list());
        }
    }
}

#[tokio::test]
async fn short_binary_and_live_responses_are_not_compressed() {
    let server = Running::with(routes).await;
    for path in ["/api/short", "/api/picture", "/api/events", "/api/nothing"] {
        let answer = ask(&server, Method::GET, path, "gzip").await;
        assert_eq!(header(&answer, "content-encoding"), None, "{path}");
        assert!(!answer.bytes().await.unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn each_encoding_has_its_own_tag() {
    let server = Running::with(routes).await;
    let mut tags = Vec::new();
    for takes in ["identity", "gzip"] {
        let answer = ask(&server, Method::GET, "/api/long", takes).await;
        tags.push(header(&answer, "etag").unwrap().to_owned());
    }
    assert_ne!(tags[0], tags[1]);
    for tag in &tags {
        for takes in ["identity", "gzip"] {
            let call = server.get("/api/long").header("accept-encoding", takes);
            let answer = call.header("if-none-match", tag).send().await.unwrap();
            assert_eq!(answer.status(), 304, "{tag} {takes}");
            assert_eq!(header(&answer, "etag"), Some(tag.as_str()));
            assert_eq!(header(&answer, "vary"), Some("Accept-Encoding"));
        }
    }
    let other = server
        .get("/api/long")
        .header("if-none-match", "\"x-gzip\"");
    assert_eq!(other.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn head_has_the_headers_of_the_compressed_get() {
    let server = Running::with(routes).await;
    let got = ask(&server, Method::GET, "/api/long", "gzip").await;
    let head = ask(&server, Method::HEAD, "/api/long", "gzip").await;
    for name in ["content-length", "content-encoding", "etag", "vary"] {
        assert!(header(&got, name).is_some(), "{name}");
        assert_eq!(header(&head, name), header(&got, name), "{name}");
    }
    assert!(head.bytes().await.unwrap().is_empty());
}

//! The app and the client, with a small server program for the tests as the app.

#![allow(clippy::unwrap_used, reason = "the helpers of tests, too, may panic")]

use serde_json::json;
use testkit::{AppBuilder, Client, Method, Nats, Person, TestApp};

/// Counts its starts in `DATA_DIR`, is ready at the third request, and answers everything else with
/// the request; `/api/users/signup` sets a cookie, `/signout` clears it.
const SERVER: &str = r#"
import http.server, json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(os.environ.get("EXIT_CODE", "0"))))
with open(os.environ["DATA_DIR"] + "/starts", "a+") as file:
    file.write("x"); file.flush(); file.seek(0); starts = len(file.read())
print("start", starts, "with NATS at", os.environ.get("NATS_URL"), flush=True)
if os.environ.get("FAIL"):
    sys.exit("no luck")
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        global asked
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        status, cookie = 200, None
        if self.path == "/readyz":
            asked += 1
            status = 200 if asked >= 3 else 503
        if self.path == "/api/users/signup":
            status, cookie = 201, "session=secret; HttpOnly; SameSite=Lax; Path=/"
        if self.path == "/signout":
            cookie = "session=; Max-Age=0; Path=/"
        if self.path == "/refuse":
            status = 400
        answer = json.dumps({
            "id": "an-id", "starts": starts, "method": self.command, "body": body,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "errors": [{"message": "Too low", "field": "price"}, {"message": "Also bad"}],
        }).encode()
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"#;

fn server() -> AppBuilder {
    let python = devservers::tools::find_in_path("python3").unwrap();
    TestApp::builder(python).arg("-c").arg(SERVER)
}

#[tokio::test]
async fn an_app_is_ready_only_when_it_reports_it() {
    let app = server().start().await;
    let answer = app.client().get("/readyz").await.expect_status(200);
    assert_eq!(answer.json["starts"], 1);
}

#[tokio::test]
async fn a_restarted_app_keeps_its_address_and_its_data() {
    let app = server().start().await;
    let client = app.client();
    app.restart().await;
    assert_eq!(client.get("/x").await.json["starts"], 2);
    app.kill9().await;
    assert_eq!(app.pid(), None);
    assert!(client.get("/x").try_send().await.is_err());
    app.restart().await;
    assert_eq!(client.get("/x").await.json["starts"], 3);
}

#[tokio::test]
async fn an_app_gets_its_environment_and_writes_to_its_log() {
    let nats = Nats::start().await;
    let app = server().nats(nats.url()).start().await;
    let line = format!("start 1 with NATS at {}\n", nats.url());
    assert_eq!(app.log_text(), line);
}

#[tokio::test]
#[should_panic(expected = "no luck")]
async fn an_app_that_fails_to_start_shows_the_end_of_its_log() {
    server().env("FAIL", "1").start().await;
}

#[tokio::test]
#[should_panic(expected = "the app ended with")]
async fn an_app_that_ends_with_an_error_code_fails_the_test() {
    let app = server().env("EXIT_CODE", "3").start().await;
    app.terminate().await;
}

#[tokio::test]
async fn a_client_shares_its_session_only_with_clones() {
    let app = server().start().await;
    let Person { client, user } = app.person().await;
    assert_eq!(user.id, "an-id");
    let cookie = async |client: &Client| client.get("/").await.json["headers"]["cookie"].clone();
    assert_eq!(cookie(&client.clone()).await, "session=secret");
    assert!(cookie(&client.anonymous()).await.is_null());
    client.post("/signout", json!({})).await.assert_status(200);
    assert!(cookie(&client).await.is_null());
}

#[tokio::test]
async fn calls_send_their_headers_and_body() {
    let app = server().start().await;
    let client = app.client();
    let call = client.put("/x", json!({"price": 20}));
    let answer = call.idempotency_key("k1").respond_async().await;
    let headers = &answer.json["headers"];
    assert_eq!(answer.json["method"], "PUT");
    assert_eq!(answer.json["body"], r#"{"price":20}"#);
    assert_eq!(headers["idempotency-key"], "k1");
    assert_eq!(headers["prefer"], "respond-async");
    assert_eq!(headers["content-type"], "application/json");
    let raw = client.call(Method::PATCH, "/x").raw_json("{oops").await;
    assert_eq!(raw.json["body"], "{oops");
}

#[tokio::test]
async fn errors_are_compared_in_any_order() {
    let app = server().start().await;
    let answer = app.client().delete("/refuse").await;
    answer.assert_errors(400, &[("Also bad", None), ("Too low", Some("price"))]);
    answer.assert_errors(400, &[("Too low", Some("price")), ("Also bad", None)]);
}

#[tokio::test]
#[should_panic(expected = "expected status 201\nDELETE http://127.0.0.1")]
async fn an_unexpected_status_prints_the_whole_response() {
    let app = server().start().await;
    app.client().delete("/refuse").await.assert_status(201);
}

#[tokio::test]
#[should_panic(expected = "expected the errors")]
async fn a_missing_error_fails_the_assertion() {
    let app = server().start().await;
    let answer = app.client().get("/refuse").await;
    answer.assert_field_error(400, "price", "Too low");
}

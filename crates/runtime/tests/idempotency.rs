//! `Idempotency-Key`, over real connections and a real log.
#![allow(clippy::unwrap_used)]

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::join_all;
use httpkit::{
    Config, Gate, HandlerResult, HttpConfig, RawBody, Server, Session, SessionSigner,
    SessionVerifier, error,
};
use runtime::Runtime;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{Client, Method, Nats, Response as Received};
use uuid::Uuid;

/// The handlers' shared state: the log, and the number of runs.
struct Shop {
    runtime: Runtime,
    runs: Arc<AtomicUsize>,
}

async fn buy(
    session: Session,
    body: RawBody,
    req: HttpRequest,
    shop: web::Data<Shop>,
) -> HandlerResult {
    let (runs, wish) = (shop.runs.clone(), body.clone());
    let command = |command: Uuid| async move {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        let wish: serde_json::Value = wish.parse()?;
        match wish["wish"].as_str() {
            Some("hang") if run == 1 => std::future::pending().await,
            Some("fail") if run == 1 => Err(error::unavailable("The shop", 1)),
            Some("refuse") => Err(error::bad_request("Sold out")),
            _ => {
                tokio::task::yield_now().await;
                Ok(HttpResponse::Created()
                    .insert_header(("location", "/api/orders/1"))
                    .insert_header(("set-cookie", "secret=1"))
                    .json((command, run)))
            }
        }
    };
    shop.runtime
        .run_idempotent(&req, session.user_id(), &body, command)
        .await
}

/// A running shop, and a session in it.
struct Open {
    client: Client,
    _nats: Nats,
}

impl Open {
    async fn with(http: HttpConfig) -> Self {
        let nats = Nats::start().await;
        let url = nats.url().to_owned();
        let config =
            Config::from_lookup(&|name| (name == "NATS_URL").then(|| url.clone())).unwrap();
        let runtime = Runtime::prepare(config, "shop", None).await.unwrap();
        let mut connection = runtime.log.connection();
        connection.wait_for(|connected| *connected).await.unwrap();
        runtime.log.streams().ensure().await.unwrap();
        let signer = SessionSigner::ephemeral();
        let shop = web::Data::new(Shop {
            runtime,
            runs: Arc::default(),
        });
        let sessions = SessionVerifier::new([signer.public_key().clone()]);
        let server = Server::new(&http, Gate::new(), sessions)
            .fallback(move |cfg| {
                cfg.app_data(shop.clone())
                    .service(web::resource("/buy").route(web::post().to(buy)));
            })
            .bind()
            .unwrap();
        let client = Client::new(format!("http://{}", server.address()));
        let (token, _) = signer
            .sign(Uuid::from_u128(7), "a@b.c", Duration::from_mins(1))
            .unwrap();
        client.set_session(Some(&token));
        tokio::spawn(server.run());
        Self {
            client,
            _nats: nats,
        }
    }

    async fn start() -> Self {
        Self::with(HttpConfig::default()).await
    }

    /// Buys under a key, if there is one.
    async fn buy(&self, key: Option<&str>, body: &str) -> Received {
        let call = self.client.call(Method::POST, "/buy").raw_json(body);
        match key {
            Some(key) => call.header("idempotency-key", key).await,
            None => call.await,
        }
    }
}

/// The ID of the command that ran, and the number of runs up to then.
fn ran(answer: &Received) -> (Uuid, usize) {
    assert_eq!(answer.status, 201, "{}", answer.describe());
    serde_json::from_value(answer.json.clone()).unwrap()
}

#[tokio::test]
async fn concurrent_requests_with_one_key_get_the_first_response() {
    let shop = Open::start().await;
    let requests = (0..32).map(|_| shop.buy(Some("k"), "{\"wish\":\"a\"}"));
    let answers = join_all(requests).await;
    let first = ran(&answers[0]);
    assert_eq!(first.1, 1);
    let mut replayed = 0;
    for answer in &answers {
        assert_eq!(answer.headers["location"], "/api/orders/1");
        if let Some(header) = answer.headers.get("idempotency-replayed") {
            assert_eq!(header, "true");
            assert!(!answer.headers.contains_key("set-cookie"));
            replayed += 1;
        }
        assert_eq!(ran(answer), first);
    }
    assert_eq!(replayed, 31);
}

#[tokio::test]
async fn without_a_key_every_request_runs() {
    let shop = Open::start().await;
    let first = ran(&shop.buy(None, "{}").await);
    let second = ran(&shop.buy(None, "{}").await);
    assert_ne!(first.0, second.0);
    assert_eq!(second.1, 2);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let shop = Open::start().await;
    ran(&shop.buy(Some("k"), "{\"wish\":\"a\"}").await);
    let other = shop.buy(Some("k"), "{\"wish\":\"b\"}").await;
    other.assert_status(422);
    let (_, runs) = ran(&shop.buy(Some("k"), " {\"wish\" : \"a\"}").await);
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn a_refusal_is_stored_and_a_failure_is_not() {
    let shop = Open::start().await;
    let fail = "{\"wish\":\"fail\"}";
    shop.buy(Some("f"), fail).await.assert_status(503);
    let (_, runs) = ran(&shop.buy(Some("f"), fail).await);
    assert_eq!(runs, 2);
    for _ in 0..2 {
        let refused = shop.buy(Some("r"), "{\"wish\":\"refuse\"}").await;
        refused.assert_error(400, "Sold out");
    }
    let (_, runs) = ran(&shop.buy(None, "{}").await);
    assert_eq!(runs, 4, "the second refusal was the first one again");
}

#[tokio::test]
async fn an_abandoned_command_can_be_retried_at_once() {
    let shop = Open::with(HttpConfig {
        request_timeout: Duration::from_millis(500),
        ..HttpConfig::default()
    })
    .await;
    let hang = "{\"wish\":\"hang\"}";
    shop.buy(Some("k"), hang).await.assert_status(503);
    // The claim was released: otherwise it would be in progress until it expires.
    let (_, runs) = ran(&shop.buy(Some("k"), hang).await);
    assert_eq!(runs, 2);
}

#[tokio::test]
async fn an_invalid_key_is_a_bad_request() {
    let shop = Open::start().await;
    let too_long = "x".repeat(256);
    for key in ["two words", &too_long, ""] {
        shop.buy(Some(key), "{}").await.assert_status(400);
    }
    ran(&shop.buy(Some(&too_long[1..]), "{}").await);
}

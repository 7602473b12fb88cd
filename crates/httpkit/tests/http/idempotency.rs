//! `Idempotency-Key`, over real connections, with a store in memory: the one in the log has tests
//! of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::{BoxFuture, join_all};
use httpkit::{
    Answer, HttpConfig, RawBody, Session,
    error::{self, Source},
    idempotency::{AnswerStore, Claim, ClaimToken, Fingerprint, KeptAnswer},
    with_idempotency,
};
use uuid::Uuid;

use crate::common::{Running, error_message};

#[derive(Default)]
struct Memory(Mutex<HashMap<Uuid, (Fingerprint, Option<KeptAnswer>)>>);

impl AnswerStore for Memory {
    fn claim(&self, key: Uuid, fingerprint: Fingerprint) -> BoxFuture<'_, Result<Claim, Source>> {
        Box::pin(async move {
            let mut kept = self.0.lock().unwrap();
            Ok(match kept.get(&key) {
                Some((other, _)) if *other != fingerprint => Claim::Mismatch,
                Some((_, Some(answer))) => Claim::Answered(answer.clone()),
                Some((_, None)) => Claim::InProgress,
                None => {
                    kept.insert(key, (fingerprint, None));
                    Claim::Fresh(ClaimToken {
                        key,
                        fingerprint,
                        revision: 1,
                    })
                }
            })
        })
    }

    fn finish(
        &self,
        token: ClaimToken,
        answer: KeptAnswer,
    ) -> BoxFuture<'_, Result<Option<KeptAnswer>, Source>> {
        Box::pin(async move {
            let mut kept = self.0.lock().unwrap();
            kept.insert(token.key, (token.fingerprint, Some(answer)));
            Ok(None)
        })
    }

    fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<(), Source>> {
        Box::pin(async move {
            self.0.lock().unwrap().remove(&token.key);
            Ok(())
        })
    }
}

/// What the handlers share: the store, and how often a command ran.
struct Shop {
    store: Arc<dyn AnswerStore>,
    runs: AtomicUsize,
}

async fn buy(session: Session, body: RawBody, req: HttpRequest, shop: web::Data<Shop>) -> Answer {
    with_idempotency(&shop.store, session.user_id(), &req, &body, |command| {
        let shop = shop.clone();
        let body = body.clone();
        async move {
            let run = shop.runs.fetch_add(1, Ordering::SeqCst) + 1;
            let wish: serde_json::Value = body.parse()?;
            match wish["wish"].as_str() {
                Some("hang") if run == 1 => std::future::pending().await,
                Some("fail") if run == 1 => Err(error::unavailable("The shop", 1)),
                Some("refuse") => Err(error::bad_request("Sold out")),
                _ => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok(HttpResponse::Created()
                        .insert_header(("location", "/api/orders/1"))
                        .insert_header(("set-cookie", "secret=1"))
                        .json((command, run)))
                }
            }
        }
    })
    .await
}

async fn shop(config: &HttpConfig) -> Running {
    let shop = web::Data::new(Shop {
        store: Arc::<Memory>::default(),
        runs: AtomicUsize::new(0),
    });
    Running::configured(
        |_| {},
        config,
        |server| {
            server.fallback(move |cfg| {
                cfg.app_data(shop.clone())
                    .service(web::resource("/buy").route(web::post().to(buy)));
            })
        },
    )
    .await
}

fn wish(server: &Running, key: &str, body: &'static str) -> reqwest::RequestBuilder {
    let request = server.post("/buy").header("cookie", server.cookie());
    let request = request.body(body);
    if key.is_empty() {
        return request;
    }
    request.header("idempotency-key", key)
}

async fn run(answer: reqwest::Response) -> (Uuid, usize) {
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn the_same_key_gets_the_first_answer_again_however_many_come_at_once() {
    let server = shop(&HttpConfig::default()).await;
    let requests = (0..32).map(|_| wish(&server, "k", "{\"wish\":\"a\"}").send());
    let answers = join_all(requests).await;
    let mut replayed = 0;
    let mut ran = Vec::new();
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["location"], "/api/orders/1");
        if let Some(header) = answer.headers().get("idempotency-replayed") {
            assert_eq!(header, "true");
            assert!(!answer.headers().contains_key("set-cookie"));
            replayed += 1;
        }
        ran.push(run(answer).await);
    }
    assert_eq!(replayed, 31);
    assert!(ran.iter().all(|one| *one == ran[0]), "{ran:?}");
    assert_eq!(ran[0].1, 1);
}

#[tokio::test]
async fn without_a_key_every_request_runs() {
    let server = shop(&HttpConfig::default()).await;
    let first = run(wish(&server, "", "{}").send().await.unwrap()).await;
    let second = run(wish(&server, "", "{}").send().await.unwrap()).await;
    assert_ne!(first.0, second.0);
    assert_eq!(second.1, 2);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let server = shop(&HttpConfig::default()).await;
    run(wish(&server, "k", "{\"wish\":\"a\"}").send().await.unwrap()).await;
    let other = wish(&server, "k", "{\"wish\":\"b\"}").send().await.unwrap();
    error_message(other, 422).await;
    let spelled_otherwise = wish(&server, "k", " {\"wish\" : \"a\"}").send();
    let (_, run) = run(spelled_otherwise.await.unwrap()).await;
    assert_eq!(run, 1);
}

#[tokio::test]
async fn a_refusal_is_kept_and_a_failure_is_not() {
    let server = shop(&HttpConfig::default()).await;
    let failed = wish(&server, "f", "{\"wish\":\"fail\"}")
        .send()
        .await
        .unwrap();
    error_message(failed, 503).await;
    let (_, runs) = run(wish(&server, "f", "{\"wish\":\"fail\"}")
        .send()
        .await
        .unwrap())
    .await;
    assert_eq!(runs, 2);
    for _ in 0..2 {
        let refused = wish(&server, "r", "{\"wish\":\"refuse\"}")
            .send()
            .await
            .unwrap();
        assert_eq!(error_message(refused, 400).await, "Sold out");
    }
    let (_, runs) = run(wish(&server, "", "{}").send().await.unwrap()).await;
    assert_eq!(runs, 4, "the second refusal was the first one again");
}

#[tokio::test]
async fn a_command_that_was_given_up_can_be_tried_again_under_the_same_id() {
    let config = HttpConfig {
        request_timeout: Duration::from_millis(50),
        ..HttpConfig::default()
    };
    let server = shop(&config).await;
    let hung = wish(&server, "k", "{\"wish\":\"hang\"}")
        .send()
        .await
        .unwrap();
    error_message(hung, 503).await;
    let again = wish(&server, "k", "{\"wish\":\"hang\"}")
        .send()
        .await
        .unwrap();
    let (_, runs) = run(again).await;
    assert_eq!(runs, 2);
}

#[tokio::test]
async fn a_key_that_is_none_is_a_bad_request() {
    let server = shop(&HttpConfig::default()).await;
    for key in ["two words", &"x".repeat(256)] {
        let answer = wish(&server, key, "{}").send().await.unwrap();
        error_message(answer, 400).await;
    }
    let longest = "x".repeat(255);
    run(wish(&server, &longest, "{}").send().await.unwrap()).await;
    let empty = wish(&server, "", "{}").header("idempotency-key", "");
    error_message(empty.send().await.unwrap(), 400).await;
}

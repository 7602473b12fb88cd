//! What one process does for all services: its description, and the configured limits and proxies.

use serde_json::json;
use std::time::Duration;
use testkit::{LONG, Response, eventually};
use uuid::Uuid;

use super::server::assert_envelope;
use crate::support::{Site, as_answers, statuses};

#[tokio::test]
async fn the_api_describes_itself() {
    let site = Site::start().await;
    let document = site
        .anyone()
        .get("/api/openapi.json")
        .await
        .expect_status(200)
        .json;
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3."),
        "{document}"
    );
    for (path, methods) in [
        ("/api/users/signup", &["post"][..]),
        ("/api/users/signin", &["post"]),
        ("/api/users/signout", &["post"]),
        ("/api/users/currentuser", &["get"]),
        ("/api/tickets", &["get", "post"]),
        ("/api/tickets/{id}", &["get", "put"]),
        ("/api/orders", &["get", "post"]),
        ("/api/orders/{id}", &["get", "delete"]),
        ("/api/payments", &["post"]),
    ] {
        for method in methods {
            let operation = &document["paths"][path][method];
            assert!(
                operation["responses"].is_object(),
                "{method} {path} in {document:#}"
            );
        }
    }
    // Every reference has a target.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn too_many_failed_sign_ins_or_sign_ups_return_429() {
    let site = Site::builder()
        .env("SIGNIN_FAILURES_PER_ACCOUNT", "3")
        .env("SIGNIN_FAILURES_PER_ADDRESS", "8")
        .env("SIGNIN_WINDOW_SECONDS", "3")
        .env("SIGNUPS_PER_ADDRESS", "4")
        .env("SIGNUP_WINDOW_SECONDS", "3")
        .start()
        .await;
    let limited = |answer: &Response| {
        answer.assert_status(429);
        assert_envelope(answer);
        let seconds = answer
            .header("retry-after")
            .and_then(|value| value.parse::<u64>().ok());
        assert!(
            seconds.is_some_and(|s| (1..=3).contains(&s)),
            "{}",
            answer.describe()
        );
    };
    let anyone = site.anyone();
    let (victim, bystander) = (site.person().await.user, site.person().await.user);
    for _ in 0..3 {
        let answer = anyone.sign_in_as(&victim.email, "wrong").await;
        answer.assert_error(400, "Invalid credentials");
    }
    // Other spellings don't evade the limit, and the account doesn't need to exist.
    limited(
        &anyone
            .sign_in_as(&victim.email.to_uppercase(), "wrong")
            .await,
    );
    let other = anyone
        .sign_in_as(&bystander.email, &bystander.password)
        .await;
    other.assert_status(200);
    for _ in 0..3 {
        anyone
            .sign_in_as("nobody@example.com", "wrong")
            .await
            .assert_status(400);
    }
    limited(&anyone.sign_in_as("nobody@example.com", "wrong").await);

    let sign_up = || async {
        let email = format!("{}@example.com", Uuid::new_v4().simple());
        site.anyone().sign_up_as(&email, "secret").await
    };
    let refused = eventually("sign-ups reach their limit", LONG, || async {
        let answer = sign_up().await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    limited(&refused);

    eventually("the windows are over", Duration::from_secs(10), || async {
        let right = anyone.sign_in_as(&victim.email, &victim.password).await;
        right.status == 200 && sign_up().await.status == 201
    })
    .await;
}

#[tokio::test]
async fn failed_sign_ins_to_many_accounts_block_only_their_address() {
    let site = Site::builder()
        .env("SIGNIN_FAILURES_PER_ADDRESS", "5")
        .env("SIGNIN_WINDOW_SECONDS", "4")
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let owner = site.person().await.user;
    let sign_in = |address: &'static str, email: String, password: &str| {
        let body = json!({"email": email, "password": password});
        let call = site.anyone().post("/api/users/signin", body);
        call.header("x-forwarded-for", address)
    };
    // A different account each time, so that no account's own limit is reached.
    for n in 0..5 {
        let email = format!("nobody{n}@example.com");
        let answer = sign_in("203.0.113.7", email, "wrong").await;
        answer.assert_error(400, "Invalid credentials");
    }
    // Further attempts from there aren't even checked, including the right password.
    let limited = sign_in("203.0.113.7", owner.email.clone(), &owner.password).await;
    limited.assert_status(429);
    assert_envelope(&limited);
    let seconds = limited.header("retry-after").and_then(|s| s.parse().ok());
    let in_time = seconds.is_some_and(|seconds: u64| (1..=4).contains(&seconds));
    assert!(in_time, "{}", limited.describe());
    let elsewhere = sign_in("203.0.113.8", owner.email.clone(), &owner.password).await;
    elsewhere.assert_status(200);
    eventually("the window is over", Duration::from_secs(10), || async {
        let again = sign_in("203.0.113.7", owner.email.clone(), &owner.password).await;
        again.status == 200
    })
    .await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_cookie_is_for_https_only() {
    let site = Site::builder()
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let sign_up = |scheme: &'static str| {
        let body = json!({"email": format!("{}@a.example", Uuid::new_v4()), "password": "secret"});
        let client = site.anyone();
        client
            .post("/api/users/signup", body)
            .header("x-forwarded-proto", scheme)
    };
    let is_secure = |answer: &Response| {
        let cookie = answer.header("set-cookie").unwrap().to_ascii_lowercase();
        cookie.contains("; secure")
    };
    assert!(is_secure(&sign_up("https").await.expect_status(201)));
    assert!(!is_secure(&sign_up("http").await.expect_status(201)));
}

#[tokio::test]
async fn concurrent_password_guesses_do_not_exceed_the_limit() {
    let site = Site::builder()
        .env("SIGNIN_FAILURES_PER_ACCOUNT", "3")
        .env("PASSWORD_HASHERS", "1")
        .start()
        .await;
    let victim = site.person().await.user;
    let guess = |password: String| {
        let (client, email) = (site.anyone(), victim.email.clone());
        tokio::spawn(async move { client.sign_in_as(&email, &password).await })
    };
    let mut wrong: Vec<_> = (0..100).map(|n| guess(format!("guess{n}"))).collect();
    // Once one of them is refused, the limit is reached, whatever else is still being hashed.
    eventually("a guess is refused", LONG, || async {
        // No more than three were checked, so one of four was refused.
        let answered = wrong.iter().filter(|guess| guess.is_finished());
        answered.count() > 3
    })
    .await;
    wrong.extend((100..150).map(|n| guess(format!("guess{n}"))));
    let right = guess(victim.password.clone());
    wrong.extend((150..200).map(|n| guess(format!("guess{n}"))));

    let answers = as_answers(wrong).await;
    let judged = answers.iter().filter(|it| it.status == 400).count();
    assert_eq!(judged, 3, "{:?}", statuses(&answers));
    let refused = answers.iter().find(|it| it.status == 429).unwrap();
    let right = right.await.unwrap();
    right.assert_status(429);
    assert_eq!(right.json, refused.json);
    assert!(right.header("set-cookie").is_none());
}

#[tokio::test]
async fn passwords_tried_under_the_key_of_a_sign_up_count_like_sign_ins() {
    let site = Site::builder()
        .env("SIGNIN_FAILURES_PER_ACCOUNT", "3")
        .start()
        .await;
    let sign_up = |password: &str| {
        let body = json!({"email": "victim@example.com", "password": password});
        let call = site.anyone().post("/api/users/signup", body);
        call.idempotency_key("1")
    };
    sign_up("secret").await.assert_status(201);
    // The user may repeat it any number of times.
    for _ in 0..5 {
        sign_up("secret").await.assert_status(201);
    }
    for n in 0..3 {
        sign_up(&format!("guess{n}")).await.assert_status(422);
    }
    for password in ["guess3", "secret"] {
        sign_up(password).await.assert_status(429);
    }
    let anyone = site.anyone();
    let elsewhere = anyone.sign_in_as("victim@example.com", "secret").await;
    elsewhere.assert_status(429);
}

//! Accounts and sessions.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Client, Response};
use uuid::Uuid;

use crate::support::{Site, assert_has, is_uuid, on_both_deployments};

on_both_deployments!(
    signing_up_returns_the_user_and_a_session,
    an_invalid_account_is_refused_with_all_fields,
    an_address_has_one_account_regardless_of_case,
    signing_in_returns_the_user_and_a_session,
    wrong_credentials_do_not_reveal_accounts,
    signing_out_ends_the_session,
    the_current_user_is_null_without_a_session,
    a_granted_role_is_shown_at_once,
    a_tampered_token_has_no_session,
);

const EMAIL: (&str, Option<&str>) = ("Email must be valid", Some("email"));
const PASSWORD: (&str, Option<&str>) = (
    "Password must be between 4 and 20 characters",
    Some("password"),
);
const NO_PASSWORD: (&str, Option<&str>) = ("You must supply a password", Some("password"));

fn new_email() -> String {
    format!("Ada.{}@Example.COM", Uuid::new_v4().simple())
}

async fn current_user(client: &Client) -> Value {
    let answer = client.get("/api/users/currentuser").await;
    answer.expect_status(200).json["currentUser"].clone()
}

/// The claims of the session in a response.
fn claims(answer: &Response) -> Value {
    let token = answer.cookie("session").unwrap_or_default();
    let payload = token.split('.').nth(1).unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Checks that the response sets a session cookie that scripts and other sites can't use.
fn assert_session_begins(answer: &Response) {
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 1, "{}", answer.describe());
    let cookie = cookies[0].to_str().unwrap().to_ascii_lowercase();
    assert!(cookie.starts_with("session="), "{cookie}");
    for part in ["; httponly", "; samesite=lax", "; path=/"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    // With plain http a browser would refuse a secure cookie.
    assert!(!cookie.contains("; secure"), "{cookie}");

    let token = answer.cookie("session").unwrap();
    let header = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["alg"], "EdDSA");
    let claims = claims(answer);
    assert!(claims["exp"].as_i64() > claims["iat"].as_i64(), "{claims}");
}

async fn signing_up_returns_the_user_and_a_session(site: &Site) {
    let client = site.anyone();
    let email = new_email();
    let answer = client.sign_up_as(&email, "  secret  ").await;
    answer.assert_status(201);
    assert!(is_uuid(&answer.json["id"]), "{}", answer.text);
    let expected = json!({"id": answer.json["id"], "email": email.to_lowercase()});
    assert_eq!(answer.json, expected);
    assert_session_begins(&answer);
    assert_has(&current_user(&client).await, &expected);
    // White space around a password doesn't count, here and later.
    let again = site.anyone().sign_in_as(&email, "secret").await;
    again.assert_status(200);

    // The server alone decides the id.
    let wished = Uuid::nil().to_string();
    let body = json!({"email": new_email(), "password": "secret", "id": wished, "userId": wished});
    let answer = site.anyone().post("/api/users/signup", body).await;
    assert_ne!(answer.expect_status(201).id(), wished);
}

async fn an_invalid_account_is_refused_with_all_fields(site: &Site) {
    let (good_email, good_password) = (json!("ada@example.com"), json!("secret"));
    let mut cases = vec![
        (json!({}), vec![EMAIL, PASSWORD]),
        (
            json!({"email": null, "password": null}),
            vec![EMAIL, PASSWORD],
        ),
        (json!({"email": good_email}), vec![PASSWORD]),
        (json!({"password": good_password}), vec![EMAIL]),
        (
            json!({"email": 7, "password": ["x"]}),
            vec![EMAIL, PASSWORD],
        ),
    ];
    for email in ["", " ", "ada", "@example.com", "ada@", "a b@example.com"] {
        cases.push((
            json!({"email": email, "password": good_password}),
            vec![EMAIL],
        ));
    }
    let long = "x".repeat(21);
    for password in ["", "abc", "       ", "  abc  ", long.as_str()] {
        cases.push((
            json!({"email": good_email, "password": password}),
            vec![PASSWORD],
        ));
    }
    for (body, errors) in cases {
        let client = site.anyone();
        let answer = client.post("/api/users/signup", &body).await;
        answer.assert_errors(400, &errors);
        assert_eq!(answer.cookie("session"), None, "{body}");
    }
    for password in ["abcd", "x".repeat(20).as_str(), "  äöüß  "] {
        let answer = site.anyone().sign_up_as(&new_email(), password).await;
        answer.assert_status(201);
    }
}

async fn an_address_has_one_account_regardless_of_case(site: &Site) {
    let email = new_email();
    site.anyone()
        .sign_up_as(&email, "secret")
        .await
        .assert_status(201);
    for again in [email.clone(), email.to_lowercase(), email.to_uppercase()] {
        let client = site.anyone();
        let answer = client.sign_up_as(&again, "another").await;
        answer.assert_status(400);
        assert_eq!(answer.errors()[0].message, "Email in use");
        assert_eq!(answer.cookie("session"), None);
    }
    // The first password still counts.
    site.anyone()
        .sign_in_as(&email, "secret")
        .await
        .assert_status(200);
}

async fn signing_in_returns_the_user_and_a_session(site: &Site) {
    let email = new_email();
    let id = site
        .anyone()
        .sign_up_as(&email, "secret")
        .await
        .expect_status(201)
        .id();
    for spelled in [email.clone(), email.to_uppercase(), format!(" {email} ")] {
        let client = site.anyone();
        let answer = client.sign_in_as(&spelled, "secret").await;
        answer.assert_status(200);
        assert_eq!(
            answer.json,
            json!({"id": id, "email": email.to_lowercase()})
        );
        assert_session_begins(&answer);
        assert_eq!(current_user(&client).await["id"], id);
    }
    for (body, errors) in [
        (json!({}), vec![EMAIL, NO_PASSWORD]),
        (json!({"email": email}), vec![NO_PASSWORD]),
        (json!({"email": email, "password": ""}), vec![NO_PASSWORD]),
        (json!({"email": email, "password": "  "}), vec![NO_PASSWORD]),
        (json!({"email": email, "password": 7}), vec![NO_PASSWORD]),
        (json!({"email": "ada", "password": "secret"}), vec![EMAIL]),
    ] {
        let answer = site.anyone().post("/api/users/signin", &body).await;
        answer.assert_errors(400, &errors);
    }
}

async fn wrong_credentials_do_not_reveal_accounts(site: &Site) {
    let email = new_email();
    site.anyone()
        .sign_up_as(&email, "secret")
        .await
        .assert_status(201);
    let attempt = |email: String| async move {
        let started = Instant::now();
        let answer = site.anyone().sign_in_as(&email, "wrong").await;
        (answer, started.elapsed())
    };
    // The shortest of several is least disturbed by the machine's other work, and comes closer to
    // the actual work with every attempt. Without the same work for both, one always takes many
    // times as long as the other.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    let alike = |one: Duration, other: Duration| one < other.saturating_mul(3) / 2;
    for attempts in 1..=18 {
        let (with_account, took) = attempt(email.clone()).await;
        known = known.min(took);
        let (without, took) = attempt(new_email()).await;
        unknown = unknown.min(took);
        with_account.assert_error(400, "Invalid credentials");
        without.assert_error(400, "Invalid credentials");
        assert_eq!(with_account.text, without.text);
        assert_eq!(with_account.cookie("session"), None);
        if attempts >= 7 && alike(known, unknown) && alike(unknown, known) {
            return;
        }
    }
    panic!("known {known:?}, unknown {unknown:?}");
}

async fn signing_out_ends_the_session(site: &Site) {
    let person = site.person().await;
    let answer = person.post("/api/users/signout", json!({})).await;
    answer.assert_status(200);
    assert_eq!(answer.json, json!({}));
    assert_eq!(answer.cookie("session"), Some(""), "{}", answer.describe());
    assert_eq!(current_user(&person).await, Value::Null);
    // A client without a session can sign out too, and no body is needed.
    let answer = site
        .anyone()
        .call(testkit::Method::POST, "/api/users/signout")
        .await;
    assert_eq!(answer.expect_status(200).json, json!({}));
}

async fn the_current_user_is_null_without_a_session(site: &Site) {
    let nobody = site.anyone().get("/api/users/currentuser").await;
    assert_eq!(nobody.expect_status(200).json, json!({"currentUser": null}));

    let client = site.anyone();
    let email = new_email();
    let signed_up = client.sign_up_as(&email, "secret").await.expect_status(201);
    let answer = client
        .get("/api/users/currentuser")
        .await
        .expect_status(200);
    let iat = claims(&signed_up)["iat"].clone();
    let expected = json!({"currentUser": {
        "id": signed_up.id(), "email": email.to_lowercase(), "iat": iat
    }});
    assert_eq!(answer.json, expected);
    let now = chrono::Utc::now().timestamp();
    assert!((now - iat.as_i64().unwrap()).abs() < 60, "{iat} is not now");
}

async fn a_granted_role_is_shown_at_once(site: &Site) {
    let (person, other) = (site.person().await, site.person().await);
    let without = current_user(&person).await;
    assert_eq!(without.get("roles"), None, "{without}");
    for args in [
        ["users", "grant", &person.user.email, "analyst"],
        ["users", "revoke", &person.user.email, "analyst"],
    ] {
        site.tool(&args).await.assert_success();
        // With the same session, which is from before.
        let mut expected = without.clone();
        if args[1] == "grant" {
            expected["roles"] = json!(["analyst"]);
        }
        assert_eq!(current_user(&person).await, expected);
        let other = current_user(&other).await;
        assert_eq!(other.get("roles"), None, "{other}");
    }
    // A user who once had a role signs in normally.
    let (email, password) = (&person.user.email, &person.user.password);
    let again = site.anyone().sign_in_as(email, password).await;
    again.assert_status(200);
}

async fn a_tampered_token_has_no_session(site: &Site) {
    let person = site.person().await;
    let good = person.session().unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{good} has not three parts");
    };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 1);
    let later = encode(&claims);
    let none = encode(&json!({"alg": "none", "typ": "JWT"}));
    let symmetric = encode(&json!({"alg": "HS256", "typ": "JWT"}));
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[0] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    for forged in [
        "nonsense".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{flipped}"),
        format!("{header}.{later}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{symmetric}.{payload}.{signature}"),
        "x".repeat(3_000),
    ] {
        let client = site.anyone();
        client.set_session(Some(&forged));
        assert_eq!(current_user(&client).await, Value::Null, "{forged}");
        let answer = client.get("/api/orders").await;
        answer.assert_error(401, "Not authorized");
        let answer = client
            .post("/api/tickets", json!({"title": "a", "price": 1}))
            .await;
        answer.assert_error(401, "Not authorized");
    }
    let client = site.anyone();
    client.set_session(Some(&good));
    assert_eq!(current_user(&client).await["id"], person.user.id);
}

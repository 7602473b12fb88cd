//! `turnstile users`: accounts and roles.

use serde_json::{Value, json};
use testkit::{Client, Person};

use crate::support::System;

async fn roles(user: &Client) -> Value {
    let answer = user.get("/api/users/currentuser").await;
    answer.assert_status(200);
    answer.json["currentUser"]["roles"].clone()
}

#[tokio::test]
async fn roles_are_granted_by_address_or_id_and_revoked() {
    let system = System::start().await;
    let Person {
        client: analyst,
        user,
    } = system.app.person().await;
    let other = system.app.person().await;
    assert_eq!(roles(&analyst).await, Value::Null);

    let grant = ["users", "grant", &user.email, "analyst"];
    let granted = system.tool(&grant).await.well().stdout;
    assert_eq!(granted, format!("{} is an analyst now\n", user.email));
    // The session from before.
    assert_eq!(roles(&analyst).await, json!(["analyst"]));
    assert_eq!(roles(&other).await, Value::Null);
    let again = system.tool(&grant).await.well().stdout;
    assert_eq!(again, format!("{} was an analyst already\n", user.email));

    let listed = system.tool(&["users", "ls"]).await.well().json();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["email"], user.email);
    assert_eq!(listed[0]["id"], user.id);
    assert_eq!(listed[0]["roles"], json!(["analyst"]));
    assert_eq!(listed[1]["roles"], json!([]));
    let only = ["users", "ls", "--role", "analyst"];
    assert_eq!(system.tool(&only).await.well().json().len(), 1);
    let drawn = system.tool(&["users", "ls", "--table"]).await.well().stdout;
    assert!(
        drawn.contains(&user.email) && !drawn.contains("argon2"),
        "{drawn}"
    );

    let revoke = ["users", "revoke", &user.id, "analyst"];
    let revoked = system.tool(&revoke).await.well().stdout;
    assert_eq!(revoked, format!("{} is no analyst any more\n", user.email));
    assert_eq!(roles(&analyst).await, Value::Null);
    let again = system.tool(&revoke).await.well().stdout;
    assert_eq!(again, format!("{} was no analyst\n", user.email));

    // Commands without effect left nothing; the others are part of the user's history, with their
    // author.
    let story = system.tool(&["history", &user.email]).await.well().json();
    let told: Vec<_> = story
        .iter()
        .map(|step| &step["events"][0])
        .map(|event| (event["event_type"].as_str(), event["actor"].as_str()))
        .collect();
    assert_eq!(told[0].0, Some("UserRegistered"), "{story:#?}");
    assert_eq!(
        told[1..],
        [
            (Some("RoleGranted"), Some("operator")),
            (Some("RoleRevoked"), Some("operator"))
        ]
    );
    system.tool(&["verify"]).await.well();
}

#[tokio::test]
async fn unknown_users_and_roles_are_named() {
    let system = System::start().await;
    let user = system.app.person().await.user;
    for (args, told) in [
        (
            ["users", "grant", "nobody@example.com", "analyst"],
            "no account: \"nobody@example.com\"",
        ),
        (
            ["users", "revoke", "nobody@example.com", "analyst"],
            "no account: \"nobody@example.com\"",
        ),
        (["users", "grant", "Ada", "analyst"], "Ada"),
        (
            ["users", "grant", &user.email, "admin"],
            "\"admin\" is no role; there is: analyst",
        ),
    ] {
        let refused = system.tool(&args).await.with_code(2);
        assert!(
            refused.stderr.contains(told),
            "{args:?}: {}",
            refused.stderr
        );
    }
}

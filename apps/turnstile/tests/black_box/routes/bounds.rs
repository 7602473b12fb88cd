//! The constraints in the API's description, compared with the checks of the routes: for each limit
//! a value that is just valid, and one that is just invalid.

mod harness;

use serde_json::{Value, json};
use uuid::Uuid;

use harness::{
    Bounds,
    Fate::{self, Later, Refused, Taken},
    Operation,
};

const SIGN_UP: Operation = ("post", "/api/users/signup");
const SIGN_IN: Operation = ("post", "/api/users/signin");
const OFFER: Operation = ("post", "/api/tickets");
const CHANGE: Operation = ("put", "/api/tickets/{id}");
const ORDER: Operation = ("post", "/api/orders");
const PAY: Operation = ("post", "/api/payments");
const LIST: Operation = ("get", "/api/tickets");
const MINE: Operation = ("get", "/api/tickets/mine");
const ORDERS: Operation = ("get", "/api/orders");

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

fn fresh_email() -> String {
    format!("{}@example.com", Uuid::new_v4())
}

/// An address of this length.
fn email_of(bytes: usize) -> String {
    let local = format!("{:a<64}", Uuid::new_v4().to_string());
    let rest = bytes - local.len() - "@.com".len() - 2 * 64;
    let label = "x".repeat(63);
    format!("{local}@{label}.{label}.{}.com", "x".repeat(rest))
}

async fn credentials_are_bounded(bounds: &mut Bounds) {
    const EMAIL: Fate = Refused("Email must be valid");
    const PASSWORD: Fate = Refused("Password must be between 4 and 20 characters");
    for (password, fate) in [
        ("abc", PASSWORD),
        ("abcd", Taken),
        ("  abcd  ", Taken),
        ("  abc  ", PASSWORD),
        ("a  d", Taken),
        (&"ü".repeat(20), Taken),
        (&"ü".repeat(21), PASSWORD),
    ] {
        let body = credentials(&fresh_email(), password);
        bounds.body(SIGN_UP, "password", body, fate).await;
    }
    for (email, fate) in [(email_of(254), Taken), (email_of(255), EMAIL)] {
        bounds
            .body(SIGN_UP, "email", credentials(&email, "secret"), fate)
            .await;
    }
    let user = bounds.person.user.email.clone();
    for operation in [SIGN_UP, SIGN_IN] {
        let nobody = credentials("nobody", "secret");
        bounds.body(operation, "email", nobody, EMAIL).await;
        bounds
            .body(operation, "email", json!({"password": "secret"}), EMAIL)
            .await;
    }
    bounds
        .body(SIGN_UP, "password", json!({"email": user}), PASSWORD)
        .await;
    let none = Refused("You must supply a password");
    bounds
        .body(SIGN_IN, "password", json!({"email": user}), none)
        .await;
    bounds
        .body(SIGN_IN, "password", credentials(&user, " "), none)
        .await;
    let wrong = Later("Invalid credentials");
    bounds
        .body(SIGN_IN, "password", credentials(&user, "x"), wrong)
        .await;
}

async fn tickets_are_bounded(bounds: &mut Bounds) {
    const BLANK: Fate = Refused("Title is required");
    const LONG: Fate = Refused("Title must be at most 200 characters");
    const CONTROL: Fate = Refused("Title must not contain control characters");
    const TURNS: Fate =
        Refused("Title must not contain characters that turn the direction of text");
    for operation in [OFFER, CHANGE] {
        for (title, fate) in [
            ("", BLANK),
            (" ", BLANK),
            ("a", Taken),
            ("ab", Taken),
            (&"🎫".repeat(200), Taken),
            (&"🎫".repeat(201), LONG),
            (&format!("  {}  ", "x".repeat(200)), Taken),
            ("a\nb", CONTROL),
            ("a\u{7f}b", CONTROL),
            ("a\u{2029}b", Taken),
            ("a\u{202a}b", TURNS),
            ("a\u{202e}b", TURNS),
            ("a\u{202f}b", Taken),
            ("a\u{2065}b", Taken),
            ("a\u{2066}b", TURNS),
            ("a\u{2069}b", TURNS),
            ("a\u{206a}b", Taken),
        ] {
            let body = json!({"title": title, "price": 20});
            bounds.body(operation, "title", body, fate).await;
        }
        bounds
            .body(operation, "title", json!({"price": 20}), BLANK)
            .await;
        for (price, fate) in [
            (json!(0.49), Refused("Price must be at least 0.50")),
            (json!(0.5), Taken),
            (json!(999_999.99), Taken),
            (
                json!(1_000_000),
                Refused("Price must be at most 999,999.99"),
            ),
            (
                json!(1.999),
                Refused("Price must have at most two decimals"),
            ),
            (json!(-1), Refused("Price must be greater than 0")),
        ] {
            let body = json!({"title": "a", "price": price});
            bounds.body(operation, "price", body, fate).await;
        }
        let none = Refused("Price must be greater than 0");
        bounds
            .body(operation, "price", json!({"title": "a"}), none)
            .await;
    }
}

async fn orders_and_payments_are_bounded(bounds: &mut Bounds) {
    const ORDER_ID: Fate = Refused("OrderId must be provided");
    const NO_TOKEN: Fate = Refused("Token must be provided");
    const TOKEN: Fate = Refused("Token must be a card token (tok_…) or a payment method (pm_…)");
    // These IDs don't exist.
    const KNOWN: Fate = Later("Not Found");
    const TICKET: Fate = Refused("TicketId must be provided");
    const PRICE: Fate = Refused("ExpectedPrice must be a price");
    const VERSION: Fate = Refused("ExpectedVersion must be a version, such as 0");
    let id = Uuid::new_v4();
    bounds
        .body(ORDER, "ticketId", json!({"ticketId": id}), KNOWN)
        .await;
    bounds
        .body(ORDER, "ticketId", json!({"ticketId": "one"}), TICKET)
        .await;
    bounds.body(ORDER, "ticketId", json!({}), TICKET).await;
    for (price, fate) in [
        (json!(0), PRICE),
        (json!(0.01), KNOWN),
        (json!(999_999.99), KNOWN),
        (json!(1_000_000), PRICE),
        (json!(1.999), PRICE),
    ] {
        let body = json!({"ticketId": id, "expectedPrice": price});
        bounds.body(ORDER, "expectedPrice", body, fate).await;
    }
    for (version, fate) in [
        (json!(-1), VERSION),
        (json!(0), KNOWN),
        (json!(u64::MAX), KNOWN),
        (json!(1e20), VERSION),
        (json!(0.5), VERSION),
    ] {
        let body = json!({"ticketId": id, "expectedVersion": version});
        bounds.body(ORDER, "expectedVersion", body, fate).await;
    }
    for (order, fate) in [
        (json!({"orderId": id, "token": "tok_visa"}), KNOWN),
        (json!({"orderId": "one", "token": "tok_visa"}), ORDER_ID),
        (json!({"token": "tok_visa"}), ORDER_ID),
    ] {
        bounds.body(PAY, "orderId", order, fate).await;
    }
    bounds
        .body(PAY, "token", json!({"orderId": id}), NO_TOKEN)
        .await;
    for (token, fate) in [
        (format!("tok_{}", "a".repeat(251)), KNOWN),
        (format!("tok_{}", "a".repeat(252)), TOKEN),
        ("pm_a".to_owned(), KNOWN),
        ("pm_".to_owned(), TOKEN),
        ("tok_a-b".to_owned(), TOKEN),
        ("card".to_owned(), TOKEN),
        (String::new(), NO_TOKEN),
    ] {
        let body = json!({"orderId": id, "token": token});
        bounds.body(PAY, "token", body, fate).await;
    }
}

async fn parameters_are_bounded(bounds: &mut Bounds) {
    const LIMIT: Fate = Refused("Limit must be a number from 1 to 200");
    const CURSOR: &str = "The cursor is not one of this list";
    for operation in [LIST, MINE, ORDERS] {
        for (limit, fate) in [
            ("0", LIMIT),
            ("1", Taken),
            ("200", Taken),
            ("201", LIMIT),
            ("many", LIMIT),
        ] {
            bounds.query(operation, "limit", limit, fate).await;
        }
        bounds
            .query(operation, "cursor", "a-b_c", Later(CURSOR))
            .await;
        bounds
            .query(operation, "cursor", "a.b", Refused(CURSOR))
            .await;
    }
    for sort in ["newest", "price", "-price"] {
        bounds.query(LIST, "sort", sort, Taken).await;
    }
    let sort = Refused("Sort must be one of newest, price, -price");
    bounds.query(LIST, "sort", "title", sort).await;
    for name in ["min_price", "max_price"] {
        for (price, fate) in [
            ("0", Taken),
            ("-1", Taken),
            ("+19.99", Taken),
            (".5", Taken),
            ("5.", Taken),
            ("999999999999999.99", Taken),
            ("1000000000000000", Refused("The price is too large")),
            ("1.999", Refused("The price must have at most two decimals")),
            (
                "1e2",
                Refused("The price must be written without an exponent"),
            ),
            ("cheap", Refused("The price must be a number")),
        ] {
            bounds.query(LIST, name, price, fate).await;
        }
    }
}

async fn headers_are_bounded(bounds: &mut Bounds) {
    const KEY: Fate = Refused("Idempotency-Key must be 1 to 255 visible ASCII characters");
    const MATCH: Fate = Refused("If-Match must be an ETag, a version in quotes, or *");
    let (id, ticket) = (
        Uuid::new_v4(),
        json!({"title": "Opening night", "price": 20}),
    );
    // A key is for one request, so each has its own.
    for (operation, letter, taken) in [
        (SIGN_UP, "s", Taken),
        (OFFER, "t", Taken),
        (ORDER, "o", Later("Not Found")),
        (PAY, "p", Later("Not Found")),
    ] {
        for (key, fate) in [
            (letter.repeat(255), taken),
            (letter.repeat(256), KEY),
            ("a b".to_owned(), KEY),
            (format!("!{letter}~"), taken),
        ] {
            let body = match operation {
                SIGN_UP => credentials(&fresh_email(), "secret"),
                ORDER => json!({"ticketId": id}),
                PAY => json!({"orderId": id, "token": "tok_visa"}),
                _ => ticket.clone(),
            };
            let header = ("Idempotency-Key", key.as_str());
            bounds.header((operation, &body), header, fate).await;
        }
    }
    let changed = Later("The ticket has changed");
    for (version, fate) in [
        (r#""99999""#, changed),
        (r#""some-tag""#, changed),
        ("0", MATCH),
        (r#"W/"0""#, MATCH),
        (r#""""#, MATCH),
        (r#""a", "b""#, MATCH),
        // Last, since repeating a change is no conflict.
        ("*", Taken),
    ] {
        let header = ("If-Match", version);
        bounds.header((CHANGE, &ticket), header, fate).await;
    }
}

#[tokio::test]
async fn the_routes_enforce_the_documented_bounds() {
    let mut bounds = Bounds::new().await;
    credentials_are_bounded(&mut bounds).await;
    tickets_are_bounded(&mut bounds).await;
    orders_and_payments_are_bounded(&mut bounds).await;
    parameters_are_bounded(&mut bounds).await;
    headers_are_bounded(&mut bounds).await;
    // There are no others.
    assert_eq!(bounds.bounded(), bounds.refused);
}

#[tokio::test]
async fn the_description_of_the_webhook_names_its_header() {
    let bounds = Bounds::new().await;
    let webhook = &bounds.document["paths"]["/api/payments/webhook"]["post"];
    let mut parameters = webhook["parameters"].as_array().unwrap().iter();
    let signature = parameters.find(|parameter| parameter["name"] == "Stripe-Signature");
    let signature = signature.expect("the signature");
    assert_eq!(
        (&signature["in"], &signature["required"]),
        (&json!("header"), &json!(true))
    );
}

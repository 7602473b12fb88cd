//! Stripe's records and rules: intents, cards, idempotency keys.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::cards::{CAPTURE_FAILS, CLOSES_THE_FIRST, DISPUTED, PARTLY_REFUNDED, REFUNDED};
use super::http::{Request, Response};
use super::object::Intent;
use super::refusals::{missing, refused, unexpected, unknown_url};
use super::{KEY, StripeRoute};

/// Totals of the money of all intents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Money {
    /// Number of successful holds.
    pub holds: u32,
    /// Number of captures.
    pub captures: u32,
    /// Number of releases of held money.
    pub releases: u32,
    /// The amount that is held now, in cents.
    pub held: u64,
    /// The total that was captured, in cents.
    pub taken: u64,
}

/// Whether a request already has its response.
pub enum StripeStep {
    Response(Response),
    Work,
}

struct Stored {
    fingerprint: String,
    response: Response,
}

#[derive(Default)]
pub struct Records {
    intents: Vec<(String, Intent)>,
    stored: HashMap<String, Stored>,
    keys_in_use: HashSet<String>,
    locked: HashSet<String>,
    used_tokens: BTreeSet<String>,
    money: Money,
}

/// The route of a request, if the stand-in has it.
pub fn route_of(request: &Request) -> Option<StripeRoute> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("POST", ["v1", "payment_intents"]) => Some(StripeRoute::Create),
        ("GET", ["v1", "payment_intents"]) => Some(StripeRoute::List),
        ("GET", ["v1", "payment_intents", _]) => Some(StripeRoute::Read),
        ("POST", ["v1", "payment_intents", _, "confirm"]) => Some(StripeRoute::Confirm),
        ("POST", ["v1", "payment_intents", _, "capture"]) => Some(StripeRoute::Capture),
        ("POST", ["v1", "payment_intents", _, "cancel"]) => Some(StripeRoute::Cancel),
        _ => None,
    }
}

/// Whether a request locks the intent while it runs.
fn locks(route: StripeRoute) -> bool {
    matches!(
        route,
        StripeRoute::Confirm | StripeRoute::Capture | StripeRoute::Cancel
    )
}

impl Records {
    pub fn money(&self) -> Money {
        self.money
    }

    pub fn add_foreign_intent(&mut self) -> String {
        let payment_id = "5f0c3a52-6a1f-4b5e-9d3b-0c1d2e3f4a5b";
        self.add_intent_of("another-shop", payment_id, 4_200, "eur")
    }

    pub fn add_own_intent(&mut self, payment_id: &str, amount: u64, currency: &str) -> String {
        self.add_intent_of("turnstile", payment_id, amount, currency)
    }

    fn add_intent_of(
        &mut self,
        application: &str,
        payment_id: &str,
        amount: u64,
        currency: &str,
    ) -> String {
        let metadata = [("application", application), ("payment_id", payment_id)];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.add(amount, currency.to_owned(), BTreeMap::from(metadata))
    }

    pub fn references(&self) -> Vec<String> {
        self.intents.iter().map(|(id, _)| id.clone()).collect()
    }

    /// The intent of a test; it must exist.
    pub fn intent(&mut self, id: &str) -> &mut Intent {
        self.find(id)
            .unwrap_or_else(|_| panic!("the stand-in has no intent {id}"))
    }

    /// Stores a response under the request's idempotency key.
    pub fn remember(&mut self, request: &Request, response: &Response) {
        if let Some(key) = request.header("idempotency-key") {
            let stored = Stored {
                fingerprint: request.fingerprint(),
                response: response.clone(),
            };
            self.stored.insert(key, stored);
        }
    }

    /// Checks the request, its idempotency key and the intent's lock, and takes both.
    pub fn begin(&mut self, route: StripeRoute, request: &Request) -> StripeStep {
        if request.header("authorization") != Some(format!("Bearer {KEY}")) {
            let given = request.header("authorization").unwrap_or_default();
            let message = format!("Invalid API Key provided: {given}");
            return StripeStep::Response(refused(401, "invalid_request_error", "", &message, ""));
        }
        if request.header("stripe-version").is_none() {
            return StripeStep::Response(unknown_url());
        }
        if let Some(key) = request.header("idempotency-key") {
            if self.keys_in_use.contains(&key) {
                let message = "There is currently another in-progress request using this key.";
                let (kind, code) = ("idempotency_error", "idempotency_key_in_use");
                return StripeStep::Response(refused(409, kind, code, message, ""));
            }
            if let Some(stored) = self.stored.get(&key) {
                return StripeStep::Response(if stored.fingerprint == request.fingerprint() {
                    stored.response.clone().with("Idempotent-Replayed", "true")
                } else {
                    let message = "Keys for idempotent requests can only be used with the same \
                                   parameters they were first used with.";
                    refused(400, "idempotency_error", "", message, "")
                });
            }
        }
        if locks(route) && !self.locked.insert(request.path[2].clone()) {
            let message = "This object cannot be accessed right now because another API request \
                           is currently accessing it.";
            return StripeStep::Response(refused(
                429,
                "invalid_request_error",
                "lock_timeout",
                message,
                "",
            ));
        }
        self.keys_in_use.extend(request.header("idempotency-key"));
        StripeStep::Work
    }

    /// Executes the request, stores the response, and releases lock and key.
    pub fn finish(&mut self, route: StripeRoute, request: &Request) -> Response {
        let result = match route {
            StripeRoute::Create => self.create(request),
            StripeRoute::List => Ok(self.list(request)),
            StripeRoute::Read => self.read(request),
            StripeRoute::Confirm => self.confirm(request),
            StripeRoute::Capture => self.capture(request),
            StripeRoute::Cancel => self.cancel(request),
        };
        let response = match result {
            Ok(object) => Response::new(200, object.to_string()),
            Err(refusal) => refusal,
        };
        self.remember(request, &response);
        if let Some(key) = request.header("idempotency-key") {
            self.keys_in_use.remove(&key);
        }
        if locks(route) {
            self.locked.remove(&request.path[2]);
        }
        response
    }

    fn add(&mut self, amount: u64, currency: String, metadata: BTreeMap<String, String>) -> String {
        let id = format!("pi_{:024}", self.intents.len() + 1);
        let status = "requires_payment_method";
        let intent = Intent {
            amount,
            currency,
            metadata,
            status,
            error: Value::Null,
            livemode: false,
            refunded: 0,
            disputed: false,
            trouble: None,
        };
        self.intents.push((id.clone(), intent));
        id
    }

    fn create(&mut self, request: &Request) -> Result<Value, Response> {
        let invalid =
            |code, message, param| refused(400, "invalid_request_error", code, message, param);
        if request.field("capture_method") != Some("manual") {
            return Err(invalid(
                "",
                "The stand-in knows only manual capture",
                "capture_method",
            ));
        }
        let amount = request
            .field("amount")
            .and_then(|amount| amount.parse().ok())
            .unwrap_or(0);
        if amount < 50 {
            let message = "Amount must be at least $0.50 usd";
            return Err(invalid("amount_too_small", message, "amount"));
        }
        if amount > 99_999_999 {
            let message = "Amount must be no more than $999,999.99";
            return Err(invalid("amount_too_large", message, "amount"));
        }
        let metadata = request
            .form
            .iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
                Some((name.to_owned(), value.clone()))
            })
            .collect();
        let currency = request.field("currency").unwrap_or_default().to_owned();
        let id = self.add(amount, currency, metadata);
        self.object(&id)
    }

    fn list(&self, request: &Request) -> Value {
        let query = |name| {
            request
                .query
                .iter()
                .find(|(of, _)| of == name)
                .map(|(_, value)| value)
        };
        let limit = query("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(10)
            .min(100);
        let after = query("starting_after");
        let rest: Vec<_> = self
            .intents
            .iter()
            .rev()
            .skip_while(|(id, _)| after.is_some_and(|after| id != after))
            .skip(usize::from(after.is_some()))
            .collect();
        let expanded = query("expand[]").is_some_and(|what| what == "data.latest_charge");
        let data: Vec<_> = rest
            .iter()
            .take(limit)
            .map(|(id, intent)| {
                let mut object = intent.object(id);
                if expanded {
                    object["latest_charge"] = intent.charge(id);
                }
                object
            })
            .collect();
        json!({
            "object": "list",
            "url": "/v1/payment_intents",
            "has_more": rest.len() > limit,
            "data": data,
        })
    }

    fn read(&self, request: &Request) -> Result<Value, Response> {
        self.object(&request.path[2])
    }

    fn confirm(&mut self, request: &Request) -> Result<Value, Response> {
        let id = &request.path[2];
        let (token, param) = match request.field("payment_method") {
            Some(method) => (method, "payment_method"),
            None => (
                request
                    .field("payment_method_data[card][token]")
                    .unwrap_or_default(),
                "payment_method_data[card][token]",
            ),
        };
        let invalid =
            |code, message: &str| Err(refused(400, "invalid_request_error", code, message, param));
        let declined = |code, message| Some((code, message));
        if token == CLOSES_THE_FIRST && self.is_first_of_its_payment(id) {
            // As if it had been cancelled in the dashboard.
            self.find(id)?.status = "canceled";
        }
        let decline = match token {
            "tok_visa" | "tok_mastercard" | "tok_amex" | "pm_card_visa" | "pm_card_mastercard" => {
                None
            }
            "tok_chargeDeclined" | "pm_card_chargeDeclined" => {
                declined("card_declined", "Your card was declined.")
            }
            "tok_chargeDeclinedInsufficientFunds" => {
                declined("card_declined", "Your card has insufficient funds.")
            }
            CLOSES_THE_FIRST | CAPTURE_FAILS | REFUNDED | PARTLY_REFUNDED | DISPUTED => None,
            "tok_threeDSecure2Required" => declined("authentication_required", "Not so fast."),
            // A token from a browser; it can be used once.
            once if once.starts_with("tok_once") => {
                if !self.used_tokens.insert(once.to_owned()) {
                    let message = format!("You cannot use a Stripe token more than once: {once}.");
                    return invalid("token_already_used", &message);
                }
                None
            }
            unknown => return invalid("resource_missing", &format!("No such token: '{unknown}'")),
        };
        let trouble = Some(token.to_owned());
        let intent = self.find(id)?;
        if !matches!(intent.status, "requires_payment_method" | "requires_action") {
            return Err(unexpected("confirm", intent.status));
        }
        if let Some((code, message)) = decline {
            let refusal = refused(402, "card_error", code, message, "");
            intent.error =
                serde_json::from_str::<Value>(&refusal.body).unwrap_or_default()["error"].take();
            return Err(refusal);
        }
        intent.status = "requires_capture";
        intent.trouble = trouble;
        intent.error = Value::Null;
        let amount = intent.amount;
        self.money.holds += 1;
        self.money.held += amount;
        self.object(id)
    }

    fn capture(&mut self, request: &Request) -> Result<Value, Response> {
        let intent = self.find(&request.path[2])?;
        if intent.status != "requires_capture" {
            return Err(unexpected("capture", intent.status));
        }
        let amount = intent.amount;
        if !intent.is_taken() {
            self.money.releases += 1;
            self.money.held -= amount;
            return Err(unexpected("capture", "canceled"));
        }
        self.money.captures += 1;
        self.money.held -= amount;
        self.money.taken += amount;
        self.object(&request.path[2])
    }

    fn cancel(&mut self, request: &Request) -> Result<Value, Response> {
        let intent = self.find(&request.path[2])?;
        if matches!(intent.status, "canceled" | "succeeded") {
            return Err(unexpected("cancel", intent.status));
        }
        let held = intent.status == "requires_capture";
        intent.status = "canceled";
        let amount = intent.amount;
        if held {
            self.money.releases += 1;
            self.money.held -= amount;
        }
        self.object(&request.path[2])
    }

    fn is_first_of_its_payment(&self, id: &str) -> bool {
        let payment = |intent: &Intent| intent.metadata.get("payment_id").cloned();
        let of_this = self.intents.iter().find(|(of, _)| of == id);
        let Some(payment_id) = of_this.and_then(|(_, intent)| payment(intent)) else {
            return false;
        };
        let first = self
            .intents
            .iter()
            .find(|(_, intent)| payment(intent).as_ref() == Some(&payment_id));
        first.is_some_and(|(of, _)| of == id)
    }

    fn find(&mut self, id: &str) -> Result<&mut Intent, Response> {
        let found = self.intents.iter_mut().find(|(of, _)| of == id);
        found.map(|(_, intent)| intent).ok_or_else(|| missing(id))
    }

    /// The intent in Stripe's form.
    fn object(&self, id: &str) -> Result<Value, Response> {
        let found = self.intents.iter().find(|(of, _)| of == id);
        let (id, intent) = found.ok_or_else(|| missing(id))?;
        Ok(intent.object(id))
    }
}

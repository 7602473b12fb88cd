//! Checks the body of a ticket.

use api::{Amount, Field, NewTicket};
use domain::{InvalidPrice, MAX_TITLE_CHARS, Price, Title};
use httpkit::{AppError, Fields, error::not_found};
use serde_json::{Value, json};

const TITLE_REQUIRED: &str = "Title is required";
const PRICE_REQUIRED: &str = "Price must be greater than 0";

/// Constraints of a title in the API's description. A schema can't express that it must contain
/// something visible.
pub(super) fn title_keywords() -> Value {
    let most = MAX_TITLE_CHARS;
    // Surrounding white space is trimmed, and doesn't count.
    let inner = format!("{{0,{}}}", most - 2);
    // Control characters, and those that change the direction of text.
    let never = r"\x00-\x1F\x7F-\x9F\u202A-\u202E\u2066-\u2069";
    json!({ "pattern": format!(r"^\s*[^\s{never}]([^{never}]{inner}[^\s{never}])?\s*$") })
}

/// A valid body.
pub(super) struct TicketInput {
    pub title: Title,
    pub price: Price,
}

impl TicketInput {
    /// Checks a body. Refuses prices below `least`, since no card could pay them: that is reported
    /// to the seller, and not to the first buyer.
    pub(super) fn read(body: NewTicket, least: Price) -> Result<Self, AppError> {
        let mut fields = Fields::default();
        let title = fields.read("title", body.title, TITLE_REQUIRED, |text| {
            Title::parse(&text)
        });
        let price = match body.price {
            // A number, but not a valid price: report why.
            Field::Invalid(why)
                if [Amount::TOO_PRECISE, Amount::EXPONENT, Amount::TOO_LARGE]
                    .contains(&why.as_str()) =>
            {
                fields.refuse("price", format!("Price {why}"));
                None
            }
            price => fields.read("price", price, PRICE_REQUIRED, |amount| {
                to_price(amount)?.at_least(least)
            }),
        };
        fields.finish()?;
        // Both exist: a missing field was refused above.
        title
            .zip(price)
            .map(|(title, price)| Self { title, price })
            .ok_or_else(not_found)
    }
}

/// Converts the API's amount into a price of the domain.
fn to_price(amount: Amount) -> Result<Price, InvalidPrice> {
    u64::try_from(amount.cents)
        .map_err(|_| InvalidPrice::NotPositive)
        .and_then(Price::from_cents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(json: &str) -> Vec<(String, String)> {
        let body: NewTicket = serde_json::from_str(json).unwrap();
        let least = Price::from_cents(50).unwrap();
        let error = TicketInput::read(body, least).err().unwrap();
        let errors = error.errors().iter();
        errors
            .map(|e| (e.field.clone().unwrap_or_default(), e.message.clone()))
            .collect()
    }

    #[test]
    fn every_invalid_field_is_named() {
        let both = [("title", TITLE_REQUIRED), ("price", PRICE_REQUIRED)]
            .map(|(f, m)| (f.to_owned(), m.to_owned()));
        for json in [
            "{}",
            r#"{"title":"","price":0}"#,
            r#"{"title":"  ","price":-10}"#,
            r#"{"title":5,"price":"abc"}"#,
            r#"{"title":null,"price":null}"#,
            r#"{"title":[],"price":{}}"#,
        ] {
            assert_eq!(errors(json), both, "{json}");
        }
    }

    #[test]
    fn an_invalid_price_has_a_reason() {
        for (json, message) in [
            (
                r#"{"title":"a","price":1.999}"#,
                "Price must have at most two decimals",
            ),
            (
                r#"{"title":"a","price":1000000}"#,
                "Price must be at most 999,999.99",
            ),
            (
                r#"{"title":"a","price":0.49}"#,
                "Price must be at least 0.50",
            ),
            (
                r#"{"title":"a","price":1e2}"#,
                "Price must be written without an exponent",
            ),
            (
                r#"{"title":"a","price":19.999999999999999999}"#,
                "Price must have at most two decimals",
            ),
        ] {
            assert_eq!(
                errors(json),
                [("price".to_owned(), message.to_owned())],
                "{json}"
            );
        }
    }
}

//! What forms say about their fields.

use api::{Amount, Errors};

/// What is wrong with each field of a form, and with the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors {
    /// Field and message, in the order of the answer.
    fields: Vec<(String, String)>,
    /// What is about no field of the form.
    pub general: Option<String>,
}

impl FieldErrors {
    /// Sorts what the server said by the fields that the form has.
    pub fn of_answer(errors: &Errors, known: &[&str]) -> Self {
        let mut sorted = Self::default();
        for error in &errors.errors {
            match error.field.as_deref().filter(|field| known.contains(field)) {
                Some(field) => sorted
                    .fields
                    .push((field.to_owned(), error.message.clone())),
                None => sorted.general = Some(error.message.clone()),
            }
        }
        sorted
    }

    /// One message about the whole form.
    pub fn general(message: impl Into<String>) -> Self {
        Self {
            general: Some(message.into()),
            ..Self::default()
        }
    }

    /// One message about one field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self {
            fields: vec![(field.to_owned(), message.into())],
            ..Self::default()
        }
    }

    /// What is wrong with a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(name, _)| name == field);
        found.map(|(_, message)| message.as_str())
    }

    /// Takes back what was said of a field: it is being corrected.
    pub fn clear(&mut self, field: &str) {
        self.fields.retain(|(name, _)| name != field);
    }

    /// The first of these fields that is wrong.
    pub fn first<'a>(&self, fields: &[&'a str]) -> Option<&'a str> {
        fields
            .iter()
            .copied()
            .find(|field| self.of(field).is_some())
    }
}

/// Reads a price as people type it: `20`, `19.99`, `19,99`, `$20`, `1 000`.
///
/// A comma is a decimal sign only before the last one or two digits; `1,000` would be read as
/// one unit by some and as a thousand by others, and is refused.
pub fn price_input(text: &str) -> Result<Amount, &'static str> {
    let mut text: String = text
        .trim()
        .trim_start_matches('$')
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    if let Some((whole, fraction)) = text.split_once(',')
        && (1..=2).contains(&fraction.len())
        && !whole.contains('.')
    {
        text = format!("{whole}.{fraction}");
    }
    text.parse()
}

/// A price as it stands in an input: `20` or `19.99`.
pub fn price_text(price: Amount) -> String {
    let text = price.to_string();
    text.strip_suffix(".00")
        .map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ErrorItem;

    fn item(field: Option<&str>, message: &str) -> ErrorItem {
        ErrorItem {
            message: message.into(),
            field: field.map(Into::into),
        }
    }

    #[test]
    fn each_message_stands_at_its_field_and_none_is_lost() {
        let answer = Errors {
            errors: vec![
                item(Some("title"), "Title is required"),
                item(Some("surprise"), "Odd"),
            ],
        };
        let errors = FieldErrors::of_answer(&answer, &["price", "title"]);
        assert_eq!(errors.of("title"), Some("Title is required"));
        assert_eq!(errors.of("price"), None);
        assert_eq!(errors.general.as_deref(), Some("Odd"));
        assert_eq!(errors.first(&["price", "title"]), Some("title"));
    }

    #[test]
    fn a_field_that_is_being_corrected_is_no_longer_blamed() {
        let mut errors = FieldErrors::field("price", "must be a number");
        errors.clear("price");
        assert_eq!(errors, FieldErrors::default());
    }

    #[test]
    fn prices_are_read_as_people_type_them() {
        for (text, cents) in [
            ("20", 2_000),
            (" 19.99 ", 1_999),
            ("19,9", 1_990),
            ("$1 000", 100_000),
        ] {
            assert_eq!(
                price_input(text).map(|price| price.cents),
                Ok(cents),
                "{text}"
            );
            let price = Amount::from_cents(cents);
            assert_eq!(price_input(&price_text(price)), Ok(price));
        }
        for text in ["", "1,000", "1.000,50", "abc", "1e3"] {
            assert!(price_input(text).is_err(), "{text}");
        }
    }
}

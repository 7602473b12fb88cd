//! What forms say about their fields.

use api::Errors;

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
                // Each of them is said: none hides the one before it.
                None => match &mut sorted.general {
                    Some(said) => {
                        said.push_str(". ");
                        said.push_str(&error.message);
                    }
                    none => *none = Some(error.message.clone()),
                },
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

    /// The same, with one more message about a field.
    #[must_use]
    pub fn and(mut self, field: &str, message: impl Into<String>) -> Self {
        self.fields.push((field.to_owned(), message.into()));
        self
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.general.is_none()
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

#[cfg(test)]
mod tests {
    use super::*;
    use api::ErrorItem;

    /// As the server sends it.
    fn item(field: Option<&str>, message: &str) -> ErrorItem {
        serde_json::from_value(serde_json::json!({"message": message, "field": field})).unwrap()
    }

    #[test]
    fn each_message_is_shown_at_its_field() {
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
    fn editing_a_field_removes_its_error() {
        let mut errors = FieldErrors::field("price", "must be a number");
        errors.clear("price");
        assert_eq!(errors, FieldErrors::default());
    }
}

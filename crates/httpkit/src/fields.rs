//! Checks the fields of a body, and names every invalid one.

use std::fmt::Display;

use api::{ErrorItem, Field};

use crate::{AppError, error::invalid_fields};

/// Collects the problems of a body.
///
/// ```
/// # use httpkit::Fields;
/// # use api::Field;
/// let mut fields = Fields::default();
/// let age = fields.read("age", Field::Given("x".to_owned()), "Age is required", |text| text.parse::<u8>());
/// assert!(age.is_none());
/// assert_eq!(fields.finish().unwrap_err().errors()[0].field.as_deref(), Some("age"));
/// ```
#[derive(Debug, Default)]
pub struct Fields {
    errors: Vec<ErrorItem>,
}

impl Fields {
    /// Reads one field with `parse`, whose error becomes the message. For a missing field or one of
    /// a wrong type, `expected` is the message.
    pub fn read<T, U, E: Display>(
        &mut self,
        name: &str,
        value: Field<T>,
        expected: &str,
        parse: impl FnOnce(T) -> Result<U, E>,
    ) -> Option<U> {
        match value {
            Field::Given(value) => match parse(value) {
                Ok(value) => return Some(value),
                Err(error) => self.refuse(name, error.to_string()),
            },
            Field::Missing | Field::Invalid(_) => self.refuse(name, expected),
        }
        None
    }

    /// Notes that a field is invalid.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(ErrorItem {
            message: message.into(),
            field: Some(name.to_owned()),
            ..ErrorItem::default()
        });
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// 400 with one item per invalid field.
    pub fn finish(self) -> Result<(), AppError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(invalid_fields(self.errors))
        }
    }
}

//! A field of a request that may be missing or invalid.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
};
use serde_json::value::RawValue;

/// The value of one field in a request.
///
/// A wrong type in one field must not hide problems of the others: the response names every invalid
/// field. So the body is parsed even then, and each field keeps its own result. Give such a field
/// `#[serde(default)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not in the body, or `null`.
    #[default]
    Missing,
    /// Not a value of this type, with the reason.
    Invalid(String),
    /// A valid value.
    Given(T),
}

impl<T> Field<T> {
    /// Whether the field is missing.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The value, if it is valid.
    pub fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Missing | Self::Invalid(_) => None,
        }
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Given(value)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Given(value) => value.serialize(serializer),
            Self::Missing | Self::Invalid(_) => serializer.serialize_none(),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As text: parsed as a value, a number would be a double by now, and an amount with more
        // decimals would be rounded before it could be refused.
        Ok(match Box::<RawValue>::deserialize(deserializer)?.get() {
            "null" => Self::Missing,
            text => match serde_json::from_str::<T>(text) {
                Ok(value) => Self::Given(value),
                // It isn't JSON, which no earlier check has noticed.
                Err(error) if !error.is_data() => return Err(D::Error::custom(error)),
                Err(error) => Self::Invalid(error.to_string()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        text: Field<String>,
        #[serde(default)]
        number: Field<u8>,
    }

    #[test]
    fn a_wrong_type_in_one_field_leaves_the_others_readable() {
        let body: Body = serde_json::from_str(r#"{"text":"a","number":"x"}"#).unwrap();
        assert_eq!(body.text, Field::Given("a".to_owned()));
        assert!(matches!(body.number, Field::Invalid(_)));
    }

    #[test]
    fn null_and_absent_are_both_missing() {
        let body: Body = serde_json::from_str(r#"{"text":null}"#).unwrap();
        assert_eq!((body.text, body.number), (Field::Missing, Field::Missing));
    }

    #[test]
    fn only_a_valid_value_is_returned_and_written() {
        let invalid = Field::<u8>::Invalid("why".to_owned());
        for (field, value, json) in [
            (Field::from(5), Some(5), "5"),
            (Field::Missing, None, "null"),
            (invalid, None, "null"),
        ] {
            assert_eq!(serde_json::to_string(&field).unwrap(), json);
            assert_eq!(field.is_missing(), field == Field::Missing);
            assert_eq!(field.given(), value);
        }
    }

    #[test]
    fn invalid_json_is_not_an_error_of_one_field() {
        // Half of a surrogate pair: it has the form of a string, but isn't valid.
        let error = serde_json::from_str::<Body>(r#"{"text":"\ud800"}"#);
        assert!(error.is_err());
    }
}

//! A field of a request that may be missing or wrong.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
};
use serde_json::value::RawValue;

/// What a request says in one field.
///
/// A wrong type in one field must not hide what is wrong in the others: the answer names every
/// field that fails. So a body reads even then, and each field tells what it is.
/// Give such a field `#[serde(default)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not in the body, or `null`.
    #[default]
    Missing,
    /// There, but not a value of this type; why, in words.
    Invalid(String),
    /// There.
    Given(T),
}

impl<T> Field<T> {
    /// Whether the body says nothing of it.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The value, if there is a good one.
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
        // As text: read as a value, a number would be a double by now, and an amount with more
        // decimals than that has would be rounded before anybody could refuse it.
        Ok(match Box::<RawValue>::deserialize(deserializer)?.get() {
            "null" => Self::Missing,
            text => match serde_json::from_str::<T>(text) {
                Ok(value) => Self::Given(value),
                // It isn't JSON, which nobody has looked at so closely before.
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
    fn only_a_good_value_is_given_and_written() {
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
    fn what_is_no_json_is_not_a_wrong_value_of_one_field() {
        // Half of a pair: it has the shape of a string, and can't be one.
        let error = serde_json::from_str::<Body>(r#"{"text":"\ud800"}"#);
        assert!(error.is_err());
    }
}

//! An HTTP response, with assertions that print all of it when they fail.

use std::fmt::Write as _;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One complete response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The request, such as `POST http://127.0.0.1:8080/api/tickets`.
    pub asked: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as received.
    pub text: String,
    /// The body as JSON; null when it isn't JSON.
    pub json: Value,
}

/// One item of the error envelope.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorEntry {
    /// The message for the user.
    pub message: String,
    /// The field of the body that is invalid.
    pub field: Option<String>,
}

impl Response {
    /// Returns the response if it has that status.
    ///
    /// # Panics
    /// With the whole response if it has another status; so do all assertions below.
    #[track_caller]
    #[must_use = "chain on, or use `assert_status`"]
    pub fn expect_status(self, status: u16) -> Self {
        self.assert_status(status);
        self
    }

    /// Like [`Response::expect_status`], without returning the response.
    #[track_caller]
    pub fn assert_status(&self, status: u16) {
        assert!(
            self.status == status,
            "expected status {status}\n{}",
            self.describe()
        );
    }

    /// Checks the status and that the envelope contains only this message, for no field.
    #[track_caller]
    pub fn assert_error(&self, status: u16, message: &str) {
        self.assert_errors(status, &[(message, None)]);
    }

    /// Checks the status and that the envelope contains only this message for this field.
    #[track_caller]
    pub fn assert_field_error(&self, status: u16, field: &str, message: &str) {
        self.assert_errors(status, &[(message, Some(field))]);
    }

    /// Checks the status and all items of the envelope, as `(message, field)`, in any order.
    #[track_caller]
    pub fn assert_errors(&self, status: u16, expected: &[(&str, Option<&str>)]) {
        self.assert_status(status);
        let mut found = self.errors();
        found.sort_by(|a, b| (&a.message, &a.field).cmp(&(&b.message, &b.field)));
        let mut expected: Vec<_> = expected.to_vec();
        expected.sort_unstable();
        let same = found
            .iter()
            .map(|entry| (entry.message.as_str(), entry.field.as_deref()))
            .eq(expected.iter().copied());
        assert!(
            same,
            "expected the errors {expected:?}\n{}",
            self.describe()
        );
    }

    /// The items of the error envelope.
    #[track_caller]
    pub fn errors(&self) -> Vec<ErrorEntry> {
        serde_json::from_value(self.json["errors"].clone())
            .unwrap_or_else(|error| panic!("no error envelope ({error})\n{}", self.describe()))
    }

    /// The body as a type.
    #[track_caller]
    pub fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.json.clone())
            .unwrap_or_else(|error| panic!("unexpected body ({error})\n{}", self.describe()))
    }

    /// The field `id` of the body.
    #[track_caller]
    pub fn id(&self) -> String {
        match self.json["id"].as_str() {
            Some(id) => id.to_owned(),
            None => panic!("no id\n{}", self.describe()),
        }
    }

    /// A header's first value, if it exists and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie that this response sets; empty when it clears it.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|header| header.to_str().ok())
            .filter_map(|header| header.split(';').next()?.split_once('='))
            .find_map(|(found, value)| (found.trim() == name).then_some(value.trim()))
    }

    /// The whole response as text, for the messages of further assertions.
    pub fn describe(&self) -> String {
        let mut text = format!("{}\nanswered {}\n", self.asked, self.status);
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        text + "\n" + &self.text
    }
}

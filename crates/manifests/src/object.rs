//! One object.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// One object of Kubernetes, of any kind.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its kind, such as `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The whole object.
    pub value: Value,
}

impl Object {
    pub(crate) fn new(value: Value) -> Result<Self> {
        let text = |pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found
                .map(str::to_owned)
                .with_context(|| format!("an object without {pointer}: {value}"))
        };
        Ok(Self {
            kind: text("/kind")?,
            name: text("/metadata/name")?,
            value,
        })
    }

    /// The object as its Kubernetes type.
    ///
    /// # Errors
    /// When it isn't of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.value.clone())
            .with_context(|| format!("{} {}", self.kind, self.name))
    }

    /// Its labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.value.pointer("/metadata/labels").cloned();
        labels
            .and_then(|labels| serde_json::from_value(labels).ok())
            .unwrap_or_default()
    }
}

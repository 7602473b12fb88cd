//! The environment of a container, from its own list and from ConfigMaps.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Container, EnvVar};
use std::collections::BTreeMap;

use crate::Manifests;

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This text.
    Text(String),
    /// An entry of a Secret, which no manifest contains.
    Secret {
        /// The Secret's name.
        name: String,
        /// The entry's.
        key: String,
        /// Whether the variable stays unset when there is none.
        optional: bool,
    },
    /// A field of the pod itself, such as `metadata.name`.
    Field(String),
}

impl Manifests {
    /// The variables of a container. Its own list takes precedence over whole ConfigMaps, as in
    /// Kubernetes.
    ///
    /// # Errors
    /// When it names an object that doesn't exist.
    pub fn environment(&self, container: &Container) -> Result<BTreeMap<String, Value>> {
        let mut variables = BTreeMap::new();
        for source in container.env_from.iter().flatten() {
            let Some(map) = &source.config_map_ref else {
                bail!("{}: only ConfigMaps are taken as a whole", container.name);
            };
            let entries = self.config_map(&map.name)?;
            variables.extend(entries.into_iter().map(|(k, v)| (k, Value::Text(v))));
        }
        for variable in container.env.iter().flatten() {
            variables.insert(variable.name.clone(), self.value(variable)?);
        }
        Ok(variables)
    }

    fn value(&self, variable: &EnvVar) -> Result<Value> {
        if let Some(text) = &variable.value {
            return Ok(Value::Text(text.clone()));
        }
        let source = variable.value_from.as_ref();
        let source = source.with_context(|| format!("{} has no value", variable.name))?;
        if let Some(secret) = &source.secret_key_ref {
            return Ok(Value::Secret {
                name: secret.name.clone(),
                key: secret.key.clone(),
                optional: secret.optional.unwrap_or(false),
            });
        }
        if let Some(field) = &source.field_ref {
            return Ok(Value::Field(field.field_path.clone()));
        }
        if let Some(entry) = &source.config_map_key_ref {
            let found = self.config_map(&entry.name)?.remove(&entry.key);
            return found
                .map(Value::Text)
                .with_context(|| format!("{} has no {}", entry.name, entry.key));
        }
        bail!("{} is set from what isn't known here", variable.name)
    }
}

//! The objects of an overlay, and the environments of their containers.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Container, EnvVar};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

use crate::{Object, Pod};

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableValue {
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

/// The objects of an overlay.
#[derive(Clone, Debug)]
pub struct Manifests {
    pub(crate) objects: Vec<Object>,
}

impl Manifests {
    /// All of them.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Those of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        let objects = self.objects.iter();
        objects.filter(move |object| object.kind == kind)
    }

    /// Those of a kind, in the type that Kubernetes has for it.
    ///
    /// # Errors
    /// When one isn't of that type.
    pub fn all<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<T>> {
        self.of_kind(kind).map(Object::read).collect()
    }

    /// What runs: the pods of Deployments, StatefulSets, Jobs and CronJobs.
    ///
    /// # Errors
    /// When one has no valid pod.
    pub fn pods(&self) -> Result<Vec<Pod>> {
        let pods = self
            .objects
            .iter()
            .filter_map(|object| Pod::of(object).transpose());
        pods.collect()
    }

    /// The pod of the object of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn pod(&self, owner: &str) -> Result<Pod> {
        let mut pods = self.pods()?.into_iter();
        pods.find(|pod| pod.owner == owner)
            .with_context(|| format!("no pod of {owner}"))
    }

    /// The entries of a ConfigMap.
    ///
    /// # Errors
    /// When there is none of that name, or one of its entries isn't text.
    pub fn config_map(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let map = self.of_kind("ConfigMap").find(|map| map.name == name);
        let map = map.with_context(|| format!("no ConfigMap {name}"))?;
        Ok(serde_json::from_value(map.value["data"].clone())?)
    }

    /// The variables of a container. Its own list wins over what it takes as a whole, as in
    /// Kubernetes.
    ///
    /// # Errors
    /// When it names an object that doesn't exist.
    pub fn environment(&self, container: &Container) -> Result<BTreeMap<String, VariableValue>> {
        let mut variables = BTreeMap::new();
        for source in container.env_from.iter().flatten() {
            let Some(map) = &source.config_map_ref else {
                bail!("{}: only ConfigMaps are taken as a whole", container.name);
            };
            let entries = self.config_map(&map.name)?;
            variables.extend(
                entries
                    .into_iter()
                    .map(|(k, v)| (k, VariableValue::Text(v))),
            );
        }
        for variable in container.env.iter().flatten() {
            variables.insert(variable.name.clone(), self.value(variable)?);
        }
        Ok(variables)
    }

    fn value(&self, variable: &EnvVar) -> Result<VariableValue> {
        if let Some(text) = &variable.value {
            return Ok(VariableValue::Text(text.clone()));
        }
        let source = variable.value_from.as_ref();
        let source = source.with_context(|| format!("{} has no value", variable.name))?;
        if let Some(secret) = &source.secret_key_ref {
            return Ok(VariableValue::Secret {
                name: secret.name.clone(),
                key: secret.key.clone(),
                optional: secret.optional.unwrap_or(false),
            });
        }
        if let Some(field) = &source.field_ref {
            return Ok(VariableValue::Field(field.field_path.clone()));
        }
        if let Some(entry) = &source.config_map_key_ref {
            let found = self.config_map(&entry.name)?.remove(&entry.key);
            return found
                .map(VariableValue::Text)
                .with_context(|| format!("{} has no {}", entry.name, entry.key));
        }
        bail!("{} is set from what isn't known here", variable.name)
    }
}

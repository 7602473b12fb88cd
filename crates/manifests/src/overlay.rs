//! Rendering an overlay.

use anyhow::{Context, Result, bail};
use devservers::tools;
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, path::PathBuf, process::Command};

use crate::{Object, Pod};

/// An overlay: one way to deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// `k8s/overlays/dev`
    Dev,
    /// `k8s/overlays/production`
    Production,
}

impl Overlay {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Dev, Self::Production];

    /// Its folder.
    pub fn folder(self) -> PathBuf {
        let name = match self {
            Self::Dev => "dev",
            Self::Production => "production",
        };
        tools::workspace().join("k8s/overlays").join(name)
    }

    /// Renders it with `kubectl kustomize`.
    ///
    /// # Errors
    /// The error of kustomize.
    pub fn render(self) -> Result<String> {
        let output = Command::new(tools::kubectl()?)
            .arg("kustomize")
            .arg(self.folder())
            .output()?;
        if !output.status.success() {
            bail!(
                "{self:?} can't be rendered: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Its objects.
    ///
    /// # Errors
    /// When it can't be rendered, or isn't a list of objects.
    pub fn read(self) -> Result<Manifests> {
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&self.render()?)
            .with_context(|| format!("{self:?} isn't YAML"))?;
        let objects = documents.into_iter().map(Object::new);
        Ok(Manifests {
            objects: objects.collect::<Result<_>>()?,
        })
    }
}

/// The objects of an overlay.
#[derive(Clone, Debug)]
pub struct Manifests {
    objects: Vec<Object>,
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

    /// The objects of a kind, as their Kubernetes type.
    ///
    /// # Errors
    /// When one isn't of that type.
    pub fn all<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<T>> {
        self.of_kind(kind).map(Object::read).collect()
    }

    /// The pods of Deployments, StatefulSets, Jobs and CronJobs.
    ///
    /// # Errors
    /// When one has no valid pod.
    pub fn pods(&self) -> Result<Vec<Pod>> {
        let pods = self
            .objects
            .iter()
            .filter_map(|object| object.pod().transpose());
        pods.collect()
    }

    /// The pod of the object with that name.
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
    /// When there is no ConfigMap of that name, or one of its entries isn't text.
    pub fn config_map(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let map = self.of_kind("ConfigMap").find(|map| map.name == name);
        let map = map.with_context(|| format!("no ConfigMap {name}"))?;
        Ok(serde_json::from_value(map.value["data"].clone())?)
    }
}

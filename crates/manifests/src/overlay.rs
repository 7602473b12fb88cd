//! Rendering an overlay.

use anyhow::{Context, Result, bail};
use devservers::tools;
use std::{path::PathBuf, process::Command};

use crate::{Manifests, Object};

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

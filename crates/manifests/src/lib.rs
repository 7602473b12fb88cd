//! The Kubernetes manifests, read as a cluster reads them: rendered by kustomize, then as typed
//! objects.
//!
//! No program uses this crate; it exists for its tests. `tests/policies` checks the properties that
//! every object must have, and `tests/start` starts what the manifests describe, as local
//! processes.
#![deny(missing_docs)]

mod manifests;
mod object;
mod overlay;
mod pod;

pub use manifests::{Manifests, Value};
pub use object::Object;
pub use overlay::Overlay;
pub use pod::{Pod, probes};

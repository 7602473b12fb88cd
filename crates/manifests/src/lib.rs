//! The Kubernetes manifests, read like in a cluster: rendered by kustomize, then as typed objects.
//!
//! No program uses this crate; it exists for its tests. `tests/policies` checks the properties that
//! every object must have, and `tests/start` starts the contents of the manifests as local
//! processes.
#![deny(missing_docs)]

mod manifests;
mod object;
mod overlay;
mod pod;

pub use manifests::{Manifests, VariableValue};
pub use object::Object;
pub use overlay::Overlay;
pub use pod::{Pod, probes};

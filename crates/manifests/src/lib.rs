//! The Kubernetes manifests, read as a cluster reads them: rendered by kustomize, then as typed
//! objects.
//!
//! No program uses this. Its tests are why it is there: `tests/policies` checks what every object
//! must have, and `tests/start` starts what the manifests say, as processes of this machine.
#![deny(missing_docs)]

mod environment;
mod object;
mod overlay;
mod pod;

pub use environment::Value;
pub use object::Object;
pub use overlay::{Manifests, Overlay};
pub use pod::{Pod, probes};

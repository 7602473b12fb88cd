//! The cluster and its Ingress.

use manifests::Overlay;
use std::sync::Arc;
use testkit::Client;

use crate::{cluster::Cluster, router::IngressRouter};

/// The marketplace from the overlay for development.
pub struct Site {
    pub cluster: Arc<Cluster>,
    router: IngressRouter,
}

impl Site {
    /// Starts it; the named Deployments have two pods.
    pub async fn start(scaled: &[&str]) -> Self {
        let cluster = Cluster::start(Overlay::Dev, scaled).await;
        let router = IngressRouter::start(cluster.clone()).await;
        Self { cluster, router }
    }

    /// A client without a session.
    pub fn client(&self) -> Client {
        Client::new(&self.router.url)
    }
}

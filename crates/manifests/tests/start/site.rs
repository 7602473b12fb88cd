//! The cluster and the way in.

use manifests::Overlay;
use std::sync::Arc;
use testkit::Client;

use crate::{cluster::Cluster, router::Router};

/// The marketplace that the overlay for development describes.
pub struct Site {
    pub cluster: Arc<Cluster>,
    router: Router,
}

impl Site {
    /// Starts it; those that are named have two pods.
    pub async fn start(scaled: &[&str]) -> Self {
        let cluster = Cluster::start(Overlay::Dev, scaled).await;
        let router = Router::start(cluster.clone()).await;
        Self { cluster, router }
    }

    /// Somebody who isn't signed in.
    pub fn client(&self) -> Client {
        Client::new(&self.router.url)
    }
}

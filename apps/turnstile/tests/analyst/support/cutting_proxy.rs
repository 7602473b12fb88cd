//! A proxy for NATS that disconnects in the middle of an operation.

use std::sync::Arc;
use testkit::{DropAcksProxy, Nats};
use tokio::sync::mpsc;

/// A proxy that closes for good when this number of messages were published through it to subjects
/// with this prefix. From that one on, the server receives none.
pub struct CuttingProxy {
    proxy: Arc<DropAcksProxy>,
}

impl CuttingProxy {
    pub async fn at(nats: &Nats, subject: &'static str, message: u64) -> Self {
        let proxy = Arc::new(DropAcksProxy::start(nats.url(), 0).await);
        let (reached, mut is_reached) = mpsc::unbounded_channel();
        let mut seen = 0;
        proxy.swallow_if(move |publication| {
            seen += u64::from(publication.subject.starts_with(subject));
            let is_over = seen >= message;
            if is_over {
                let _ = reached.send(());
            }
            is_over
        });
        let weak = Arc::downgrade(&proxy);
        tokio::spawn(async move {
            is_reached.recv().await;
            if let Some(proxy) = weak.upgrade() {
                proxy.cut();
            }
        });
        Self { proxy }
    }

    pub fn url(&self) -> &str {
        self.proxy.url()
    }

    /// Whether it has closed.
    pub fn is_cut(&self) -> bool {
        self.proxy.swallowed() > 0
    }
}

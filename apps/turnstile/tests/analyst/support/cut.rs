//! A way to NATS that ends in the middle.

use std::sync::Arc;
use testkit::{DropAcksProxy, Nats};
use tokio::sync::mpsc;

/// A way to a server that is closed for good when so many messages were published over it to
/// subjects that begin like this. From that one on, the server sees none.
pub struct Cut {
    proxy: Arc<DropAcksProxy>,
}

impl Cut {
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

    /// Whether it came to that.
    pub fn is_cut(&self) -> bool {
        self.proxy.swallowed() > 0
    }
}

//! Relays messages between the versions of a projection.

use futures_util::StreamExt;
use std::sync::Arc;

use crate::{
    Projection,
    engine::{channel::subscribe, context::ProjectionContext, version_message::VersionMessage},
};

/// Listens to the other versions of a projection.
pub(crate) struct VersionFollower<P> {
    context: Arc<ProjectionContext<P>>,
}

impl<P: Projection> VersionFollower<P> {
    pub fn new(context: &Arc<ProjectionContext<P>>) -> Self {
        Self {
            context: Arc::clone(context),
        }
    }

    /// Answers questions, and relays floors in both directions, forever.
    pub async fn follow(self) {
        let mut raised = self.context.progress.raised();
        loop {
            let mut messages =
                Box::pin(subscribe(&self.context.log, &self.context.version_topic).await);
            loop {
                tokio::select! {
                    message = messages.next() => match message.map(|bytes| VersionMessage::decode(&bytes)) {
                        None => break,
                        Some(Some(VersionMessage::Floor { at })) => self.context.progress.require_locally(&at),
                        Some(Some(VersionMessage::Asked)) if self.context.progress.is_active() => {
                            self.context.send_applied(self.context.progress.applied()).await;
                        }
                        Some(_) => {}
                    },
                    Ok(()) = raised.changed() => {
                        let at = raised.borrow_and_update().clone();
                        VersionMessage::Floor { at }.send(&self.context.log, &self.context.version_topic).await;
                    }
                }
            }
        }
    }
}

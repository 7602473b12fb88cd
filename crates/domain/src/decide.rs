//! The synchronous, pure form of an aggregate.

use cqrs_es::Aggregate;

/// An aggregate whose decisions are a pure function of its state and the command.
///
/// `cqrs-es` requires an asynchronous `handle` that may call services. The rules here need neither,
/// so each aggregate decides in this trait and its `handle` only passes the events on: a decision
/// can then be tested, replayed and retried without a runtime.
pub trait Decide: Aggregate + Clone {
    /// Decides a command: returns the events, or the refusal.
    ///
    /// No events means that nothing changes; repeating a command is therefore always safe.
    ///
    /// # Errors
    /// The aggregate's own refusal. Nothing has changed then.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;
}

/// Implements the `cqrs-es` part that is the same for every aggregate with pure decisions.
macro_rules! impl_handle_by_decide {
    () => {
        type Services = ();

        async fn handle(
            &mut self,
            command: Self::Command,
            (): &Self::Services,
            sink: &cqrs_es::event_sink::EventSink<Self>,
        ) -> Result<(), Self::Error> {
            for event in $crate::Decide::decide(self, command)? {
                sink.write(event, self).await;
            }
            Ok(())
        }
    };
}
pub(crate) use impl_handle_by_decide;

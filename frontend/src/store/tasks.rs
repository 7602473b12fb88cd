//! Work that begins with a component, and anew whenever what it reads has changed.

use std::future::Future;
use std::pin::Pin;

use dioxus::prelude::*;

/// Something under way.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Begins something with the component, and anew whenever state that `start` reads has changed; what
/// was begun before is dropped, as it is with the component.
///
/// It is `use_resource`, once for all: compiled for each of its uses it would be a twentieth of the
/// app.
pub fn use_task(start: impl FnMut() -> Task + 'static) {
    begin(Box::new(start));
}

fn begin(start: Box<dyn FnMut() -> Task>) {
    use_resource(start);
}

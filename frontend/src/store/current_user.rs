//! Learning who is signed in.

use super::reads::retry_until_online;
use super::requests::Api;
use super::session::Session;
use super::tasks::use_task;

/// Asks the server who is signed in, until it says so.
pub async fn load(api: Api) {
    let late = |failure| api.session.is_late(failure);
    let _ = retry_until_online(api, || api.ask_user(), late).await;
}

/// Asks it as long as it isn't known, and again whenever something may have been missed.
pub fn use_current_user(api: Api) {
    use_task(move || {
        api.refresh.follow();
        Box::pin(async move {
            if api.session.peek().session == Session::Unknown {
                load(api).await;
            }
        })
    });
}

/// A user signed in here; what the user may do is asked for.
pub fn begin(api: Api, user: api::User) {
    api.session.sign_in(user);
    dioxus::core::spawn_forever(load(api));
}

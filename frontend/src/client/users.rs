use api::{Credentials, CurrentUser, CurrentUserAnswer, User};

use super::{Request, json, nothing};

/// Who is signed in.
pub fn current_user() -> Request<Option<CurrentUser>> {
    Request::new("GET", "/api/users/currentuser".to_owned(), |reply| {
        json(reply).map(|answer: CurrentUserAnswer| answer.current_user)
    })
}

/// Signs in.
pub fn sign_in(email: &str, password: &str) -> Request<User> {
    Request::new("POST", "/api/users/signin".to_owned(), json).body(&credentials(email, password))
}

/// Opens an account, and signs in with it.
pub fn sign_up(email: &str, password: &str, key: String) -> Request<User> {
    Request::new("POST", "/api/users/signup".to_owned(), json)
        .body(&credentials(email, password))
        .once(key)
}

/// Signs out.
pub fn sign_out() -> Request<()> {
    let empty = serde_json::Map::new();
    Request::new("POST", "/api/users/signout".to_owned(), nothing).body(&empty)
}

fn credentials(email: &str, password: &str) -> Credentials {
    Credentials {
        email: email.to_owned().into(),
        password: password.to_owned().into(),
    }
}

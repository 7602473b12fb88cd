use api::{Credentials, CurrentUser, CurrentUserAnswer, User};

use super::{Outcome, body, parsed, read, send};
use crate::browser::fetch::Call;

/// Who is signed in.
pub async fn current_user() -> Outcome<Option<CurrentUser>> {
    let answer: CurrentUserAnswer = read("/api/users/currentuser").await?;
    Ok(answer.current_user)
}

/// Signs in.
pub async fn sign_in(email: &str, password: &str) -> Outcome<User> {
    introduce(email, password, Call::of("POST", "/api/users/signin")).await
}

/// Opens an account, and signs in with it.
pub async fn sign_up(email: &str, password: &str, key: &str) -> Outcome<User> {
    let call = Call::of("POST", "/api/users/signup").once(key);
    introduce(email, password, call).await
}

/// Signs out.
pub async fn sign_out() -> Outcome<()> {
    let call = Call {
        body: Some("{}".to_owned()),
        ..Call::of("POST", "/api/users/signout")
    };
    send(call).await?;
    Ok(())
}

async fn introduce(email: &str, password: &str, call: Call<'_>) -> Outcome<User> {
    let credentials = Credentials {
        email: email.to_owned().into(),
        password: password.to_owned().into(),
    };
    let body = body(&credentials)?;
    parsed(&send(Call { body, ..call }).await?)
}

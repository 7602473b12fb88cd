use api::{Credentials, CurrentUser, CurrentUserAnswer, User};
use serde_json::{Value, json};

use super::{Outcome, read, write};
use crate::browser::fetch::Call;

/// Who is signed in.
pub async fn current_user() -> Outcome<Option<CurrentUser>> {
    let answer: CurrentUserAnswer = read("/api/users/currentuser").await?;
    Ok(answer.current_user)
}

/// Signs in.
pub async fn sign_in(email: &str, password: &str) -> Outcome<User> {
    let call = Call::of("POST", "/api/users/signin");
    write(call, &credentials(email, password)).await
}

/// Opens an account, and signs in with it.
pub async fn sign_up(email: &str, password: &str, key: &str) -> Outcome<User> {
    let call = Call::of("POST", "/api/users/signup").once(key);
    write(call, &credentials(email, password)).await
}

/// Signs out.
pub async fn sign_out() -> Outcome<()> {
    let _: Value = write(Call::of("POST", "/api/users/signout"), &json!({})).await?;
    Ok(())
}

fn credentials(email: &str, password: &str) -> Credentials {
    Credentials {
        email: email.to_owned().into(),
        password: password.to_owned().into(),
    }
}

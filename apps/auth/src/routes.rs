//! The routes under `/api/users`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::{Credentials, CurrentUser, CurrentUserAnswer, Role, User};
use domain::{
    Email, MAX_EMAIL_BYTES, UserId,
    user::{self, Account},
};
use httpkit::{
    AppError, Body, ClientAddress, Constraint, CookiePolicy, Fields, HandlerResult, MaybeSession,
    Routes,
    error::{bad_request, busy, field, internal, unprocessable},
    idempotency,
};
use serde_json::json;
use std::ops::RangeInclusive;

use crate::{AuthService, accounts::AccountError, passwords::HashingFailed};

const INVALID_EMAIL: &str = "Email must be valid";
const INVALID_PASSWORD: &str = "Password must be between 4 and 20 characters";
/// Allowed number of characters in a password, without surrounding white space.
const PASSWORD_CHARS: RangeInclusive<usize> = 4..=20;
const PASSWORD_MISSING: &str = "You must supply a password";
const TOO_MANY_AT_ONCE: &str = "Too many sign in at this moment, please try again";

/// All of them.
pub(crate) fn all() -> Routes {
    httpkit::routes![sign_up, sign_in, sign_out, current_user, keys]
}

/// Constraints of bodies beyond their types.
pub(crate) fn constraints() -> Vec<Constraint> {
    let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
    // Surrounding white space is trimmed, and doesn't count.
    let inner = format!("{{{},{}}}", least - 2, most - 2);
    let password = format!(r"^\s*\S[\s\S]{inner}\S\s*$");
    vec![
        Constraint::required("Credentials", &["email", "password"]),
        Constraint::field(
            "Credentials",
            "email",
            json!({"format": "email", "maxLength": MAX_EMAIL_BYTES}),
        ),
        Constraint::field("Credentials", "password", json!({"pattern": r"\S"})),
        Constraint::body(
            "post",
            "/api/users/signup",
            json!({"properties": {"password": {"pattern": password}}}),
        ),
    ]
}

/// Open an account and sign in
#[utoipa::path(
    post,
    path = "/api/users/signup",
    tag = "users",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = Credentials,
    responses(
        (status = 201, description = "The user, and a `session` cookie", body = User),
        (status = 400, description = "A field is wrong, or the e-mail is in use"),
        (status = 429, description = "Too many sign-ups from this address, or wrong passwords for this key"),
    )
)]
async fn sign_up(
    body: Body<Credentials>,
    address: ClientAddress,
    req: HttpRequest,
    auth: web::Data<AuthService>,
    cookies: web::Data<CookiePolicy>,
) -> HandlerResult {
    let (email, password) = read(body.value, INVALID_PASSWORD, |password| {
        PASSWORD_CHARS.contains(&password.chars().count())
    })?;
    auth.accounts.limits.count_signup(address.0)?;

    // The response sets a cookie, so it is not stored: a repetition finds its account by the
    // command's ID and signs in again.
    let user = UserId::of(&email);
    let metadata = auth
        .runtime
        .metadata(&req, idempotency::command_id(&req, user.0)?, &user);
    let account = auth
        .accounts
        .sign_up(email, password, address.0, &metadata)
        .await
        .map_err(refused)?;
    signed_in(HttpResponse::Created(), &req, &auth, &cookies, &account)
}

/// Sign in
#[utoipa::path(
    post,
    path = "/api/users/signin",
    tag = "users",
    request_body = Credentials,
    responses(
        (status = 200, description = "The user, and a `session` cookie", body = User),
        (status = 400, description = "A field is wrong, or the two don't belong together"),
        (status = 429, description = "Too many failures on this account or from this address"),
    )
)]
async fn sign_in(
    body: Body<Credentials>,
    address: ClientAddress,
    req: HttpRequest,
    auth: web::Data<AuthService>,
    cookies: web::Data<CookiePolicy>,
) -> HandlerResult {
    let (email, password) = read(body.value, PASSWORD_MISSING, |password| {
        !password.is_empty()
    })?;
    idempotency::check(&req)?;
    let account = auth
        .accounts
        .sign_in(&email, password, address.0)
        .await
        .map_err(refused)?;
    signed_in(HttpResponse::Ok(), &req, &auth, &cookies, &account)
}

/// Reads both fields; `wrong` is said of a password that isn't good.
fn read(
    credentials: Credentials,
    wrong: &'static str,
    is_good: impl Fn(&str) -> bool,
) -> Result<(Email, String), AppError> {
    let mut fields = Fields::default();
    let email = fields.read("email", credentials.email, INVALID_EMAIL, |text| {
        Email::parse(&text)
    });
    let password = fields.read("password", credentials.password, wrong, |text: String| {
        let password = text.trim();
        is_good(password).then(|| password.to_owned()).ok_or(wrong)
    });
    fields.finish()?;
    email
        .zip(password)
        .ok_or_else(|| field("email", INVALID_EMAIL))
}

/// Sign out
#[utoipa::path(
    post,
    path = "/api/users/signout",
    tag = "users",
    responses(
        (status = 200, description = "The cookie is cleared"),
        (status = 400, description = "The `Idempotency-Key` is malformed"),
    )
)]
async fn sign_out(req: HttpRequest, cookies: web::Data<CookiePolicy>) -> HandlerResult {
    idempotency::check(&req)?;
    Ok(HttpResponse::Ok()
        .cookie(cookies.clear(&req))
        .json(serde_json::json!({})))
}

/// Who is signed in
#[utoipa::path(
    get,
    path = "/api/users/currentuser",
    tag = "users",
    responses((status = 200, description = "The user, or null", body = CurrentUserAnswer))
)]
async fn current_user(session: MaybeSession, auth: web::Data<AuthService>) -> HttpResponse {
    let Some(session) = session.0 else {
        return HttpResponse::Ok().json(CurrentUserAnswer { current_user: None });
    };
    let current_user = CurrentUser {
        id: session.user_id(),
        email: session.email().to_owned(),
        iat: session.claims().iat,
        roles: roles(&auth, UserId(session.user_id())).await,
    };
    HttpResponse::Ok().json(CurrentUserAnswer {
        current_user: Some(current_user),
    })
}

/// The roles of a user, from the log; none while the log is unavailable: they only decide what the
/// page offers, and the session is known without them. Routes that require a role check it
/// themselves.
async fn roles(auth: &AuthService, user: UserId) -> Vec<Role> {
    if !*auth.runtime.log.connection().borrow() {
        return Vec::new();
    }
    match auth.accounts.roles(user).await {
        Ok(roles) => roles.into_iter().map(told).collect(),
        Err(error) => {
            tracing::debug!(%error, "could not read the roles of a user");
            Vec::new()
        }
    }
}

/// The API's form of a role.
fn told(role: user::Role) -> Role {
    match role {
        user::Role::Analyst => Role::Analyst,
    }
}

/// The public keys that sessions are checked with
#[utoipa::path(
    get,
    path = "/api/users/keys",
    tag = "users",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)"))
)]
async fn keys(auth: web::Data<AuthService>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "keys": [auth.signer.public_key()] }))
}

fn signed_in(
    mut answer: actix_web::HttpResponseBuilder,
    req: &HttpRequest,
    auth: &AuthService,
    cookies: &CookiePolicy,
    account: &Account,
) -> HandlerResult {
    let lifetime = auth.runtime.config.session_lifetime;
    let (token, _) = auth
        .signer
        .sign(account.id.0, account.email.as_str(), lifetime)
        .map_err(internal)?;
    let user = User {
        id: account.id.0,
        email: account.email.to_string(),
    };
    Ok(answer
        .cookie(cookies.issue(req, token, lifetime))
        .json(user))
}

fn refused(error: AccountError) -> AppError {
    match error {
        AccountError::EmailInUse => field("email", error.to_string()),
        AccountError::InvalidCredentials => bad_request(error.to_string()),
        AccountError::OtherPassword => unprocessable(error.to_string()),
        AccountError::Failed(failure) => runtime::failed(failure),
        AccountError::TooMany(limited) => limited,
        AccountError::Hashing(HashingFailed::Busy) => {
            busy(TOO_MANY_AT_ONCE, 1).with_source(HashingFailed::Busy)
        }
        AccountError::Hashing(fault) => internal(fault),
    }
}

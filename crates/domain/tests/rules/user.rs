//! One account per address.

use domain::{
    UserId,
    user::{User, UserCommand, UserError, UserEvent},
};

use crate::support::{at, email, given, state};

fn register(address: &str, hash: &str) -> UserCommand {
    UserCommand::Register {
        email: email(address),
        password_hash: hash.to_owned(),
        at: at(0),
    }
}

fn registered(address: &str, hash: &str) -> UserEvent {
    UserEvent::UserRegistered {
        user_id: UserId::of(&email(address)),
        email: email(address),
        password_hash: hash.to_owned(),
        registered_at: at(0),
    }
}

#[test]
fn registering_opens_an_account_whose_id_follows_from_the_address() {
    given::<User>(vec![])
        .when(register("Ada@Example.com", "$argon2id$1"))
        .then_expect_events(vec![registered("ada@example.com", "$argon2id$1")]);
}

#[test]
fn an_address_that_has_an_account_is_refused_whatever_its_case() {
    given::<User>(vec![registered("ada@example.com", "$argon2id$1")])
        .when(register("ADA@example.com", "$argon2id$2"))
        .then_expect_error(UserError::EmailInUse);
}

#[test]
fn an_account_knows_its_address_hash_and_day() {
    let user: User = state(&[registered("ada@example.com", "$argon2id$1")]);
    let account = user.account().unwrap();
    assert_eq!(account.id, UserId::of(&email("ada@example.com")));
    assert_eq!(account.email.as_str(), "ada@example.com");
    assert_eq!(account.password_hash, "$argon2id$1");
    assert_eq!(account.registered_at, at(0));
}

#[test]
fn nobody_has_an_account_before_registering() {
    assert!(User::default().account().is_none());
}

#[test]
fn the_refusal_says_what_the_contract_says() {
    assert_eq!(UserError::EmailInUse.to_string(), "Email in use");
}

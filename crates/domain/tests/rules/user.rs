//! One account per address.

use domain::{
    UserId,
    user::{Role, User, UserCommand, UserError, UserEvent},
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
fn a_taken_address_is_refused_regardless_of_case() {
    given::<User>(vec![registered("ada@example.com", "$argon2id$1")])
        .when(register("ADA@example.com", "$argon2id$2"))
        .then_expect_error(UserError::EmailInUse);
}

#[test]
fn an_account_has_its_address_hash_and_date() {
    let user: User = state(&[registered("ada@example.com", "$argon2id$1")]);
    let account = user.account().unwrap();
    assert_eq!(account.id, UserId::of(&email("ada@example.com")));
    assert_eq!(account.email.as_str(), "ada@example.com");
    assert_eq!(account.password_hash, "$argon2id$1");
    assert_eq!(account.registered_at, at(0));
}

#[test]
fn an_unregistered_user_has_no_account() {
    assert!(User::default().account().is_none());
}

fn granted() -> UserEvent {
    UserEvent::RoleGranted {
        role: Role::Analyst,
        granted_at: at(5),
    }
}

fn revoked() -> UserEvent {
    UserEvent::RoleRevoked {
        role: Role::Analyst,
        revoked_at: at(9),
    }
}

const GRANT: fn() -> UserCommand = || UserCommand::GrantRole {
    role: Role::Analyst,
    at: at(5),
};
const REVOKE: fn() -> UserCommand = || UserCommand::RevokeRole {
    role: Role::Analyst,
    at: at(9),
};

#[test]
fn a_role_is_granted_and_revoked() {
    let ada = registered("ada@example.com", "$argon2id$1");
    given::<User>(vec![ada.clone()])
        .when(GRANT())
        .then_expect_events(vec![granted()]);
    given::<User>(vec![ada, granted()])
        .when(REVOKE())
        .then_expect_events(vec![revoked()]);
}

#[test]
fn granting_or_revoking_a_role_twice_changes_nothing() {
    let ada = registered("ada@example.com", "$argon2id$1");
    given::<User>(vec![ada.clone(), granted()])
        .when(GRANT())
        .then_expect_events(vec![]);
    for history in [vec![ada.clone()], vec![ada, granted(), revoked()]] {
        given::<User>(history)
            .when(REVOKE())
            .then_expect_events(vec![]);
    }
}

#[test]
fn an_unregistered_user_gets_and_loses_no_role() {
    for command in [GRANT(), REVOKE()] {
        given::<User>(vec![])
            .when(command)
            .then_expect_error(UserError::NoAccount);
    }
}

#[test]
fn a_user_has_all_granted_and_not_revoked_roles() {
    let ada = registered("ada@example.com", "$argon2id$1");
    let has = |events: &[UserEvent]| state::<User>(events).has(Role::Analyst);
    assert!(!has(&[]));
    assert!(!has(std::slice::from_ref(&ada)));
    assert!(has(&[ada.clone(), granted()]));
    assert!(!has(&[ada.clone(), granted(), revoked()]));
    assert!(has(&[ada, granted(), revoked(), granted()]));
}

#[test]
fn a_role_is_parsed_only_from_its_name() {
    assert_eq!("analyst".parse(), Ok(Role::Analyst));
    assert_eq!(
        "admin".parse::<Role>().unwrap_err().to_string(),
        "\"admin\" is no role; there is: analyst"
    );
}

#[test]
fn the_refusal_has_the_documented_message() {
    assert_eq!(UserError::EmailInUse.to_string(), "Email in use");
}

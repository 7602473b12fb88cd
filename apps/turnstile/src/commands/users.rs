//! `turnstile users`: accounts and roles.

use analysis::{Aggregate, AnalysisError, Cell, Column, Range, ResolvedRange, Table, columns};
use chrono::Utc;
use domain::{
    Email, UserId,
    user::{Role, User, UserCommand, UserError},
};
use event_streams::USERS;
use eventstore::{CommandError, Expectation, Log, Metadata};
use std::collections::HashMap;
use uuid::Uuid;

use super::{
    CliError, Servers,
    output::{OutputArgs, explained, say},
    progress::ProgressDisplay,
};

/// The actor of grants and revocations in the log.
const ACTOR: &str = "operator";

/// What can be done with users.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum UsersCommand {
    /// List accounts and roles, oldest first
    #[command(after_long_help = explained(COLUMNS, LS_AFTER))]
    Ls {
        /// Only accounts with this role
        #[arg(long)]
        role: Option<Role>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Grant a role, effective from the next request; granting it again changes nothing
    #[command(after_long_help = GRANT_AFTER)]
    Grant(RoleArgs),
    /// Revoke a role, effective from the next request; an open live page closes within seconds.
    /// Revoking it again changes nothing
    #[command(after_long_help = "Examples:\n  turnstile users revoke ada@example.com analyst")]
    Revoke(RoleArgs),
}

/// A user and a role.
#[derive(Debug, clap::Args)]
pub(crate) struct RoleArgs {
    /// The user's e-mail address or id
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// The role: `analyst`, which may see the figures of the whole market
    role: Role,
}

const LS_AFTER: &str = "  turnstile users ls
  turnstile users ls --role analyst --json | jq -r .email";

const GRANT_AFTER: &str = "The page /analytics of the web app is for users with the role `analyst`.

Examples:
  turnstile users grant ada@example.com analyst
  turnstile users grant 6a5c9a2e-23f5-5bb1-8d4e-1a1f6c1e3b52 analyst";

const COLUMNS: &[Column] = columns![
    "id": "the user's id",
    "email": "the address",
    "registered": "when the account was made",
    "roles": "the roles, which allow more than buying and selling",
];

pub(crate) async fn run(command: UsersCommand, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    match command {
        UsersCommand::Ls { role, output } => list(&log, role, output).await?,
        UsersCommand::Grant(args) => {
            let (role, at) = (args.role, Utc::now());
            let granted = change(&log, &args.user, UserCommand::GrantRole { role, at }).await?;
            say(&match granted {
                Changed::Now(email) => format!("{email} is an {role} now"),
                Changed::Before(email) => format!("{email} was an {role} already"),
            })?;
        }
        UsersCommand::Revoke(args) => {
            let (role, at) = (args.role, Utc::now());
            let revoked = change(&log, &args.user, UserCommand::RevokeRole { role, at }).await?;
            say(&match revoked {
                Changed::Now(email) => format!("{email} is no {role} any more"),
                Changed::Before(email) => format!("{email} was no {role}"),
            })?;
        }
    }
    log.close().await;
    Ok(())
}

/// Whether a role was changed, and the user's address.
enum Changed {
    /// Changed by this command.
    Now(Email),
    /// It was so before.
    Before(Email),
}

async fn change(log: &Log, user: &str, command: UserCommand) -> Result<Changed, CliError> {
    let id = match (Email::parse(user), Uuid::parse_str(user.trim())) {
        (Ok(email), _) => UserId::of(&email),
        (_, Ok(id)) => UserId(id),
        _ => return Err(AnalysisError::NotAnId(user.to_owned()).into()),
    };
    let users = log.store::<User>(USERS);
    let command_id = Uuid::now_v7();
    let metadata = Metadata::of_request(command_id, command_id.to_string(), ACTOR, Utc::now());
    let id = id.to_string();
    let before = users.load(&id).await?.version();
    let executed = users
        .execute(&id, command, &metadata, Expectation::Unknown)
        .await;
    let executed = executed.map_err(|error| match error {
        CommandError::Failed(failure) => failure.into(),
        CommandError::Refused(UserError::NoAccount | UserError::EmailInUse) => CliError::failed(
            format!("no account: \"{user}\"; `turnstile users ls` lists the accounts"),
        ),
    })?;
    let account = executed.state.account();
    let email = account
        .map(|account| account.email.clone())
        .ok_or_else(|| CliError::failed(format!("no account: \"{user}\"")))?;
    Ok(if executed.version > before {
        Changed::Now(email)
    } else {
        Changed::Before(email)
    })
}

async fn list(log: &Log, role: Option<Role>, output: OutputArgs) -> Result<(), CliError> {
    let mut progress = ProgressDisplay::begin("Reading the users", "commits");
    let span = ResolvedRange::resolve(&Range::all(), log, &[USERS]).await?;
    let (mut commits, total, mut read) = (span.read(log), span.len(), 0);
    let mut users = HashMap::new();
    // In order of registration.
    let mut order = Vec::new();
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let (user, version) = users.entry(commit.aggregate_id.clone()).or_insert_with(|| {
            order.push(commit.aggregate_id.clone());
            (Aggregate::User(User::default()), 0)
        });
        let applied = user.apply(version, &commit);
        applied.map_err(AnalysisError::from)?;
        read += 1;
        progress.at(read, total);
    }
    drop(progress);
    let rows = order.iter().filter_map(|id| {
        let (Aggregate::User(user), _) = users.get(id)? else {
            return None;
        };
        let account = user.account()?;
        if role.is_some_and(|role| !account.roles.contains(&role)) {
            return None;
        }
        let roles = account.roles.iter().map(ToString::to_string);
        Some(vec![
            Cell::Text(account.id.to_string()),
            Cell::Text(account.email.to_string()),
            Cell::Time(account.registered_at),
            Cell::Words(roles.collect()),
        ])
    });
    output.show(&[Table::new("users", "the accounts", COLUMNS, rows)])
}

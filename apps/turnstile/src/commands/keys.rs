//! `turnstile keys`: the keys that sign and verify sessions.

use analysis::{Cell, Column, Table, columns};
use eventstore::{KnownKey, Log};
use httpkit::session::NewKey;
use std::path::PathBuf;

use super::{
    CliError, Servers,
    output::{OutputArgs, explained, say},
};

const COLUMNS: &[Column] = columns![
    "id": "the key's id",
    "since": "when it was published, or retired",
    "state": "newest: signs sessions, once `auth` has it; older: its sessions stay valid; retired",
];

const LS: &str = "  turnstile keys ls
  turnstile keys ls --json | jq -r 'select(.state == \"older\") | .id'";

/// What can be done with session keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeysCommand {
    /// List the published public keys with their age and state
    #[command(after_long_help = explained(COLUMNS, LS))]
    Ls(OutputArgs),
    /// Generate the next key and publish its public half to every service
    ///
    /// `auth` signs with it once it is started with the private half; sessions of older keys stay
    /// valid.
    #[command(
        after_long_help = "Examples:\n  turnstile keys rotate\n  turnstile keys rotate --out next-key.pem"
    )]
    Rotate {
        /// The file for the private half, for SESSION_PRIVATE_KEY; without it the key in DATA_DIR
        /// is replaced
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// End all sessions of a key, within seconds and for good
    #[command(
        after_long_help = "Examples:\n  turnstile keys ls | grep older\n  turnstile keys retire ID"
    )]
    Retire {
        /// The key's ID, from `ls`
        // One ID in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Retire the key even if it is the newest (the one that `auth` probably signs with)
        #[arg(long)]
        force: bool,
    },
}

pub(crate) async fn run(command: KeysCommand, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    match command {
        KeysCommand::Ls(output) => list(&log.session_keys().list().await?, output)?,
        KeysCommand::Rotate { out } => rotate(&log, out, servers).await?,
        KeysCommand::Retire { id, force } => retire(&log, &id, force).await?,
    }
    log.close().await;
    Ok(())
}

/// The last published key that isn't retired.
fn newest(keys: &[KnownKey]) -> Option<&KnownKey> {
    keys.iter().rev().find(|key| key.key.is_some())
}

fn list(keys: &[KnownKey], output: OutputArgs) -> Result<(), CliError> {
    let newest = newest(keys).map(|key| &key.id);
    let rows = keys.iter().map(|key| {
        let state = match &key.key {
            None => "retired",
            Some(_) if newest == Some(&key.id) => "newest",
            Some(_) => "older",
        };
        vec![
            Cell::Text(key.id.clone()),
            Cell::Time(key.since),
            Cell::Text(state.to_owned()),
        ]
    });
    let doc = "the public keys that the services know";
    output.show(&[Table::new("keys", doc, COLUMNS, rows)])
}

async fn rotate(log: &Log, out: Option<PathBuf>, servers: &Servers) -> Result<(), CliError> {
    let config = servers.config()?;
    if out.is_none() && config.session_private_key.is_some() {
        return Err(CliError::failed(
            "SESSION_PRIVATE_KEY is set, so `auth` doesn't sign with the key in DATA_DIR; say \
             with --out where to write the next key",
        ));
    }
    let key = NewKey::make().map_err(CliError::failed)?;
    // The file comes first: a public key without its private half would only be in the way.
    let path = if let Some(path) = out {
        let written = key.write_new(&path);
        written.map_err(|error| CliError::file(&path, &error))?;
        path
    } else {
        let replaced = key.replace_in(&config.data_dir);
        replaced.map_err(|error| CliError::file(&config.data_dir, &error))?
    };
    let public = key.public_key();
    let jwk = serde_json::to_string(public).map_err(CliError::failed)?;
    log.session_keys().publish(&public.kid, &jwk).await?;
    eprintln!(
        "the private half is in {}; every service knows the public half in {} s; then restart \
         `auth` with it",
        path.display(),
        runtime::KEYS_KNOWN_WITHIN.as_secs()
    );
    say(&public.kid)
}

async fn retire(log: &Log, id: &str, force: bool) -> Result<(), CliError> {
    let keys = log.session_keys().list().await?;
    let failed = |why: &str| Err(CliError::failed(format!("key {id} {why}")));
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return failed("is unknown; `turnstile keys ls` lists the keys");
    };
    if key.key.is_none() {
        return failed("is retired already");
    }
    if !force && newest(&keys).is_some_and(|newest| newest.id == id) {
        return failed(
            "is the newest, so `auth` probably signs with it; rotate first, or use --force",
        );
    }
    log.session_keys().retire(id).await?;
    say(&format!(
        "{id}: retired; its sessions end within {} s",
        runtime::KEYS_KNOWN_WITHIN.as_secs()
    ))
}

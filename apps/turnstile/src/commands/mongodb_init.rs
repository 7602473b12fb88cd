//! `turnstile mongodb-init`: forms a replica set from a new MongoDB, and creates its users.

use httpkit::ExposeSecret as _;
use projections::{Formed, Grants, MongoUser, ReplicaSet};
use read_models::{
    orders::OrdersProjection, payable_orders::PayableOrdersProjection, tickets::TicketsProjection,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{CliError, Servers, output::say};

/// Time limit for the members to start.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// Make the MongoDB of MONGODB_URI a replica set; running it again changes nothing
///
/// The address's hosts are the members, its option replicaSet is the name.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  MONGODB_URI='mongodb://a,b,c/?replicaSet=rs0' turnstile mongodb-init")]
pub(crate) struct MongodbInitArgs {
    /// Key file for authentication within the replica set (security.keyFile), if enabled
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A folder with a file for each user, which has the user's name and contains the password. A
    /// service's user may maintain the read models of that service, `operator` all
    #[arg(long, value_name = "FOLDER")]
    users: Option<PathBuf>,
}

pub(crate) async fn run(args: MongodbInitArgs, servers: &Servers) -> Result<(), CliError> {
    let config = servers.config()?;
    let key = args.key_file.as_deref().map(read).transpose()?;
    let users = args.users.as_deref().map(users_in).transpose()?;
    let set = ReplicaSet::of(config.mongodb_uri.expose_secret(), key.as_deref())
        .await
        .map_err(CliError::failed)?;
    let members = set.members().join(", ");
    match set.form(START_TIMEOUT).await.map_err(CliError::failed)? {
        Formed::Now => say(&format!("{members} are a replica set now"))?,
        Formed::Before => say(&format!("{members} are a replica set already"))?,
    }
    if let Some(users) = users {
        set.ensure_users(&config.mongodb_database, &users)
            .await
            .map_err(CliError::failed)?;
        let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
        say(&format!("users: {}", names.join(", ")))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, CliError> {
    fs::read_to_string(file).map_err(|error| CliError::file(file, &error))
}

/// Each file of the folder is a user, except hidden ones, which belong to the mount.
fn users_in(folder: &Path) -> Result<Vec<MongoUser>, CliError> {
    let mut users = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| CliError::file(folder, &error))? {
        let path = entry
            .map_err(|error| CliError::file(folder, &error))?
            .path();
        let name = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if !name.starts_with('.') => name.to_owned(),
            _ => continue,
        };
        users.push(MongoUser {
            password: read(&path)?.trim().to_owned(),
            access: access_of(&name)?,
            name,
        });
    }
    users.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(users)
}

/// The permissions of each user. Other names are errors: a mistyped one would be a service without
/// permissions, noticed only when it is used.
fn access_of(user: &str) -> Result<Grants, CliError> {
    match user {
        "tickets" => Ok(Grants::nothing().and(&TicketsProjection)),
        "orders" => Ok(Grants::nothing().and(&OrdersProjection)),
        "payments" => Ok(Grants::nothing().and(&PayableOrdersProjection)),
        "operator" => Ok(Grants::everything()),
        _ => Err(CliError::failed(format!(
            "unknown user \"{user}\"; expected tickets, orders, payments or operator"
        ))),
    }
}

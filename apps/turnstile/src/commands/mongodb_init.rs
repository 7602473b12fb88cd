//! `turnstile mongodb-init`: makes the members of a new MongoDB a replica set with users.

use projections::{Formed, ReplicaSet, User};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{CommandError, Outcome, Servers};

/// How long members may take to start.
const PATIENCE: Duration = Duration::from_mins(2);
/// These never write what is read: auth keeps no read model, and expiration neither.
const READERS: [&str; 2] = ["auth", "expiration"];

/// Make the MongoDB of MONGODB_URI a replica set, once; repeated, it changes nothing
///
/// The address's hosts are the members, its option replicaSet is the name.
#[derive(Debug, clap::Args)]
pub(crate) struct MongodbInitArgs {
    /// The file that the members know each other by (security.keyFile), if they ask who is there
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A folder with a file for each user, which has the user's name and holds the password
    #[arg(long, value_name = "FOLDER")]
    users: Option<PathBuf>,
}

pub(crate) async fn run(args: MongodbInitArgs, servers: &Servers) -> Result<Outcome, CommandError> {
    let config = servers.config()?;
    let failed = |error: projections::FormError| CommandError::Failed(error.to_string());
    let key = args.key_file.as_deref().map(read).transpose()?;
    let users = args.users.as_deref().map(users_in).transpose()?;
    let set = ReplicaSet::of(config.mongodb_uri.expose(), key.as_deref())
        .await
        .map_err(failed)?;
    let members = set.members().join(", ");
    match set.form(PATIENCE).await.map_err(failed)? {
        Formed::Now => println!("{members} are a replica set now"),
        Formed::Before => println!("{members} were a replica set before"),
    }
    if let Some(users) = users {
        set.ensure_users(&config.mongodb_database, &users)
            .await
            .map_err(failed)?;
        let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
        println!("users: {}", names.join(", "));
    }
    Ok(Outcome::Well)
}

fn read(file: &Path) -> Result<String, CommandError> {
    fs::read_to_string(file).map_err(|error| named(file, &error))
}

/// Each file of the folder is a user. What begins with a dot belongs to whoever mounts the folder.
fn users_in(folder: &Path) -> Result<Vec<User>, CommandError> {
    let mut users = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| named(folder, &error))? {
        let path = entry.map_err(|error| named(folder, &error))?.path();
        let name = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if !name.starts_with('.') => name.to_owned(),
            _ => continue,
        };
        users.push(User {
            password: read(&path)?.trim().to_owned(),
            writes: !READERS.contains(&name.as_str()),
            name,
        });
    }
    users.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(users)
}

fn named(path: &Path, error: &io::Error) -> CommandError {
    CommandError::Failed(format!("{}: {error}", path.display()))
}

//! Prepares a new MongoDB: initiates the replica set, and creates users.
//!
//! An installation calls this repeatedly: steps that are already done change nothing.

use mongodb::{
    Client,
    bson::{Bson, Document, doc},
    options::{AuthMechanism, ClientOptions, Credential, ServerAddress},
};
use std::time::{Duration, Instant};

use crate::{Grants, mongo::errors::code};

/// Interval of polls for a slow step.
const EVERY: Duration = Duration::from_millis(200);
/// Time limit for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// This server is not part of a replica set yet.
const NOT_YET_INITIALIZED: i32 = 94;
/// Another process has initiated it in the meantime.
const ALREADY_INITIALIZED: i32 = 23;
/// A user of that name exists.
const USER_EXISTS: i32 = 51003;
/// The user with which members of a replica set authenticate to each other; its password is the key
/// file.
const MEMBER: &str = "__system";

/// The members of a replica set, from an address of MongoDB.
#[derive(Clone, Debug)]
pub struct ReplicaSet {
    name: String,
    options: ClientOptions,
}

/// What [`ReplicaSet::form`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formed {
    /// It initiated the replica set.
    Now,
    /// Nothing: the replica set existed.
    Before,
}

/// A user of the database.
#[derive(Clone, Debug)]
pub struct MongoUser {
    /// The name to sign in with.
    pub name: String,
    /// The password.
    pub password: String,
    /// The permissions.
    pub access: Grants,
}

/// Why a replica set could not be formed.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The address is invalid, or doesn't name a replica set.
    #[error("{0}")]
    Address(String),
    /// The members already form a replica set, but a different one.
    #[error("the replica set has the members {found}, and is asked to have {wanted}")]
    OtherMembers {
        /// The existing set.
        found: String,
        /// The wanted set.
        wanted: String,
    },
    /// It can't be done now; trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl From<mongodb::error::Error> for FormError {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl ReplicaSet {
    /// Parses the address that the services use: its hosts are the members, and its option
    /// `replicaSet` is the name. `key` is the content of the key file for authentication between
    /// members (`security.keyFile`), if there is one: with it, a server without users lets this
    /// process in.
    ///
    /// # Errors
    /// When the address is invalid or names no replica set.
    pub async fn of(uri: &str, key: Option<&str>) -> Result<Self, FormError> {
        let address = |error: mongodb::error::Error| FormError::Address(error.to_string());
        let mut options = ClientOptions::parse(uri).await.map_err(address)?;
        let name = options.repl_set_name.clone().ok_or_else(|| {
            FormError::Address("the address names no replica set: add ?replicaSet=rs0".to_owned())
        })?;
        options.server_selection_timeout = Some(ANSWER);
        options.connect_timeout = Some(ANSWER);
        if let Some(key) = key {
            let mut credential = Credential::default();
            credential.username = Some(MEMBER.to_owned());
            credential.password = Some(key.split_whitespace().collect());
            credential.source = Some("local".to_owned());
            credential.mechanism = Some(AuthMechanism::ScramSha256);
            options.credential = Some(credential);
        }
        Ok(Self { name, options })
    }

    /// The members' addresses.
    pub fn members(&self) -> Vec<String> {
        let hosts = self.options.hosts.iter();
        hosts.map(ServerAddress::to_string).collect()
    }

    /// Waits until all members answer, has the first one initiate the set if necessary, and waits
    /// until one of them accepts writes.
    ///
    /// # Errors
    /// [`FormError::OtherMembers`] when they already are another set, otherwise
    /// [`FormError::Unavailable`] when `patience` has passed.
    pub async fn form(&self, patience: Duration) -> Result<Formed, FormError> {
        let end = Instant::now() + patience;
        for member in &self.options.hosts {
            self.wait_for(member, end).await?;
        }
        let first = self.direct(&self.options.hosts[0])?;
        let admin = first.database("admin");
        let known = admin.run_command(doc! { "replSetGetConfig": 1 }).await;
        let formed = match known {
            Ok(reply) => self.compare(&reply).map(|()| Formed::Before)?,
            Err(error) if code(&error) == Some(NOT_YET_INITIALIZED) => {
                self.initiate(&first).await?;
                Formed::Now
            }
            Err(error) => return Err(error.into()),
        };
        self.wait_for_primary(end).await?;
        Ok(formed)
    }

    /// Creates each of these users in the `admin` database, with their permissions on `database`
    /// and on no other, or updates their passwords and permissions.
    ///
    /// # Errors
    /// [`FormError::Unavailable`] when there is no primary, or it refuses.
    pub async fn ensure_users(&self, database: &str, users: &[MongoUser]) -> Result<(), FormError> {
        let client = Client::with_options(self.options.clone())?;
        let admin = client.database("admin");
        for user in users {
            let roles = user.access.roles(&admin, database, &user.name).await?;
            let settings = |command: &str| {
                doc! {
                    command: &user.name,
                    "pwd": &user.password,
                    "roles": &roles,
                    "writeConcern": { "w": "majority" },
                }
            };
            match admin.run_command(settings("createUser")).await {
                Err(error) if code(&error) == Some(USER_EXISTS) => {
                    admin.run_command(settings("updateUser")).await?;
                }
                other => {
                    other?;
                }
            }
        }
        Ok(())
    }

    async fn initiate(&self, first: &Client) -> Result<(), FormError> {
        let members: Vec<Bson> = (0_i32..)
            .zip(self.members())
            .map(|(id, host)| Bson::Document(doc! { "_id": id, "host": host }))
            .collect();
        // A primary that is silent for 3 s is replaced. The default is 10 s, during which no read
        // model can be read; replacing it too early costs nothing, as all of its data can be
        // rebuilt from the log.
        let settings = doc! {
            "electionTimeoutMillis": 3_000,
            "heartbeatIntervalMillis": 500,
            "heartbeatTimeoutSecs": 3,
        };
        let config = doc! { "_id": &self.name, "members": members, "settings": settings };
        let admin = first.database("admin");
        match admin.run_command(doc! { "replSetInitiate": config }).await {
            Err(error) if code(&error) != Some(ALREADY_INITIALIZED) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn compare(&self, reply: &Document) -> Result<(), FormError> {
        let members = reply
            .get_document("config")
            .and_then(|config| config.get_array("members"))
            .map_err(|error| FormError::Unavailable(error.to_string()))?;
        let mut found: Vec<String> = members
            .iter()
            .filter_map(|member| member.as_document()?.get_str("host").ok())
            .map(str::to_owned)
            .collect();
        let mut wanted = self.members();
        found.sort();
        wanted.sort();
        if found == wanted {
            return Ok(());
        }
        Err(FormError::OtherMembers {
            found: found.join(", "),
            wanted: wanted.join(", "),
        })
    }

    async fn wait_for(&self, member: &ServerAddress, end: Instant) -> Result<(), FormError> {
        loop {
            match self.hello(member).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => {
                    return Err(FormError::Unavailable(format!("{member}: {error}")));
                }
                Err(_) => tokio::time::sleep(EVERY).await,
            }
        }
    }

    async fn wait_for_primary(&self, end: Instant) -> Result<(), FormError> {
        loop {
            for member in &self.options.hosts {
                let is_primary = self
                    .hello(member)
                    .await
                    .is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false));
                if is_primary {
                    return Ok(());
                }
            }
            if Instant::now() > end {
                let what = "no member became the primary".to_owned();
                return Err(FormError::Unavailable(what));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// A member's own description.
    async fn hello(&self, member: &ServerAddress) -> Result<Document, FormError> {
        let admin = self.direct(member)?.database("admin");
        Ok(admin.run_command(doc! { "hello": 1 }).await?)
    }

    /// A client for one member, whether or not it is in a replica set.
    fn direct(&self, member: &ServerAddress) -> Result<Client, FormError> {
        let mut options = self.options.clone();
        options.hosts = vec![member.clone()];
        options.repl_set_name = None;
        options.direct_connection = Some(true);
        Ok(Client::with_options(options)?)
    }
}

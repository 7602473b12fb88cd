//! What a user of MongoDB may do: a service keeps its own read models, and sees no other's.

use mongodb::{
    Database,
    bson::{Document, doc},
};
use std::collections::BTreeSet;

use crate::{
    Projection,
    mongo::{
        errors::code,
        records::{CHECKPOINTS, LEASES, REBUILDS},
    },
    projection::{key_of, rebuilt_key},
};

/// A role of that name exists.
const ROLE_EXISTS: i32 = 51002;
/// What it takes to fill a collection, to fill it anew beside itself, and to switch to that.
const KEEPER_ACTIONS: [&str; 8] = [
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "createIndex",
    "dropCollection",
    "renameCollectionSameDB",
];
/// What it takes to note how far a read model is.
const BOOKKEEPING_ACTIONS: [&str; 6] = [
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "createIndex",
];

/// What somebody may do with the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants(Granted);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Granted {
    Everything,
    Keep(BTreeSet<String>),
}

impl Grants {
    /// Reading and writing whatever is there: for people.
    pub fn everything() -> Self {
        Self(Granted::Everything)
    }

    /// Signing in, and nothing else: for who keeps no read model.
    pub fn nothing() -> Self {
        Self(Granted::Keep(BTreeSet::new()))
    }

    /// Keeping this read model as well, in this version and all before it: during a roll-out pods of
    /// the release before go on with theirs.
    #[must_use]
    pub fn and(mut self, projection: &impl Projection) -> Self {
        if let Granted::Keep(keys) = &mut self.0 {
            let versions = 1..=projection.version();
            keys.extend(versions.map(|version| key_of(projection.name(), version)));
        }
        self
    }

    /// Sees to it that there is a role with these rights, and tells what the user is to be given.
    ///
    /// Rights are added to a role and never taken from it: an older release that is installed again
    /// must not take away what pods of the newer one still use. They are rights to collections of
    /// the same service, so nothing is gained by taking them back.
    ///
    /// The built-in `readWrite` would give the whole database. A database for each service would
    /// keep them apart as well, but the operators' tool compares all read models with the log, and
    /// would have to know as many databases.
    pub(crate) async fn roles(
        &self,
        admin: &Database,
        database: &str,
        user: &str,
    ) -> mongodb::error::Result<Vec<Document>> {
        let keys = match &self.0 {
            Granted::Everything => return Ok(vec![doc! { "role": "readWrite", "db": database }]),
            Granted::Keep(keys) if keys.is_empty() => return Ok(Vec::new()),
            Granted::Keep(keys) => keys,
        };
        let role = format!("{database}.{user}");
        let privileges = privileges(database, keys);
        let majority = doc! { "w": "majority" };
        let create = doc! {
            "createRole": &role,
            "privileges": &privileges,
            "roles": [],
            "writeConcern": &majority,
        };
        match admin.run_command(create).await {
            Err(error) if code(&error) == Some(ROLE_EXISTS) => {
                let grant = doc! {
                    "grantPrivilegesToRole": &role,
                    "privileges": privileges,
                    "writeConcern": majority,
                };
                admin.run_command(grant).await?;
            }
            other => {
                other?;
            }
        }
        Ok(vec![doc! { "role": role, "db": "admin" }])
    }
}

fn privileges(database: &str, keys: &BTreeSet<String>) -> Vec<Document> {
    let on = |collection: &str, actions: &[&str]| {
        doc! {
            "resource": { "db": database, "collection": collection },
            "actions": actions,
        }
    };
    // Names and identities of collections: a rebuilt one has the name of that before it.
    let mut privileges = vec![on("", &["listCollections"])];
    for key in keys {
        privileges.push(on(key, &KEEPER_ACTIONS));
        privileges.push(on(&rebuilt_key(key), &KEEPER_ACTIONS));
    }
    for shared in [CHECKPOINTS, LEASES, REBUILDS] {
        privileges.push(on(shared, &BOOKKEEPING_ACTIONS));
    }
    privileges
}

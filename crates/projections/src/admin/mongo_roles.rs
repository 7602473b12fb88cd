//! The permissions of MongoDB's users: a service maintains its own read models, and sees no others.

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
/// Permissions to fill a collection, to rebuild it next to itself, and to switch to the rebuilt
/// one.
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
/// Permissions to record a read model's progress.
const BOOKKEEPING_ACTIONS: [&str; 6] = [
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "createIndex",
];

/// A user's permissions on the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants(Granted);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Granted {
    Everything,
    Keep(BTreeSet<String>),
}

impl Grants {
    /// Reading and writing everything: for operators.
    pub fn everything() -> Self {
        Self(Granted::Everything)
    }

    /// Signing in, and nothing else: for users without a read model.
    pub fn nothing() -> Self {
        Self(Granted::Keep(BTreeSet::new()))
    }

    /// Adds maintaining this read model, in this version and all before it: during a rollout, pods
    /// of the previous release continue with theirs.
    #[must_use]
    pub fn and(mut self, projection: &impl Projection) -> Self {
        if let Granted::Keep(keys) = &mut self.0 {
            let versions = 1..=projection.version();
            keys.extend(versions.map(|version| key_of(projection.name(), version)));
        }
        self
    }

    /// Ensures that a role with these permissions exists, and returns the roles to grant to the
    /// user.
    ///
    /// Permissions are added to a role and never removed: if an older release is installed again,
    /// it must not remove what pods of the newer one still use. They are permissions on collections
    /// of the same service, so removing them would gain nothing.
    ///
    /// The built-in `readWrite` would grant the whole database. One database per service would
    /// separate them as well, but the operators' tool compares all read models with the log, and
    /// would need to know all databases.
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
    // Names and identities of collections: a rebuilt one takes the name of the one before it.
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

//! Three members of a MongoDB replica set, with the configuration of production.

use devservers::{MongoOptions, MongoServer};
use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};
use tempfile::TempDir;

use super::{password, production, replaced, tool};

/// The users in these tests.
const USERS: [&str; 4] = ["tickets", "orders", "payments", "operator"];

/// Three members; they end with the value.
pub struct MongoSet {
    pub members: Vec<Arc<MongoServer>>,
    _data: TempDir,
}

impl MongoSet {
    /// Starts them and has `turnstile mongodb-init` form the replica set, with users.
    pub async fn start() -> Self {
        let data = TempDir::with_prefix("mongo-set-").unwrap();
        let key = data.path().join("keyfile");
        fs::write(&key, "YSBrZXkgdGhhdCBvbmx5IHRoaXMgdGVzdCBrbm93cw==").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        let users = data.path().join("users");
        fs::create_dir(&users).unwrap();
        for user in USERS {
            fs::write(users.join(user), password(user)).unwrap();
        }
        let mut starting = Vec::new();
        for n in 0..3 {
            let port = devservers::free_port().unwrap();
            let folder = data.path().join(format!("mongodb-{n}"));
            fs::create_dir_all(folder.join("db")).unwrap();
            let mut config = production("mongodb/mongod.conf");
            config = replaced(&config, "/data/db", folder.join("db").to_str().unwrap());
            config = replaced(&config, "27017", &port.to_string());
            config = replaced(&config, "0.0.0.0", "127.0.0.1");
            config = replaced(&config, "/run/mongodb/keyfile", key.to_str().unwrap());
            config = replaced(&config, "cacheSizeGB: 1.5", "cacheSizeGB: 0.25");
            let options = MongoOptions {
                port: Some(port),
                data_dir: Some(folder),
                config: Some(config),
                ..MongoOptions::default()
            };
            starting.push(tokio::task::spawn_blocking(move || {
                MongoServer::start(&options).unwrap()
            }));
        }
        let mut members = Vec::new();
        for member in starting {
            members.push(Arc::new(member.await.unwrap()));
        }
        let set = Self {
            members,
            _data: data,
        };
        let address = format!("mongodb://{}/?replicaSet=rs0", set.hosts());
        let args = [
            "mongodb-init",
            "--key-file",
            key.to_str().unwrap(),
            "--users",
            users.to_str().unwrap(),
        ];
        tool(&args, &[("MONGODB_URI".to_owned(), address)])
            .await
            .assert_success();
        set
    }

    fn hosts(&self) -> String {
        let hosts = self.members.iter();
        let hosts: Vec<_> = hosts
            .map(|member| format!("127.0.0.1:{}", member.port()))
            .collect();
        hosts.join(",")
    }

    /// The variables of a process that signs in as this user.
    pub fn envs(&self, user: &str) -> Vec<(String, String)> {
        let (password, hosts) = (password(user), self.hosts());
        let uri = format!("mongodb://{user}:{password}@{hosts}/?replicaSet=rs0&authSource=admin");
        vec![("MONGODB_URI".to_owned(), uri)]
    }
}

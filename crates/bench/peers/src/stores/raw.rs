//! What the stores are built on, with nothing in between: the limits of both sides.

use anyhow::{Context, Result};
use async_nats::{
    HeaderMap,
    jetstream::{
        self,
        message::PublishMessage,
        stream::{Config, DiscardPolicy, StorageType},
    },
};
use futures_util::future::BoxFuture;
use sqlx::PgPool;

use super::{Commands, Tried, pool::Database};
use crate::account::Command;

const STREAM: &str = "RAW";

/// One acknowledged message per command, on a new subject, expected to be its first.
pub struct RawPublish {
    jetstream: jetstream::Context,
}

impl RawPublish {
    /// Connects, and creates a stream like those of the log.
    pub async fn open(url: &str) -> Result<Self> {
        let client = async_nats::connect(url).await.context("raw publishing")?;
        let jetstream = jetstream::new(client);
        let config = Config {
            name: STREAM.to_owned(),
            subjects: vec![format!("{STREAM}.*")],
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            deny_delete: true,
            deny_purge: true,
            allow_direct: true,
            ..Config::default()
        };
        jetstream.get_or_create_stream(config).await?;
        Ok(Self { jetstream })
    }
}

impl Commands for RawPublish {
    fn attempt<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Tried>> {
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            headers.insert("Command", metadata(command));
            let message = PublishMessage::build()
                .payload(payload(command).into())
                .headers(headers)
                .expected_last_subject_sequence(0);
            let subject = format!("{STREAM}.{}", command.account);
            self.jetstream.send_publish(subject, message).await?.await?;
            Ok(Tried::Effective)
        })
    }
}

/// One row per command, inserted and committed by itself, with a unique key.
pub struct RawInsert {
    pool: PgPool,
}

impl RawInsert {
    /// Connects, and creates a table like that of postgres-es.
    pub async fn open(database: &Database) -> Result<Self> {
        let pool = database.pool().await?;
        let table = "CREATE TABLE raw (
            id text NOT NULL, sequence bigint NOT NULL, payload text NOT NULL, metadata text NOT NULL,
            PRIMARY KEY (id, sequence)
        )";
        sqlx::query(table).execute(&pool).await?;
        Ok(Self { pool })
    }
}

impl Commands for RawInsert {
    fn attempt<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Tried>> {
        Box::pin(async move {
            // Prepared once per connection.
            sqlx::query("INSERT INTO raw (id, sequence, payload, metadata) VALUES ($1, 1, $2, $3)")
                .bind(&command.account)
                .bind(payload(command))
                .bind(metadata(command))
                .execute(&self.pool)
                .await?;
            Ok(Tried::Effective)
        })
    }
}

/// As long as the event of an opened account.
fn payload(command: &Command) -> String {
    let account = &command.account;
    format!(
        r#"{{"events":[{{"version":"1.0","type":"Opened","data":{{"account":"{account}","cents":1000000000}}}}]}}"#
    )
}

/// As long as what the stores keep with it.
fn metadata(command: &Command) -> String {
    let (id, time) = (command.id, command.time.to_rfc3339());
    format!(r#"{{"command_id":"{id}","correlation_id":"{id}","actor":"bench","time":"{time}"}}"#)
}

//! Connections to PostgreSQL.

use anyhow::{Context, Result};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::str::FromStr;

/// A database and the size of the pools for it.
#[derive(Clone, Debug)]
pub struct Database {
    url: String,
    connections: u32,
}

impl Database {
    /// Creates a new, empty database on the server.
    pub async fn create(server: &str, name: &str, connections: u32) -> Result<Self> {
        let all = pool(&format!("{server}/postgres"), 1, &[]).await?;
        // From this program's own text.
        let create = format!("CREATE DATABASE {name}");
        sqlx::query(&create).execute(&all).await?;
        all.close().await;
        Ok(Self {
            url: format!("{server}/{name}"),
            connections,
        })
    }

    /// A new pool, with all of its connections open: connecting is in no measurement.
    pub async fn pool(&self) -> Result<PgPool> {
        self.pool_with(&[]).await
    }

    /// The same with settings of PostgreSQL.
    pub async fn pool_with(&self, settings: &[(&str, &str)]) -> Result<PgPool> {
        pool(&self.url, self.connections, settings).await
    }
}

async fn pool(url: &str, connections: u32, settings: &[(&str, &str)]) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url)?.options(settings.iter().copied());
    PgPoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .connect_with(options)
        .await
        .with_context(|| format!("no connection to {url}"))
}

//! Collections of documents in MongoDB.

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocumentBuf, doc},
};
use tokio::sync::watch;

use super::{
    MongoStore,
    errors::{NAMESPACE_EXISTS, code},
    retry_after_switch,
    write::{Target, existing, of_stream},
};
use crate::{
    DocumentId, Index, ReadStoreError,
    bson_values::int,
    projection::DELETED,
    store::{Batch, CollectionId, DocumentStore, Origin, SEQ, StoreResult},
};

#[async_trait]
impl DocumentStore for MongoStore {
    fn name(&self) -> &str {
        self.database().name()
    }

    fn faults(&self) -> watch::Receiver<u64> {
        self.faults.clone()
    }

    async fn ensure_collection(&self, name: &str, indexes: &[Index]) -> StoreResult<CollectionId> {
        let create = async {
            match self.database().run_command(doc! { "create": name }).await {
                Err(error) if code(&error) != Some(NAMESPACE_EXISTS) => Err(error),
                Err(_) | Ok(_) => Ok(()),
            }
        };
        self.bounded(create).await?;
        if !indexes.is_empty() {
            let indexes: Vec<Document> = indexes
                .iter()
                .map(|index| {
                    let mut spec = doc! { "name": index.name, "key": index.keys.clone() };
                    if let Some(only) = &index.only {
                        spec.insert("partialFilterExpression", only.clone());
                    }
                    spec
                })
                .collect();
            let command = doc! { "createIndexes": name, "indexes": indexes };
            self.bounded(self.database().run_command(command)).await?;
        }
        let created = self.collection_id(name).await?;
        created.ok_or(ReadStoreError::Replaced)
    }

    async fn collection_id(&self, name: &str) -> StoreResult<Option<CollectionId>> {
        let command = doc! { "listCollections": 1, "filter": { "name": name } };
        let reply = self.bounded(self.database().run_command(command)).await?;
        let first = reply
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"))
            .ok()
            .and_then(|batch| batch.first())
            .and_then(Bson::as_document);
        let uuid = first
            .and_then(|entry| entry.get_document("info").ok())
            .and_then(|info| info.get("uuid"));
        Ok(match uuid {
            Some(Bson::Binary(uuid)) => Some(uuid.clone()),
            _ => None,
        })
    }

    async fn drop_collection(&self, name: &str) -> StoreResult<()> {
        let collection: Collection<Document> = self.database().collection(name);
        self.bounded(collection.drop()).await
    }

    async fn switch_collection(&self, from: &str, to: &str) -> StoreResult<()> {
        let database = self.database().name();
        let rename = doc! {
            "renameCollection": format!("{database}.{from}"),
            "to": format!("{database}.{to}"),
            "dropTarget": true,
        };
        let admin = self.database().client().database("admin");
        self.bounded(admin.run_command(rename)).await.map(|_| ())
    }

    async fn write(&self, name: &str, collection: &CollectionId, batch: Batch) -> StoreResult<()> {
        let store = self;
        let target = Target {
            store,
            name,
            uuid: collection,
        };
        target.write(batch).await
    }

    async fn purge(&self, name: &str, collection: &CollectionId, up_to: Origin) -> StoreResult<()> {
        let mut old = doc! { DELETED: true, SEQ: { "$lte": int(up_to.sequence) } };
        old.extend(of_stream(up_to.stream));
        let delete = doc! {
            "delete": name,
            "collectionUUID": collection.clone(),
            "deletes": [{ "q": old, "limit": 0 }],
        };
        let reply = self.bounded(self.database().run_command(delete)).await?;
        existing(&reply).map(|_| ())
    }

    async fn document(&self, name: &str, id: &DocumentId) -> StoreResult<Option<RawDocumentBuf>> {
        let collection: Collection<RawDocumentBuf> = self.database().collection(name);
        let find = || async { collection.find_one(doc! { "_id": id.to_bson() }).await };
        self.bounded(retry_after_switch(find)).await
    }

    async fn documents(
        &self,
        name: &str,
    ) -> StoreResult<BoxStream<'static, StoreResult<RawDocumentBuf>>> {
        let collection: Collection<RawDocumentBuf> = self.database().collection(name);
        let found = self.bounded(collection.find(doc! {})).await?;
        Ok(found.map_err(ReadStoreError::from).boxed())
    }

    async fn newest(&self, name: &str, after: Origin, limit: usize) -> StoreResult<Vec<Document>> {
        let collection: Collection<Document> = self.database().collection(name);
        let find = async {
            let mut newer = doc! { SEQ: { "$gt": int(after.sequence) } };
            newer.extend(of_stream(after.stream));
            let found = collection.find(newer).sort(doc! { SEQ: -1 });
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            found.limit(limit).await?.try_collect().await
        };
        self.bounded(find).await
    }
}

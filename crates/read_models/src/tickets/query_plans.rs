//! MongoDB's plans for the list: always an index, in the index's order.

use api::TicketSort;
use projections::{
    MongoStore, Projection, cursor,
    mongodb::bson::{Bson, Document, doc},
};
use testkit::Mongo;

use super::{TicketQuery, TicketsProjection, list::PageKey};

/// The stages of the winning plan.
async fn plan(store: &MongoStore, key: &PageKey) -> String {
    let find =
        doc! { "find": "tickets_v2", "filter": key.filter(), "sort": key.sort(), "limit": 101 };
    let explain = doc! { "explain": find, "verbosity": "queryPlanner" };
    let reply = store.database().run_command(explain).await.unwrap();
    let planner = reply.get_document("queryPlanner").unwrap();
    let mut stages = Vec::new();
    let plan = planner.get_document("winningPlan").unwrap();
    collect(plan, &mut stages);
    stages.join(" ")
}

fn collect(plan: &Document, stages: &mut Vec<String>) {
    if let Ok(stage) = plan.get_str("stage") {
        stages.push(stage.to_owned());
    }
    for (_, value) in plan {
        if let Bson::Document(inner) = value {
            collect(inner, stages);
        }
    }
}

#[tokio::test]
async fn every_page_is_read_from_an_index_and_needs_no_sorting() {
    let mongo = Mongo::database().await;
    let store = MongoStore::connect(mongo.uri(), mongo.name())
        .await
        .unwrap();
    let indexes = TicketsProjection.indexes().into_iter().map(|index| {
        let only = index.only.unwrap_or_default();
        doc! { "name": index.name, "key": index.keys, "partialFilterExpression": only }
    });
    let indexes: Vec<_> = indexes.collect();
    let create = doc! { "createIndexes": "tickets_v2", "indexes": indexes };
    store.database().run_command(create).await.unwrap();
    let tickets = (0..2_000_i64).map(|n| {
        let status = ["open", "sold"][usize::from(n % 2 == 0)];
        doc! { "_id": n, "search": format!("t{n}"), "price": n % 50, "status": status, "listed": n }
    });
    let collection = store.database().collection::<Document>("tickets_v2");
    collection.insert_many(tickets).await.unwrap();
    for (sort, cursor) in [
        (TicketSort::Newest, cursor::encode("newest", &[900])),
        (TicketSort::PriceUp, cursor::encode("price", &[20, 900])),
        (TicketSort::PriceDown, cursor::encode("-price", &[20, 900])),
    ] {
        for cursor in [None, Some(cursor)] {
            for q in [None, Some("t1".to_owned())] {
                for max_price in [None, Some(30)] {
                    let query = TicketQuery {
                        q: q.clone(),
                        max_price,
                        sort,
                        cursor: cursor.clone(),
                        ..TicketQuery::default()
                    };
                    let plan = plan(&store, &PageKey::new(&query).unwrap()).await;
                    let has = |stage: &str| plan.split(' ').any(|found| found == stage);
                    assert!(has("IXSCAN") && !has("COLLSCAN"), "{plan}: {query:?}");
                    // With few tickets in a price range, sorting them is the better plan.
                    let few = max_price.is_some() && sort == TicketSort::Newest;
                    assert!(few || !has("SORT"), "{plan}: {query:?}");
                }
            }
        }
    }
}

//! The same reads by sqlx on a held connection, each logical shard's statement made beforehand: what of the ratio is the
//! driver's and the server's.

use shard_orm::prelude::*;
use shard_orm::route::RoutingKey;
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions as _, Connection, PgConnection, Row};
use std::str::FromStr;
use std::sync::Arc;

use crate::order::Order;

/// A connection that keeps the statement of each logical shard.
pub(crate) struct Hand {
    connection: PgConnection,
    texts: Vec<Arc<str>>,
    cluster: Cluster,
}

impl Hand {
    pub(crate) async fn open(url: &str, shards: u32, cluster: &Cluster) -> Self {
        let options = PgConnectOptions::from_str(url).unwrap();
        let options = options.statement_cache_capacity(2 * shards as usize);
        let options = options.disable_statement_logging();
        let text = |shard| {
            format!(
                r#"SELECT "id", "user_id", "quantity", "item", "note", "placed_at" FROM "of_{shards}_{shard}"."orders" WHERE "user_id" = $1 AND "id" = $2"#
            )
        };
        Self {
            connection: PgConnection::connect_with(&options).await.unwrap(),
            texts: (0..shards).map(|shard| text(shard).into()).collect(),
            cluster: cluster.clone(),
        }
    }

    /// The logical shard of a key, which is looked up before the clock runs.
    pub(crate) fn shard_of(&self, key: i64) -> usize {
        let topology = self.cluster.topology();
        let router = topology.group("bench").unwrap().router();
        router.route(&RoutingKey::new(key)).unwrap() as usize
    }

    pub(crate) async fn read(&mut self, shard: usize, row: &Order) -> Order {
        let mut arguments = PgArguments::default();
        arguments.add(row.user_id).unwrap();
        arguments.add(row.id).unwrap();
        let text = AssertSqlSafe(Arc::clone(&self.texts[shard]));
        let found = sqlx::query_with(text, arguments)
            .fetch_optional(&mut self.connection)
            .await
            .unwrap()
            .unwrap();
        Order {
            id: found.try_get(0).unwrap(),
            user_id: found.try_get(1).unwrap(),
            quantity: found.try_get(2).unwrap(),
            item: found.try_get(3).unwrap(),
            note: found.try_get(4).unwrap(),
            placed_at: found.try_get(5).unwrap(),
        }
    }

    pub(crate) async fn close(self) {
        self.connection.close().await.unwrap();
    }
}

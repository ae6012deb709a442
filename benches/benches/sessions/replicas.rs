//! A PostgreSQL server and its replica, on core 0, and a cluster on both, on core 1.

use shard_orm::config::{Config, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::servers::PostgresServer;

use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to};
use crate::order::Order;

pub(crate) const SHARDS: u32 = 16;
const ROWS: i64 = 10_000;
const USER: &str = "client";

/// A view of the orders in which the server that answers names its port.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "bench", table = "witnesses")]
pub(crate) struct Witness {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) port: i64,
}

/// A PostgreSQL server, its replica, and a cluster on both.
#[derive(Debug)]
pub(crate) struct Replicas {
    pub(crate) cluster: Cluster,
    rows: Vec<Order>,
    primary: PostgresServer,
    _replica: PostgresServer,
}

impl Replicas {
    pub(crate) async fn start() -> Self {
        bind_to(SERVER_CORE);
        let primary = PostgresServer::start_primary().await.unwrap();
        let replica = PostgresServer::start_replica(&primary).await.unwrap();
        bind_to(CLIENT_CORE);
        let server = Server::new("a", primary.url_of(USER)).replica(replica.url_of(USER));
        let group = Group::new(SHARDS)
            .namespace("bench_{shard}")
            .pool(PoolOptions::new().statement_cache(500))
            .server(server);
        let cluster = Cluster::connect(&Config::new("bench").group("bench", group))
            .await
            .unwrap();
        cluster.setup().table::<Order>().run().await.unwrap();
        for shard in 0..SHARDS {
            let view = AssertSqlSafe(
                "CREATE VIEW {witnesses} AS \
                 SELECT id, user_id, current_setting('port')::int8 AS port FROM {orders}",
            );
            Order::on_shard(shard)
                .sql(view)
                .execute(&cluster)
                .await
                .unwrap();
        }
        let rows: Vec<Order> = (1..=ROWS).map(Order::new).collect();
        Order::insert_many(&cluster, rows.clone()).await.unwrap();
        primary.run_in_shop("ANALYZE").await.unwrap();
        replica.has_all_of(&primary).await.unwrap();
        Self {
            cluster,
            rows,
            primary,
            _replica: replica,
        }
    }

    pub(crate) fn rows(&self) -> &[Order] {
        &self.rows
    }

    /// The port of the primary.
    pub(crate) fn port(&self) -> i64 {
        let url = self.primary.url().trim_end_matches("/postgres");
        url.rsplit(':').next().unwrap().parse().unwrap()
    }
}

//! Session settings of the configuration are applied.

use shard_orm::config::{Config, DatabaseOptions, Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key, key)]
    id: i64,
}

/// A cluster on the fixture's first server, in a namespace of its own.
async fn cluster_with(fixture: &Fixture, options: DatabaseOptions) -> Cluster {
    let group = Group::new(1)
        .namespace(fixture.namespace().replace("shop_", "told_"))
        .options(options)
        .server(Server::new("a", fixture.server_urls()[0].as_str()));
    let cluster = Cluster::connect(&Config::new("told").group("shop", group))
        .await
        .unwrap();
    cluster.setup().run().await.unwrap();
    cluster
}

behaviours! { (Order), 1 shards on 1 servers, |options| options;
    async fn group_options_are_set_in_its_sessions(fixture: &Fixture) {
        match fixture.dialect {
            Dialect::Postgres => {
                let options = DatabaseOptions::new().time_zone("Asia/Tokyo").setting("work_mem", "7MB");
                let cluster = cluster_with(fixture, options).await;
                let told: (String, String) = Order::on_shard_of(1)
                    .sql("SELECT current_setting('TimeZone'), current_setting('work_mem')")
                    .one(&cluster)
                    .await
                    .unwrap();
                assert_eq!(told, ("Asia/Tokyo".to_owned(), "7MB".to_owned()));
            }
            Dialect::MySql => {
                let options = DatabaseOptions::new()
                    .sql_mode("ANSI_QUOTES,STRICT_ALL_TABLES")
                    .charset("utf8mb4")
                    .collation("utf8mb4_unicode_ci")
                    .time_zone("UTC");
                let cluster = cluster_with(fixture, options).await;
                let told: (String, String, String) = Order::on_shard_of(1)
                    .sql("SELECT @@sql_mode, @@collation_connection, @@time_zone")
                    .one(&cluster)
                    .await
                    .unwrap();
                // Beside those that are set in any case.
                for mode in ["ANSI_QUOTES", "STRICT_ALL_TABLES", "NO_AUTO_VALUE_ON_ZERO"] {
                    assert!(told.0.split(',').any(|set| set == mode), "{}", told.0);
                }
                assert_eq!(told.1, "utf8mb4_unicode_ci");
                assert_eq!(told.2, "+00:00");
            }
            // Files have no options; a commit waits for the disk, and reads go on meanwhile.
            Dialect::Sqlite => {
                let cluster = cluster_with(fixture, DatabaseOptions::new()).await;
                assert_eq!(Order::on_shard_of(1).sql("PRAGMA synchronous").one::<i64>(&cluster).await.unwrap(), 2);
                assert_eq!(Order::on_shard_of(1).sql("PRAGMA journal_mode").one::<String>(&cluster).await.unwrap(), "wal");
            }
        }
    }
}

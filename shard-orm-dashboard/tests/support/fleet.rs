//! A cluster of two servers of SQLite files with a catalog, and a job that lasts as long as a test needs it.

use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::config::{Catalog, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::{Job, Pace, Reshard};
use tempfile::TempDir;

/// The rows of the logical shard that moves.
const ROWS: i64 = 3_000;
/// So slow that a copy does not end within a test.
pub(crate) const SLOW: Pace = Pace::RowsPerSecond(20);
/// The logical shard that moves from `a` to `b`.
pub(crate) const MOVING: u32 = 0;

#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
pub(crate) struct Order {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
}

/// The cluster and its files.
pub(crate) struct Fleet {
    pub(crate) cluster: Cluster,
    pub(crate) reshard: Reshard,
    /// A key of the logical shard that moves.
    pub(crate) key: i64,
    _folder: TempDir,
}

impl Fleet {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("sqlite://{}/{name}", folder.path().display());
        let document = format!(
            "name = 'test'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = 4\n\
             [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\nshards = '0..2'\n\
             [[groups.shop.servers]]\nname = 'b'\nprimary = '{}'\nshards = '2..4'\n",
            at("default.db"),
            at("a"),
            at("b"),
        );
        let catalog = Catalog::new("default")
            .heartbeat(None)
            .poll(Duration::from_millis(100));
        let config = Config::new("test")
            .database("default", Database::new(at("default.db")))
            .catalog(catalog);
        let cluster = Cluster::connect(&config).await.unwrap();
        let initialized = cluster.catalog().unwrap().initialize(&document).await;
        initialized.unwrap();
        cluster.setup().table::<Order>().run().await.unwrap();
        let is_moving = |key: &i64| {
            let place = cluster.locate(&Order::shard(*key)).unwrap();
            place.shard == Some(MOVING)
        };
        let key = (1..).find(is_moving).unwrap();
        let rows = (0..ROWS).map(|id| Order { id, user_id: key });
        let inserted = Order::insert_many(&cluster, rows.collect()).await;
        inserted.unwrap();
        Self {
            reshard: cluster.reshard().unwrap(),
            cluster,
            key,
            _folder: folder,
        }
    }

    /// A job that a task of this test runs.
    pub(crate) async fn move_slowly(&self) -> Job {
        let request = self.reshard.move_shard("shop", MOVING, "b");
        let request = request.pace(SLOW).accept_relaxed_durability();
        let job = request.start().await.unwrap();
        let (reshard, id) = (self.reshard.clone(), job.id);
        tokio::spawn(async move { reshard.run(id).await });
        job
    }
}

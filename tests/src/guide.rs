//! What the examples of the guide in `docs/` and of the README stand on.
//!
//! Each chapter is compiled and run as documentation of this module by `cargo test --doc`. An
//! example on rows begins with a hidden line that opens a cluster with these models and rows:
//!
//! ```
//! shard_orm_tests::guide!(|cluster| {
//! assert_eq!(Order::on(42).count(cluster).await?, 3);
//! assert_eq!(Setting::query().count(cluster).await?, 1);
//! });
//! ```

use std::error::Error;
use std::future::Future;

pub use shard_orm::prelude::*;
use shard_orm::testing::{self, TestCluster};

/// An order of a user.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(has_many(lines = "Line", by = "order_id"))]
pub struct Order {
    /// Given by the caller.
    #[shard(primary_key)]
    pub id: i64,
    /// Whose order it is.
    #[shard(key, index)]
    pub user_id: i64,
    /// What was ordered.
    #[shard(collation = "binary")]
    pub item: String,
    /// How many.
    pub quantity: i32,
    /// What else was said.
    pub note: Option<String>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(index(user_id, order_id))]
#[shard(belongs_to(order = "Order", by = "order_id"))]
#[shard(refers_to(article = "Article", by = "sku"))]
pub struct Line {
    /// Given by the caller.
    #[shard(primary_key)]
    pub id: i64,
    /// Whose order it is of.
    #[shard(key)]
    pub user_id: i64,
    /// The order.
    pub order_id: i64,
    /// The article.
    #[shard(length = 64)]
    pub sku: String,
    /// How many.
    pub pieces: i32,
}

/// What the whole shop sells.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "articles")]
pub struct Article {
    /// What it is ordered by.
    #[shard(primary_key, length = 64)]
    pub sku: String,
    /// What it is called.
    pub name: String,
}

/// A line of a user's cart: one for each article.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "cart_lines")]
#[shard(unique(user_id, sku))]
pub struct CartLine {
    /// Given by the caller.
    #[shard(primary_key)]
    pub id: i64,
    /// Whose cart it is.
    #[shard(key)]
    pub user_id: i64,
    /// The article.
    #[shard(length = 64)]
    pub sku: String,
    /// How many.
    pub quantity: i32,
}

/// What a logical shard's cleaner has done.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
pub struct Job {
    /// The job.
    #[shard(primary_key, length = 64)]
    pub name: String,
    /// Whether it is done.
    pub done: bool,
}

/// A setting of the whole shop.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
pub struct Setting {
    /// Its name.
    #[shard(primary_key, length = 64)]
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An order.
pub fn order(id: i64, user_id: i64, item: &str, quantity: i32) -> Order {
    Order {
        id,
        user_id,
        item: item.to_owned(),
        quantity,
        note: None,
    }
}

/// A cluster with the models above and a few rows.
async fn cluster() -> shard_orm::Result<TestCluster> {
    let cluster = testing::cluster::<(Order, Line, Article, CartLine, Job, Setting)>().await?;
    Order::insert_many(
        &cluster,
        vec![
            order(1, 42, "tea", 1),
            order(2, 42, "coffee", 3),
            order(3, 42, "tea", 12),
            order(4, 43, "sugar", 2),
            order(5, 99, "milk", 1),
        ],
    )
    .await?;
    let line = |id, order_id, sku: &str, pieces| Line {
        id,
        user_id: 42,
        order_id,
        sku: sku.to_owned(),
        pieces,
    };
    let lines = vec![
        line(1, 1, "green-tea", 2),
        line(2, 1, "sugar", 1),
        line(3, 2, "beans", 3),
    ];
    Line::insert_many(&cluster, lines).await?;
    let tea = Article {
        sku: "green-tea".to_owned(),
        name: "Green tea".to_owned(),
    };
    tea.insert(&cluster).await?;
    let theme = Setting {
        name: "theme".to_owned(),
        value: "dark".to_owned(),
    };
    theme.insert(&cluster).await?;
    Ok(cluster)
}

/// Runs an example of the guide; called by [`guide!`](crate::guide!).
///
/// # Panics
/// When the example fails.
pub fn run<F>(example: impl FnOnce(Cluster) -> F)
where
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            // Kept to the end: its folder goes with it.
            let cluster = cluster().await.unwrap();
            if let Err(error) = example(cluster.clone()).await {
                panic!("{error}");
            }
        });
}

/// Runs an example of the guide on a cluster of its own.
#[macro_export]
macro_rules! guide {
    (|$cluster:ident| { $($example:tt)* }) => {
        $crate::guide::run(|cluster| async move {
            #[allow(unused_imports)]
            use $crate::guide::*;
            #[allow(unused_variables)]
            let $cluster = &cluster;
            $($example)*
            #[allow(unreachable_code)]
            Ok(())
        })
    };
}

#[cfg(doctest)]
mod chapters {
    macro_rules! chapters {
        ($($name:ident: $file:literal,)*) => {
            $(
                #[doc = include_str!($file)]
                mod $name {}
            )*
        };
    }

    chapters! {
        readme: "../../README.md",
        introduction: "../../docs/src/introduction.md",
        getting_started: "../../docs/src/getting-started.md",
        catalog: "../../docs/src/catalog.md",
        configuration: "../../docs/src/configuration.md",
        routing: "../../docs/src/routing.md",
        models: "../../docs/src/models.md",
        reading: "../../docs/src/reading.md",
        scatter: "../../docs/src/scatter.md",
        writing: "../../docs/src/writing.md",
        relations: "../../docs/src/relations.md",
        static_tables: "../../docs/src/static-tables.md",
        static_sync: "../../docs/src/static-sync.md",
        ids: "../../docs/src/ids.md",
        hooks: "../../docs/src/hooks.md",
        soft_delete: "../../docs/src/soft-delete.md",
        transactions: "../../docs/src/transactions.md",
        locks: "../../docs/src/locks.md",
        migrations: "../../docs/src/migrations.md",
        growing_a_fleet: "../../docs/src/growing-a-fleet.md",
        moving_shards: "../../docs/src/moving-shards.md",
        splitting_shards: "../../docs/src/splitting-shards.md",
        raw_sql: "../../docs/src/raw-sql.md",
        connections: "../../docs/src/connections.md",
        replicas: "../../docs/src/replicas.md",
        generate: "../../docs/src/generate.md",
        comparing: "../../docs/src/comparing.md",
        command: "../../docs/src/command.md",
        errors: "../../docs/src/errors.md",
        metrics: "../../docs/src/metrics.md",
        tracing: "../../docs/src/tracing.md",
        testing: "../../docs/src/testing.md",
        databases: "../../docs/src/databases.md",
    }
}

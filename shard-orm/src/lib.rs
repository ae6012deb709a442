//! A typed ORM for sharded PostgreSQL, MySQL/MariaDB and SQLite.
//!
//! A struct maps to a table that is split across many databases. Queries are typed, and each query
//! names the shard it runs on: a query that names no shard does not compile.
//!
//! ```
//! use shard_orm::prelude::*;
//!
//! #[derive(Debug, Clone, PartialEq, ShardModel)]
//! #[shard(group = "shop", table = "orders")]
//! pub struct Order {
//!     #[shard(primary_key)]
//!     pub id: i64,
//!     #[shard(key)]
//!     pub user_id: i64,
//!     pub item: String,
//!     pub quantity: i32,
//! }
//!
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> shard_orm::Result<()> {
//! # let cluster = shard_orm::testing::cluster::<Order>().await?;
//! # let cluster = &cluster;
//! let order = Order { id: 1, user_id: 42, item: "tea".into(), quantity: 1 };
//! let order = order.insert(cluster).await?;
//!
//! let mine = Order::on(42).filter(Order::QUANTITY.ge(1)).order_by(Order::ID.desc()).all(cluster).await?;
//! assert_eq!(mine, [order]);
//!
//! let tx = cluster.begin(Order::shard(42)).await?;
//! Order::on(42).filter(Order::ITEM.eq("tea")).set(Order::QUANTITY, 2).update(&tx).await?;
//! tx.commit().await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Map
//! The crate root has the items of everyday code, and [`prelude`] those that a file with models
//! needs. Everything else is in a module.
//!
//! | | |
//! |---|---|
//! | [`Cluster`] | the handle of a program, opened from a file or a [`config`] |
//! | [`ShardModel`], [`IsolatedModel`], [`DatabaseModel`] | methods of models, by the location of their rows |
//! | [`StaticModel`], [`TransmittedModel`], [`PerServerModel`] | methods of reference tables, which are copied to each server |
//! | [`Query`], [`Filter`], [`query`] | the query builder and raw SQL |
//! | [`aggregate`] | counts, sums and groups, over one or several logical shards |
//! | [`relation`] | related models: batch loading and joins |
//! | [`Tx`], [`transaction`] | transactions on one logical shard |
//! | [`model`], [`mod@field`] | the description of models, and the types of columns |
//! | [`hooks`] | hooks around writes, and validation |
//! | [`id`] | generated ids |
//! | [`explain`] | the statements of a query and their servers |
//! | [`route`] | mapping of keys to logical shards |
//! | [`topology`] | mapping of logical shards to servers |
//! | [`catalog`] | the topology as a shared, versioned fact |
//! | [`mod@cluster`], [`health`] | addresses, sessions and connections; the state of servers |
//! | [`setup`], [`schema`] | creation of namespaces and tables |
//! | [`sync`] | synchronization of reference tables |
//! | `migrate` | migrations: SQL files that change the tables of all namespaces |
//! | `reshard` | moves of logical shards between servers, while the application writes |
//! | [`lock`] | distributed locks |
//! | `statistics`, `metrics` | the calls of this process or of all, as data and for Prometheus and others |
//! | [`admin`] | status, checks, SQL and accounts, for operators |
//! | [`Error`], [`ErrorKind`], [`error`] | errors, with the same kinds for all databases |
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `sqlite` (default), `postgres`, `mysql` | the database's driver; at least one is required |
//! | `mysql-rsa` | MySQL 8 password logins without TLS |
//! | `chrono`, `time` | date and time types of these crates as fields |
//! | `uuid`, `decimal`, `json` | `uuid::Uuid`, `rust_decimal::Decimal`, `serde_json::Value` and [`Json`] as fields |
//! | `serde` | `id::text`, ids as strings in JSON; pages, cursors, health and reports as serde data |
//! | `migrate` | `migrate`, migrations of all namespaces |
//! | `reshard` | `reshard`, moves of logical shards between servers |
//! | `metrics` | `metrics` and `statistics`: what is measured of the calls of this process |
//! | `redis` | `lock::RedisLocks`, locks held in Redis |
//! | `testing` | [`testing`], temporary clusters on SQLite |

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!(
    "shard-orm needs a database: enable at least one of its features `sqlite`, `postgres`, `mysql`"
);

// Generated code refers to the crate by its name, also inside of it.
extern crate self as shard_orm;

pub mod admin;
#[cfg(feature = "metrics")]
mod anomaly;
mod backend;
pub mod catalog;
mod clock;
pub mod cluster;
pub mod config;
mod connect;
mod definition;
mod dialect;
pub mod error;
mod exec;
pub mod id;
pub mod lock;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "migrate")]
pub mod migrate;
pub mod model;
mod observe;
mod plan;
pub mod prelude;
pub mod query;
mod random;
mod record;
pub mod relation;
mod replicate;
#[cfg(feature = "reshard")]
pub mod reshard;
pub mod route;
pub mod schema;
pub mod setup;
pub mod sync;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topology;
pub mod transaction;
#[cfg(feature = "serde")]
mod units;

/// The plan of a query: its statements, their servers, and how results are merged.
pub mod explain {
    pub use crate::plan::{Explain, Merge, Planned};
}

/// Field types, and how their values are bound and read.
pub mod field {
    #[cfg(feature = "json")]
    pub use crate::backend::Json;
    pub use crate::backend::{Args, ColumnType, DeletionTime, Digits, Field, Row, Timestamp};
}

/// The state of servers and their endpoints, and what the cluster serves.
pub mod health {
    pub use crate::cluster::{CatalogReadiness, Readiness, ServerReadiness, Serving};
    pub use crate::cluster::{EndpointHealth, ServerHealth};
    pub use crate::connect::EndpointStatus;
}

/// Hooks that run around the writes of a row, and validation.
pub mod hooks {
    pub use crate::model::{Hooks, Problems, Validate, WriteContext};
}

/// The calls of this process or of all processes: by server, logical shard, table and statement; and what is unusual
/// in them.
#[cfg(feature = "metrics")]
pub mod statistics {
    pub use crate::anomaly::{Anomaly, Figure, Rule, Rules, Subject, Trend};
    pub use crate::cluster::{
        FleetProcess, FleetStatistics, GroupStatistics, Incidents, LagBefore, PoolStatistics,
        Published, ReplicaLag, ServerSizes, ServerStatistics, ShardStatistics, StatementStatistics,
        Statistics, TableStatistics, VerbStatistics, Window, Windows,
    };
}

pub use backend::Field;
#[cfg(feature = "json")]
pub use backend::Json;
pub use cluster::{Address, Cluster, Session};
pub use dialect::Dialect;
pub use error::{Error, ErrorKind, Result};
pub use exec::Executor;
pub use model::{Column, ShardKey};
pub use query::aggregate;
pub use query::{Filter, Query, UnscopedQuery};
pub use record::{
    DatabaseModel, IsolatedModel, PerServerModel, ShardModel, StaticModel, TransmittedModel,
};
#[cfg(feature = "migrate")]
pub use shard_orm_derive::migrations;
pub use shard_orm_derive::{ShardField, ShardKey, ShardModel, ShardProjection, StaticModel};
pub use topology::Read;
pub use transaction::{Isolation, Tx, TxOptions};

/// The database drivers and the SQL builder, in the versions that this library uses.
pub use {sea_query, sqlx};

/// The items that generated code uses.
#[doc(hidden)]
pub mod __private {
    pub use std::time::SystemTime;

    #[cfg(feature = "uuid")]
    pub use uuid::Uuid;

    #[cfg(feature = "json")]
    pub use crate::backend::{Json, bind_json};
    pub use crate::backend::{bind_str, read_string};
    pub use crate::model::hooks::{DynHooks, connect_hooks};
    pub use crate::model::{
        Slot, bind_decimal, is_reached, no_such_column, row_of_decimals, same_text, unknown_variant,
    };
    pub use crate::query::row_of_field;
    pub use crate::record::{DynTransmitHooks, connect_transmit_hooks};
    pub use crate::relation::{BelongsTo, ForeignKey, HasMany, HasOne, RefersTo};
    pub use crate::route::RoutingKey;
    pub use crate::{
        Column, DatabaseModel, Error, Field, IsolatedModel, PerServerModel, Result, ShardKey,
        StaticModel, TransmittedModel,
        field::{Args, ColumnType, DeletionTime, Digits, Row, Timestamp},
        hooks::{Problems, Validate},
        model::{
            FieldDef, FindById, Generate, Generated, GeneratedId, Id, Key, Model, ModelDef,
            ModelIndex, ModelLocation, NewId, Referred, Region, Sharded, SoftDelete, StaticDef,
            StaticGroups,
        },
        query::{Projection, ReadRow},
    };
}

//! Typed, sharded data access on PostgreSQL, MySQL/MariaDB and SQLite.
//!
//! A struct becomes a row of a table that is spread over many databases. Queries are typed, and
//! name the shard that they run on: one that names none does not compile.
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
//! # The map
//! | | |
//! |---|---|
//! | [`Cluster`] | what everything runs on: opened from a file or from a [`config`] |
//! | [`ShardModel`], [`IsolatedModel`], [`DatabaseModel`] | what can be done with a model |
//! | [`StaticModel`], [`TransmittedModel`], [`PerServerModel`] | the same for reference tables, of which each server has a copy |
//! | [`Query`], [`Filter`], [`Update`], [`RawQuery`] | what can be asked |
//! | [`Broadcast`] | a statement of one's own on every namespace or server of a group |
//! | [`aggregate`] | counts, sums and groups, of one logical shard or merged from several |
//! | [`Tx`], [`Savepoint`], [`TxOptions`] | transactions on one logical shard |
//! | [`relation`] | models that belong to each other: loaded for many rows at once, and joined |
//! | [`route`] | how a key finds its logical shard |
//! | [`topology`] | how a logical shard finds its server |
//! | [`Field`], [`ShardKey`] | what can stand in a column, and in a shard key |
//! | [`id`] | ids that the library makes |
//! | [`sync`] | the copies of reference tables, kept equal to their source |
//! | [`lock`] | locks that keep two runs of one task apart |
//! | [`Error`], [`ErrorKind`] | what can go wrong, alike for all databases |
//!
//! # Features
//! | feature | brings |
//! |---|---|
//! | `sqlite` (default), `postgres`, `mysql` | the database's driver; any one will do |
//! | `mysql-rsa` | logins of MySQL 8 with a password and without TLS |
//! | `chrono`, `time` | their dates and times as fields |
//! | `uuid`, `decimal`, `json` | `uuid::Uuid`, `rust_decimal::Decimal`, `serde_json::Value` and [`Json`] as fields |
//! | `serde` | `id::text`: ids as texts in JSON; pages, cursors, health and reports as data |
//! | `redis` | `lock::RedisLocks`: locks that a Redis server keeps |
//! | `testing` | [`testing`]: temporary clusters on SQLite |

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!(
    "shard-orm needs a database: enable at least one of its features `sqlite`, `postgres`, `mysql`"
);

// The derive's paths begin with the name of the crate, also inside of it.
extern crate self as shard_orm;

mod backend;
mod clock;
mod cluster;
pub mod config;
mod connect;
mod dialect;
mod error;
mod exec;
pub mod id;
pub mod lock;
mod model;
mod plan;
pub mod prelude;
pub mod query;
mod random;
mod record;
pub mod relation;
mod replicate;
pub mod route;
pub mod schema;
mod setup;
pub mod sync;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topology;
mod transaction;
#[cfg(feature = "serde")]
mod units;

#[cfg(feature = "json")]
pub use backend::Json;
pub use backend::{Args, ColumnType, DeletionTime, Digits, Field, Row, Timestamp};
pub use cluster::{
    Address, Cluster, EndpointHealth, Location, RawConnection, ServerHealth, Session,
};
pub use connect::EndpointStatus;
pub use dialect::Dialect;
pub use error::{Error, ErrorKind, FieldError, Result, ShardId};
pub use exec::{Executor, ReadFrom};
pub use model::{
    Column, FieldDef, FindById, Generate, Generated, GeneratedId, Id, IntoId, IntoKey, Key, Model,
    ModelDef, ModelIndex, ModelLocation, NewId, Problems, Referred, Region, ShardKey, Sharded,
    SoftDelete, StaticDef, StaticGroups, Validate,
};
pub use plan::{Explain, Merge, Missing, Planned};
pub use query::aggregate;
pub use query::{
    AllColumns, AllShards, As, Assign, Broadcast, BroadcastQuery, BroadcastReport, ChangesRows,
    Columns, Cursor, Filter, InDatabase, NamesAShard, Nulls, OnKey, OnKeys, OnShard, OnShardOf,
    OnShardsOf, OnStaticCopy, Operand, OrderBy, Outcome, Page, Partial, Partially, Projection,
    Query, QueryFuture, RawQuery, ReadRow, Selection, ShardRows, TakesSql, Unscoped, UnscopedQuery,
    Update,
};
pub use record::{
    DatabaseModel, Hooks, IsolatedModel, PerServerModel, ShardModel, StaticModel, TransmittedModel,
    WriteContext,
};
pub use schema::CreateTable;
pub use setup::{Setup, SetupReport};
pub use shard_orm_derive::{ShardField, ShardKey, ShardModel, ShardProjection, StaticModel};
pub use topology::Read;
pub use transaction::{Isolation, Savepoint, Tx, TxOptions};

/// The drivers and the builder that this library stands on, in the versions that it uses.
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
    pub use crate::model::{
        Slot, bind_decimal, is_reached, no_such_column, row_of_decimals, same_text, unknown_variant,
    };
    pub use crate::query::row_of_field;
    pub use crate::record::{DynHooks, DynTransmitHooks, connect_hooks, connect_transmit_hooks};
    pub use crate::relation::{BelongsTo, ForeignKey, HasMany, HasOne, RefersTo};
    pub use crate::route::RoutingKey;
    pub use crate::{
        Args, Column, ColumnType, DatabaseModel, DeletionTime, Digits, Error, Field, FieldDef,
        FindById, Generate, Generated, GeneratedId, Id, IsolatedModel, Key, Model, ModelDef,
        ModelIndex, ModelLocation, NewId, PerServerModel, Problems, Projection, ReadRow, Referred,
        Region, Result, Row, ShardKey, Sharded, SoftDelete, StaticDef, StaticGroups, StaticModel,
        Timestamp, TransmittedModel, Validate,
    };
}

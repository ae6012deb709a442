//! Temporary clusters for the tests of programs that use this library.
//!
//! They are SQLite files in a temporary folder, made from the models alone, without a server or a
//! configuration.

#[cfg(feature = "reshard")]
#[doc(hidden)]
pub mod namespace;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::config::{Config, Database, Group, Ids, Server};
use crate::error::{Error, Result};
use crate::exec::{Executor, Sealed, Target};
use crate::model::{Generate, Model, ModelDef, ModelLocation, StaticGroups};

/// The number of logical shards of each group.
const LOGICAL_SHARDS: u32 = 16;
/// The database of the sequences, for models whose ids come from one.
const SEQUENCES: &str = "sequences";

/// One model, or a tuple of up to eight.
pub trait Models {
    /// The descriptions of the models.
    fn defs() -> Vec<&'static ModelDef>;
}

impl<M: Model> Models for M {
    fn defs() -> Vec<&'static ModelDef> {
        vec![M::def()]
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: Model),+> Models for ($($name,)+) {
            fn defs() -> Vec<&'static ModelDef> {
                vec![$($name::def()),+]
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

/// A cluster in a temporary folder, which is removed when this is dropped.
///
/// Use it as a [`Cluster`]: `&cluster` runs queries.
pub struct TestCluster {
    cluster: Cluster,
    folder: TempDir,
}

/// Makes a temporary cluster on SQLite with the tables of these models: 16 logical shards on two
/// servers for each of their groups, and their named databases.
///
/// ```
/// use shard_orm::prelude::*;
/// use shard_orm::testing;
///
/// #[derive(Debug, PartialEq, ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// struct Order {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     user_id: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shard_orm::Result<()> {
/// let cluster = testing::cluster::<Order>().await?;
/// Order { id: 1, user_id: 42 }.insert(&cluster).await?;
/// assert_eq!(Order::on(42).count(&cluster).await?, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the folder or the tables cannot be created.
pub async fn cluster<M: Models>() -> Result<TestCluster> {
    let folder = TempDir::with_prefix("shard-orm-").map_err(|source| {
        Error::configuration("a temporary folder cannot be made").with_source(source)
    })?;
    let url = |name: String| format!("sqlite://{}", folder.path().join(name).display());
    let defs = M::defs();
    let mut groups = BTreeSet::new();
    let mut databases = BTreeSet::new();
    for def in &defs {
        match def.location {
            ModelLocation::Sharded(name) | ModelLocation::Isolated(name) => {
                groups.insert(name);
            }
            ModelLocation::Database(name) => {
                databases.insert(name);
            }
            ModelLocation::Static(copied) => {
                databases.extend(copied.source);
                if let StaticGroups::Named(names) = copied.groups {
                    groups.extend(names);
                }
            }
        }
    }
    // No other process makes ids for these databases.
    let mut ids = Ids::new().worker(0);
    let generates_by_table = |def: &&ModelDef| {
        def.generated
            .is_some_and(|generated| generated.by == Generate::Table)
    };
    if defs.iter().any(generates_by_table) {
        databases.insert(SEQUENCES);
        ids = ids.tables(SEQUENCES);
    }
    let mut config = Config::new("test").ids(ids);
    for name in groups {
        let server = |server: &str| Server::new(server, url(format!("{name}-{server}")));
        config = config.group(
            name,
            Group::new(LOGICAL_SHARDS)
                .namespace(format!("{name}_{{shard}}"))
                .server(server("a"))
                .server(server("b")),
        );
    }
    for name in databases {
        config = config.database(name, Database::new(url(format!("{name}.db"))));
    }
    let cluster = Cluster::connect(&config).await?;
    let mut setup = cluster.setup();
    for def in defs {
        setup = setup.table_of(def);
    }
    setup.run().await?;
    Ok(TestCluster { cluster, folder })
}

/// Moves the windows of the [statistics](crate::statistics) of a cluster on, as if this time had passed without calls.
/// Needs the feature `metrics`.
///
/// ```
/// # use std::time::Duration;
/// # fn run(cluster: &shard_orm::Cluster) {
/// shard_orm::testing::pass_time(cluster, Duration::from_mins(2));
/// assert!(cluster.statistics().servers.iter().all(|server| server.windows.one.calls == 0));
/// # }
/// ```
#[cfg(feature = "metrics")]
pub fn pass_time(cluster: &Cluster, time: std::time::Duration) {
    cluster.pass(time);
}

impl Deref for TestCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Sealed for &TestCluster {}

impl<'e> Executor<'e> for &'e TestCluster {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        (&self.cluster).target()
    }
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCluster")
            .field("folder", &self.folder.path())
            .finish_non_exhaustive()
    }
}

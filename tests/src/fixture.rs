//! A cluster for one behaviour, on a database and a topology of choice, and the macro that runs a behaviour on all.
//!
//! ```ignore
//! behaviours! { (Order, Line);
//!     /// Runs on each database, with 1 logical shard on 1 server, 16 on 1 and 16 on 2.
//!     async fn a_row_that_is_inserted_is_found(fixture: &Fixture) {
//!         let key = fixture.key();
//!         let order = Order { id: fixture.id(), user_id: key, .. }.insert(&fixture.cluster).await.unwrap();
//!         assert_eq!(Order::get(&fixture.cluster, key, order.id).await.unwrap(), order);
//!     }
//! }
//!
//! behaviours! { (Order), 4 shards on 2 servers, |options| options.read(Read::Replica).replicas();
//!     /// Runs on each database with a cluster of its own, made with these options.
//!     async fn a_read_goes_to_the_replica(fixture: &Fixture) { .. }
//! }
//! ```
//!
//! The tests are called `a_row_that_is_inserted_is_found::postgres_16_on_2`. In the first form all behaviours of one
//! `behaviours!` share one cluster for each database and topology, as making it costs more than most behaviours do:
//! take each key from [`Fixture::key`] and each id from [`Fixture::id`], and count on finding rows of other keys around. In
//! the second form each test has a cluster of its own. All run on one runtime, to which the connections belong.
//!
//! A test that needs more than that makes its own with [`FixtureOptions::open`], on any runtime; the databases go when
//! the fixture is dropped. Those of shared fixtures go with the server, or with the next run of a test.

mod databases;
mod namespaces;
mod options;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use shard_orm::config::Config;
use shard_orm::route::RoutingKey;
use shard_orm::{Cluster, Dialect, setup::Setup};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use self::databases::Databases;
pub use self::namespaces::RawNamespace;
pub use self::options::FixtureOptions;

/// The group of the sharded and isolated models.
pub const GROUP: &str = "shop";
/// The named database.
pub const DATABASE: &str = "default";

/// Names the tables that a fixture has: `|setup| setup.table::<Order>()`.
pub type Tables = fn(Setup) -> Setup;

/// A behaviour, as a test runs it.
pub type Behaviour = for<'b> fn(&'b Fixture) -> Pin<Box<dyn Future<Output = ()> + 'b>>;

/// A cluster with its databases: the group [`GROUP`] and the named database [`DATABASE`].
#[derive(Debug)]
pub struct Fixture {
    /// The cluster.
    pub cluster: Cluster,
    /// What its servers speak.
    pub dialect: Dialect,
    /// The logical shards of its group.
    pub logical_shards: u32,
    /// The servers of its group.
    pub servers: u32,
    /// With [`FixtureOptions::replicas`] on SQLite: a cluster that has the replicas as its primaries, to put other rows
    /// there.
    pub replica: Option<Cluster>,
    options: FixtureOptions,
    tables: Tables,
    /// After the clusters, so that their databases are removed when nothing is connected.
    databases: Databases,
}

impl Fixture {
    /// The configuration of [`cluster`](Self::cluster).
    pub fn config(&self) -> Config {
        self.config_of(self.server_urls(), self.namespace())
    }

    /// The same configuration with other servers, or the same in another order, and another template of namespaces.
    pub fn config_of(&self, servers: &[String], namespace: &str) -> Config {
        let cluster = &self.databases.cluster;
        self.options
            .config(&self.databases, (cluster, servers), namespace)
    }

    /// The configuration of another cluster on the same servers, which nobody has set up: its name ends in this, and
    /// its namespaces begin with it.
    pub fn config_of_another(&self, name: &str) -> Config {
        let cluster = format!("{}_{name}", self.databases.cluster);
        let namespace = self.namespace().replace("shop_", &format!("{name}_"));
        self.options
            .config(&self.databases, (&cluster, self.server_urls()), &namespace)
    }

    /// The URL of the named database.
    pub fn database_url(&self) -> &str {
        &self.databases.default
    }

    /// The name of the cluster.
    pub fn cluster_name(&self) -> &str {
        &self.databases.cluster
    }

    /// The URLs of the group's servers.
    pub fn server_urls(&self) -> &[String] {
        &self.databases.servers
    }

    /// The URLs of the replicas, one for each server; empty without [`FixtureOptions::replicas`].
    pub fn replica_urls(&self) -> &[String] {
        &self.databases.replicas
    }

    /// The template of the group's namespaces.
    pub fn namespace(&self) -> &str {
        &self.databases.namespace
    }

    /// Another cluster with the same configuration and connections of its own, as another process has it.
    pub async fn another_process(&self) -> Cluster {
        Cluster::connect(&self.config()).await.unwrap()
    }

    /// What has made the tables of the fixture, to be run once more.
    pub fn setup_of(&self, cluster: &Cluster) -> Setup {
        (self.tables)(cluster.setup())
    }

    /// Waits until the replicas have all that was written by now. Does nothing on SQLite, whose replicas replicate
    /// nothing.
    pub async fn replicated(&self) {
        self.databases.replicated().await;
    }

    /// Lets the replicas stay as they are, until [`resume_replay`](Self::resume_replay) or the end of the fixture. Does
    /// nothing on SQLite.
    pub async fn pause_replay(&self) {
        if let Some(pair) = &self.databases.pair {
            pair.replica.pause_replay().await.unwrap();
        }
    }

    /// Lets the replicas follow again.
    pub async fn resume_replay(&self) {
        if let Some(pair) = &self.databases.pair {
            pair.replica.resume_replay().await.unwrap();
        }
    }

    /// A shard key that no other test has.
    pub fn key(&self) -> i64 {
        next()
    }

    /// An id that no other test has.
    pub fn id(&self) -> i64 {
        next()
    }

    /// So many ids that no other test has, rising.
    pub fn ids(&self, count: usize) -> Vec<i64> {
        (0..count).map(|_| next()).collect()
    }

    /// The logical shard of a key.
    pub fn shard_of(&self, key: i64) -> u32 {
        let topology = self.cluster.topology();
        let group = topology.group(GROUP).unwrap();
        group.router().route(&RoutingKey::new(key)).unwrap()
    }

    /// So many fresh keys of the logical shard that owns this one.
    pub fn neighbours(&self, of: i64, count: usize) -> Vec<i64> {
        let shard = self.shard_of(of);
        std::iter::repeat_with(next)
            .filter(|key| self.shard_of(*key) == shard)
            .take(count)
            .collect()
    }

    /// A fresh key of each logical shard in use, by the number of the shard.
    pub fn key_of_each_shard(&self) -> Vec<i64> {
        let topology = self.cluster.topology();
        let shards = topology.group(GROUP).unwrap().shards();
        shards.map(|shard| self.key_of_shard(shard)).collect()
    }

    /// A fresh key of this logical shard.
    ///
    /// # Panics
    /// When none is found, as for a shard to which the strategy gives no key.
    pub fn key_of_shard(&self, shard: u32) -> i64 {
        std::iter::repeat_with(next)
            .take(100_000)
            .find(|key| self.shard_of(*key) == shard)
            .unwrap()
    }
}

fn next() -> i64 {
    static COUNTER: AtomicI64 = AtomicI64::new(1_000);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

/// All tests that the macro makes run on it: connections belong to the runtime that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

type SharedFixtures = HashMap<(&'static str, String), Arc<OnceCell<Fixture>>>;

/// Runs a behaviour on a fixture that it shares with those of the same name and options.
pub fn run_shared(
    name: &'static str,
    options: FixtureOptions,
    tables: Tables,
    behaviour: Behaviour,
) {
    static FIXTURES: LazyLock<Mutex<SharedFixtures>> = LazyLock::new(Mutex::default);
    let fixture = {
        let mut fixtures = FIXTURES.lock().unwrap();
        Arc::clone(fixtures.entry((name, options.label())).or_default())
    };
    RUNTIME.block_on(async {
        behaviour(fixture.get_or_init(|| options.open(tables)).await).await;
    });
}

/// Runs a behaviour on a fixture of its own.
pub fn run_alone(options: FixtureOptions, tables: Tables, behaviour: Behaviour) {
    RUNTIME.block_on(async {
        let fixture = options.open(tables).await;
        behaviour(&fixture).await;
    });
}

/// Makes tests of behaviours, on each database; see the module [`fixture`](mod@crate::fixture).
#[macro_export]
macro_rules! behaviours {
    (
        ($($model:ty),+ $(,)?), $shards:literal shards on $servers:literal servers, $options:expr;
        $($(#[$meta:meta])* async fn $name:ident($fixture:ident: &Fixture) $body:block)+
    ) => {
        $crate::__behaviours! { @all alone($shards, $servers, $options), {$($model),+};
            $($(#[$meta])* async fn $name($fixture) $body)+ }
    };
    (
        ($($model:ty),+ $(,)?);
        $($(#[$meta:meta])* async fn $name:ident($fixture:ident: &Fixture) $body:block)+
    ) => {
        $crate::__behaviours! { @all shared, {$($model),+};
            $($(#[$meta])* async fn $name($fixture) $body)+ }
    };
}

/// The inside of [`behaviours`].
#[doc(hidden)]
#[macro_export]
macro_rules! __behaviours {
    (@all shared, $models:tt; $($(#[$meta:meta])* async fn $name:ident($fixture:ident) $body:block)+) => {$(
        $(#[$meta])*
        async fn $name($fixture: &$crate::fixture::Fixture) $body

        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__behaviours! { @shared $name $models
                "sqlite" Sqlite 1 1 sqlite_1_on_1; "sqlite" Sqlite 16 1 sqlite_16_on_1;
                "sqlite" Sqlite 16 2 sqlite_16_on_2;
                "postgres" Postgres 1 1 postgres_1_on_1; "postgres" Postgres 16 1 postgres_16_on_1;
                "postgres" Postgres 16 2 postgres_16_on_2;
                "mysql" MySql 1 1 mariadb_1_on_1; "mysql" MySql 16 1 mariadb_16_on_1;
                "mysql" MySql 16 2 mariadb_16_on_2;
            }
        }
    )+};
    (@all alone $how:tt, $models:tt; $($(#[$meta:meta])* async fn $name:ident($fixture:ident) $body:block)+) => {$(
        $(#[$meta])*
        async fn $name($fixture: &$crate::fixture::Fixture) $body

        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__behaviours! { @alone $name $models $how
                "sqlite" Sqlite sqlite; "postgres" Postgres postgres; "mysql" MySql mariadb;
            }
        }
    )+};
    (@shared $behaviour:ident $models:tt
        $($feature:literal $dialect:ident $shards:literal $servers:literal $test:ident;)+) => {$(
        #[cfg(feature = $feature)]
        #[test]
        fn $test() {
            $crate::fixture::run_shared(
                concat!(file!(), stringify!($models)),
                $crate::fixture::FixtureOptions::new($crate::fixture::dialect::$dialect, $shards, $servers),
                $crate::__behaviours!(@tables $models),
                |fixture| Box::pin(super::$behaviour(fixture)),
            );
        }
    )+};
    (@alone $behaviour:ident $models:tt ($shards:literal, $servers:literal, $options:expr)
        $($feature:literal $dialect:ident $test:ident;)+) => {$(
        #[cfg(feature = $feature)]
        #[test]
        fn $test() {
            let options: fn($crate::fixture::FixtureOptions) -> $crate::fixture::FixtureOptions = $options;
            $crate::fixture::run_alone(
                options($crate::fixture::FixtureOptions::new($crate::fixture::dialect::$dialect, $shards, $servers)),
                $crate::__behaviours!(@tables $models),
                |fixture| Box::pin(super::$behaviour(fixture)),
            );
        }
    )+};
    (@tables {$($model:ty),+}) => { |setup| setup$(.table::<$model>())+ };
}

/// The databases, for the macro.
#[doc(hidden)]
pub use shard_orm::Dialect as dialect;

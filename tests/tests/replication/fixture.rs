//! A primary with its replicas, and clusters on them.

use std::time::Duration;

use shard_orm::config::{Config, Group, HealthOptions, PoolOptions, Server, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Cluster, health::EndpointStatus};
use shard_orm_tests::servers::Node;
pub(crate) use shard_orm_tests::waiting::eventually;

use crate::on::On;

/// Longer than anything takes that is to happen at all, on a machine however busy.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);
/// What clusters wait for a server that says nothing: none does here that is asked, so that nothing takes as long.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// The time between two looks.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);
/// Keys are spread by their remainder, so that a key below this names its shard.
pub(crate) const SHARDS: i64 = 4;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
pub(crate) struct Note {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    #[shard(length = 255)]
    pub(crate) text: String,
    pub(crate) amount: i64,
}

/// A view with one row for each user that there may be, in which the server that answers names its port.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "witnesses")]
pub(crate) struct Witness {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) port: i64,
}

/// The note of a user that has the user's number.
pub(crate) fn note(user: i64) -> Note {
    Note {
        id: user,
        user_id: user,
        text: format!("note {user}"),
        amount: 0,
    }
}

/// The port of the server that answers a read of this user.
pub(crate) async fn answering(on: impl Executor<'_>, user: i64) -> shard_orm::Result<i64> {
    let port = Witness::on(user).select(Witness::PORT);
    port.one(on).await
}

/// A primary and its replicas.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) on: On,
    /// The primary at first, then its replicas.
    pub(crate) nodes: Vec<Node>,
}

impl Fixture {
    /// A primary with so many replicas, with all tables, and the note of each of the users from 0 to 99.
    pub(crate) async fn new(on: On, replicas: usize) -> Self {
        let primary = Node::start_primary(on.dialect).await.unwrap();
        let mut nodes = vec![primary];
        for _ in 0..replicas {
            nodes.push(Node::start_replica(&nodes[0]).await.unwrap());
        }
        let fixture = Self { on, nodes };
        fixture.set_up().await;
        fixture.replicated().await;
        fixture
    }

    async fn set_up(&self) {
        let cluster = self
            .cluster_at(Server::new("a", self.url(0)), HealthOptions::new())
            .await;
        cluster.setup().table::<Note>().run().await.unwrap();
        let port = if self.on.is_postgres() {
            "SELECT id, user_id, current_setting('port')::int8 AS port FROM {notes}"
        } else {
            "SELECT id, user_id, CAST(variable_value AS SIGNED) AS port \
             FROM {notes} CROSS JOIN information_schema.global_variables WHERE variable_name = 'PORT'"
        };
        for shard in 0..SHARDS {
            let view = AssertSqlSafe(format!("CREATE VIEW {{witnesses}} AS {port}"));
            Note::on_shard_of(shard)
                .sql(view)
                .execute(&cluster)
                .await
                .unwrap();
        }
        let notes = (0..100).map(note).collect();
        Note::insert_many(&cluster, notes).await.unwrap();
        cluster.close().await;
    }

    /// The address of a server for the clusters' user.
    pub(crate) fn url(&self, node: usize) -> String {
        self.nodes[node].url_of(self.on.rights)
    }

    /// The port of a server.
    pub(crate) fn port(&self, node: usize) -> i64 {
        let url = self.url(node);
        let authority = url.rsplit('@').next().unwrap();
        let port = authority.split('/').next().unwrap().rsplit(':').next();
        port.unwrap().parse().unwrap()
    }

    /// The server of the configuration: the first is the primary.
    pub(crate) fn server(&self) -> Server {
        (1..self.nodes.len()).fold(Server::new("a", self.url(0)), |server, node| {
            server.replica(self.url(node))
        })
    }

    /// A cluster on all servers.
    pub(crate) async fn cluster(&self, health: HealthOptions) -> Cluster {
        self.cluster_at(self.server(), health).await
    }

    /// A cluster on this server.
    pub(crate) async fn cluster_at(&self, server: Server, health: HealthOptions) -> Cluster {
        Cluster::connect(&config([server], health)).await.unwrap()
    }

    /// Waits until all replicas have what the primary, which is the first server, has by now.
    pub(crate) async fn replicated(&self) {
        for replica in &self.nodes[1..] {
            replica.has_all_of(&self.nodes[0]).await.unwrap();
        }
    }

    /// How a server of the configuration stands.
    pub(crate) fn status(&self, cluster: &Cluster, node: usize) -> EndpointStatus {
        cluster.health()[0].endpoints[node].status
    }

    /// Two servers at once.
    fn two(&mut self, one: usize, other: usize) -> [&mut Node; 2] {
        self.nodes.get_disjoint_mut([one, other]).unwrap()
    }

    /// Stops the primary and promotes a replica, in good order: nothing is lost.
    pub(crate) async fn switch_over(&mut self, from: usize, to: usize) {
        let is_postgres = self.on.is_postgres();
        let [old, new] = self.two(from, to);
        if !is_postgres {
            // Its end does not wait for replicas.
            old.set_read_only(true).await.unwrap();
            new.has_all_of(old).await.unwrap();
        }
        old.stop().await.unwrap();
        new.promote().await.unwrap();
    }

    /// Makes a replica the primary while the old one goes on running and refuses writes.
    pub(crate) async fn swap_roles(&mut self, from: usize, to: usize) {
        let is_postgres = self.on.is_postgres();
        let [old, new] = self.two(from, to);
        old.set_read_only(true).await.unwrap();
        new.has_all_of(old).await.unwrap();
        new.promote().await.unwrap();
        if !is_postgres {
            old.follow(new).await.unwrap();
        }
    }

    /// Makes a server follow another one that has all that it has.
    pub(crate) async fn follow(&mut self, replica: usize, primary: usize) {
        let [replica, primary] = self.two(replica, primary);
        replica.come_back_read_only();
        replica.follow(primary).await.unwrap();
    }

    /// Runs SQL as the administrator of a server, in the database of the tables.
    pub(crate) async fn run_at(&self, node: usize, sql: &str) {
        match &self.nodes[node] {
            Node::Postgres(server) => server.run_in_shop(sql).await.unwrap(),
            Node::MariaDb(server) => server.run(sql).await.unwrap(),
        }
    }

    /// How much of a user's note a server holds by itself.
    pub(crate) async fn amount_at(&self, node: usize, user: i64) -> i64 {
        let shard = user % SHARDS;
        let sql = if self.on.is_postgres() {
            format!("SELECT amount FROM shop_{shard}.notes WHERE id = {user}")
        } else {
            format!("SELECT CAST(amount AS SIGNED) FROM shop_{shard}.notes WHERE id = {user}")
        };
        self.nodes[node].number(&sql).await.unwrap()
    }
}

/// A configuration with these servers.
pub(crate) fn config(servers: impl IntoIterator<Item = Server>, health: HealthOptions) -> Config {
    config_with(servers, health, TIMEOUT)
}

/// A configuration with these servers, to which a connection is open within this time, or is given up.
pub(crate) fn config_with(
    servers: impl IntoIterator<Item = Server>,
    health: HealthOptions,
    connect_timeout: Duration,
) -> Config {
    let pool = PoolOptions::new()
        .max_connections(16)
        .connect_timeout(connect_timeout)
        .acquire_timeout(LIMIT);
    let group = Group::new(u32::try_from(SHARDS).unwrap())
        .strategy(StrategyConfig::Modulo)
        .pool(pool)
        .health(health);
    let group = servers.into_iter().fold(group, Group::server);
    Config::new("replication").group("shop", group)
}

/// Looks that are made often, each with all the time that a busy machine may take.
pub(crate) fn quick() -> HealthOptions {
    HealthOptions::new()
        .probe_interval(INTERVAL)
        .probe_timeout(TIMEOUT)
}

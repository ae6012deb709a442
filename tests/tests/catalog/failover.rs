//! Servers of another history: a standby that lacks the fence, and a server that was restarted.

use std::path::PathBuf;
use std::time::Duration;

use shard_orm::catalog::Revision;
use shard_orm::cluster::Catalog;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, raw_sql};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::scratch;
use shard_orm_tests::servers::{Node, Rights};
use shard_orm_tests::waiting::eventually;
use tempfile::TempDir;

use crate::Order;

/// Longer than any of these tests.
const LONG: Duration = Duration::from_hours(1);

/// An account as `client` of MariaDB, without a password: a catalog takes none.
pub(crate) const CREATE_ACCOUNT: &str = "CREATE USER catalog@'%' IDENTIFIED BY ''; \
    GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, \
    LOCK TABLES ON *.* TO catalog@'%'";

/// Two logical shards on two servers: the first with a standby. The catalog is a file, so that nothing
/// tells a process of a change before it looks.
struct Bed {
    dialect: Dialect,
    primary: Node,
    standby: Node,
    other: Node,
    folder: TempDir,
    catalog: Catalog,
    first: Revision,
    /// A key of the first logical shard.
    key: i64,
}

impl Bed {
    /// `server` says how processes reach the first server.
    async fn new(dialect: Dialect, server: impl AsyncFnOnce(&str, &str) -> String) -> Self {
        let primary = Node::start_primary(dialect).await.unwrap();
        let standby = Node::start_replica(&primary).await.unwrap();
        let other = Node::start_stranger(dialect).await.unwrap();
        if dialect == Dialect::MySql {
            for node in [&primary, &other] {
                node.run(CREATE_ACCOUNT).await.unwrap();
            }
        }
        let folder = scratch::folder("failover");
        let server = server(&url(dialect, &primary), &url(dialect, &standby)).await;
        let document = format!(
            "name = 'failover'\n[databases.default]\nprimary = '{file}'\n[groups.shop]\nlogical_shards = 2\n\
             health = {{ probe_interval = '50ms', probe_timeout = '1s' }}\n\
             [[groups.shop.servers]]\nname = 'a'\n{server}\nshards = ['0..1']\n\
             [[groups.shop.servers]]\nname = 'b'\nprimary = '{other}'\nshards = ['1..2']\n",
            file = url_of(&file(&folder)),
            other = url(dialect, &other),
        );
        let operator = process(&folder, config::Catalog::new("default")).await;
        let catalog = operator.catalog().unwrap();
        let first = catalog.initialize(&document).await.unwrap();
        eventually("the operator follows", async || {
            operator.topology().epoch() == 1
        })
        .await;
        operator.setup().table::<Order>().run().await.unwrap();
        standby.has_all_of(&primary).await.unwrap();
        let key = (1..).find(|key| {
            let at = operator.locate(&Order::shard(*key)).unwrap();
            at.server == "a"
        });
        Self {
            dialect,
            primary,
            standby,
            other,
            folder,
            catalog,
            first,
            key: key.unwrap(),
        }
    }

    /// A process that looks at the catalog only when it has a reason, and has used the first shard.
    async fn process(&self) -> Cluster {
        let rarely = config::Catalog::new("default")
            .poll(LONG)
            .switch_wait(Duration::from_millis(500));
        let cluster = process(&self.folder, rarely.heartbeat(None)).await;
        self.order(1).insert(&cluster).await.unwrap();
        assert_eq!(Order::on(self.key).count(&cluster).await.unwrap(), 1);
        cluster
    }

    fn order(&self, id: i64) -> Order {
        Order {
            id,
            user_id: self.key,
        }
    }

    /// Moves the first shard to the other server. The standby does not hear of it.
    async fn move_without_the_standby(&self) {
        self.standby.has_all_of(&self.primary).await.unwrap();
        let stop = match self.dialect {
            Dialect::Postgres => "ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
            _ => "STOP SLAVE IO_THREAD",
        };
        // `ALTER SYSTEM` runs outside of transactions.
        for statement in stop.split("; ") {
            self.standby.run(statement).await.unwrap();
        }
        if self.dialect == Dialect::Postgres {
            let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
            eventually("the standby receives nothing", async || {
                self.standby.number(receivers).await.unwrap() == 0
            })
            .await;
        }
        let kind = if self.dialect == Dialect::Postgres {
            "SCHEMA"
        } else {
            "DATABASE"
        };
        let like = |name: &str| match self.dialect {
            Dialect::Postgres => {
                format!("CREATE TABLE shop_0_g2.{name} (LIKE shop_1.{name} INCLUDING ALL)")
            }
            _ => format!("CREATE TABLE shop_0_g2.{name} LIKE shop_1.{name}"),
        };
        let record = "shard_orm_namespace";
        for statement in [
            format!("CREATE {kind} shop_0_g2"),
            like("orders"),
            like(record),
            format!("INSERT INTO shop_0_g2.{record} SELECT * FROM shop_1.{record}"),
            format!("UPDATE shop_0_g2.{record} SET logical_shard = 0, generation = 2, epoch = 2"),
        ] {
            run(self.dialect, &url(self.dialect, &self.other), &statement).await;
        }
        for statement in [
            format!("UPDATE shop_0.{record} SET state = 'fenced', epoch = 2"),
            "DROP TABLE shop_0.orders".to_owned(),
        ] {
            run(self.dialect, &url(self.dialect, &self.primary), &statement).await;
        }
        let moved = self.first.document.replace("['0..1']", "[]");
        let moved = moved.replace("['1..2']", "['0..2']") + "[groups.shop.generations]\n0 = 2\n";
        let catalog = self.catalog.clone().allow_moves();
        catalog.change(&self.first, &moved, "moved").await.unwrap();
    }

    async fn fail_over(&mut self) {
        self.primary.kill9();
        self.standby.promote().await.unwrap();
    }

    /// The rows that the new primary of the first server has.
    async fn rows_of_the_standby(&self) -> i64 {
        self.standby
            .number("SELECT count(*) FROM shop_0.orders")
            .await
            .unwrap()
    }

    /// Takes the catalog away, or brings it back.
    fn hide(&self, is_hidden: bool) {
        let (shown, hidden) = (file(&self.folder), self.folder.path().join("hidden"));
        let (from, to) = if is_hidden {
            (shown, hidden)
        } else {
            (hidden, shown)
        };
        std::fs::rename(from, to).unwrap();
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("catalog.db")
}

fn url_of(file: &std::path::Path) -> String {
    format!("sqlite://{}", file.display())
}

async fn process(folder: &TempDir, catalog: config::Catalog) -> Cluster {
    let config = Config::new("failover")
        .database("default", Database::new(url_of(&file(folder))))
        .catalog(catalog);
    Cluster::connect(&config).await.unwrap()
}

/// The address of a server without a password.
pub(crate) fn url(dialect: Dialect, node: &Node) -> String {
    let url = node.url_of(Rights::Ordinary);
    match dialect {
        Dialect::Postgres => url.replace(":client-secret", ""),
        _ => url.replace("client:client-secret", "catalog"),
    }
}

async fn run(dialect: Dialect, url: &str, statement: &str) {
    let statement = raw_sql(AssertSqlSafe(statement.to_owned()));
    match dialect {
        Dialect::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            statement.execute(&mut connection).await.map(drop).unwrap();
        }
        _ => {
            let mut connection = MySqlConnection::connect(url).await.unwrap();
            statement.execute(&mut connection).await.map(drop).unwrap();
        }
    }
}

/// The address stays, and leads to the standby.
async fn behind_an_address(dialect: Dialect) {
    let mut relay = None;
    let mut bed = Bed::new(dialect, async |primary, _| {
        let made = Relay::to(primary).await;
        let address = made.url(primary);
        relay = Some(made);
        format!("primary = '{address}'")
    })
    .await;
    let relay = relay.unwrap();
    let cluster = bed.process().await;
    bed.move_without_the_standby().await;
    bed.fail_over().await;
    bed.hide(true);
    relay.lead_to(&url(dialect, &bed.standby)).await;
    assert_eq!(cluster.topology().epoch(), 1);

    // The record of the standby says that it serves, and the catalog cannot be asked.
    let key = bed.key;
    let error = Order::on(key).count(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("before the catalog was read"),
        "{error}"
    );
    let error = bed.order(2).insert(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

    bed.hide(false);
    bed.order(3).insert(&cluster).await.unwrap();
    assert_eq!(cluster.topology().epoch(), 2);
    assert_eq!(cluster.locate(&Order::shard(key)).unwrap().server, "b");
    assert_eq!(Order::on(key).count(&cluster).await.unwrap(), 1);
    assert_eq!(bed.rows_of_the_standby().await, 1);
}

/// The standby is a replica in the topology, and becomes the primary.
async fn as_a_replica(dialect: Dialect) {
    let mut bed = Bed::new(dialect, async |primary, standby| {
        format!("primary = '{primary}'\nreplicas = ['{standby}']")
    })
    .await;
    let cluster = bed.process().await;
    let replica = cluster.read_from(Read::Replica);
    eventually("the replica was read", async || {
        Order::on(bed.key).count(replica).await.unwrap() == 1
    })
    .await;
    bed.move_without_the_standby().await;
    bed.fail_over().await;
    assert_eq!(cluster.topology().epoch(), 1);
    let mut acknowledged = Vec::new();
    let mut id = 10;
    eventually("writes are acknowledged again", async || {
        id += 1;
        if bed.order(id).insert(&cluster).await.is_ok() {
            acknowledged.push(id);
        }
        acknowledged.len() == 5
    })
    .await;
    for id in acknowledged {
        Order::get(&cluster, bed.key, id).await.unwrap();
    }
    assert_eq!(bed.rows_of_the_standby().await, 1);
    assert_eq!(cluster.locate(&Order::shard(bed.key)).unwrap().server, "b");
}

#[tokio::test]
async fn a_standby_without_the_fence_behind_an_address_serves_nobody_postgres() {
    behind_an_address(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_standby_without_the_fence_behind_an_address_serves_nobody_mariadb() {
    behind_an_address(Dialect::MySql).await;
}

#[tokio::test]
async fn a_replica_without_the_fence_serves_nobody_after_its_promotion_postgres() {
    as_a_replica(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_replica_without_the_fence_serves_nobody_after_its_promotion_mariadb() {
    as_a_replica(Dialect::MySql).await;
}

/// After a restart, MariaDB has another history, and PostgreSQL the same.
async fn restarted(dialect: Dialect) {
    let mut bed = Bed::new(dialect, async |primary, _| format!("primary = '{primary}'")).await;
    let cluster = bed.process().await;
    if dialect == Dialect::MySql {
        // MariaDB tells the second of its start: one that starts twice within it has one history.
        let uptime = "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS \
                      WHERE VARIABLE_NAME = 'UPTIME'";
        eventually("the next start is in another second", async || {
            bed.primary.number(uptime).await.unwrap() > 1
        })
        .await;
    }
    // Before, since the monitor of the process may be the first to meet the other history.
    bed.hide(true);
    bed.primary.restart().await.unwrap();
    if dialect == Dialect::Postgres {
        assert_eq!(Order::on(bed.key).count(&cluster).await.unwrap(), 1);
        bed.order(2).insert(&cluster).await.unwrap();
        return;
    }
    let error = Order::on(bed.key).count(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("before the catalog was read"),
        "{error}"
    );
    // Its record is of the epoch in use.
    let set = "UPDATE shop_0.shard_orm_namespace SET epoch = 1";
    run(dialect, &url(dialect, &bed.primary), set).await;
    assert_eq!(Order::on(bed.key).count(&cluster).await.unwrap(), 1);
    bed.order(2).insert(&cluster).await.unwrap();
    bed.hide(false);
    bed.primary.restart().await.unwrap();
    eventually("it is used again", async || {
        Order::on(bed.key)
            .count(&cluster)
            .await
            .is_ok_and(|count| count == 2)
    })
    .await;
}

#[tokio::test]
async fn a_restarted_server_is_used_as_its_history_tells_postgres() {
    restarted(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_restarted_server_is_used_as_its_history_tells_mariadb() {
    restarted(Dialect::MySql).await;
}

//! Clusters that take their topology from a catalog, and follow its changes.

mod change;
mod contract;
mod failover;
mod fleet;
mod follow;
mod ids;
mod limits;
mod moves;
mod related;
mod sizes;
mod start;
mod traffic;

use std::path::Path;
use std::time::Duration;

use shard_orm::catalog::Revision;
use shard_orm::cluster::Catalog;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm_tests::database::{create_account, without_password};
use shard_orm_tests::fixture::{DATABASE, Fixture};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// How often the processes of these tests look at the catalog.
const POLL: Duration = Duration::from_millis(100);

/// What the processes are configured with.
fn settings() -> config::Catalog {
    config::Catalog::new(DATABASE)
        .poll(POLL)
        .process("test")
        .heartbeat(Some(POLL))
}

/// The configuration of a process that knows only where the catalog is.
fn process(fixture: &Fixture, settings: config::Catalog) -> Config {
    process_at(fixture, fixture.database_url(), settings)
}

fn process_at(fixture: &Fixture, url: &str, settings: config::Catalog) -> Config {
    Config::new(fixture.cluster_name())
        .database(DATABASE, Database::new(url))
        .catalog(settings)
}

/// The topology of the fixture as a document. Each of the servers gets these lines.
fn document(fixture: &Fixture, lines: &str) -> String {
    let shards = fixture.logical_shards / fixture.servers;
    let servers = fixture.server_urls().iter().zip(0_u32..);
    let servers = servers.map(|(url, number)| {
        let url = without_password(url);
        let first = number * shards;
        format!(
            "[[groups.shop.servers]]\nname = 'server-{number}'\nprimary = '{url}'\n\
             shards = '{first}..{}'\n{lines}\n",
            first + shards
        )
    });
    format!(
        "name = '{}'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = {}\n\
         namespace = '{}'\nstatic_namespace = '{}'\n{}",
        fixture.cluster_name(),
        without_password(fixture.database_url()),
        fixture.logical_shards,
        fixture.namespace(),
        fixture.namespace().replace("{shard}", "static"),
        servers.collect::<String>()
    )
}

/// A catalog with the fixture's topology as epoch 1, and the cluster of the operator who made it.
async fn initialized(fixture: &Fixture) -> (Catalog, Revision) {
    initialized_with(fixture, &document(fixture, "")).await
}

/// A catalog with this document as epoch 1.
async fn initialized_with(fixture: &Fixture, document: &str) -> (Catalog, Revision) {
    initialized_by(fixture, settings(), document).await
}

/// The same by a process with these settings.
async fn initialized_by(
    fixture: &Fixture,
    settings: config::Catalog,
    document: &str,
) -> (Catalog, Revision) {
    create_account(fixture.database_url()).await;
    let cluster = Cluster::connect(&process(fixture, settings)).await;
    let catalog = cluster.unwrap().catalog().unwrap().operator("ana");
    let revision = catalog.initialize(document).await.unwrap();
    (catalog, revision)
}

/// A process that keeps its topology in this file.
async fn open(fixture: &Fixture, local_copy: Option<&Path>) -> Cluster {
    let settings = match local_copy {
        Some(file) => settings().local_copy(file),
        None => settings(),
    };
    Cluster::connect(&process(fixture, settings)).await.unwrap()
}

/// Runs a statement in the database of the catalog.
async fn run_in_database(fixture: &Fixture, sql: &str) {
    let mut raw = fixture
        .cluster
        .connection(Setting::database())
        .await
        .unwrap();
    let sql = shard_orm::sqlx::AssertSqlSafe(sql.to_owned());
    let statement = shard_orm::sqlx::raw_sql(sql);
    match fixture.dialect {
        Dialect::Sqlite => statement.execute(raw.sqlite().unwrap()).await.map(drop),
        Dialect::Postgres => statement.execute(raw.postgres().unwrap()).await.map(drop),
        _ => statement.execute(raw.mysql().unwrap()).await.map(drop),
    }
    .unwrap();
    raw.give_back();
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
}

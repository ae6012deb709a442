//! A cluster that nobody has set up, on the servers of a fixture.

use std::path::Path;

use shard_orm::admin::{SqlPlace, SqlRequest, run_sql};
use shard_orm::cluster::Location;
use shard_orm::config::Config;
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm::schema::TableDef;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::fixture::{Fixture, GROUP, RawNamespace};
use shard_orm_tests::scratch;
use tempfile::TempDir;

use crate::Note;

/// Creates the table of notes.
pub(crate) const NOTES: (&str, &str) = (
    "shop/1_notes.sql",
    "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY);",
);
/// Adds a column to it.
pub(crate) const TEXT: (&str, &str) = (
    "shop/2_text.sql",
    "ALTER TABLE notes ADD COLUMN content VARCHAR(20);",
);

/// A new cluster on the servers of a fixture.
pub(crate) struct Deployment<'f> {
    pub(crate) fixture: &'f Fixture,
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
}

impl<'f> Deployment<'f> {
    pub(crate) async fn new(fixture: &'f Fixture, name: &str) -> Self {
        let config = fixture.config_of_another(name);
        let cluster = Cluster::connect(&config).await.unwrap();
        Self {
            fixture,
            config,
            cluster,
        }
    }

    /// The tables of a logical shard that migrations have created, by name.
    pub(crate) async fn tables(&self, shard: u32) -> Vec<TableDef> {
        let mut tables = self.cluster.read_tables(&Note::shard(shard)).await.unwrap();
        tables.retain(|table| !table.name.starts_with("shard_orm_"));
        tables
    }

    /// The columns of the table of notes in a logical shard; empty without the table.
    pub(crate) async fn columns(&self, shard: u32) -> Vec<String> {
        let tables = self.tables(shard).await;
        let notes = tables.into_iter().find(|table| table.name == "notes");
        let columns = notes.map(|notes| notes.columns).unwrap_or_default();
        columns.into_iter().map(|column| column.name).collect()
    }

    /// All logical shards.
    pub(crate) fn shards(&self) -> std::ops::Range<u32> {
        let topology = self.cluster.topology();
        0..topology.group(GROUP).unwrap().logical_shards()
    }

    pub(crate) fn location(&self, shard: u32) -> Location {
        self.cluster.locate(&Note::shard(shard)).unwrap()
    }

    /// A logical shard, past the library.
    pub(crate) fn raw(&self, shard: u32) -> RawNamespace {
        let topology = self.cluster.topology();
        let placement = topology.group(GROUP).unwrap().placement(shard).unwrap();
        let (server, name) = (placement.server(), placement.namespace().name());
        self.fixture.raw_namespace_on(server, name)
    }

    /// Runs SQL on a logical shard, as an operator does.
    pub(crate) async fn run_on(&self, shard: u32, sql: &str) {
        let group = GROUP.to_owned();
        self.run_at(SqlPlace::Shard { group, shard }, sql).await;
    }

    /// The rows of a query on a logical shard, as an operator sees them.
    pub(crate) async fn rows_of(&self, shard: u32, sql: &str) -> Vec<Vec<Option<String>>> {
        let group = GROUP.to_owned();
        let place = SqlPlace::Shard { group, shard };
        let request = SqlRequest::new(place, AssertSqlSafe(sql.to_owned()));
        let mut report = run_sql(&self.cluster, &request).await.unwrap();
        let outcome = report.outcomes.remove(0);
        assert!(outcome.error.is_none(), "{sql}: {outcome:?}");
        outcome
            .results
            .into_iter()
            .flat_map(|result| result.rows)
            .collect()
    }

    /// Runs SQL at one place.
    pub(crate) async fn run_at(&self, place: SqlPlace, sql: &str) {
        let request = SqlRequest::new(place, AssertSqlSafe(sql.to_owned()));
        let report = run_sql(&self.cluster, &request).await.unwrap();
        let outcome = &report.outcomes[0];
        assert!(outcome.error.is_none(), "{sql}: {outcome:?}");
    }

    /// The scratch namespaces beside those of this cluster, by name.
    pub(crate) async fn scratches(&self) -> Vec<String> {
        let prefix = format!("{}_scratch_", self.location(0).namespace);
        let mut found = match self.fixture.dialect {
            Dialect::Sqlite => {
                let folders = self.fixture.server_urls().iter();
                let folders = folders.map(|url| url.strip_prefix("sqlite://").unwrap());
                let entries = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
                let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
                names.collect()
            }
            dialect => {
                let sql = match dialect {
                    Dialect::Postgres => "SELECT nspname FROM pg_namespace",
                    _ => "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA",
                };
                let place = SqlPlace::EachServer {
                    group: GROUP.to_owned(),
                };
                let report = run_sql(&self.cluster, &SqlRequest::new(place, sql))
                    .await
                    .unwrap();
                let results = report
                    .outcomes
                    .into_iter()
                    .flat_map(|outcome| outcome.results);
                let rows = results.flat_map(|result| result.rows);
                rows.flatten().flatten().collect::<Vec<String>>()
            }
        };
        found.retain(|name| name.contains(&prefix));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The configuration as a file has it, for other processes.
    pub(crate) fn toml(&self) -> String {
        let topology = self.cluster.topology();
        let group = topology.group(GROUP).unwrap();
        let name = self.location(0).namespace;
        let template = format!("{}{{shard}}", name.strip_suffix('0').unwrap());
        let mut toml = format!(
            "name = {:?}\n[groups.shop]\nlogical_shards = {}\nnamespace = {template:?}\n\
             static_namespace = {:?}\n",
            topology.name(),
            group.logical_shards(),
            template.replace("{shard}", "static"),
        );
        for (server, url) in group.servers().iter().zip(self.fixture.server_urls()) {
            toml += &format!(
                "[[groups.shop.servers]]\nname = {:?}\nprimary = {url:?}\n",
                server.name()
            );
        }
        toml
    }

    /// Checks that all logical shards have the same tables, and these columns of notes.
    pub(crate) async fn assert_all_have(&self, columns: &[&str]) {
        let first = self.tables(0).await;
        for shard in self.shards() {
            assert_eq!(self.columns(shard).await, columns, "shard {shard}");
            assert_eq!(self.tables(shard).await, first, "shard {shard}");
        }
    }
}

pub(crate) fn migrations(files: &[(&str, &str)]) -> Migrations {
    Migrations::embedded(files).unwrap()
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = scratch::folder("migrations");
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

pub(crate) fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

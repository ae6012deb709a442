//! Migrations that remove what a process of the catalog uses.

use shard_orm::migrate::{LintRule, Migrations};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;

use crate::{Order, Setting, initialized, open};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    item: String,
}

/// A cluster of a process that has registered a model, as the catalog shows it.
async fn registered(fixture: &Fixture) -> Cluster {
    let process = open(fixture, None).await;
    process.register_model::<Note>();
    let catalog = process.catalog().unwrap();
    eventually("the tables are reported", async || {
        let processes = catalog.processes().await.unwrap();
        processes
            .iter()
            .any(|one| one.tables == process.registered_tables())
    })
    .await;
    process
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn what_a_living_process_uses_is_not_removed(fixture: &Fixture) {
        let files = [
            ("shop/1_notes.sql", "CREATE TABLE notes (id BIGINT PRIMARY KEY, item VARCHAR(20), other INT)"),
            ("shop/2_other.sql", "-- phase: contract\nALTER TABLE notes DROP COLUMN other"),
            ("shop/3_item.sql", "-- phase: contract\n\nALTER TABLE notes DROP COLUMN item"),
            ("shop/4_notes.sql", "-- phase: contract\nDROP TABLE notes"),
        ];
        initialized(fixture).await;
        let process = registered(fixture).await;
        let operator = open(fixture, None).await;
        let up_to = |count: usize| {
            let migrations = Migrations::embedded(&files[..count]).unwrap();
            operator.migrate(&migrations).contract()
        };
        // The process does not name this column.
        up_to(2).up().await.unwrap();
        let error = up_to(3).up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let message = error.to_string();
        for part in ["`shop/3_item.sql`, line 3", "column `item` of table `notes`", "test on ", "--ignore-uses"] {
            assert!(message.contains(part), "{message}");
        }
        let status = up_to(3).status().await.unwrap();
        assert_eq!(status.targets[0].versions[2].applied, 0);
        let migrations = Migrations::embedded(&files[..3]).unwrap();
        let found = migrations.lint_used("shop", fixture.dialect, &process.registered_tables());
        let rules: Vec<_> = found.iter().map(|finding| (finding.line, finding.rule)).collect();
        assert_eq!(rules, [(3, LintRule::InUse)]);
        process.close().await;
        up_to(3).up().await.unwrap();

        let process = registered(fixture).await;
        let error = up_to(4).up().await.unwrap_err();
        assert!(error.to_string().contains("table `notes`, which is in use by"), "{error}");
        up_to(4).ignore_uses().up().await.unwrap();
        assert!(up_to(4).status().await.unwrap().is_current());
        process.close().await;
        operator.close().await;
    }

    async fn the_tables_of_an_older_catalog_are_upgraded_by_a_process(fixture: &Fixture) {
        initialized(fixture).await;
        crate::run_in_database(fixture, "DROP TABLE shard_orm_table_use").await;
        crate::run_in_database(fixture, "UPDATE shard_orm_catalog SET tables_version = 1").await;
        let process = registered(fixture).await;
        let again = open(fixture, None).await;
        process.close().await;
        let left = again.catalog().unwrap().processes().await.unwrap();
        assert!(left.iter().all(|one| one.tables.is_empty()), "{left:?}");
    }
}

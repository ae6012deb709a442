//! Runs that are dropped, and statements of which it is unknown whether they have run.

use std::time::Duration;

use shard_orm::migrate::{Report, Resolution};
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::sample;
use shard_orm_tests::waiting::{cut, eventually};

use crate::deployment::{Deployment, NOTES, migrations};
use crate::{Note, Order};

/// A change of several statements, one of which changes rows.
fn change(number: u64) -> (String, String) {
    let path = format!("shop/{}_change.sql", number + 2);
    let text = format!(
        "ALTER TABLE notes ADD COLUMN c{number} INT;\n\
         CREATE INDEX notes_c{number} ON notes (c{number});\n\
         INSERT INTO notes (id) VALUES ({number});\n\
         CREATE TABLE t{number} (id BIGINT PRIMARY KEY);\n",
    );
    (path, text)
}

behaviours! { (Order), 6 shards on 2 servers, |options| options;
    async fn a_run_that_is_dropped_is_completed_by_the_next(fixture: &Fixture) {
        const CUTS: u64 = 12;
        let deployment = Deployment::new(fixture, "dropped").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        let changes: Vec<_> = (0..CUTS).map(change).collect();
        let mut files = vec![NOTES];
        let mut random = sample::seed();
        for (path, text) in &changes {
            files.push((path, text));
            let all = migrations(&files);
            let run = || {
                let run = deployment.cluster.migrate(&all).per_server(2);
                run.wait_for_lock(Duration::from_mins(5))
            };
            random = mix64(random);
            cut(run().up(), u32::try_from(random % 400).unwrap()).await;
        }
        let all = migrations(&files);
        let run = || deployment.cluster.migrate(&all).wait_for_lock(Duration::from_mins(5));
        run().up().await.unwrap();
        run().check().await.unwrap();
        let first = deployment.tables(0).await;
        assert_eq!(first.len(), 1 + usize::try_from(CUTS).unwrap());
        for shard in deployment.shards() {
            assert_eq!(deployment.tables(shard).await, first, "shard {shard}");
            let rows = Note::on(shard).count(&deployment.cluster).await.unwrap();
            assert_eq!(rows, CUTS, "shard {shard}");
        }
    }

    async fn a_statement_without_a_trace_in_the_catalog_is_resolved_by_hand(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "unknown").await;
        let traceless = match fixture.dialect {
            Dialect::Sqlite => {
                "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes WHERE id = 0; END;"
            }
            _ => "ALTER TABLE notes ALTER COLUMN id SET DEFAULT 7;",
        };
        let file = |last: &str| {
            let text = format!("-- no-transaction\n{traceless}\n{last}");
            migrations(&[NOTES, ("shop/2_two.sql", &text)])
        };
        deployment.cluster.migrate(&file("NO SUCH STATEMENT")).up().await.unwrap_err();
        // The record as it is when the run ends while the first statement runs.
        let raw = deployment.raw(0);
        let table = raw.table("shard_orm_migration");
        raw.run(&format!("UPDATE {table} SET completed = 0, started = 1, prefix = '' WHERE version = 2")).await;
        let right = file("INSERT INTO notes (id) VALUES (1)");
        let error = deployment.cluster.migrate(&right).up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        let report = Report::of(&error).unwrap();
        assert_eq!(report.failed[0].line, Some(2));
        let status = deployment.cluster.migrate(&right).status().await.unwrap();
        assert_eq!(status.targets[0].versions[1].interrupted, [deployment.location(0)]);
        let error = deployment.cluster.migrate(&right).shard(1).resolve(2, Resolution::Done).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
        deployment.cluster.migrate(&right).shard(0).resolve(2, Resolution::Done).await.unwrap();
        deployment.cluster.migrate(&right).up().await.unwrap();
        for shard in deployment.shards() {
            eventually("the row is there", async || {
                Note::on(shard).count(&deployment.cluster).await.unwrap() == 1
            })
            .await;
        }
        deployment.cluster.migrate(&right).check().await.unwrap();
    }

    async fn an_index_that_is_not_valid_is_built_again(fixture: &Fixture) {
        if fixture.dialect != Dialect::Postgres {
            // Only PostgreSQL leaves such an index.
            return;
        }
        let deployment = Deployment::new(fixture, "invalid").await;
        let table = "CREATE TABLE notes (id BIGINT PRIMARY KEY, content INT); \
                     INSERT INTO notes VALUES (1, 1), (2, 1);";
        let index = "CREATE UNIQUE INDEX CONCURRENTLY by_content ON notes (content);";
        let all = migrations(&[("shop/1_notes.sql", table), ("shop/2_index.sql", index)]);
        let error = deployment.cluster.migrate(&all).up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique, "{error}");
        for shard in deployment.shards() {
            let raw = deployment.raw(shard);
            if shard == 0 {
                raw.run(&format!("DELETE FROM {} WHERE id = 2", raw.table("notes"))).await;
            }
        }
        deployment.cluster.migrate(&all).shard(0).up().await.unwrap();
        let notes = deployment.tables(0).await.remove(0);
        assert!(notes.indexes.iter().any(|index| index.unique && index.name == "by_content"));
        let unnamed = "CREATE INDEX CONCURRENTLY ON notes (content);";
        let all = migrations(&[
            ("shop/1_notes.sql", table),
            ("shop/2_index.sql", index),
            ("shop/3_index.sql", unnamed),
        ]);
        let error = deployment.cluster.migrate(&all).shard(0).up().await.unwrap_err();
        assert!(error.to_string().contains("needs a name for the index"), "{error}");
    }
}

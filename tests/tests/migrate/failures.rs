//! Runs in which a migration fails.

use shard_orm::migrate::Report;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::Order;
use crate::deployment::{Deployment, NOTES, TEXT, migrations};

behaviours! { (Order), 8 shards on 2 servers, |options| options;
    async fn a_statement_that_fails_on_one_shard_is_reported_with_its_line(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "failing").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        // This shard has the column already.
        let odd = 5;
        deployment.raw(odd).run(&format!("ALTER TABLE {} ADD COLUMN content INT", deployment.raw(odd).table("notes"))).await;
        let text = format!("-- a comment\n\nINSERT INTO notes (id) VALUES (1);\n{}", TEXT.1);
        let all = migrations(&[NOTES, ("shop/2_text.sql", &text)]);
        let run = || deployment.cluster.migrate(&all).per_server(1);
        let error = run().up().await.unwrap_err();
        let report = Report::of(&error).unwrap();
        let [failed] = &report.failed[..] else {
            panic!("{report:?}");
        };
        assert_eq!(failed.location, deployment.location(odd));
        assert_eq!((failed.version, failed.line), (Some(2), Some(4)), "{failed:?}");
        assert_eq!(failed.file.as_deref(), Some("shop/2_text.sql"));
        assert!(failed.message.contains("content"), "{failed}");
        assert!(error.to_string().contains("shop/2_text.sql, line 4"), "{error}");
        // The other server is finished, and no more was started on this one.
        let server = deployment.location(odd).server;
        for shard in deployment.shards().filter(|shard| *shard != odd) {
            let location = deployment.location(shard);
            let is_done = report.done.iter().any(|done| done.location == location);
            let is_skipped = report.skipped.contains(&location);
            assert!(is_done != is_skipped, "shard {shard}: {report:?}");
            assert!(is_done || location.server == server, "shard {shard}: {report:?}");
        }
        deployment.raw(odd).run(&format!("ALTER TABLE {} DROP COLUMN content", deployment.raw(odd).table("notes"))).await;
        run().up().await.unwrap();
        deployment.assert_all_have(&["id", "content"]).await;
        for shard in deployment.shards() {
            assert_eq!(crate::Note::on(shard).count(&deployment.cluster).await.unwrap(), 1);
        }
    }

    async fn a_failing_statement_can_be_mended_in_its_file(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "mended").await;
        let wrong = format!("{}\nALTER TABLE notes ADD COLUMN other NO_SUCH_TYPE_AT_ALL(;", TEXT.1);
        let right = format!("{}\nALTER TABLE notes ADD COLUMN other INT;", TEXT.1);
        let error = deployment
            .cluster
            .migrate(&migrations(&[NOTES, ("shop/2_text.sql", &wrong)]))
            .up()
            .await
            .unwrap_err();
        let report = Report::of(&error).unwrap();
        // The first namespace has failed, and no other was touched.
        assert_eq!((report.failed.len(), report.skipped.len()), (1, 7), "{report:?}");
        assert_eq!(report.failed[0].line, Some(2));
        let all = migrations(&[NOTES, ("shop/2_text.sql", &right)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.assert_all_have(&["id", "content", "other"]).await;
    }

    async fn a_file_that_changed_after_it_was_applied_is_refused(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "changed").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        let changed = migrations(&[(NOTES.0, "CREATE TABLE notes (id INT PRIMARY KEY)"), TEXT]);
        let error = deployment.cluster.migrate(&changed).up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`shop/1_notes.sql` was changed after it was applied"), "{error}");
        let status = deployment.cluster.migrate(&changed).status().await.unwrap();
        assert_eq!(status.targets[0].versions[0].changed.len(), 8);
        deployment.assert_all_have(&["id"]).await;
    }

    async fn unknown_shards_and_servers_are_refused(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "limits").await;
        let all = migrations(&[NOTES]);
        let error = deployment.cluster.migrate(&all).shard(99).up().await.unwrap_err();
        assert!(error.to_string().contains("has a logical shard 99"), "{error}");
        let error = deployment.cluster.migrate(&all).server("c").up().await.unwrap_err();
        assert!(error.to_string().contains("unknown server `c`; the selected migrations have `"), "{error}");
    }

    async fn a_file_that_has_run_in_part_stays_without_a_transaction(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "begun").await;
        let text = "INSERT INTO notes VALUES (1);\nNO SUCH STATEMENT;";
        let begun = format!("-- no-transaction\n{text}");
        let all = migrations(&[NOTES, ("shop/2_rows.sql", &begun)]);
        deployment.cluster.migrate(&all).up().await.unwrap_err();
        let right = text.replace("NO SUCH STATEMENT", "INSERT INTO notes VALUES (2)");
        if fixture.dialect != Dialect::MySql {
            let all = migrations(&[NOTES, ("shop/2_rows.sql", &right)]);
            let error = deployment.cluster.migrate(&all).up().await.unwrap_err();
            assert!(error.to_string().contains("have run one by one"), "{error}");
        }
        let right = format!("-- no-transaction\n{right}");
        let all = migrations(&[NOTES, ("shop/2_rows.sql", &right)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        for shard in deployment.shards() {
            assert_eq!(crate::Note::on(shard).count(&deployment.cluster).await.unwrap(), 2);
        }
    }

    async fn settings_of_a_file_end_with_it(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "settings").await;
        let (set, probe) = match fixture.dialect {
            Dialect::Sqlite => (
                "-- no-transaction\nPRAGMA foreign_keys = off",
                "SELECT 5 FROM pragma_foreign_keys WHERE foreign_keys = 1",
            ),
            Dialect::Postgres => ("SET work_mem = '1MB'", "SELECT 5 WHERE current_setting('work_mem') <> '1MB'"),
            Dialect::MySql => ("SET @a = 1", "SELECT 5 WHERE @a IS NULL"),
        };
        let probe = format!("INSERT INTO notes {probe}");
        let all = migrations(&[NOTES, ("shop/2_set.sql", set), ("shop/3_probe.sql", &probe)]);
        deployment.cluster.migrate(&all).per_server(1).up().await.unwrap();
        for shard in deployment.shards() {
            assert_eq!(crate::Note::on(shard).count(&deployment.cluster).await.unwrap(), 1);
        }
    }

    async fn max_failures_ends_the_run(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "bounded").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        for shard in deployment.shards().skip(1) {
            let raw = deployment.raw(shard);
            raw.run(&format!("ALTER TABLE {} ADD COLUMN content INT", raw.table("notes"))).await;
        }
        let all = migrations(&[NOTES, TEXT]);
        let run = deployment.cluster.migrate(&all).max_failures(1).per_server(1);
        let error = run.up().await.unwrap_err();
        let report = Report::of(&error).unwrap();
        assert_eq!(report.done.len(), 1);
        // One may have run on each server when the first has failed.
        assert!((1..=2).contains(&report.failed.len()), "{report:?}");
        assert_eq!(report.failed.len() + report.skipped.len(), 7);
    }

    async fn transactions_of_the_users_own_need_no_transaction(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "own").await;
        let own = "BEGIN; INSERT INTO notes VALUES (1); INSERT INTO notes VALUES (2); COMMIT;";
        let all = migrations(&[NOTES, ("shop/2_rows.sql", own)]);
        if fixture.dialect != Dialect::MySql {
            let error = deployment.cluster.migrate(&all).up().await.unwrap_err();
            assert!(error.to_string().contains("line 1: a migration runs in a transaction"), "{error}");
        }
        let marked = format!("-- no-transaction\n{own}");
        let all = migrations(&[NOTES, ("shop/2_rows.sql", &marked)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        for shard in deployment.shards() {
            assert_eq!(crate::Note::on(shard).count(&deployment.cluster).await.unwrap(), 2);
        }
    }
}

//! The scratch namespace of a comparison: what is left of it, and what it does not touch.

use std::time::Duration;

use shard_orm::admin::SqlPlace;
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm::schema::Aspect;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::DATABASE;
use shard_orm_tests::waiting::eventually;

use crate::deployment::{Deployment, NOTES, TEXT, migrations};
use crate::{Note, Order};

/// A statement that takes a long time.
fn slow(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) \
             SELECT count(*) AS i FROM n"
        }
        Dialect::Postgres => "CREATE TABLE slow AS SELECT pg_sleep(600)::text AS i",
        Dialect::MySql => "CREATE TABLE slow AS SELECT SLEEP(600) AS i",
    }
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_file_that_does_not_run_in_the_scratch_is_named(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "broken").await;
        let made = "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY)";
        let begun = migrations(&[("shop/1_notes.sql", "SELECT 1")]);
        deployment.cluster.migrate(&begun).up().await.unwrap();
        for shard in deployment.shards() {
            deployment.run_on(shard, made).await;
        }
        // It needs a table that no file creates.
        let all = migrations(&[("shop/1_notes.sql", "SELECT 1"), ("shop/2_text.sql", TEXT.1)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let error = deployment.cluster.migrate(&all).drift().await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("`shop/2_text.sql`, line 1, does not run in a scratch namespace"), "{message}");
        assert!(message.contains("notes"), "{message}");
        assert!(deployment.scratches().await.is_empty());
        deployment.assert_all_have(&["id", "content"]).await;
    }

    async fn nothing_is_left_of_a_comparison_that_was_given_up(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "dropped").await;
        let all = migrations(&[NOTES, ("shop/2_slow.sql", slow(fixture.dialect))]);
        deployment.cluster.setup().run().await.unwrap();
        deployment.cluster.migrate(&all).fake().await.unwrap();
        let run = deployment.cluster.migrate(&all);
        let drift = tokio::spawn(async move { run.drift().await.map(drop) });
        if fixture.dialect == Dialect::MySql {
            eventually("the scratch exists", async || !deployment.scratches().await.is_empty()).await;
        }
        drift.abort();
        assert!(drift.await.is_err());
        eventually("the scratch is gone", async || deployment.scratches().await.is_empty()).await;
    }

    async fn what_killed_runs_have_left_is_removed_by_the_next_one(fixture: &Fixture) {
        if fixture.dialect != Dialect::MySql {
            // Elsewhere nothing can be left.
            return;
        }
        let deployment = Deployment::new(fixture, "left").await;
        let all = migrations(&[NOTES]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let name = deployment.location(0).namespace;
        let [left, of_others, no_marker] = ["00", "11", "22"].map(|end| format!("{name}_scratch_0123456789abcd{end}"));
        let cluster = deployment.cluster.topology().name().to_owned();
        for (scratch, cluster) in [(&left, &*cluster), (&of_others, "another")] {
            deployment.raw(0).run(&format!("CREATE DATABASE {scratch}")).await;
            let marker = format!("{scratch}.shard_orm_scratch");
            deployment.raw(0).run(&format!("CREATE TABLE {marker} (cluster_name VARCHAR(255), created_at BIGINT)")).await;
            deployment.raw(0).run(&format!("INSERT INTO {marker} VALUES ('{cluster}', 1)")).await;
        }
        deployment.raw(0).run(&format!("CREATE DATABASE {no_marker}")).await;
        deployment.cluster.migrate(&all).drift().await.unwrap();
        assert_eq!(deployment.scratches().await, std::slice::from_ref(&of_others));
        deployment.raw(0).run(&format!("DROP DATABASE {of_others}")).await;
    }

    async fn a_file_that_reaches_out_of_its_namespace_changes_nothing(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            // A file of SQLite reaches nothing else.
            return;
        }
        let deployment = Deployment::new(fixture, "outside").await;
        deployment.cluster.setup().run().await.unwrap();
        let other = deployment.location(1).namespace;
        let outside = format!("ALTER TABLE {other}.notes ADD COLUMN outside INT");
        let all = migrations(&[NOTES, ("shop/2_outside.sql", &outside)]);
        deployment.cluster.migrate(&all).to(1).up().await.unwrap();
        deployment.cluster.migrate(&all).fake().await.unwrap();
        let error = deployment.cluster.migrate(&all).drift().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("`shop/2_outside.sql`, line 1"), "{error}");
        deployment.assert_all_have(&["id"]).await;
        assert!(deployment.scratches().await.is_empty());
    }

    async fn open_transactions_do_not_hold_a_comparison_up(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "traffic").await;
        let all = migrations(&[NOTES, TEXT]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let transaction = deployment.cluster.begin(Note::shard(0)).await.unwrap();
        Note { id: 1 }.insert(&transaction, 0).await.unwrap();
        let drift = deployment.cluster.migrate(&all).drift();
        let drift = tokio::time::timeout(Duration::from_secs(30), drift).await.unwrap().unwrap();
        assert!(drift.is_empty(), "{drift}");
        transaction.rollback().await.unwrap();
    }

    async fn foreign_keys_to_static_tables_are_compared(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            // Its foreign keys do not lead to another file.
            return;
        }
        let deployment = Deployment::new(fixture, "keys").await;
        let statics = deployment.location(0).namespace.replace("_0", "_static");
        let seats = format!(
            "CREATE TABLE seats (id BIGINT PRIMARY KEY, code VARCHAR(2), \
             FOREIGN KEY (code) REFERENCES {statics}.airlines (code))"
        );
        let all = migrations(&[
            ("shop.static/1_airlines.sql", "CREATE TABLE airlines (code VARCHAR(2) PRIMARY KEY)"),
            ("shop/1_seats.sql", &seats),
        ]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let drift = deployment.cluster.migrate(&all).drift().await.unwrap();
        assert!(drift.is_empty(), "{drift}");
        deployment.run_on(2, "DROP TABLE seats; CREATE TABLE seats (id BIGINT PRIMARY KEY, code VARCHAR(2))").await;
        let drift = deployment.cluster.migrate(&all).drift().await.unwrap();
        let aspects: Vec<Aspect> = drift.deviations().map(|drifted| drifted.deviation.aspect).collect();
        assert_eq!(aspects, [Aspect::ForeignKey], "{drift}");
        assert!(deployment.scratches().await.is_empty());
    }

    async fn static_tables_and_databases_are_compared(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "statics").await;
        let table = format!("drift_settings_{}", fixture.id());
        let create = format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY)");
        let all = Migrations::embedded(&[
            NOTES,
            ("shop.static/1_airlines.sql", "CREATE TABLE airlines (code VARCHAR(2) PRIMARY KEY)"),
            ("default/1_settings.sql", &create),
        ])
        .unwrap();
        deployment.cluster.migrate(&all).up().await.unwrap();
        let drift = deployment.cluster.migrate(&all).drift().await.unwrap();
        let of = |folder: &str| drift.targets.iter().find(|target| target.folder == folder).unwrap();
        assert_eq!((of("shop.static").namespaces, of("shop").namespaces), (2, 4), "{drift}");
        assert!(of("shop.static").deviations.is_empty() && of("shop").deviations.is_empty(), "{drift}");
        // The database has tables of other tests.
        assert!(of("default").deviations.iter().all(|drifted| drifted.table != table), "{drift}");
        let server = fixture.cluster.topology().group("shop").unwrap().servers().len() - 1;
        let statics = deployment.location(0).namespace.replace("_0", "_static");
        let statics = fixture.raw_namespace_on(server, &statics);
        statics.run(&format!("ALTER TABLE {} ADD COLUMN by_hand INT", statics.table("airlines"))).await;
        deployment.run_at(SqlPlace::Database { name: DATABASE.to_owned() }, &format!("DROP TABLE {table}")).await;
        let drift = deployment.cluster.migrate(&all).drift().await.unwrap();
        let of = |folder: &str| drift.targets.iter().find(|target| target.folder == folder).unwrap();
        // The two servers of MariaDB are one.
        let (expected, found) = if fixture.dialect == Dialect::MySql { (0, 2) } else { (1, 1) };
        for drifted in &of("shop.static").deviations {
            assert_eq!((drifted.location.shard, &*drifted.deviation.subject), (None, "by_hand"), "{drifted}");
            assert_eq!((drifted.as_expected, drifted.as_found), (expected, found), "{drifted}");
        }
        assert_eq!(of("shop.static").deviations.len(), found);
        let missing = of("default").deviations.iter().find(|drifted| drifted.table == table).unwrap();
        assert_eq!(missing.deviation.found, None);
    }
}

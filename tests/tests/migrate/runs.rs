//! Runs without obstacles.

use std::sync::{Arc, Mutex};

use shard_orm::migrate::{Event, Migrations};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::Order;
use crate::deployment::{Deployment, NOTES, TEXT, folder, migrations};

behaviours! { (Order), 6 shards on 2 servers, |options| options;
    async fn up_creates_the_namespaces_and_applies_all_versions(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "fresh").await;
        let report = deployment.cluster.migrate(&migrations(&[NOTES, TEXT])).up().await.unwrap();
        assert_eq!(report.steps(), 12, "{report}");
        assert!(report.done.iter().all(|done| done.versions == [1, 2]), "{report:?}");
        deployment.assert_all_have(&["id", "content"]).await;
        let again = deployment.cluster.migrate(&migrations(&[NOTES, TEXT])).up().await.unwrap();
        assert_eq!(again.steps(), 0);
    }

    async fn later_versions_are_applied_to_what_exists(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "later").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        let all = migrations(&[NOTES, TEXT]);
        let report = deployment.cluster.migrate(&all).to(1).up().await.unwrap();
        assert_eq!(report.steps(), 0);
        let report = deployment.cluster.migrate(&all).up().await.unwrap();
        assert_eq!(report.steps(), 6);
        deployment.assert_all_have(&["id", "content"]).await;
    }

    async fn one_shard_or_server_can_be_migrated_before_the_others(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "some").await;
        let all = migrations(&[NOTES, TEXT]);
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        deployment.cluster.migrate(&all).shard(3).up().await.unwrap();
        for shard in deployment.shards() {
            let expected: &[&str] = if shard == 3 { &["id", "content"] } else { &["id"] };
            assert_eq!(deployment.columns(shard).await, expected);
        }
        let server = deployment.location(0).server;
        let report = deployment.cluster.migrate(&all).server(&server).up().await.unwrap();
        assert!(report.done.iter().all(|done| done.location.server == server));
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.assert_all_have(&["id", "content"]).await;
    }

    async fn a_database_and_the_static_tables_have_folders_of_their_own(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "folders").await;
        let folder = folder(&[
            NOTES,
            ("shop.static/1_airlines.sql", "CREATE TABLE airlines (code VARCHAR(2) PRIMARY KEY)"),
            ("default/1_settings.sql", "CREATE TABLE folder_settings (id BIGINT PRIMARY KEY)"),
        ]);
        let all = Migrations::from_folder(folder.path()).unwrap();
        let report = deployment.cluster.migrate(&all).up().await.unwrap();
        // A database, the static tables of two servers, and six shards.
        assert_eq!(report.steps(), 9);
        let database = crate::status::Setting::database();
        let tables = deployment.cluster.read_tables(&database).await.unwrap();
        assert!(tables.iter().any(|table| table.name == "folder_settings"));
        let only = deployment.cluster.migrate(&all).only("default").status().await.unwrap();
        assert_eq!(only.targets.len(), 1);
    }

    async fn a_text_for_one_backend_is_used_there(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "backends").await;
        let all = migrations(&[
            ("shop/1_notes.sql", "CREATE TABLE notes (id BIGINT PRIMARY KEY, common INT)"),
            ("shop/1_notes.sqlite.sql", "CREATE TABLE notes (id BIGINT PRIMARY KEY, sqlite INT)"),
            ("shop/1_notes.mysql.sql", "CREATE TABLE notes (id BIGINT PRIMARY KEY, mysql INT)"),
        ]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let expected = match fixture.dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "common",
            Dialect::MySql => "mysql",
        };
        deployment.assert_all_have(&["id", expected]).await;
    }

    async fn the_first_namespace_is_migrated_before_the_others_are_started(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "canary").await;
        let events: Arc<Mutex<Vec<String>>> = Arc::default();
        let (of_events, of_check) = (Arc::clone(&events), Arc::clone(&events));
        deployment
            .cluster
            .migrate(&migrations(&[NOTES]))
            .on_event(move |event| {
                let text = match event {
                    Event::Started { location, .. } => format!("started {}", location.shard.unwrap()),
                    Event::Done { location, .. } => format!("done {}", location.shard.unwrap()),
                    Event::Planned { namespaces, steps } => format!("planned {namespaces} {steps}"),
                    other => panic!("{other:?}"),
                };
                of_events.lock().unwrap().push(text);
            })
            .after_canary(move |location| {
                of_check.lock().unwrap().push(format!("checked {}", location.shard.unwrap()));
                async { Ok(()) }
            })
            .up()
            .await
            .unwrap();
        let events = events.lock().unwrap();
        assert_eq!(events[..4], ["planned 6 6", "started 0", "done 0", "checked 0"], "{events:?}");
        assert_eq!(events.len(), 4 + 10);
    }

    async fn a_failed_check_leaves_the_others_as_they_were(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "checked").await;
        let run = deployment.cluster.migrate(&migrations(&[NOTES])).after_canary(|_| async {
            Err(shard_orm::Error::new(ErrorKind::Check, "latency has doubled"))
        });
        let error = run.up().await.unwrap_err();
        assert!(error.to_string().contains("latency has doubled"), "{error}");
        assert_eq!(deployment.columns(0).await, ["id"]);
        assert!(deployment.columns(1).await.is_empty());
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        deployment.assert_all_have(&["id"]).await;
    }

    async fn statements_outside_of_a_transaction_run_one_by_one(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "plain").await;
        let index = match fixture.dialect {
            Dialect::Postgres => "CREATE INDEX CONCURRENTLY by_content ON notes (content);",
            _ => "CREATE INDEX by_content ON notes (content);",
        };
        let text = format!("-- no-transaction\n{}\nINSERT INTO notes (id) VALUES (1), (2);\n{index}", TEXT.1);
        let all = migrations(&[NOTES, ("shop/2_text.sql", &text)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.assert_all_have(&["id", "content"]).await;
        for shard in deployment.shards() {
            assert_eq!(crate::Note::on(shard).count(&deployment.cluster).await.unwrap(), 2);
            let notes = deployment.tables(shard).await.remove(0);
            assert!(notes.indexes.iter().any(|index| index.name == "by_content"), "{notes:?}");
        }
    }

    async fn contract_migrations_wait_until_they_are_allowed(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "phases").await;
        let all = migrations(&[
            NOTES,
            ("shop/2_text.sql", "-- phase: expand\nALTER TABLE notes ADD COLUMN a INT"),
            ("shop/3_drop.sql", "-- phase: contract\nALTER TABLE notes DROP COLUMN a"),
            ("shop/4_more.sql", "ALTER TABLE notes ADD COLUMN b INT"),
        ]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.assert_all_have(&["id", "a"]).await;
        deployment.cluster.migrate(&all).contract().up().await.unwrap();
        deployment.assert_all_have(&["id", "b"]).await;
    }
}

//! Migrations that are reverted, recorded without being run, or forgotten.

use shard_orm_tests::behaviours;

use crate::Order;
use crate::deployment::{Deployment, NOTES, TEXT, migrations};

const DROP: (&str, &str) = ("shop/1_notes.down.sql", "DROP TABLE notes;");
const DROP_TEXT: (&str, &str) = (
    "shop/2_text.down.sql",
    "ALTER TABLE notes DROP COLUMN content;",
);

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn down_reverts_the_latest_first(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "down").await;
        let all = migrations(&[NOTES, DROP, TEXT, DROP_TEXT]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let report = deployment.cluster.migrate(&all).down(1).await.unwrap();
        assert_eq!(report.steps(), 4);
        deployment.assert_all_have(&["id"]).await;
        deployment.cluster.migrate(&all).up().await.unwrap();
        let report = deployment.cluster.migrate(&all).down(0).await.unwrap();
        assert!(report.done.iter().all(|done| done.versions == [2, 1]), "{report:?}");
        assert!(deployment.tables(0).await.is_empty());
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.assert_all_have(&["id", "content"]).await;
    }

    async fn redo_runs_the_latest_again(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "redo").await;
        let contract = format!("-- phase: contract\n{}", TEXT.1);
        let all = migrations(&[NOTES, DROP, (TEXT.0, &contract), DROP_TEXT]);
        let run = || deployment.cluster.migrate(&all).contract();
        let plan = run().plan().await.unwrap();
        assert!(plan.iter().all(|done| done.versions == [1, 2]) && plan.len() == 4, "{plan:?}");
        run().up().await.unwrap();
        let report = deployment.cluster.migrate(&all).redo().await.unwrap();
        assert!(report.done.iter().all(|done| done.versions == [2]), "{report:?}");
        deployment.assert_all_have(&["id", "content"]).await;
        assert!(run().plan().await.unwrap().is_empty());
    }

    async fn a_migration_without_a_down_file_is_not_reverted(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "forward").await;
        let all = migrations(&[NOTES, TEXT, DROP_TEXT]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let error = deployment.cluster.migrate(&all).down(0).await.unwrap_err();
        assert!(error.to_string().contains("migration 1 `notes` has no `.down.sql` file"), "{error}");
        deployment.assert_all_have(&["id", "content"]).await;
    }

    async fn fake_records_versions_of_tables_that_exist(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "fake").await;
        deployment.cluster.setup().run().await.unwrap();
        for shard in deployment.shards() {
            let raw = deployment.raw(shard);
            raw.run(&format!("CREATE TABLE {} (id BIGINT PRIMARY KEY)", raw.table("notes"))).await;
        }
        let all = migrations(&[NOTES, TEXT]);
        let report = deployment.cluster.migrate(&all).to(1).fake().await.unwrap();
        assert_eq!(report.steps(), 4);
        let report = deployment.cluster.migrate(&all).up().await.unwrap();
        assert!(report.done.iter().all(|done| done.versions == [2]), "{report:?}");
        deployment.assert_all_have(&["id", "content"]).await;
        deployment.cluster.migrate(&all).forget(1).await.unwrap();
        let status = deployment.cluster.migrate(&all).status().await.unwrap();
        assert_eq!(status.targets[0].versions[1].missing.len(), 4);
    }
}

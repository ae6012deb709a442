//! The level of migrations, as a check reports it.

use shard_orm::admin::{CheckOptions, Finding, Severity, check, check_migrations};
use shard_orm::migrate::Migrations;
use shard_orm_tests::behaviours;

use crate::Order;

const NOTES: (&str, &str) = (
    "shop/1_notes.sql",
    "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY)",
);
const TEXT: (&str, &str) = ("shop/2_text.sql", "ALTER TABLE notes ADD COLUMN a INT");
const DROP: (&str, &str) = (
    "shop/3_drop.sql",
    "-- phase: contract\nALTER TABLE notes DROP COLUMN a",
);

fn files(files: &[(&str, &str)]) -> Migrations {
    Migrations::embedded(files).unwrap()
}

fn checks(findings: &[Finding]) -> Vec<(Severity, &'static str)> {
    findings
        .iter()
        .map(|one| (one.severity, one.check))
        .collect()
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn older_and_newer_namespaces_are_found(fixture: &Fixture) {
        let cluster = &fixture.cluster;
        let all = files(&[NOTES, TEXT, DROP]);
        let findings = check_migrations(cluster, &all).await;
        let expected = [(Severity::Warning, "migrations_missing"), (Severity::Note, "migrations_held")];
        assert_eq!(checks(&findings), expected, "{findings:?}");
        assert_eq!(findings[0].place, "migrations of shop");
        let message = &findings[0].message;
        assert!(message.starts_with("4 of 4 namespaces lack version 1 `notes` and a later one, such as shop/0"), "{message}");

        cluster.migrate(&files(&[NOTES])).up().await.unwrap();
        cluster.migrate(&all).shard(2).up().await.unwrap();
        let findings = check_migrations(cluster, &all).await;
        assert_eq!(checks(&findings), expected, "{findings:?}");
        let message = &findings[0].message;
        assert!(message.starts_with("3 of 4 namespaces lack version 2 `text`, such as shop/0"), "{message}");

        cluster.migrate(&all).contract().up().await.unwrap();
        assert_eq!(check_migrations(cluster, &all).await, []);
        let findings = check_migrations(cluster, &files(&[NOTES, TEXT])).await;
        assert_eq!(checks(&findings), [(Severity::Warning, "migration_unknown")], "{findings:?}");
        assert_eq!(findings[0].place, "migrations of shop, version 3 drop");

        let mut report = check(cluster, CheckOptions::new()).await.unwrap();
        assert!(report.is_ok(), "{report:?}");
        report.extend(findings);
        assert!(!report.is_ok());
    }

    async fn interrupted_and_changed_versions_are_found(fixture: &Fixture) {
        let cluster = &fixture.cluster;
        let begun = ("shop/2_rows.sql", "-- no-transaction\nINSERT INTO notes VALUES (1);\nNO SUCH STATEMENT;");
        cluster.migrate(&files(&[NOTES])).up().await.unwrap();
        cluster.migrate(&files(&[NOTES, begun])).up().await.unwrap_err();
        let changed = (NOTES.0, "CREATE TABLE notes (id INT PRIMARY KEY)");
        let findings = check_migrations(cluster, &files(&[changed, begun])).await;
        let expected = [
            (Severity::Error, "migration_changed"),
            (Severity::Error, "migration_interrupted"),
            (Severity::Warning, "migrations_missing"),
        ];
        assert_eq!(checks(&findings), expected, "{findings:?}");
        assert!(findings[0].message.contains("in 4 namespaces, such as shop/0"), "{findings:?}");
        assert!(findings[1].message.contains("in 1 namespace, such as shop/0"), "{findings:?}");

        let findings = check_migrations(cluster, &files(&[("nowhere/1_a.sql", "SELECT 1")])).await;
        assert_eq!(checks(&findings), [(Severity::Error, "configuration")], "{findings:?}");
    }
}

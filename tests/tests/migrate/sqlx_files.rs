//! The files and the table of sqlx's own migrations.

use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::Order;
use crate::deployment::{Deployment, NOTES, TEXT, migrations};

/// The SHA-384 of the text of `NOTES`, which sqlx would have stored; computed by Python's `hashlib`.
const CHECKSUM: &str = "440f6ff7ab773f7ad16f32aa4549d5d6bf8b85346cdaeeffdedaeee8703f3649\
                        914a988c189f3dc8f6c90a6750940635";

behaviours! { (Order), 3 shards on 1 servers, |options| options;
    async fn versions_that_sqlx_has_applied_are_taken_over(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "sqlx").await;
        deployment.cluster.setup().run().await.unwrap();
        let (bytes, blob) = match fixture.dialect {
            Dialect::Postgres => ("BYTEA", format!("decode('{CHECKSUM}', 'hex')")),
            _ => ("BLOB", format!("X'{CHECKSUM}'")),
        };
        for shard in deployment.shards() {
            let raw = deployment.raw(shard);
            raw.run(&format!("CREATE TABLE {} (id BIGINT NOT NULL PRIMARY KEY)", raw.table("notes"))).await;
            raw.run(&format!(
                "CREATE TABLE {} (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
                 installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
                 checksum {bytes} NOT NULL, execution_time BIGINT NOT NULL)",
                raw.table("_sqlx_migrations")
            ))
            .await;
            raw.run(&format!(
                "INSERT INTO {} (version, description, success, checksum, execution_time) \
                 VALUES (1, 'notes', true, {blob}, 1)",
                raw.table("_sqlx_migrations")
            ))
            .await;
        }
        let all = migrations(&[NOTES, TEXT]);
        let status = deployment.cluster.migrate(&all).status().await.unwrap();
        assert_eq!(status.targets[0].versions[0].applied, 3, "{status:?}");
        assert!(status.targets[0].versions[0].is_current(), "{status:?}");
        let report = deployment.cluster.migrate(&all).up().await.unwrap();
        assert!(report.done.iter().all(|done| done.versions == [2]), "{report:?}");
        for shard in deployment.shards() {
            assert_eq!(deployment.columns(shard).await, ["id", "content"]);
        }
        deployment.cluster.migrate(&all).check().await.unwrap();
    }
}

#[test]
fn migrations_are_embedded_by_the_macro() {
    let embedded = shard_orm::migrations!("tests/migrate/migrations").unwrap();
    let read = Migrations::from_folder(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/migrate/migrations"
    ));
    let names = |migrations: &Migrations| -> Vec<_> {
        let all = migrations.folder("shop");
        all.map(|one| (one.version(), one.name().to_owned()))
            .collect()
    };
    assert_eq!(names(&embedded), [(20_260_101_120_000, "notes".to_owned())]);
    assert_eq!(names(&embedded), names(&read.unwrap()));
}

//! The copies of static tables, without their models.

use shard_orm::admin::{CheckOptions, check, sync_status, verify_copies};
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture};

use crate::{Airline, Order};

async fn write(fixture: &Fixture, code: &str) {
    let airline = Airline {
        code: code.to_owned(),
        name: format!("name of {code}"),
    };
    airline.insert(&fixture.cluster).await.unwrap();
}

/// The checks of synchronization that found something.
async fn found(fixture: &Fixture) -> Vec<&'static str> {
    let report = check(&fixture.cluster, CheckOptions::new()).await.unwrap();
    let checks = report.findings.iter().map(|finding| finding.check);
    checks.filter(|check| check.starts_with("sync")).collect()
}

behaviours! { (Order, Airline), 2 shards on 1 servers, |options| options;
    async fn progress_and_differences_need_no_model(fixture: &Fixture) {
        let cluster = &fixture.cluster;
        assert_eq!(sync_status(cluster).await.unwrap(), []);
        write(fixture, "AA").await;
        StaticSync::of::<Airline>(cluster).run().await.unwrap().complete().unwrap();

        let copies = sync_status(cluster).await.unwrap();
        let servers: Vec<(&str, &str)> = copies.iter().map(|one| (&*one.table, &*one.server)).collect();
        assert_eq!(servers, [("airlines", "server-0")]);
        for copy in &copies {
            assert_eq!((&*copy.mode, copy.rows_changed, copy.blocked), ("capture", 1, 0), "{copy:?}");
            assert!(copy.caught_up_ago.is_some() && copy.problem.is_none(), "{copy:?}");
        }
        assert_eq!(found(fixture).await, Vec::<&str>::new());

        let differing = || async {
            let verified = verify_copies(cluster, Some(DATABASE), &[]).await.unwrap();
            let each: Vec<u64> = verified.into_iter().map(|one| one.result.unwrap().differing()).collect();
            each
        };
        assert_eq!(differing().await, [0]);
        write(fixture, "BB").await;
        assert_eq!(differing().await, [1]);
        // The only named database is the source.
        assert_eq!(verify_copies(cluster, None, &["airlines".to_owned()]).await.unwrap().len(), 1);
        let unknown = verify_copies(cluster, None, &["nothing".to_owned()]).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::NotFound);
        let unknown = verify_copies(cluster, Some("nowhere"), &[]).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Configuration);
    }

    async fn a_copy_that_failed_or_is_old_is_found(fixture: &Fixture) {
        write(fixture, "AA").await;
        StaticSync::of::<Airline>(&fixture.cluster).run().await.unwrap().complete().unwrap();
        for (assignment, expected) in [
            ("problem = 'no route'", "sync_failed"),
            ("problem = NULL, level_at = NULL", "sync_never"),
            ("level_at = 1", "sync_old"),
        ] {
            edit(fixture, assignment).await;
            assert_eq!(found(fixture).await, [expected], "{assignment}");
        }
    }
}

/// Changes the progress of the first server's copies.
async fn edit(fixture: &Fixture, assignment: &str) {
    let namespace = fixture.namespace().replace("{shard}", "static");
    let namespace = fixture.raw_namespace_on(0, &namespace);
    let table = namespace.table("shard_orm_sync");
    namespace
        .run(&format!("UPDATE {table} SET {assignment}"))
        .await;
}

//! Copies that are brought up to date without their models.

use std::sync::Arc;
use std::time::Duration;

use shard_orm::Result;
use shard_orm::admin::{
    Refusal, StopSignal, SyncOptions, supervise_copies, sync_copies, sync_status, verify_copies,
};
use shard_orm::lock::LeaseLocks;
use shard_orm::prelude::*;
use shard_orm::sync::{Collect, CopyId, StaticSync, TransmitHooks};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, RawNamespace};
use shard_orm_tests::waiting::{cut, eventually};

use crate::{Airline, Order};

/// The same table with hooks, as another version of the application has it.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "airlines", transmit_hooks)]
struct Offered {
    #[static_model(primary_key, length = 3)]
    code: String,
    name: String,
}

impl TransmitHooks for Offered {
    fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
        rows.filter(Offered::NAME.ne("hidden"))
    }
}

/// The same table with a hook that changes each row, which the progress of a copy does not tell.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "airlines", transmit_hooks)]
struct Shouted {
    #[static_model(primary_key, length = 3)]
    code: String,
    name: String,
}

impl TransmitHooks for Shouted {
    fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
        rows.change(|row| row.name = row.name.to_uppercase())
    }
}

/// A row that is read by when it changed.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "fares", criterion = "revision")]
struct Fare {
    #[static_model(primary_key)]
    id: i64,
    revision: i64,
}

fn airline(code: &str, name: &str) -> Airline {
    Airline {
        code: code.to_owned(),
        name: name.to_owned(),
    }
}

/// Inserts a row, and lets the application sync, which records that no hooks take part.
async fn synced_by_the_application(fixture: &Fixture) {
    airline("AA", "first")
        .insert(&fixture.cluster)
        .await
        .unwrap();
    let sync = StaticSync::of::<Airline>(&fixture.cluster);
    sync.run().await.unwrap().complete().unwrap();
}

/// The names in the copy.
async fn names(fixture: &Fixture) -> Vec<String> {
    let copy = Airline::copy(Order::shard(fixture.key())).order_by(Airline::CODE);
    let rows = copy.all(&fixture.cluster).await.unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

/// The static tables of the server, as the database has them.
fn statics(fixture: &Fixture) -> RawNamespace {
    let namespace = fixture.namespace().replace("{shard}", "static");
    fixture.raw_namespace_on(0, &namespace)
}

/// Removes what earlier versions did not record.
pub(crate) async fn forget_declarations(fixture: &Fixture) {
    let statics = statics(fixture);
    let table = statics.table("shard_orm_sync");
    for column in ["hooks", "source", "criterion"] {
        statics
            .run(&format!("ALTER TABLE {table} DROP COLUMN {column}"))
            .await;
    }
}

/// Whether each copy says that hooks take part.
async fn hooks(cluster: &Cluster) -> Vec<Option<bool>> {
    let copies = sync_status(cluster).await.unwrap();
    copies.into_iter().map(|copy| copy.hooks).collect()
}

async fn is_equal(cluster: &Cluster) -> bool {
    let verified = verify_copies(cluster, None, &[]).await.unwrap();
    verified
        .into_iter()
        .all(|one| one.result.unwrap().is_equal())
}

behaviours! { (Order, Airline, Fare), 2 shards on 1 servers, |options| options;
    async fn rows_are_equal_after_a_sync(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        synced_by_the_application(fixture).await;
        airline("BB", "second").insert(cluster).await.unwrap();
        sync_copies(operator, &SyncOptions::new()).await.unwrap();
        airline("AA", "changed").update(cluster).await.unwrap();
        airline("BB", "second").delete(cluster).await.unwrap();
        airline("CC", "third").insert(cluster).await.unwrap();

        let done = sync_copies(operator, &SyncOptions::new()).await.unwrap();
        assert!(done.is_complete(), "{done:?}");
        let servers: Vec<&str> = done.copies.iter().map(|one| &*one.copy.server).collect();
        assert_eq!(servers, ["server-0"]);
        for one in done.copies {
            let rows = one.result.unwrap().unwrap();
            assert_eq!((rows.inserted, rows.updated, rows.deleted), (1, 1, 1), "{rows:?}");
        }
        assert_eq!(names(fixture).await, ["changed", "third"]);
        // Both continue from one position.
        let own = StaticSync::of::<Airline>(cluster).run().await.unwrap().complete().unwrap();
        assert_eq!((own.rows().written(), own.rows().read_at_copy), (0, 0), "{own:?}");
        assert!(sync_status(operator).await.unwrap().iter().all(|copy| copy.mode == "capture"));
    }

    async fn a_table_with_hooks_is_refused(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        airline("AA", "shown").insert(cluster).await.unwrap();
        airline("BB", "hidden").insert(cluster).await.unwrap();
        let sync = || async { StaticSync::of::<Offered>(cluster).run().await.unwrap().complete().unwrap() };
        sync().await;
        assert_eq!(hooks(operator).await, [Some(true)]);

        airline("CC", "later").insert(cluster).await.unwrap();
        let refused = sync_copies(operator, &SyncOptions::new()).await.unwrap();
        assert!(!refused.is_complete() && refused.copies.is_empty(), "{refused:?}");
        let reasons: Vec<_> = refused.refused.iter().map(|one| (&*one.table, &*one.group, one.reason)).collect();
        assert_eq!(reasons, [("airlines", "shop", Refusal::HasHooks)]);
        assert_eq!(names(fixture).await, ["shown"]);
        let error = supervise_copies(operator, &SyncOptions::new()).await.unwrap_err();
        assert!(error.to_string().contains("hooks"), "{error}");

        let without = SyncOptions::new().table("airlines").without_hooks();
        assert!(sync_copies(operator, &without).await.unwrap().is_complete());
        assert_eq!(names(fixture).await, ["shown", "hidden", "later"]);
        // What the application has recorded stays, and its next sync restores what its hooks say.
        assert_eq!(hooks(operator).await, [Some(true)]);
        sync().await;
        assert_eq!(names(fixture).await, ["shown", "later"]);
    }

    async fn the_application_restores_what_was_copied_without_its_hooks(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        let sync = || async { StaticSync::of::<Shouted>(cluster).run().await.unwrap().complete().unwrap() };
        airline("AA", "first").insert(cluster).await.unwrap();
        sync().await;
        assert_eq!(names(fixture).await, ["FIRST"]);
        airline("BB", "second").insert(cluster).await.unwrap();
        let without = SyncOptions::new().without_hooks();
        for _ in 0..2 {
            assert!(sync_copies(operator, &without).await.unwrap().is_complete());
            assert_eq!(names(fixture).await, ["first", "second"]);
            assert_eq!(sync_status(operator).await.unwrap()[0].mode, "capture:without-hooks");
        }
        sync().await;
        assert_eq!(names(fixture).await, ["FIRST", "SECOND"]);
        assert_eq!(sync_status(operator).await.unwrap()[0].mode, "capture");
    }

    async fn a_table_without_record_is_refused(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        airline("AA", "first").insert(cluster).await.unwrap();
        // It was never synced: nothing lists it.
        let nothing = sync_copies(operator, &SyncOptions::new()).await.unwrap();
        assert!(nothing.copies.is_empty() && nothing.refused.is_empty(), "{nothing:?}");
        let named = SyncOptions::new().table("airlines");
        let refused = sync_copies(operator, &named).await.unwrap();
        assert_eq!(refused.refused[0].reason, Refusal::NotRecorded);
        let unknown = sync_copies(operator, &SyncOptions::new().table("nothing")).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::NotFound);

        let done = sync_copies(operator, &named.clone().without_hooks()).await.unwrap();
        assert!(done.is_complete(), "{done:?}");
        assert_eq!(names(fixture).await, ["first"]);
        // The operator's sync is no statement of the application.
        assert_eq!(hooks(operator).await, [None]);
        assert!(!sync_copies(operator, &named).await.unwrap().is_complete());
        let sync = StaticSync::of::<Airline>(cluster);
        sync.run().await.unwrap().complete().unwrap();
        assert!(sync_copies(operator, &named).await.unwrap().is_complete());
    }

    async fn records_of_earlier_versions_are_completed(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        synced_by_the_application(fixture).await;
        forget_declarations(fixture).await;
        assert_eq!(hooks(operator).await, [None]);
        let refused = sync_copies(operator, &SyncOptions::new()).await.unwrap();
        assert_eq!(refused.refused[0].reason, Refusal::NotRecorded);
        airline("BB", "second").insert(cluster).await.unwrap();
        let without = SyncOptions::new().without_hooks();
        assert!(sync_copies(operator, &without).await.unwrap().is_complete());
        assert_eq!(names(fixture).await, ["first", "second"]);

        // By a sync of the application, and by a setup.
        StaticSync::of::<Airline>(cluster).run().await.unwrap().complete().unwrap();
        assert_eq!(hooks(operator).await, [Some(false)]);
        assert!(sync_copies(operator, &SyncOptions::new()).await.unwrap().is_complete());
        forget_declarations(fixture).await;
        fixture.setup_of(cluster).table::<Order>().table::<Airline>().table::<Fare>().run().await.unwrap();
        let statics = statics(fixture);
        let table = statics.table("shard_orm_sync");
        // It fails on a column that is missing.
        assert_eq!(statics.text(&format!("SELECT source FROM {table} WHERE hooks IS NULL")).await, None);
    }

    async fn an_interrupted_sync_is_continued(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        synced_by_the_application(fixture).await;
        let stop = StopSignal::default();
        stop.stop();
        let stopped = SyncOptions::new().stop_on(stop);
        airline("BB", "second").insert(cluster).await.unwrap();
        let done = sync_copies(operator, &stopped).await.unwrap();
        assert_eq!((done.copies.len(), done.interrupted.len()), (0, 1), "{done:?}");
        assert!(!done.is_complete());
        assert_eq!(names(fixture).await, ["first"]);

        let options = SyncOptions::new();
        for (number, polls) in [1, 4, 8, 16, 24, 32, 48, 64].into_iter().enumerate() {
            airline(&format!("N{number}"), "another").insert(cluster).await.unwrap();
            drop(cut(sync_copies(operator, &options), polls).await);
        }
        assert!(sync_copies(operator, &options).await.unwrap().is_complete());
        assert_eq!(names(fixture).await.len(), 10);
        assert!(is_equal(operator).await);
    }

    async fn a_supervisor_follows_changes_until_hooks_appear(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        synced_by_the_application(fixture).await;
        let options = SyncOptions::new().every(Duration::from_millis(20));
        let supervised = supervise_copies(operator, &options).await.unwrap();
        assert!(supervised.refused.is_empty());
        let supervisor = supervised.supervisor;
        airline("AA", "changed").update(cluster).await.unwrap();
        airline("BB", "second").insert(cluster).await.unwrap();
        eventually("the changes", async || names(fixture).await == ["changed", "second"]).await;

        // A new version of the application takes over.
        StaticSync::of::<Offered>(cluster).run().await.unwrap().complete().unwrap();
        eventually("the supervisor gives the copies up", async || {
            let status = supervisor.status();
            let is_given_up = |problem: &Option<String>| problem.as_ref().is_some_and(|text| text.contains("has changed"));
            status.iter().all(|copy| is_given_up(&copy.problem))
        }).await;
        airline("CC", "hidden").insert(cluster).await.unwrap();
        StaticSync::of::<Offered>(cluster).run().await.unwrap().complete().unwrap();
        assert_eq!(names(fixture).await, ["changed", "second"]);
        supervisor.stop().await;
    }

    async fn copies_are_shared_with_a_supervisor_of_the_application(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        let locks = LeaseLocks::new(cluster, "default").unwrap();
        locks.setup().await.unwrap();
        cluster.register_static::<Airline>();
        let supervisor = StaticSync::supervise(cluster)
            .every(Duration::from_millis(20))
            .locks(Arc::new(locks))
            .run()
            .unwrap();
        airline("AA", "first").insert(cluster).await.unwrap();
        eventually("the first row", async || names(fixture).await == ["first"]).await;

        let locks = LeaseLocks::new(operator, "default").unwrap();
        let left = sync_copies(operator, &SyncOptions::new().locks(Arc::new(locks))).await.unwrap();
        let results: Vec<bool> = left.copies.iter().map(|one| matches!(one.result, Ok(None))).collect();
        assert_eq!(results, [true], "{left:?}");
        // Without locks, each fences the other off, and both continue.
        airline("BB", "second").insert(cluster).await.unwrap();
        let done = sync_copies(operator, &SyncOptions::new()).await.unwrap();
        assert!(done.is_complete(), "{done:?}");
        assert_eq!(names(fixture).await, ["first", "second"]);
        airline("CC", "third").insert(cluster).await.unwrap();
        eventually("the third row", async || names(fixture).await.len() == 3).await;
        assert!(supervisor.status().iter().all(|copy| copy.failures == 0));
        supervisor.stop().await;
    }

    async fn a_watermark_column_is_recorded(fixture: &Fixture) {
        let (cluster, operator) = (&fixture.cluster, &fixture.another_process().await);
        Fare { id: 1, revision: 1 }.insert(cluster).await.unwrap();
        StaticSync::of::<Fare>(cluster).run().await.unwrap().complete().unwrap();
        let mode = sync_status(operator).await.unwrap().remove(0);
        assert_eq!((mode.criterion.as_deref(), mode.source.as_deref()), (Some("revision"), Some("default")));
        Fare { id: 1, revision: 2 }.update(cluster).await.unwrap();
        Fare { id: 2, revision: 3 }.insert(cluster).await.unwrap();
        assert!(sync_copies(operator, &SyncOptions::new()).await.unwrap().is_complete());
        assert!(is_equal(operator).await);
        assert_eq!(sync_status(operator).await.unwrap()[0].mode, mode.mode);
        let elsewhere = sync_copies(operator, &SyncOptions::new().source("nowhere")).await.unwrap_err();
        assert_eq!(elsewhere.kind(), ErrorKind::Configuration);
    }
}

#[allow(dead_code)]
fn results_can_be_sent(cluster: &Cluster) -> impl Future<Output = Result<()>> + Send {
    let options = SyncOptions::new();
    async move { sync_copies(cluster, &options).await.map(drop) }
}

//! Supervisors: one task per copy, none of which delays another.

use std::sync::Arc;
use std::time::Duration;

use shard_orm::config::{Config, Database, Group, Server};
use shard_orm::lock::LeaseLocks;
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm_tests::scratch;

use crate::fixture::{Fixture, Item, Pair, eventually, item, on};

on! { all =>
    copies_follow_within_their_interval
    a_second_supervisor_takes_over_a_copy
}

/// Whether each copy has as many items as the source.
async fn are_level(fixture: &Fixture) -> bool {
    let expected = Item::query().count(&fixture.cluster).await.unwrap();
    for copy in &fixture.copies {
        if Item::query().count(copy).await.unwrap() != expected {
            return false;
        }
    }
    true
}

async fn copies_follow_within_their_interval(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=20).await;
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_millis(50))
        .jitter(0.5)
        .run()
        .unwrap();
    eventually("the first copy", || are_level(&fixture)).await;
    item(3).delete(&fixture.cluster).await.unwrap();
    fixture.insert(21..=23).await;
    eventually("the changes", || are_level(&fixture)).await;
    fixture.assert_equal().await;

    let status = supervisor.status();
    let copies: Vec<&str> = status.iter().map(|one| one.copy.table.as_str()).collect();
    assert_eq!(copies, ["items", "items", "prices", "prices"]);
    eventually("a round of each copy", async || {
        supervisor.status().iter().all(|one| one.last_run.is_some())
    })
    .await;
    for one in supervisor.status() {
        assert!(one.held && one.problem.is_none(), "{one:?}");
        // Nothing was ever written to the other table, which is read by a criterion.
        let placed = one.position.is_some() || one.copy.table == "prices";
        assert!(one.lag().is_some() && placed, "{one:?}");
    }
    supervisor.stop().await;
    // Nothing goes on.
    fixture.insert([30]).await;
    assert!(!are_level(&fixture).await);
}

async fn a_second_supervisor_takes_over_a_copy(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=5).await;
    let begin = async |cluster: &Cluster| {
        let locks = LeaseLocks::new(cluster, "default").unwrap();
        locks.setup().await.unwrap();
        StaticSync::supervise(cluster)
            .every(Duration::from_millis(50))
            .locks(Arc::new(locks))
            .lock_ttl(Duration::from_secs(10))
            .run()
            .unwrap()
    };
    let first = begin(&fixture.cluster).await;
    let is_held = |supervisor: &shard_orm::sync::Supervisor| {
        supervisor
            .status()
            .iter()
            .all(|one| one.held && one.last_run.is_some())
    };
    eventually("the first to hold all", async || is_held(&first)).await;
    let other = fixture.another_process().await;
    let second = begin(&other).await;
    fixture.insert(6..=9).await;
    eventually("the changes", || are_level(&fixture)).await;
    assert!(second.status().iter().all(|one| !one.held));
    first.stop().await;
    eventually("the second to hold all", async || is_held(&second)).await;
    fixture.insert(10..=12).await;
    eventually("the changes", || are_level(&fixture)).await;
    fixture.assert_equal().await;
    second.stop().await;
}

/// A server that is not there does not keep the others back, and is reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_server_does_not_delay_other_copies() {
    let folder = scratch::folder("sync");
    let path = folder.path().display();
    let good = Group::new(1).server(Server::new("a", format!("sqlite://{path}/a")));
    let config = Config::new("sync")
        .database(
            "default",
            Database::new(format!("sqlite://{path}/source.db")),
        )
        .group("good", good);
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Item>().run().await.unwrap();
    cluster.register_static::<Item>();
    let bad = Group::new(1).server(Server::new("b", format!("sqlite://{path}/b")));
    cluster.reconfigure(&config.group("bad", bad)).unwrap();
    item(1).insert(&cluster).await.unwrap();

    let report = StaticSync::of::<Item>(&cluster).run().await.unwrap();
    assert!(!report.is_complete());
    let outcome: Vec<bool> = report.copies.iter().map(|one| one.result.is_ok()).collect();
    // By the name of the group.
    assert_eq!(outcome, [false, true]);
    let error = report.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);

    let supervisor = StaticSync::supervise(&cluster)
        .every(Duration::from_millis(20))
        .concurrency(1)
        .run()
        .unwrap();
    let copy = Config::new("copy").database(
        "default",
        Database::new(format!("sqlite://{path}/a/good_static.db")),
    );
    let copy = Cluster::connect(&copy).await.unwrap();
    let level = async |count| Item::query().count(&copy).await.unwrap() == count;
    eventually("the good server", async || level(1).await).await;
    eventually("the bad one's report", async || {
        let status = supervisor.status();
        status[0].failures >= 2 && status[0].problem.is_some() && status[1].failures == 0
    })
    .await;
    item(2).insert(&cluster).await.unwrap();
    eventually("the good server again", async || level(2).await).await;
    // It is made anew: the copy comes back.
    cluster.setup().table::<Item>().run().await.unwrap();
    eventually("the bad server", async || {
        supervisor.status()[0].problem.is_none()
    })
    .await;
    supervisor.stop().await;
}

/// What is not registered, or names what is not there, is refused before anything is begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsupported_supervision_is_refused() {
    #[derive(Debug, Clone, PartialEq, StaticModel)]
    #[static_model(groups = ["elsewhere"], table = "lost")]
    struct Lost {
        #[static_model(primary_key)]
        id: i64,
    }

    let folder = scratch::folder("sync");
    let path = folder.path().display();
    let config = Config::new("sync")
        .database(
            "default",
            Database::new(format!("sqlite://{path}/source.db")),
        )
        .group(
            "here",
            Group::new(1).server(Server::new("a", format!("sqlite://{path}/a"))),
        );
    let cluster = Cluster::connect(&config).await.unwrap();
    let error = StaticSync::supervise(&cluster).run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("register_static"), "{error}");
    let error = StaticSync::of::<Lost>(&cluster).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("elsewhere"), "{error}");
    // Nothing was set up: the error says what to do.
    let report = StaticSync::of::<Item>(&cluster).run().await.unwrap();
    let error = report.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    assert!(error.to_string().contains("setup"), "{error}");
}

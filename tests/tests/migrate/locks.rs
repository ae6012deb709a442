//! Operators and transactions of the application that are in the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shard_orm::migrate::{Event, Report};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use tokio::sync::{Notify, mpsc};

use crate::deployment::{Deployment, NOTES, TEXT, migrations};
use crate::{Note, Order};

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_second_operator_is_told_who_is_at_work(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "operators").await;
        let all = migrations(&[NOTES]);
        let (at_work, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (of_check, gate) = (Arc::clone(&at_work), Arc::clone(&go_on));
        let first = deployment.cluster.migrate(&all).holder("ann@laptop").after_canary(move |_| {
            let (at_work, gate) = (Arc::clone(&of_check), Arc::clone(&gate));
            async move {
                at_work.notify_one();
                gate.notified().await;
                Ok(())
            }
        });
        let second = async {
            at_work.notified().await;
            let cluster = Cluster::connect(&deployment.config).await.unwrap();
            let error = cluster.migrate(&all).up().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("is held by ann@laptop, for "), "{error}");
            let waiting = cluster.migrate(&all).wait_for_lock(Duration::from_mins(5)).up();
            go_on.notify_one();
            // It finds nothing left to do.
            assert_eq!(waiting.await.unwrap().steps(), 0);
            cluster.close().await;
        };
        let (first, ()) = tokio::join!(first.up(), second);
        assert_eq!(first.unwrap().steps(), 4);
        deployment.assert_all_have(&["id"]).await;
    }

    async fn a_migration_gives_way_to_transactions_and_nobody_queues_behind_it(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "busy").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        let cluster = &deployment.cluster;
        let tx = cluster.begin(Note::shard(1)).await.unwrap();
        Note { id: 1 }.insert(&tx, 1).await.unwrap();
        let (said, mut heard) = mpsc::unbounded_channel();
        let all = migrations(&[NOTES, TEXT]);
        let migrate = cluster.migrate(&all).without_canary().on_event(move |event| {
            if let Event::Waiting { location, blockers, .. } = event {
                said.send((location, blockers)).unwrap();
            }
        });
        let application = async {
            let (location, blockers) = heard.recv().await.unwrap();
            assert_eq!(location, deployment.location(1));
            if fixture.dialect != Dialect::Sqlite {
                assert!(!blockers.is_empty());
            }
            // The migration is being attempted all the time, and the transaction stays open. Behind a
            // migration that waits for its lock, these would not return.
            let mut longest = Duration::ZERO;
            for _ in 0..20 {
                let begun = Instant::now();
                Note::on(1).all(cluster).await.unwrap();
                longest = longest.max(begun.elapsed());
                if fixture.dialect != Dialect::Sqlite {
                    let (id, begun) = (fixture.id(), Instant::now());
                    Note { id }.insert(cluster, 1).await.unwrap();
                    longest = longest.max(begun.elapsed());
                }
            }
            println!("longest call: {longest:?}");
            // An attempt waits for 10 ms. The rest is for a machine that runs other tests.
            assert!(longest < Duration::from_secs(2), "{longest:?}");
            tx.commit().await.unwrap();
        };
        let (report, ()) = tokio::join!(migrate.up(), application);
        assert_eq!(report.unwrap().steps(), 4);
        deployment.assert_all_have(&["id", "content"]).await;
    }

    async fn a_migration_that_gets_no_lock_says_who_is_in_the_way(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "blocked").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        let tx = deployment.cluster.begin(Note::shard(1)).await.unwrap();
        Note { id: 1 }.insert(&tx, 1).await.unwrap();
        let all = migrations(&[NOTES, TEXT]);
        let run = || deployment.cluster.migrate(&all).shard(1).lock_wait(Duration::from_millis(200));
        let error = run().up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let report = Report::of(&error).unwrap();
        assert_eq!((report.failed.len(), report.done.len()), (1, 0));
        assert!(error.to_string().contains("hold locks"), "{error}");
        if fixture.dialect != Dialect::Sqlite {
            assert!(error.to_string().contains("Open: session "), "{error}");
        }
        tx.rollback().await.unwrap();
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.assert_all_have(&["id", "content"]).await;
    }
}

behaviours! { (Order), 2 shards on 1 servers, |options| options.replicas();
    async fn a_replica_is_not_migrated(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            // A file has no role.
            return;
        }
        let all = migrations(&[NOTES]);
        let config = fixture.config_of(fixture.replica_urls(), fixture.namespace());
        fixture.replicated().await;
        let cluster = Cluster::connect(&config).await.unwrap();
        let error = cluster.migrate(&all).only("shop").up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    }
}

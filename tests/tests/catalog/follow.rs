//! Processes follow the catalog while they serve.

use std::time::Duration;

use shard_orm::admin::{CheckOptions, CheckReport, check};
use shard_orm::prelude::*;
use shard_orm_tests::listening::Errors;
use shard_orm_tests::waiting::eventually;
use shard_orm_tests::{behaviours, scratch};

use crate::{
    Order, Setting, document, initialized, initialized_with, open, process, run_in_database,
    settings,
};

/// Waits until a process uses an epoch.
async fn uses(cluster: &Cluster, epoch: u64) {
    eventually("the process uses the epoch", async || {
        cluster.topology().epoch() == epoch
    })
    .await;
}

/// An order of each logical shard, written and read.
async fn serves(fixture: &shard_orm_tests::fixture::Fixture, cluster: &Cluster) {
    for key in fixture.key_of_each_shard() {
        let order = Order {
            id: fixture.id(),
            user_id: key,
        };
        let order = order.insert(cluster).await.unwrap();
        assert_eq!(Order::get(cluster, key, order.id).await.unwrap(), order);
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_process_takes_the_topology_from_the_catalog(fixture: &Fixture) {
        let (_, revision) = initialized(fixture).await;
        assert_eq!(revision.epoch, 1);
        let cluster = open(fixture, None).await;
        assert_eq!(cluster.topology().group("shop").unwrap().servers().len(), 2);
        serves(fixture, &cluster).await;
    }

    async fn a_change_reaches_running_processes(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let next = document(fixture, "weight = 3");
        let second = catalog.change(&first, &next, "more weight").await.unwrap();
        assert_eq!((second.epoch, &*second.comment), (2, "more weight"));
        uses(&cluster, 2).await;
        serves(fixture, &cluster).await;
    }

    async fn notifications_are_used_where_there_are_any(fixture: &Fixture) {
        if fixture.dialect != Dialect::Postgres {
            return;
        }
        let (catalog, first) = initialized(fixture).await;
        let rarely = settings().poll(Duration::from_hours(24));
        let cluster = Cluster::connect(&process(fixture, rarely)).await.unwrap();
        let next = document(fixture, "weight = 3");
        catalog.change(&first, &next, "more weight").await.unwrap();
        uses(&cluster, 2).await;
    }

    async fn a_process_starts_by_its_configuration_while_the_catalog_is_empty(fixture: &Fixture) {
        let config = fixture.config().catalog(settings());
        let cluster = Cluster::connect(&config).await.unwrap();
        serves(fixture, &cluster).await;
        assert_eq!(cluster.catalog().unwrap().current().await.unwrap(), None);
        let catalog = cluster.catalog().unwrap();
        catalog.initialize(&document(fixture, "weight = 2")).await.unwrap();
        serves(fixture, &cluster).await;
    }

    async fn a_process_never_goes_back(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let folder = scratch::folder("copy");
        let copy = folder.path().join("topology.toml");
        let cluster = open(fixture, Some(&copy)).await;
        let next = document(fixture, "weight = 3");
        catalog.change(&first, &next, "more weight").await.unwrap();
        uses(&cluster, 2).await;
        eventually("the local copy is written", async || {
            std::fs::read_to_string(&copy).unwrap().contains("epoch = 2")
        })
        .await;

        // The catalog of an older backup.
        run_in_database(fixture, "DELETE FROM shard_orm_topology WHERE epoch = 2").await;
        serves(fixture, &cluster).await;
        let (errors, _listening) = Errors::listen();
        let started = open(fixture, Some(&copy)).await;
        assert!(errors.contain("started with the local copy"));
        assert_eq!(started.topology().epoch(), 2);

        // The backup, changed since.
        let other = document(fixture, "weight = 4");
        let second = catalog.change(&first, &other, "another weight").await.unwrap();
        let third = document(fixture, "weight = 5");
        let third = catalog.change(&second, &third, "and another").await.unwrap();
        assert_eq!(third.epoch, 3);
        let started = open(fixture, Some(&copy)).await;
        assert_eq!(started.topology().epoch(), 2);
        assert_eq!(cluster.topology().epoch(), 2);
        let fresh = open(fixture, None).await;
        assert_eq!(fresh.topology().epoch(), 3);
    }

    async fn check_names_an_empty_catalog_and_processes_that_stay_behind(fixture: &Fixture) {
        let found = async |cluster: &Cluster| {
            let report = check(cluster, CheckOptions::new()).await.unwrap();
            let of_catalog = report.findings.into_iter().map(|finding| finding.check);
            let of_catalog = of_catalog.filter(|check| check.starts_with("catalog") || check.starts_with("process"));
            of_catalog.collect::<Vec<_>>()
        };
        let config = fixture.config().catalog(settings());
        let unfollowed = Cluster::connect(&config).await.unwrap();
        assert_eq!(found(&unfollowed).await, ["catalog_empty"]);
        unfollowed.close().await;

        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let rarely = settings().poll(Duration::from_hours(24)).heartbeat(Some(Duration::from_hours(24)));
        let process = Cluster::connect(&process(fixture, rarely)).await.unwrap();
        eventually("all processes are listed", async || catalog.processes().await.unwrap().len() == 3).await;
        catalog.change(&first, &document(fixture, "weight = 2"), "weight").await.unwrap();
        uses(&cluster, 2).await;
        // On PostgreSQL it is notified.
        let expected: &[&str] = if fixture.dialect == Dialect::Postgres { &[] } else { &["process_behind"] };
        eventually("the check says so", async || found(&cluster).await == expected).await;
        process.close().await;
    }

    async fn check_counts_the_processes_of_the_catalog(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let ids = "[ids]\nworker = 3\n";
        let (catalog, _) = initialized_with(fixture, &format!("{}{ids}", document(fixture, ""))).await;
        let cluster = open(fixture, None).await;
        let report = async || check(&cluster, CheckOptions::new()).await.unwrap();
        let needed = |report: &CheckReport| -> u64 {
            report.budgets.iter().map(|budget| budget.needed).sum()
        };
        eventually("both are listed", async || catalog.processes().await.unwrap().len() == 2).await;
        let of_two = report().await;
        let third = open(fixture, None).await;
        eventually("all are listed", async || catalog.processes().await.unwrap().len() == 3).await;
        let of_three = report().await;
        assert_eq!(needed(&of_three) * 2, needed(&of_two) * 3);
        // One connection of each process listens to the catalog on PostgreSQL, beside its pools.
        let pools = 10 * 3;
        let listeners = u64::from(fixture.dialect == Dialect::Postgres);
        assert_eq!(needed(&of_three), 3 * (pools + listeners), "{:?}", of_three.budgets);
        // All three generate ids as the worker of the catalog.
        let shared = of_three.findings.iter().any(|finding| finding.check == "ids_worker_shared");
        assert!(shared, "{:?}", of_three.findings);
        third.close().await;
    }

    async fn reconfiguration_is_left_to_the_catalog(fixture: &Fixture) {
        let (_, _) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let error = cluster.reconfigure(&fixture.config()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("comes from its catalog"), "{error}");
    }

    async fn processes_report_themselves_and_their_epoch(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let epochs = async || {
            let processes = catalog.processes().await.unwrap();
            assert!(processes.iter().all(|process| process.name == "test"));
            assert!(processes.iter().all(|process| process.pid == std::process::id()));
            let mut epochs: Vec<u64> = processes.iter().map(|process| process.epoch).collect();
            epochs.sort_unstable();
            epochs
        };
        eventually("both processes are listed", async || epochs().await == [1, 1]).await;
        catalog
            .change(&first, &document(fixture, "weight = 2"), "weight")
            .await
            .unwrap();
        eventually("both use epoch 2", async || epochs().await == [2, 2]).await;
        cluster.close().await;
        eventually("one is left", async || epochs().await == [2]).await;
    }
}

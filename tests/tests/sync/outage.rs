//! Servers that are killed and restarted while a supervisor runs.

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::sync::{StaticSync, Supervisor};
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};

use crate::fixture::{Backend, Fixture, Hosts, Item, Pair, Price, eventually, item, on};

on! { servers =>
    a_copy_catches_up_after_an_outage
    copies_catch_up_after_an_outage_of_the_source
}

/// A server of the test's own.
enum Own {
    Postgres(Box<PostgresServer>),
    MariaDb(Box<MariaDbServer>),
}

impl Own {
    async fn start(backend: Backend) -> Self {
        match backend {
            Backend::Postgres => {
                let server = PostgresServer::start().await.unwrap();
                Self::Postgres(Box::new(server))
            }
            _ => Self::MariaDb(Box::new(MariaDbServer::start().await.unwrap())),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url().to_owned(),
            Self::MariaDb(server) => server.url().to_owned(),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Postgres(server) => server.kill9(),
            Self::MariaDb(server) => server.kill9(),
        }
    }

    async fn restart(&mut self) {
        match self {
            Self::Postgres(server) => server.restart().await.unwrap(),
            Self::MariaDb(server) => server.restart().await.unwrap(),
        }
    }
}

async fn fixture(pair: Pair, hosts: Hosts) -> (Fixture, Supervisor) {
    let fixture = Fixture::at(pair, hosts).await;
    fixture.add::<Item>("items", "").await;
    fixture.add::<Price>("prices", "").await;
    fixture.insert(1..=100).await;
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_millis(30))
        .longest_pause(Duration::from_millis(200))
        .run()
        .unwrap();
    eventually("the first copy", || fixture.is_equal()).await;
    (fixture, supervisor)
}

/// Whether a copy has as many items as there were written, and of none too many.
async fn count(at: &Cluster) -> Option<u64> {
    Item::query().count(at).await.ok()
}

async fn are_well(supervisor: &Supervisor) {
    eventually("nothing is wrong", async || {
        let status = supervisor.status();
        status
            .iter()
            .all(|one| one.problem.is_none() && one.failures == 0)
    })
    .await;
}

async fn a_copy_catches_up_after_an_outage(pair: Pair) {
    let mut server = Own::start(pair.1).await;
    let hosts = Hosts {
        copies: [Some(server.url()), None],
        ..Hosts::default()
    };
    let (fixture, supervisor) = fixture(pair, hosts).await;
    for round in 1..=2 {
        // In the middle of changes.
        fixture.insert(round * 1_000..round * 1_000 + 400).await;
        server.kill();
        fixture
            .insert(round * 1_000 + 400..round * 1_000 + 500)
            .await;
        item(round).delete(&fixture.cluster).await.unwrap();
        let all = Item::query().count(&fixture.cluster).await.unwrap();
        // The other one goes on meanwhile.
        eventually("the other copy", async || {
            count(&fixture.copies[1]).await == Some(all)
        })
        .await;
        eventually("the failure shows", async || {
            let status = supervisor.status();
            let failed = |one: &&shard_orm::sync::CopyStatus| one.failures > 0;
            status
                .iter()
                .find(failed)
                .is_some_and(|one| one.problem.is_some())
        })
        .await;
        server.restart().await;
        eventually("all changes", async || {
            count(&fixture.copies[0]).await == Some(all)
        })
        .await;
        eventually("the copies are equal", || fixture.is_equal()).await;
        are_well(&supervisor).await;
    }
    supervisor.stop().await;
}

async fn copies_catch_up_after_an_outage_of_the_source(pair: Pair) {
    let mut server = Own::start(pair.0).await;
    let hosts = Hosts {
        source: Some(server.url()),
        ..Hosts::default()
    };
    let (fixture, supervisor) = fixture(pair, hosts).await;
    for round in 1..=2 {
        fixture.insert(round * 1_000..round * 1_000 + 400).await;
        item(round).delete(&fixture.cluster).await.unwrap();
        server.kill();
        eventually("the failure shows", async || {
            let status = supervisor.status();
            status
                .iter()
                .all(|one| one.failures > 0 && one.problem.is_some())
        })
        .await;
        server.restart().await;
        eventually("all changes", async || {
            count(&fixture.cluster).await.is_some() && fixture.is_equal().await
        })
        .await;
        are_well(&supervisor).await;
        // And it goes on.
        fixture.insert([round * 1_000 + 900]).await;
        eventually("one more", || fixture.is_equal()).await;
    }
    supervisor.stop().await;
}

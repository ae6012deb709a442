//! Calls while the topology changes, and while the catalog is unavailable: none fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use shard_orm::catalog::Document;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::{Node, Signal, signal_tree};
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::{
    Order, Setting, document, initialized, open, process_at, run_in_database, settings,
    without_password,
};

/// A change of one thing.
type Edit<'e> = &'e dyn Fn(&mut Document) -> shard_orm::Result<()>;

/// Tasks that write and read until they are stopped.
struct Traffic {
    stopped: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Four tasks on each cluster, each with keys of its own.
    fn begin(fixture: &Fixture, clusters: &[Cluster]) -> Self {
        let (stopped, calls) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let tasks = clusters.iter().flat_map(|cluster| vec![cluster.clone(); 4]);
        let tasks = tasks.map(|cluster| {
            let (key, first) = (fixture.key(), fixture.ids(100_000)[0]);
            let (stopped, calls) = (Arc::clone(&stopped), Arc::clone(&calls));
            tokio::spawn(async move {
                for (number, before) in (0_i64..100_000).zip(0_u64..) {
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    let order = Order {
                        id: first + number,
                        user_id: key,
                    };
                    order.insert(&cluster).await.unwrap();
                    let found = Order::on(key).count(&cluster).await.unwrap();
                    assert_eq!(found, before + 1);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let tasks = tasks.collect();
        Self {
            stopped,
            calls,
            tasks,
        }
    }

    /// Waits for some more calls.
    async fn goes_on(&self) {
        let begun = self.calls.load(Ordering::Relaxed);
        eventually("calls succeed", async || {
            let ended = self.tasks.iter().any(JoinHandle::is_finished);
            ended || self.calls.load(Ordering::Relaxed) >= begun + 50
        })
        .await;
        assert!(
            !self.tasks.iter().any(JoinHandle::is_finished),
            "a call failed"
        );
    }

    async fn end(self) {
        self.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

async fn follow(clusters: &[Cluster], epoch: u64) {
    eventually("all processes use the epoch", async || {
        clusters
            .iter()
            .all(|cluster| cluster.topology().epoch() == epoch)
    })
    .await;
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn no_call_fails_while_servers_are_changed(fixture: &Fixture) {
        let (catalog, _) = initialized(fixture).await;
        let clusters = [open(fixture, None).await, open(fixture, None).await];
        let traffic = Traffic::begin(fixture, &clusters);
        traffic.goes_on().await;
        let url = without_password(&fixture.server_urls()[0]);
        // SQLite has no addresses to change.
        let relay = match fixture.dialect {
            Dialect::Sqlite => None,
            _ => Some(Relay::to(&url).await),
        };
        let other = relay.as_ref().map(|relay| relay.url(&url));
        let mut epoch = 1;
        for round in 1..4_u32 {
            let primary = match &other {
                Some(other) if round % 2 == 1 => other,
                _ => &url,
            };
            let edits: [Edit<'_>; 3] = [
                &|document| document.set_weight("shop", "server-1", round),
                &|document| document.set_primary("shop", "server-0", primary),
                &|document| document.set_state("shop", "server-1", shard_orm::config::ServerState::Draining),
            ];
            for edit in edits {
                catalog.edit("under traffic", edit).await.unwrap();
                epoch += 1;
                follow(&clusters, epoch).await;
                traffic.goes_on().await;
            }
        }
        traffic.end().await;
    }

    async fn no_call_fails_while_the_catalog_is_unavailable(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        initialized(fixture).await;
        let url = without_password(fixture.database_url());
        let relay = Relay::to(&url).await;
        let quick = settings().timeout(Duration::from_secs(1));
        let config = process_at(fixture, &relay.url(&url), quick);
        let through = Cluster::connect(&config).await.unwrap();
        let catalog = through.catalog().unwrap();
        let relayed = |document: &Document| {
            // The database comes first; on PostgreSQL a server of the group has the same URL.
            let (from, to) = (format!("\"{url}\""), format!("\"{}\"", relay.url(&url)));
            document.to_string().replacen(&from, &to, 1).parse::<Document>()
        };
        catalog
            .edit("through a relay", |document| {
                *document = relayed(document)?;
                Ok(())
            })
            .await
            .unwrap();
        let clusters = [through, open(fixture, None).await];
        follow(&clusters, 2).await;
        let traffic = Traffic::begin(fixture, &clusters);
        relay.hang(true);
        let error = catalog.current().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable),
            "{error}"
        );
        traffic.goes_on().await;
        relay.hang(false);
        relay.close().await;
        traffic.goes_on().await;
        assert!(catalog.current().await.is_err());
        traffic.goes_on().await;
        traffic.end().await;
    }

    async fn no_call_fails_while_the_server_of_the_catalog_is_paused(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let node = Node::start_primary(fixture.dialect).await.unwrap();
        let mut url = crate::failover::url(fixture.dialect, &node);
        if fixture.dialect == Dialect::MySql {
            node.run(crate::failover::CREATE_ACCOUNT).await.unwrap();
            node.run("CREATE DATABASE main").await.unwrap();
            url.push_str("/main");
        }
        let quick = settings().timeout(Duration::from_secs(1));
        let process = async || {
            let config = process_at(fixture, &url, quick.clone());
            Cluster::connect(&config).await.unwrap()
        };
        let operator = process().await;
        let catalog = operator.catalog().unwrap();
        initialized(fixture).await;
        // The database comes first; on PostgreSQL a server of the group has the same URL.
        let shared = without_password(fixture.database_url());
        let own = document(fixture, "").replacen(&format!("'{shared}'"), &format!("'{url}'"), 1);
        catalog.initialize(&own).await.unwrap();
        let clusters = [process().await, process().await];
        let traffic = Traffic::begin(fixture, &clusters);
        traffic.goes_on().await;
        for round in 2..4_u32 {
            signal_tree(node.pid().unwrap(), Signal::SIGSTOP);
            let error = catalog.current().await.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable),
                "{error}"
            );
            traffic.goes_on().await;
            signal_tree(node.pid().unwrap(), Signal::SIGCONT);
            let weigh = |document: &mut Document| document.set_weight("shop", "server-1", round);
            eventually("the catalog answers again", async || {
                catalog.edit("weight", weigh).await.is_ok()
            })
            .await;
            follow(&clusters, round.into()).await;
            traffic.goes_on().await;
        }
        traffic.end().await;
    }

    async fn no_call_fails_while_the_catalog_goes_back(fixture: &Fixture) {
        let (catalog, _) = initialized(fixture).await;
        let clusters = [open(fixture, None).await, open(fixture, None).await];
        let traffic = Traffic::begin(fixture, &clusters);
        for weight in 2..5_u32 {
            catalog
                .edit("weight", |document| document.set_weight("shop", "server-1", weight))
                .await
                .unwrap();
        }
        follow(&clusters, 4).await;
        let last = catalog.current().await.unwrap().unwrap();
        let exported = catalog.export(&last);
        traffic.goes_on().await;

        // A backup of epoch 2, then one that was changed since, and the repair.
        run_in_database(fixture, "DELETE FROM shard_orm_topology WHERE epoch > 2").await;
        traffic.goes_on().await;
        catalog
            .edit("another", |document| document.set_weight("shop", "server-1", 9))
            .await
            .unwrap();
        traffic.goes_on().await;
        assert!(clusters.iter().all(|cluster| cluster.topology().epoch() == 4));
        run_in_database(fixture, "DELETE FROM shard_orm_topology WHERE epoch > 2").await;
        catalog.restore(&exported).await.unwrap();
        catalog
            .edit("goes on", |document| document.set_weight("shop", "server-1", 7))
            .await
            .unwrap();
        follow(&clusters, 5).await;
        traffic.goes_on().await;
        traffic.end().await;
    }
}

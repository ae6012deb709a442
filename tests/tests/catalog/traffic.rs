//! Calls while the topology changes, and while the catalog is unavailable: none fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use shard_orm::catalog::Document;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::{Order, Setting, initialized, open, process_at, settings, without_password};

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
        let url = without_password(fixture.dialect, &fixture.server_urls()[0]);
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
        let url = without_password(fixture.dialect, fixture.database_url());
        let relay = Relay::to(&url).await;
        let quick = settings().timeout(Duration::from_millis(200));
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
}

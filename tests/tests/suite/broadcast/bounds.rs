//! The concurrency limit of a broadcast.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shard_orm::config::PoolOptions;
use shard_orm::prelude::*;
use shard_orm::query::BroadcastQuery;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};
use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Order;

/// The calls that run, by server, and the most that ran at a time: on one server, and in all.
#[derive(Debug, Clone, Default)]
struct Running(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    now: BTreeMap<String, usize>,
    most: (usize, usize),
}

/// The server of a call.
#[derive(Default)]
struct Server(String);

impl Visit for Server {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "server" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Whether a call is done: how many rows it gave is written down then, or its error.
#[derive(Default)]
struct Ended(bool);

impl Visit for Ended {
    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.0 |= matches!(field.name(), "rows" | "error");
    }
}

impl<S: tracing::Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Running {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() != "shard_orm" {
            return;
        }
        let mut server = Server::default();
        attributes.record(&mut server);
        let mut counts = self.0.lock().unwrap();
        *counts.now.entry(server.0.clone()).or_default() += 1;
        let (one, all) = (counts.now[&server.0], counts.now.values().sum());
        counts.most = (counts.most.0.max(one), counts.most.1.max(all));
        context.span(id).unwrap().extensions_mut().insert(server);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let extensions = span.extensions();
        let mut ended = Ended::default();
        record.record(&mut ended);
        if let (Some(server), true) = (extensions.get::<Server>(), ended.0) {
            *self.0.lock().unwrap().now.get_mut(&server.0).unwrap() -= 1;
        }
    }
}

/// Runs a broadcast, and gives the most statements that ran at a time: on one server, and in all.
///
/// All on one thread, whose subscriber listens to nothing else.
async fn most(query: BroadcastQuery) -> (usize, usize) {
    let running = Running::default();
    let here = listen(running.clone());
    query.execute().await.unwrap().into_result().unwrap();
    drop(here);
    running.0.lock().unwrap().most
}

/// Takes long enough for all to be begun that may, but on SQLite, which has nothing to wait with.
fn query(fixture: &Fixture) -> BroadcastQuery {
    fixture.cluster.broadcast(GROUP).sql(match fixture.dialect {
        Dialect::Sqlite => "SELECT COUNT(*) FROM {orders}",
        Dialect::Postgres => "SELECT pg_sleep(0.05)",
        _ => "SELECT SLEEP(0.05)",
    })
}

mod of_large_pools {
    use super::*;

    behaviours! { (Order), 12 shards on 2 servers, |options| options;
        async fn broadcast_respects_the_concurrency_limit(fixture: &Fixture) {
            let queries = [
                (query(fixture), (2, 4)),
                (query(fixture).in_order(), (1, 1)),
                (query(fixture).parallel(3), (2, 3)),
                (query(fixture).parallel(100).per_server(3), (3, 6)),
                (query(fixture).parallel(0).per_server(0), (1, 1)),
            ];
            for (query, expected) in queries {
                let most = most(query).await;
                if fixture.dialect == Dialect::Sqlite {
                    assert!(most.0 <= expected.0 && most.1 <= expected.1, "{most:?} {expected:?}");
                } else {
                    assert_eq!(most, expected);
                }
            }
        }
    }
}

mod of_a_pool_of_one {
    use super::*;

    behaviours! { (Order), 12 shards on 2 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(2)));
        async fn broadcast_does_not_exhaust_a_pool_of_one(fixture: &Fixture) {
            if fixture.dialect == Dialect::Sqlite {
                // Each file has a connection of its own.
                assert!(query(fixture).per_server(4).execute().await.unwrap().is_done());
                return;
            }
            assert_eq!(most(query(fixture).per_server(4)).await, (1, 2));
            // Six of a server, which together take longer than a connection is waited for.
            let slow = match fixture.dialect {
                Dialect::Postgres => "SELECT pg_sleep(0.4)",
                _ => "SELECT SLEEP(0.4)",
            };
            let report = fixture.cluster.broadcast(GROUP).sql(slow).per_server(4).execute().await.unwrap();
            assert!(report.is_done(), "{report:?}");
        }
    }
}

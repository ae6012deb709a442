//! The log of slow calls.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::{Order, order};

/// The fields of the events of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "shard_orm::slow" {
            let mut fields = BTreeMap::new();
            event.record(&mut Fields(&mut fields));
            self.0.lock().unwrap().push(fields);
        }
    }
}

async fn logged(
    fixture: &Fixture,
    threshold: Option<Duration>,
) -> Vec<BTreeMap<&'static str, String>> {
    let cluster = Cluster::connect(&fixture.config().slow_call(threshold))
        .await
        .unwrap();
    let log = Log::default();
    {
        let _guard = listen(log.clone());
        let row = Order {
            item: "secret".to_owned(),
            ..order(1, 1)
        };
        row.clone().insert(&cluster).await.unwrap();
        row.insert(&cluster).await.unwrap_err();
        Order::on(1)
            .filter(Order::ITEM.eq("secret"))
            .all(&cluster)
            .await
            .unwrap();
    }
    let statements = cluster.statistics().statements;
    let slow: u64 = statements.iter().map(|one| one.slow).sum();
    cluster.close().await;
    let entries = log.0.lock().unwrap().clone();
    assert_eq!(slow, entries.len() as u64);
    entries
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_slow_call_is_logged_without_its_values(fixture: &Fixture) {
        let log = logged(fixture, Some(Duration::ZERO)).await;
        let verbs: Vec<&str> = log.iter().map(|entry| &*entry["verb"]).collect();
        assert_eq!(verbs, ["insert", "insert", "select"]);
        for entry in &log {
            assert!(!format!("{entry:?}").contains("secret"), "{entry:?}");
            assert_eq!(entry["group"], "shop");
            assert_eq!(entry["table"], "orders");
            let micros = |field: &str| entry[field].parse::<u64>().unwrap();
            assert_eq!(micros("micros"), micros("waited_micros") + micros("database_micros"));
        }
        assert_eq!(log[0]["rows"], "1");
        assert_eq!(log[1]["error"], "unique constraint");
        assert!(log[2]["fingerprint"].starts_with("SELECT id, user_id, item FROM orders WHERE"), "{log:?}");
        // The first call opened its connection.
        assert_ne!(log[0]["waited_micros"], "0");
    }

    async fn a_call_below_the_threshold_is_not_logged(fixture: &Fixture) {
        assert_eq!(logged(fixture, None).await.len(), 0);
    }
}

//! Metrics that are published again and again.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::exporter::{find, with_exporter};
use shard_orm_tests::waiting::eventually;
use tokio::runtime::Handle;

use crate::Order;

const PERIOD: Duration = Duration::from_millis(20);

/// The calls that were published.
fn published(exporter: &PrometheusHandle) -> Option<f64> {
    let labels = ["group=\"shop\"", "verb=\"count\""];
    find(&exporter.render(), "shard_orm_operations_total", &labels)
}

async fn count(on: &Cluster) {
    Order::on(1).count(on).await.unwrap();
}

/// The background tasks of this runtime.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

behaviours! { (Order), 1 shards on 1 servers, |options| options;
    async fn calls_are_published_until_the_publication_is_dropped(fixture: &Fixture) {
        with_exporter(&fixture.config(), async |on, exporter| {
            count(on).await;
            assert_eq!(published(&exporter), None);
            let publishing = Publisher::new(on).every(PERIOD);
            eventually("the first call", async || published(&exporter) == Some(1.0)).await;
            count(on).await;
            eventually("the second call", async || published(&exporter) == Some(2.0)).await;
            publishing.stop().await;
            let others = tasks();
            count(on).await;
            assert_eq!(published(&exporter), Some(2.0));

            let publishing = Publisher::new(on).every(PERIOD);
            eventually("what was not published", async || published(&exporter) == Some(3.0)).await;
            drop(publishing);
            eventually("it has ended", async || tasks() <= others).await;
            count(on).await;
            assert_eq!(published(&exporter), Some(3.0));
        });
    }

    async fn a_publication_ends_with_its_cluster(fixture: &Fixture) {
        with_exporter(&fixture.config(), async |_, exporter| {
            let others = tasks();
            let cluster = Cluster::connect(&fixture.config()).await.unwrap();
            count(&cluster).await;
            let _publishing = Publisher::new(&cluster).every(PERIOD);
            eventually("the call", async || published(&exporter) == Some(1.0)).await;
            cluster.close().await;
            drop(cluster);
            eventually("it has ended", async || tasks() <= others).await;
        });
    }
}

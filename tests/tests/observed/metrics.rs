//! What is published, as Prometheus reads it.

use std::collections::BTreeSet;

use shard_orm::metrics::{METRICS, Publisher};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::exporter::{find, prometheus, scrape};

use crate::{Order, order};

/// The sum of all series of a name with these labels.
fn value(scraped: &str, name: &str, labels: &[&str]) -> f64 {
    find(scraped, name, labels).unwrap_or_default()
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn counters_and_histograms_have_each_call_once(fixture: &Fixture) {
        let on = &fixture.cluster;
        let (recorder, publisher) = (prometheus(), Publisher::new(on));
        for id in 1..=7 {
            order(id, 1).insert(on).await.unwrap();
        }
        scrape(&recorder, &publisher);
        order(1, 1).insert(on).await.unwrap_err();
        Order::on(1).all(on).await.unwrap();
        let scraped = scrape(&recorder, &publisher);
        let insert = ["verb=\"insert\"", "role=\"primary\"", "group=\"shop\""];
        let name = |rest: &str| format!("shard_orm_operation{rest}");
        assert_eq!(value(&scraped, &name("s_total"), &insert), 8.0);
        assert_eq!(value(&scraped, &name("_duration_seconds_count"), &insert), 8.0);
        assert_eq!(value(&scraped, &name("_duration_seconds_bucket"), &[insert[0], "le=\"+Inf\""]), 8.0);
        assert_eq!(value(&scraped, &name("_errors_total"), &["kind=\"unique\""]), 1.0);
        assert_eq!(value(&scraped, &name("_rows_sum"), &["verb=\"select\""]), 7.0);
        assert_eq!(value(&scraped, &name("_rows_bucket"), &["verb=\"select\"", "le=\"1\""]), 0.0);
        assert_eq!(value(&scraped, &name("_rows_bucket"), &["verb=\"select\"", "le=\"10\""]), 1.0);
        // The sum is exact, as the statistics have it.
        let servers = crate::servers(on, "primary");
        let busy: f64 = servers.iter().map(|server| server.windows.total.busy.as_secs_f64()).sum();
        let published = value(&scraped, &name("_duration_seconds_sum"), &["group=\"shop\""]);
        assert!((busy - published).abs() < 1e-6, "{busy} and {published}");
    }

    async fn everything_published_is_in_the_table_and_has_its_labels(fixture: &Fixture) {
        let on = &fixture.cluster;
        order(1, 1).insert(on).await.unwrap();
        Order::scatter().all(on).await.unwrap();
        let scraped = scrape(&prometheus(), &Publisher::new(on).shards());
        let mut seen = BTreeSet::new();
        for line in scraped.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let parts = ["_bucket", "_sum", "_count"];
            let metric = METRICS.iter().find(|metric| {
                name == metric.name || parts.iter().any(|part| name.strip_suffix(part) == Some(metric.name))
            });
            let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table"));
            let names = labels.split("\",").filter_map(|label| Some(label.split_once("=\"")?.0.trim_matches(',')));
            let names: BTreeSet<&str> = names.filter(|name| *name != "le" && !name.is_empty()).collect();
            assert_eq!(names, metric.labels.iter().copied().collect(), "{line}");
            seen.insert(metric.name);
        }
        for name in ["shard_orm_topology_epoch", "shard_orm_pool_connections", "shard_orm_scatter_statements",
            "shard_orm_shards_unserved", "shard_orm_statement_cache_misses_total", "shard_orm_retries_total",
            "shard_orm_shard_operations_total", "shard_orm_server_writable", "shard_orm_endpoint_serving"] {
            assert!(seen.contains(name), "{name} is not published: {seen:?}");
        }
    }

    async fn logical_shards_are_published_on_request_only(fixture: &Fixture) {
        let on = &fixture.cluster;
        Order::on(1).count(on).await.unwrap();
        assert!(!scrape(&prometheus(), &Publisher::new(on)).contains("shard=\""));
        let scraped = scrape(&prometheus(), &Publisher::new(on).shards());
        assert_eq!(value(&scraped, "shard_orm_shard_operations_total", &["group=\"shop\""]), 1.0);
    }
}

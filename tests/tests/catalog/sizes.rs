//! One process measures the servers in each period, and the catalog keeps their sizes.

use std::time::{Duration, SystemTime};

use shard_orm::admin::filling_servers;
use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm::statistics::{Rule, Rules, ServerSizes, Subject, Trend};
use shard_orm_tests::behaviours;
use shard_orm_tests::exporter::{find, with_exporter};
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;

use crate::{
    Order, POLL, Setting, document, initialized_by, open, process, run_in_database, settings,
};

const HOUR: i64 = 3_600_000;

/// A process that reports, and looks so often whether the servers have been measured.
async fn measuring(fixture: &Fixture, period: Option<Duration>) -> Cluster {
    let settings = settings().sizes(period);
    Cluster::connect(&process(fixture, settings)).await.unwrap()
}

/// A catalog of which no process measures by itself, and an operator.
async fn unmeasured(fixture: &Fixture, lines: &str) -> Cluster {
    let settings = settings().heartbeat(None);
    initialized_by(fixture, settings, &document(fixture, lines)).await;
    let operator = measuring(fixture, None).await;
    eventually("the operator follows", async || {
        operator.topology().epoch() == 1
    })
    .await;
    operator
}

async fn sizes(cluster: &Cluster) -> Vec<ServerSizes> {
    cluster.server_sizes().await.unwrap()
}

/// A row of the catalog from so many milliseconds ago.
async fn insert(fixture: &Fixture, ago: i64, text: &str) {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let at = i64::try_from(since.as_millis()).unwrap() - ago;
    let name = fixture.cluster_name();
    let insert = format!(
        "INSERT INTO shard_orm_size (cluster_name, period, taken_at, sizes) \
         VALUES ('{name}', {}, {at}, '{text}')",
        at / HOUR
    );
    run_in_database(fixture, &insert).await;
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_period_is_measured_once_and_by_all_servers(fixture: &Fixture) {
        let operator = unmeasured(fixture, "").await;
        let other = open(fixture, None).await;
        assert_eq!(sizes(&operator).await, []);
        for (id, key) in (0..).zip(fixture.key_of_each_shard()) {
            Order { id, user_id: key }.insert(&operator).await.unwrap();
        }
        // The hour may end in between.
        let begun = SystemTime::now();
        let (one, two) = (operator.measure_server_sizes().await.unwrap(), other.measure_server_sizes().await.unwrap());
        assert!(one);
        let measured = sizes(&operator).await;
        let names: Vec<_> = measured.iter().map(|one| (&*one.group, &*one.server)).collect();
        assert_eq!(names, [("shop", "server-0"), ("shop", "server-1")]);
        for server in &measured {
            assert_eq!(server.samples.len(), 1 + usize::from(two), "{server:?}");
            let (at, bytes) = server.samples[0];
            assert!(bytes > 4_096, "{server:?}");
            let between = at.duration_since(begun).unwrap_or_default();
            assert!(between < Duration::from_mins(10), "{between:?}");
        }
        assert_eq!(sizes(&other).await, measured);
    }

    async fn processes_measure_in_each_period_by_themselves(fixture: &Fixture) {
        let operator = unmeasured(fixture, "").await;
        let processes = [measuring(fixture, Some(POLL)).await, measuring(fixture, Some(POLL)).await];
        let samples = async || sizes(&operator).await.first().map_or(0, |one| one.samples.len());
        eventually("three periods are measured", async || samples().await >= 3).await;
        for process in processes {
            process.close().await;
        }
        let (first, again) = (sizes(&operator).await, sizes(&operator).await);
        assert_eq!(first, again);
        let times: Vec<_> = first[0].samples.iter().map(|(at, _)| *at).collect();
        assert!(times.is_sorted(), "{times:?}");
    }

    async fn an_older_catalog_works_and_is_upgraded_by_the_first_that_measures(fixture: &Fixture) {
        let operator = unmeasured(fixture, "").await;
        run_in_database(fixture, "DROP TABLE shard_orm_size").await;
        run_in_database(fixture, "UPDATE shard_orm_catalog SET tables_version = 5").await;
        assert_eq!(sizes(&operator).await, []);
        assert!(operator.measure_server_sizes().await.unwrap());
        assert_eq!(sizes(&operator).await.len(), 2);
        // One whose tables are of the same version is not touched.
        assert_eq!(operator.catalog().unwrap().history(10).await.unwrap().len(), 1);
    }

    async fn old_sizes_are_removed_and_what_cannot_be_read_is_left_out(fixture: &Fixture) {
        let operator = unmeasured(fixture, "").await;
        insert(fixture, 15 * 24 * HOUR, "[shop]\nserver-0 = 1").await;
        insert(fixture, 13 * 24 * HOUR, "[shop]\nserver-0 = 2").await;
        insert(fixture, 3 * HOUR, "of another version").await;
        assert_eq!(sizes(&operator).await[0].samples.len(), 2);
        assert!(operator.measure_server_sizes().await.unwrap());
        let kept: Vec<u64> = sizes(&operator).await[0].samples.iter().map(|(_, bytes)| *bytes).collect();
        assert_eq!((kept.len(), kept[0]), (2, 2), "{kept:?}");
    }

    async fn a_server_that_fills_up_over_days_is_found_by_a_process_that_has_just_begun(fixture: &Fixture) {
        let operator = unmeasured(fixture, "capacity = 1000000").await;
        for hours in (1..=72).rev().step_by(6) {
            let text = format!("[shop]\nserver-0 = {}\nserver-1 = 500000", 800_000 - 1_000 * hours);
            insert(fixture, hours * HOUR, &text).await;
        }
        let all = sizes(&operator).await;
        let trend = Trend::of(&all[0].samples).unwrap();
        assert!((trend.bytes_per_day - 24_000.0).abs() < 1.0, "{trend:?}");
        let found = filling_servers(&operator, &Rules::new()).await.unwrap();
        let [anomaly] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(anomaly.rule, Rule::Filling);
        let expected = Subject::Server { group: "shop".to_owned(), server: "server-0".to_owned() };
        assert_eq!(anomaly.subject, expected);
        assert!(anomaly.message.contains("9 days"), "{anomaly}");
    }

    async fn sizes_and_the_dates_at_which_servers_are_full_are_published_on_request(fixture: &Fixture) {
        unmeasured(fixture, "capacity = 1000000").await;
        let first = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        for hours in (1..=72).rev().step_by(6) {
            let text = format!("[shop]\nserver-0 = {}\nserver-1 = 500000\nserver-9 = 7", 800_000 - 1_000 * hours);
            insert(fixture, hours * HOUR, &text).await;
        }
        with_exporter(&process(fixture, settings().heartbeat(None)), async |on, exporter| {
            let value = |name: &str, labels: &[&str]| find(&exporter.render(), &format!("shard_orm_{name}"), labels);
            let filling = ["group=\"shop\"", "rule=\"filling\""];
            let own = Publisher::new(on).every(POLL);
            eventually("its own figures are published", async || value("topology_epoch", &[]) == Some(1.0)).await;
            own.stop().await;
            assert_eq!(value("anomalies", &filling), None);
            assert_eq!(value("server_used_bytes", &[]), None);

            let fleet = Publisher::new(on).fleet().every(POLL);
            eventually("a server is filling", async || value("anomalies", &filling) == Some(1.0)).await;
            let of = |name: &str, server: usize| value(name, &["group=\"shop\"", &*format!("server=\"server-{server}\"")]);
            assert_eq!(of("server_used_bytes", 0), Some(794_000.0));
            assert_eq!(of("server_used_bytes", 1), Some(500_000.0));
            assert_eq!([0, 1].map(|server| of("server_capacity_bytes", server)), [Some(1_000_000.0); 2]);
            let ago = first - of("server_measured_timestamp_seconds", 0).unwrap();
            assert!((ago - 6.0 * 3_600.0).abs() < 60.0, "{ago}");
            // 206,000 bytes at 24,000 a day, since then.
            let left = of("server_full_timestamp_seconds", 0).unwrap() - first + ago;
            assert!((left / 86_400.0 - 206.0 / 24.0).abs() < 0.01, "{left}");
            assert_eq!(of("server_full_timestamp_seconds", 1), None);
            // One that is no longer in the topology.
            assert_eq!(of("server_used_bytes", 9), None);
            fleet.stop().await;

            // By other rules it is not unusual.
            let rules = Rules::new().filling(Duration::from_hours(24));
            let fleet = Publisher::new(on).fleet().rules(rules).every(POLL);
            eventually("it is not unusual", async || value("anomalies", &filling) == Some(0.0)).await;
            fleet.stop().await;
        });
    }

    async fn sizes_need_a_catalog_that_is_initialized(fixture: &Fixture) {
        for error in [
            fixture.cluster.server_sizes().await.unwrap_err(),
            fixture.cluster.measure_server_sizes().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains("has no catalog"), "{error}");
        }
        let empty = measuring(fixture, None).await;
        let error = empty.measure_server_sizes().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
        assert_eq!(sizes(&empty).await, []);
    }
}

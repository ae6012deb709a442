//! Anomalies of real servers: errors, slow calls, and replicas that stay behind.

use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusBuilder;
use shard_orm::config::PoolOptions;
use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm::statistics::{Anomaly, Rule, Rules, Subject};
use shard_orm::testing::pass_time;
use shard_orm_tests::behaviours;
use shard_orm_tests::waiting::eventually;

use crate::{Order, order, servers};

/// The rules, with so few calls that a test can send them.
fn rules() -> Rules {
    Rules::new().least_calls(40)
}

fn find(cluster: &Cluster, rule: Rule) -> Vec<Anomaly> {
    let found = rules().find(&cluster.statistics());
    found
        .into_iter()
        .filter(|anomaly| anomaly.rule == rule)
        .collect()
}

/// Sends what is usual, and lets it become what was earlier.
async fn usual(cluster: &Cluster) {
    for _ in 0..250 {
        Order::on(1).count(cluster).await.unwrap();
    }
    pass_time(cluster, Duration::from_mins(10));
}

behaviours! { (Order), 2 shards on 1 servers, |options| options;
    async fn a_step_in_errors_is_found_and_passes(fixture: &Fixture) {
        let on = &fixture.cluster;
        order(1, 1).insert(on).await.unwrap();
        usual(on).await;
        assert_eq!(find(on, Rule::Errors), []);
        for _ in 0..40 {
            order(1, 1).insert(on).await.unwrap_err();
        }
        let found = find(on, Rule::Errors);
        let [errors] = &*found else { panic!("{found:?}") };
        assert!(matches!(&errors.subject, Subject::Role { role: "primary", group, .. } if group == "shop"));
        assert!(errors.message.starts_with("100.0% of the calls failed in the last minute, and 0.0% earlier"), "{errors}");

        let published = || {
            let recorder = PrometheusBuilder::new().build_recorder();
            metrics::with_local_recorder(&recorder, || Publisher::new(on).rules(rules()).publish());
            recorder.handle().render()
        };
        let is = |number: u32| format!("shard_orm_anomalies{{group=\"shop\",rule=\"errors\"}} {number}");
        assert!(published().contains(&is(1)), "{}", published());
        pass_time(on, Duration::from_mins(2));
        assert_eq!(find(on, Rule::Errors), []);
        assert!(published().contains(&is(0)), "{}", published());
    }
}

mod of_slow_servers {
    use super::*;

    behaviours! { (Order), 1 shards on 1 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1).acquire_timeout(Duration::from_mins(1)));
        async fn a_server_that_becomes_slow_is_found(fixture: &Fixture) {
            let on = &fixture.cluster;
            order(1, 1).insert(on).await.unwrap();
            for id in 2..250 {
                order(id, 1).insert(on).await.unwrap();
            }
            pass_time(on, Duration::from_mins(10));
            assert_eq!(find(on, Rule::SlowServer), []);
            let server = || servers(on, "primary").remove(0);
            let usual = server().windows.earlier.p99.unwrap();
            // Writes wait for the only connection, several times as long as the slowest ones before took.
            let tx = on.begin(Order::shard(1)).await.unwrap();
            let writes: Vec<_> = (1_000..1_060)
                .map(|id| {
                    let on = on.clone();
                    tokio::spawn(async move { order(id, 1).insert(&on).await.map(drop) })
                })
                .collect();
            eventually("the writes wait", async || {
                server().pools.iter().map(|pool| pool.waiting).sum::<u64>() == 60
            })
            .await;
            let since = Instant::now();
            eventually("they have waited for long", async || {
                since.elapsed() > 6 * usual.max(Duration::from_millis(5))
            })
            .await;
            tx.rollback().await.unwrap();
            for write in writes {
                write.await.unwrap().unwrap();
            }
            let found = find(on, Rule::SlowServer);
            let [slow] = &*found else { panic!("{found:?}, {usual:?}, {:?}", server().windows) };
            assert!(slow.message.starts_with("p99 was "), "{slow}");
            assert!(slow.figures.iter().any(|figure| figure.name == "p99_before"), "{slow:?}");
        }
    }
}

mod of_replicas {
    use super::*;

    behaviours! { (Order), 2 shards on 1 servers, |options| options.replicas();
        async fn a_replica_that_stays_behind_is_found(fixture: &Fixture) {
            if fixture.dialect == Dialect::Sqlite {
                return;
            }
            let on = &fixture.cluster;
            order(fixture.id(), 1).insert(on).await.unwrap();
            fixture.replicated().await;
            eventually("its lag is known", async || !on.statistics().replicas.is_empty()).await;
            // It is noted what it is before.
            pass_time(on, Duration::from_mins(6));
            let rules = rules().growing_lag(Duration::from_millis(300));
            fixture.pause_replay().await;
            order(fixture.id(), 1).insert(on).await.unwrap();
            eventually("it is found", async || {
                let found = rules.find(&on.statistics());
                found.iter().any(|anomaly| {
                    anomaly.rule == Rule::GrowingLag
                        && matches!(&anomaly.subject, Subject::Replica { endpoint: 1, .. })
                })
            })
            .await;
            fixture.resume_replay().await;
            eventually("it has caught up", async || rules.find(&on.statistics()).is_empty()).await;
        }
    }
}

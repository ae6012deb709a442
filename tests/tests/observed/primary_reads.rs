//! Reads that go to the primary in the place of a replica, by the reason.

use metrics_exporter_prometheus::PrometheusRecorder;
use shard_orm::config::{Config, Database, Group, Read as Policy, Server};
use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::exporter::{find, prometheus, scrape};
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};

use crate::{Order, order};

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "limits", transmit = false)]
struct Limit {
    #[static_model(primary_key)]
    id: i64,
    most: i64,
}

/// The reads by reason: `session_behind`, `session_static_tables` and `no_replica`.
fn reads(recorder: &PrometheusRecorder, cluster: &Cluster) -> [f64; 3] {
    let scraped = scrape(recorder, &Publisher::new(cluster));
    ["session_behind", "session_static_tables", "no_replica"].map(|reason| {
        let labels = ["group=\"shop\"", &*format!("reason=\"{reason}\"")];
        find(&scraped, "shard_orm_primary_reads_total", &labels).unwrap()
    })
}

behaviours! { (Order, Limit), 2 shards on 1 servers, |options| options.replicas().read(Policy::Replica);
    async fn a_session_whose_writes_no_replica_has_is_behind(fixture: &Fixture) {
        let (on, recorder) = (&fixture.cluster, prometheus());
        fixture.pause_replay().await;
        let session = on.session();
        // Before its first write, any replica serves.
        Order::on(1).count(&session).await.unwrap();
        assert_eq!(reads(&recorder, on), [0.0; 3]);
        order(1, 1).insert(&session).await.unwrap();
        for _ in 0..2 {
            assert_eq!(Order::on(1).count(&session).await.unwrap(), 1);
        }
        assert_eq!(reads(&recorder, on), [2.0, 0.0, 0.0]);
        // Whoever has not written reads from the replica.
        assert_eq!(Order::on(1).count(on).await.unwrap(), 0);
        assert_eq!(reads(&recorder, on), [2.0, 0.0, 0.0]);
        fixture.resume_replay().await;
    }

    async fn a_session_that_wrote_static_tables_reads_from_the_primary(fixture: &Fixture) {
        let (on, recorder) = (&fixture.cluster, prometheus());
        let session = on.session();
        Limit { id: 1, most: 7 }.insert(&session, Order::shard(1)).await.unwrap();
        assert_eq!(Order::on(1).count(&session).await.unwrap(), 0);
        assert_eq!(reads(&recorder, on), [0.0, 1.0, 0.0]);
    }
}

/// The same servers, with replicas that are not there.
fn without_replicas(fixture: &Fixture) -> Config {
    let urls = fixture.server_urls().iter().zip(0..);
    let servers = urls.map(|(url, number)| {
        let gone = match fixture.dialect {
            Dialect::Sqlite => format!("{url}-gone"),
            Dialect::Postgres => format!("postgres://postgres@127.0.0.1:1/gone{number}"),
            _ => format!("mysql://app@127.0.0.1:1/gone{number}"),
        };
        Server::new(format!("server-{number}"), url).replica(gone)
    });
    let group = Group::new(fixture.logical_shards)
        .namespace(fixture.namespace())
        .read(Policy::Replica);
    Config::new(fixture.cluster_name())
        .group(GROUP, servers.fold(group, Group::server))
        .database(DATABASE, Database::new(fixture.database_url()))
}

mod gone {
    use super::*;

    behaviours! { (Order), 2 shards on 1 servers, |options| options;
        async fn a_read_without_a_replica_says_so(fixture: &Fixture) {
            let cluster = Cluster::connect(&without_replicas(fixture)).await.unwrap();
            let recorder = prometheus();
            Order::on(1).count(&cluster).await.unwrap();
            Order::on(1).count(cluster.read_from(Read::Primary)).await.unwrap();
            assert_eq!(reads(&recorder, &cluster), [0.0, 0.0, 1.0]);
            cluster.close().await;
        }
    }
}

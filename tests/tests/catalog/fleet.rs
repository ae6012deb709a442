//! Processes publish what they have measured in the catalog, and anyone reads the sum.

use std::time::Duration;

use shard_orm::admin::Rebalance;
use shard_orm::prelude::*;
use shard_orm::reshard::planner::{Action, Cost, Planner};
use shard_orm::statistics::{FleetStatistics, Published, Rule, Rules, Subject};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;

use crate::{
    Order, Setting, document, initialized, initialized_by, open, process, run_in_database, settings,
};

/// A process with a name that tells it from the others, which reports so often.
async fn named(fixture: &Fixture, name: &str, heartbeat: Option<Duration>) -> Cluster {
    let settings = settings().process(name).heartbeat(heartbeat);
    Cluster::connect(&process(fixture, settings)).await.unwrap()
}

const OFTEN: Option<Duration> = Some(crate::POLL);
/// So that a process publishes once.
const ONCE: Option<Duration> = Some(Duration::from_hours(24));

/// What the process of a name has published, if it is in the list.
fn published(fleet: &FleetStatistics, name: &str) -> Option<Published> {
    let mut processes = fleet.processes.iter();
    processes
        .find(|process| process.name == name)
        .map(|process| process.published)
}

/// The calls to each logical shard of the group.
fn calls(fleet: &FleetStatistics) -> Vec<u64> {
    let shards = fleet
        .statistics
        .shards
        .iter()
        .filter(|shard| shard.group == "shop");
    shards.map(|shard| shard.windows.five.calls).collect()
}

async fn fleet(cluster: &Cluster) -> FleetStatistics {
    cluster.fleet_statistics().await.unwrap()
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn the_calls_of_all_processes_are_added(fixture: &Fixture) {
        initialized(fixture).await;
        let (one, other) = (named(fixture, "one", OFTEN).await, named(fixture, "other", OFTEN).await);
        let operator = named(fixture, "unlisted", None).await;
        for (number, key) in fixture.key_of_each_shard().into_iter().enumerate() {
            for _ in 0..=number {
                Order::on(key).count(&one).await.unwrap();
                Order::on(key).count(&other).await.unwrap();
                Order::on(key).count(&other).await.unwrap();
            }
        }
        // What is measured of all is there once both have published after their last call.
        eventually("both have published", async || calls(&fleet(&operator).await) == [3, 6, 9, 12]).await;
        let all = fleet(&operator).await;
        assert_eq!(published(&all, "one"), Some(Published::Counted));
        assert_eq!(published(&all, "other"), Some(Published::Counted));
        assert_eq!(published(&all, "unlisted"), None);
        assert!(all.oldest().unwrap() < Duration::from_mins(1), "{:?}", all.processes);
        let servers = all.statistics.servers.iter().filter(|server| server.group == "shop");
        let servers: Vec<_> = servers.filter(|server| server.role == "primary").collect();
        assert_eq!(servers.iter().map(|server| server.windows.one.calls).collect::<Vec<_>>(), [9, 21]);
        let busy = |cluster: &Cluster| {
            let statistics = cluster.statistics();
            let own = statistics.shards.into_iter().filter(|shard| shard.group == "shop");
            own.map(|shard| shard.windows.total.busy).sum::<Duration>()
        };
        let sum: Duration = all.statistics.shards.iter().map(|shard| shard.windows.fifteen.busy).sum();
        assert_eq!(sum, busy(&one) + busy(&other));
        for server in servers {
            assert!(server.windows.one.p50 <= server.windows.one.p99 && server.windows.one.p50.is_some());
            let of = |cluster: &Cluster| {
                let servers = cluster.statistics().servers;
                let own = servers.into_iter().find(|own| (&own.server, own.role) == (&server.server, server.role));
                own.unwrap().windows.total.p99.unwrap()
            };
            // The slowest of all is one of them.
            assert!(server.windows.one.p99.unwrap() <= of(&one).max(of(&other)));
            assert!(server.pools.iter().map(|pool| pool.size).sum::<u64>() >= 2, "{server:?}");
        }
        let texts: Vec<&str> = all.statistics.statements.iter().map(|one| &*one.fingerprint).collect();
        assert!(texts.iter().any(|text| text.contains("orders")), "{texts:?}");

        other.close().await;
        eventually("one is left", async || calls(&fleet(&operator).await) == [1, 2, 3, 4]).await;
        assert_eq!(published(&fleet(&operator).await, "other"), None);
    }

    async fn figures_that_are_old_or_of_another_version_do_not_count(fixture: &Fixture) {
        initialized(fixture).await;
        let process = named(fixture, "once", ONCE).await;
        let state = async || published(&fleet(&process).await, "once");
        eventually("it has published", async || state().await == Some(Published::Counted)).await;
        let is_it = "WHERE process_id IN (SELECT process_id FROM shard_orm_process WHERE name = 'once')";
        let change = async |what: &str| run_in_database(fixture, &format!("{what} {is_it}")).await;
        change("UPDATE shard_orm_statistics SET statistics = 'of tomorrow'").await;
        assert_eq!(state().await, Some(Published::OtherVersion));
        change("UPDATE shard_orm_statistics SET taken_at = taken_at - 120000").await;
        assert_eq!(state().await, Some(Published::Old));
        change("DELETE FROM shard_orm_statistics").await;
        assert_eq!(state().await, Some(Published::Nothing));
        change("UPDATE shard_orm_process SET seen_at = seen_at - 120000").await;
        assert_eq!(state().await, None);
    }

    async fn an_older_catalog_works_and_is_upgraded_by_the_first_that_publishes(fixture: &Fixture) {
        let unlisted = settings().heartbeat(None);
        initialized_by(fixture, unlisted, &document(fixture, "")).await;
        let operator = named(fixture, "unlisted", None).await;
        run_in_database(fixture, "DROP TABLE shard_orm_statistics").await;
        run_in_database(fixture, "UPDATE shard_orm_catalog SET tables_version = 3").await;
        assert_eq!(fleet(&operator).await.counted().count(), 0);
        let process = named(fixture, "new", OFTEN).await;
        eventually("it has published", async || {
            published(&fleet(&operator).await, "new") == Some(Published::Counted)
        })
        .await;
        process.close().await;
        eventually("it is gone", async || fleet(&operator).await.processes.is_empty()).await;
    }

    async fn without_a_catalog_there_is_no_fleet(fixture: &Fixture) {
        let error = fixture.cluster.fleet_statistics().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("has no catalog"), "{error}");
    }

    async fn a_hot_logical_shard_is_found_and_planned_away(fixture: &Fixture) {
        initialized(fixture).await;
        let operator = open(fixture, None).await;
        let by_load = || Rebalance::new(&operator).unwrap().planner(Planner::new().cost(Cost::Measured));
        let error = by_load().plan().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");

        let keys = fixture.key_of_each_shard();
        let process = named(fixture, "busy", OFTEN).await;
        // Two on one server have nearly all of the load.
        eventually("it is found", async || {
            for (key, times) in keys.iter().zip([40, 4, 1, 1]) {
                for _ in 0..times {
                    Order::on(*key).count(&process).await.unwrap();
                }
            }
            let found = Rules::new().least_calls(50).find(&fleet(&operator).await.statistics);
            found.iter().any(|anomaly| {
                anomaly.rule == Rule::HotShard
                    && matches!(&anomaly.subject, Subject::Shard { shard: 0, server, .. } if server == "server-0")
            })
        })
        .await;

        let plan = by_load().plan().await.unwrap();
        let Some(Action::Move { from, to, .. }) = plan.steps.first().map(|step| &step.action) else {
            panic!("{plan:?}")
        };
        assert_eq!((&**from, &**to), ("server-0", "server-1"), "{plan:?}");
        // How much it is depends on the time that each call took.
        let [before, after] = [&plan.before, &plan.after].map(|loads| loads[0].load.abs_diff(loads[1].load));
        assert!(after < before, "{plan:?}");
        process.close().await;
    }
}

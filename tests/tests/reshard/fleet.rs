//! A fleet that grows and shrinks by plans, while it is written to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shard_orm::Error;
use shard_orm::admin::Rebalance;
use shard_orm::catalog::Document;
use shard_orm::config::ServerState;
use shard_orm::prelude::*;
use shard_orm::reshard::planner::{Cost, Planner};
use shard_orm::reshard::{CarryOut, JobState, PlanEvent};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;
use tokio::task::JoinHandle;

use crate::writer::{assert_rows, order};
use crate::{Order, Setting, cluster, process};

/// An application that writes to one logical shard all the time. Any error ends it.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Vec<Order>, Error>>,
}

impl Traffic {
    pub(crate) fn start(fixture: &Fixture, cluster: &Cluster, key: i64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, cluster) = (Arc::clone(&stop), cluster.clone());
        let orders: Vec<Order> = (0..20_000)
            .map(|amount| order(fixture, key, amount))
            .collect();
        let task = tokio::spawn(async move {
            let mut written = Vec::new();
            for order in orders {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let mut order = order.insert(&cluster).await?;
                order.amount = None;
                order.update(&cluster).await?;
                let found = Order::get(&cluster, key, order.id).await?;
                assert_eq!(found, order, "a read after a write");
                written.push(order);
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
            Ok(written)
        });
        Self { stop, task }
    }

    pub(crate) async fn end(self) -> Vec<Order> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap().unwrap()
    }
}

pub(crate) async fn set_state(cluster: &Cluster, servers: &[&str], state: ServerState) {
    let edit = |document: &mut Document| {
        let mut servers = servers.iter();
        servers.try_for_each(|server| document.set_state("shop", server, state))
    };
    cluster
        .catalog()
        .unwrap()
        .edit("by a test", edit)
        .await
        .unwrap();
}

/// The logical shards of each server by the plan of a rebalancing.
async fn shards(rebalance: &Rebalance) -> Vec<u32> {
    let plan = rebalance.plan().await.unwrap();
    plan.before.iter().map(|server| server.shards).collect()
}

/// Carries a plan out, and returns the number of its moves and how many ran at the same time.
async fn run(rebalance: &Rebalance, concurrency: usize) -> (usize, usize) {
    let how = CarryOut::new()
        .concurrency(concurrency)
        .accept_relaxed_durability();
    let (mut running, mut most, mut moved) = (0, 0, 0);
    let count = |event: PlanEvent| match event {
        PlanEvent::Started(_) => {
            running += 1;
            most = most.max(running);
        }
        PlanEvent::Completed(job) => {
            assert_eq!(job.state, JobState::Finished, "{job:?}");
            running -= 1;
            moved += 1;
        }
        _ => {}
    };
    let plan = rebalance.clone().how(how).run(count).await.unwrap();
    assert_eq!(plan.moves(), moved);
    assert!(plan.leftovers.is_empty(), "{plan:?}");
    (moved, most)
}

behaviours! { (Order, Setting), 8 shards on 4 servers, |options| options;
    async fn a_fleet_grows_and_shrinks_while_it_is_written(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = fixture.key_of_each_shard();
        let traffic: Vec<Traffic> = keys.iter().map(|key| Traffic::start(fixture, &application, *key)).collect();
        let planner = Planner::new().cost(Cost::Shards);
        let rebalance = Rebalance::new(&operator).unwrap().planner(planner.clone());
        let drain = Rebalance::new(&operator).unwrap().planner(planner.drain_only());
        assert!(rebalance.plan().await.unwrap().is_empty());

        // Two servers.
        let planned = rebalance.clone().assume("shop", "server-2", ServerState::Draining).plan().await.unwrap();
        assert_eq!(planned.after[2].shards, 0);
        set_state(&operator, &["server-2", "server-3"], ServerState::Draining).await;
        assert_eq!(run(&drain, 1).await, (4, 1));
        assert_eq!(shards(&rebalance).await, [4, 4, 0, 0]);

        // Four.
        set_state(&operator, &["server-2", "server-3"], ServerState::Active).await;
        assert_eq!(run(&rebalance, 4).await, (4, 2));
        assert_eq!(shards(&rebalance).await, [2, 2, 2, 2]);

        // Three.
        set_state(&operator, &["server-1"], ServerState::Draining).await;
        assert_eq!(run(&rebalance, 2).await.0, 2);
        let left = shards(&rebalance).await;
        assert_eq!(left[1], 0);
        assert!(left.iter().all(|shards| *shards <= 3), "{left:?}");
        assert!(rebalance.plan().await.unwrap().is_empty());

        for (key, traffic) in keys.into_iter().zip(traffic) {
            let written = traffic.end().await;
            assert!(written.len() > 10, "{}", written.len());
            assert_rows(&application, key, &written).await;
        }
    }

    async fn an_interrupted_plan_goes_on_with_a_new_one(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = fixture.key_of_each_shard();
        let mut rows = Vec::new();
        for key in &keys {
            let own: Vec<Order> = (0..500).map(|amount| order(fixture, *key, amount)).collect();
            rows.push(Order::insert_many(&operator, own).await.unwrap());
        }
        let planner = Planner::new().cost(Cost::Shards);
        let how = CarryOut::new().accept_relaxed_durability();
        let rebalance = Rebalance::new(&operator).unwrap().planner(planner).how(how);
        let by_bytes = Rebalance::new(&operator).unwrap();
        // PostgreSQL counts rows a moment after they are written.
        eventually("all sizes are known", async || {
            let fleet = by_bytes.fleet().await.unwrap();
            assert_eq!((fleet.servers().len(), fleet.shards().len()), (4, 8));
            fleet.shards().iter().all(|shard| shard.bytes > 0)
        })
        .await;
        set_state(&operator, &["server-3"], ServerState::Draining).await;

        let (begun, mut first) = tokio::sync::oneshot::channel();
        let mut begun = Some(begun);
        let tell = |event: PlanEvent| {
            if let PlanEvent::Started(job) = event
                && let Some(begun) = begun.take()
            {
                begun.send(job.id).unwrap();
            }
        };
        let job = tokio::select! {
            plan = rebalance.run(tell) => panic!("it was not interrupted: {plan:?}"),
            job = &mut first => job.unwrap(),
        };
        // It is given back in the background.
        eventually("no process runs the plan", async || {
            !operator.reshard().unwrap().plan(1).await.unwrap().is_run()
        })
        .await;
        let plan = rebalance.run(|_| {}).await.unwrap();
        assert!(plan.leftovers.is_empty(), "{plan:?}");
        assert_eq!(shards(&rebalance).await[3], 0);
        let jobs = operator.reshard().unwrap().jobs().await.unwrap();
        assert!(jobs.iter().any(|other| other.id == job), "{jobs:?}");
        assert!(jobs.iter().all(|job| job.step.is_some() && job.state == JobState::Finished), "{jobs:?}");
        // The plan that was interrupted and the new one have moved each logical shard once.
        assert_eq!(jobs.len(), 2, "{jobs:?}");
        for (key, rows) in keys.iter().zip(rows) {
            assert_rows(&operator, *key, &rows).await;
        }
    }

    async fn a_plan_that_is_out_of_date_is_refused(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        set_state(&operator, &["server-3"], ServerState::Draining).await;
        let rebalance = Rebalance::new(&operator).unwrap().planner(Planner::new().cost(Cost::Shards));
        let plan = rebalance.plan().await.unwrap();
        run(&rebalance, 1).await;
        let reshard = operator.reshard().unwrap();
        let error = reshard.carry_out(&plan, &CarryOut::new(), |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("plan again"), "{error}");
        let error = Rebalance::new(&fixture.cluster).unwrap_err();
        assert!(error.to_string().contains("catalog"), "{error}");
    }
}

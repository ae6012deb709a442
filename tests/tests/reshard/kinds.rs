//! Logical shards that move between kinds of databases: SQLite, PostgreSQL and MariaDB.
//!
//! The second server of each fixture is of another kind than the first: PostgreSQL beside SQLite, MariaDB beside
//! PostgreSQL, SQLite beside MariaDB. Jobs go there, are reversed, and others go back, so that all six ways are gone.

use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, MoveShard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, FixtureOptions};

use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, process};

fn request(cluster: &Cluster, server: &str) -> MoveShard {
    let reshard = cluster.reshard().unwrap();
    let request = reshard.move_shard("shop", MOVING, server);
    request.model::<Order>().accept_relaxed_durability()
}

/// Runs a move until it waits for an operator.
async fn moved(cluster: &Cluster, request: &MoveShard) -> Job {
    let planned = request.plan().await.unwrap();
    assert!(planned.obstacles.is_empty(), "{planned}");
    let job = request.start().await.unwrap();
    let job = cluster.reshard().unwrap().run(job.id).await.unwrap();
    assert_eq!(job.state, JobState::Holding, "{job:?}");
    job
}

async fn finished(cluster: &Cluster, job: Job) {
    let reshard = cluster.reshard().unwrap();
    reshard.finish(job.id).await.unwrap();
    let job = reshard.run(job.id).await.unwrap();
    assert_eq!(job.state, JobState::Finished, "{job:?}");
}

async fn reversed(cluster: &Cluster, job: Job) {
    let reshard = cluster.reshard().unwrap();
    reshard.reverse(job.id).await.unwrap();
    let job = reshard.run(job.id).await.unwrap();
    assert_eq!(job.state, JobState::Reversed, "{job:?}");
}

behaviours! { (Order, Setting), 4 shards on 2 servers, FixtureOptions::of_two_kinds;
    async fn a_shard_moves_between_kinds_while_it_is_written(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let application = process(fixture).await;
        let mut expected: Vec<Order> = (0..6_000).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&application, expected.clone()).await.unwrap();

        let writer = Writer::start(fixture, application.clone(), key);
        let job = moved(&operator, &request(&operator, "server-1")).await;
        expected.extend(writer.end().await);
        assert_rows(&application, key, &expected).await;

        let writer = Writer::start(fixture, application.clone(), key);
        reversed(&operator, job).await;
        expected.extend(writer.end().await);
        assert_rows(&application, key, &expected).await;
        assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, "server-0");

        for server in ["server-1", "server-0"] {
            let writer = Writer::start(fixture, application.clone(), key);
            let job = moved(&operator, &request(&operator, server)).await;
            finished(&operator, job).await;
            expected.extend(writer.end().await);
            assert_rows(&application, key, &expected).await;
            assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, server);
            fixture.setup_of(&operator).run().await.unwrap();
        }
    }
}

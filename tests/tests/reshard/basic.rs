//! A logical shard moves, and moves back.

use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, process};
use shard_orm::prelude::*;
use shard_orm::reshard::JobState;
use shard_orm_tests::behaviours;

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_shard_moves_while_it_is_written(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let application = process(fixture).await;
        let first: Vec<Order> = (0..12_000).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&application, first.clone()).await.unwrap();
        let writer = Writer::start(fixture, application.clone(), key);

        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let planned = request.plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        assert!(planned.tables.contains(&"orders".to_owned()), "{planned:?}");
        let job = request.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        let written = writer.end().await;
        let mut expected = [first, written].concat();
        assert_rows(&application, key, &expected).await;
        let place = operator.locate(&Order::shard(key)).unwrap();
        assert_eq!(place.server, "server-1");

        // And back, with what was written since.
        let writer = Writer::start(fixture, application.clone(), key);
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        expected.extend(writer.end().await);
        assert_rows(&application, key, &expected).await;
        let place = operator.locate(&Order::shard(key)).unwrap();
        assert_eq!(place.server, "server-0");

        // And away for good.
        let job = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability().start().await.unwrap();
        assert_eq!(job.targets[0].generation, 3);
        let job = reshard.run(job.id).await.unwrap();
        reshard.finish(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Finished, "{job:?}");
        assert_rows(&application, key, &expected).await;
        order(fixture, key, 7).insert(&application).await.unwrap();
    }

    async fn an_aborted_move_leaves_the_shard_where_it_was(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let first: Vec<Order> = (0..200).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&operator, first.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let job = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability().start().await.unwrap();
        reshard.abort(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Aborted, "{job:?}");
        assert_rows(&operator, key, &first).await;
        let job = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability().start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_rows(&operator, key, &first).await;
    }
}

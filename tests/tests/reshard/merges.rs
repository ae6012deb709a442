//! Logical shards are merged into one, and divided again by the way back.

use futures_util::TryStreamExt as _;
use shard_orm::prelude::*;
use shard_orm::reshard::{ChangeKeys, JobKind, JobState, Reshard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::splits::{finish, process_that_never_polls, rows_of, shards};
use crate::writer::{Writer, assert_rows, order};
use crate::{Order, Setting, cluster, process};

/// The logical shards 1 and 2, which are on different servers, become one.
fn merge(reshard: &Reshard) -> ChangeKeys {
    let merge = reshard.merge_shards("shop", [2, 1], "server-1");
    merge.key("user_id").accept_relaxed_durability()
}

/// Keys of both logical shards.
fn keys(fixture: &Fixture) -> Vec<i64> {
    let of = |shard| fixture.neighbours(fixture.key_of_shard(shard), 5);
    [of(1), of(2)].concat()
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn shards_are_merged_while_they_are_written(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = keys(fixture);
        let mut rows = rows_of(fixture, &application, &keys, 300).await;
        let writers: Vec<Writer> = keys.iter().step_by(3)
            .map(|key| Writer::start(fixture, application.clone(), *key)).collect();
        let reshard = operator.reshard().unwrap();
        let planned = merge(&reshard).plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        let job = merge(&reshard).start().await.unwrap();
        assert_eq!((job.kind, job.targets[0].shard), (JobKind::Merge, 1));
        assert_eq!(job.targets[0].keys(), "hash 4000000000000000..=bfffffffffffffff");
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!(shards(&operator, &keys), [1; 10]);
        let job = reshard.run(job.id).await.unwrap();
        for (rows, writer) in rows.iter_mut().step_by(3).zip(writers) {
            rows.extend(writer.end().await);
        }
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }

        // And back, each row to the logical shard of its key.
        let writers: Vec<Writer> = keys.iter().step_by(4)
            .map(|key| Writer::start(fixture, application.clone(), *key)).collect();
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        for (rows, writer) in rows.iter_mut().step_by(4).zip(writers) {
            rows.extend(writer.end().await);
        }
        assert_eq!(shards(&operator, &keys), [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }

        // For good, and split again.
        let job = merge(&reshard).start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        operator.setup().table::<Order>().run().await.unwrap();
        let split = reshard.split_shard("shop", 1, ["server-0", "server-1"]).at(["8000000000000000"]);
        let job = split.accept_relaxed_durability().start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        assert_eq!(shards(&operator, &keys), [1, 1, 1, 1, 1, 4, 4, 4, 4, 4]);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }
        let all: usize = rows.iter().map(Vec::len).sum();
        assert_eq!(Order::scatter().count(&application).await.unwrap(), all as u64);
    }

    async fn rows_with_one_id_are_not_merged(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(fixture);
        let rows = rows_of(fixture, &operator, &keys, 20).await;
        let one = order(fixture, keys[0], 1).insert(&operator).await.unwrap();
        let other = Order { user_id: keys[9], code: "other".to_owned(), ..one.clone() };
        let other = other.insert(&operator).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let job = merge(&reshard).start().await.unwrap();
        let error = reshard.run(job.id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("`orders`"), "{error}");
        reshard.abort(job.id).await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Aborted);
        assert_eq!(Order::get(&operator, other.user_id, other.id).await.unwrap(), other);
        other.delete(&operator).await.unwrap();
        one.clone().delete(&operator).await.unwrap();
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
        // Nor are rows with one value of a unique column.
        let twin = Order { id: fixture.id(), user_id: keys[9], ..one.clone() };
        one.insert(&operator).await.unwrap();
        let twin = twin.insert(&operator).await.unwrap();
        let job = merge(&reshard).start().await.unwrap();
        let error = reshard.run(job.id).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unique), "{error}");
        twin.delete(&operator).await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Holding);
    }

    async fn processes_that_know_an_old_topology_go_on_or_are_told(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(fixture);
        let rows = rows_of(fixture, &operator, &keys, 10).await;
        let mut stale = Vec::new();
        for _ in 0..7 {
            let process = process_that_never_polls(fixture).await;
            assert_eq!(Order::scatter().count(&process).await.unwrap(), 100);
            stale.push(process);
        }
        let reshard = operator.reshard().unwrap();
        let job = merge(&reshard).start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        finish(&reshard, &job).await;
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&stale[0], *key, rows).await;
        }
        let found = Order::on_each(keys.clone()).count(&stale[1]).await.unwrap();
        assert_eq!(found, 100);
        let more: Vec<Order> = keys.iter().map(|key| order(fixture, *key, 7)).collect();
        Order::insert_many(&stale[2], more).await.unwrap();
        // The rows of both would be counted twice.
        match Order::scatter().count(&stale[3]).await {
            Ok(count) => assert_eq!(count, 110),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}"),
        }
        assert_eq!(Order::scatter().count(&stale[3]).await.unwrap(), 110);
        for (process, ordered) in [(&stale[5], true), (&stale[6], false)] {
            let all = || match ordered {
                true => Order::scatter().order_by(Order::ID.asc()),
                false => Order::scatter(),
            };
            let streamed: Result<Vec<Order>, _> = all().stream(process).try_collect().await;
            match streamed {
                Ok(rows) => assert_eq!(rows.len(), 110),
                Err(error) => assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}"),
            }
            let again: Vec<Order> = all().stream(process).try_collect().await.unwrap();
            assert_eq!(again.len(), 110);
        }
        let changed = Order::on_each(keys).set(Order::AMOUNT, Some(7)).update(&stale[4]).await.unwrap();
        assert_eq!(changed, 110);
    }

    async fn what_cannot_be_merged_is_refused(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let reshard = operator.reshard().unwrap();
        for (shards, part) in [
            (vec![0, 2], "not next to each other"),
            (vec![1], "two or more"),
            (vec![1, 1], "given twice"),
            (vec![1, 9], "no logical shard 9"),
            (Vec::new(), "two or more"),
        ] {
            let error = reshard.merge_shards("shop", shards, "server-0").key("user_id").plan().await.unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        let raw = fixture.raw_namespace(2);
        raw.run(&format!("CREATE TABLE {} (id INT PRIMARY KEY)", raw.table("notes"))).await;
        let planned = merge(&reshard).keep("notes").plan().await.unwrap();
        let differs = planned.obstacles.iter().any(|one| one.message.contains("other tables"));
        assert!(differs, "{planned}");
    }
}

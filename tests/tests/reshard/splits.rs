//! A logical shard is split, and merged again by the way back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use shard_orm::prelude::*;
use shard_orm::reshard::{ChangeKeys, Job, JobKind, JobState, Reshard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture};

use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, config, process};

/// Keys of the logical shard that is split.
pub(crate) fn keys(cluster: &Cluster, count: usize) -> Vec<i64> {
    let group = cluster.topology().group("shop").unwrap().clone();
    let owned = (0_i64..).filter(|key| group.router().route(&(*key).into()).unwrap() == MOVING);
    owned.take(count).collect()
}

/// A split into two logical shards, of which the second is on the other server.
fn split(reshard: &Reshard) -> ChangeKeys {
    let split = reshard.split_shard("shop", MOVING, ["server-0", "server-1"]);
    split.key("user_id").accept_relaxed_durability()
}

/// The logical shard of each key, by the topology in use.
pub(crate) fn shards(cluster: &Cluster, keys: &[i64]) -> Vec<u32> {
    let shard = |key: &i64| cluster.locate(&Order::shard(*key)).unwrap().shard.unwrap();
    keys.iter().map(shard).collect()
}

pub(crate) async fn rows_of(
    fixture: &Fixture,
    cluster: &Cluster,
    keys: &[i64],
    each: i32,
) -> Vec<Vec<Order>> {
    let rows: Vec<Vec<Order>> = keys
        .iter()
        .map(|key| {
            (0..each)
                .map(|amount| order(fixture, *key, amount))
                .collect()
        })
        .collect();
    Order::insert_many(cluster, rows.concat()).await.unwrap();
    rows
}

/// Another process, which looks at the catalog only when it has to, or when it is told.
pub(crate) async fn process_that_never_polls(fixture: &Fixture) -> Cluster {
    let catalog = shard_orm::config::Catalog::new(DATABASE)
        .poll(Duration::from_secs(3_600))
        .heartbeat(None);
    Cluster::connect(&config(fixture).catalog(catalog))
        .await
        .unwrap()
}

pub(crate) async fn finish(reshard: &Reshard, job: &Job) -> Job {
    reshard.finish(job.id).await.unwrap();
    reshard.run(job.id).await.unwrap()
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_shard_is_split_while_it_is_written(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = keys(&operator, 20);
        let mut rows = rows_of(fixture, &application, &keys, 300).await;
        let writers: Vec<Writer> = keys.iter().take(4)
            .map(|key| Writer::start(fixture, application.clone(), *key)).collect();

        let reshard = operator.reshard().unwrap();
        let planned = split(&reshard).plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        assert_eq!(planned.keys["orders"], ["user_id"]);
        assert!(planned.copied_because.unwrap().contains("ranges of a hash"));
        let job = split(&reshard).start().await.unwrap();
        assert_eq!(job.kind, JobKind::Split);
        assert_eq!((job.targets[0].shard, job.targets[1].shard), (MOVING, 4));
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        for (rows, writer) in rows.iter_mut().zip(writers) {
            rows.extend(writer.end().await);
        }
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }
        let job = finish(&reshard, &job).await;
        assert_eq!(job.state, JobState::Finished, "{job:?}");
        let owners = shards(&operator, &keys);
        let upper = owners.iter().filter(|shard| **shard == 4).count();
        assert!((8..=12).contains(&upper), "{owners:?}");
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
        let all: usize = rows.iter().map(Vec::len).sum();
        assert_eq!(Order::scatter().count(&application).await.unwrap(), all as u64);
        // A part can be split again.
        let job = reshard.split_shard("shop", 4, ["server-1", "server-0"]).key("user_id").accept_relaxed_durability();
        let job = job.start().await.unwrap();
        reshard.run(job.id).await.unwrap();
        finish(&reshard, &job).await;
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }
        assert!(shards(&operator, &keys).contains(&5));
        operator.setup().table::<Order>().run().await.unwrap();
    }

    async fn a_split_goes_back_with_all_that_was_written_since(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = keys(&operator, 10);
        let mut rows = rows_of(fixture, &application, &keys, 50).await;
        let reshard = operator.reshard().unwrap();
        let job = split(&reshard).start().await.unwrap();
        reshard.run(job.id).await.unwrap();
        let writers: Vec<Writer> = keys.iter().take(6)
            .map(|key| Writer::start(fixture, application.clone(), *key)).collect();
        reshard.run(job.id).await.unwrap();
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        for (rows, writer) in rows.iter_mut().zip(writers) {
            rows.extend(writer.end().await);
        }
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }
        assert!(shards(&operator, &keys).iter().all(|shard| *shard == MOVING));
        let all: usize = rows.iter().map(Vec::len).sum();
        assert_eq!(Order::scatter().count(&operator).await.unwrap(), all as u64);
        // The number of the part that is gone is not used again.
        let job = split(&reshard).start().await.unwrap();
        assert_eq!(job.targets[1].shard, 5);
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&application, *key, rows).await;
        }
    }

    async fn rows_with_one_id_in_two_parts_forbid_the_way_back(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 10);
        rows_of(fixture, &operator, &keys, 5).await;
        let reshard = operator.reshard().unwrap();
        let job = split(&reshard).start().await.unwrap();
        reshard.run(job.id).await.unwrap();
        let owners = shards(&operator, &keys);
        let of = |shard: u32| keys[owners.iter().position(|own| *own == shard).unwrap()];
        let mut one = order(fixture, of(MOVING), 1);
        one.insert(&operator).await.unwrap();
        one = order(fixture, of(4), 1);
        let other = Order { id: one.id, user_id: of(MOVING), code: "other".to_owned(), amount: None };
        let one = one.insert(&operator).await.unwrap();
        let other = other.insert(&operator).await.unwrap();
        reshard.reverse(job.id).await.unwrap();
        let error = reshard.run(job.id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("`orders`"), "{error}");
        // Both parts serve.
        assert_eq!(Order::get(&operator, one.user_id, one.id).await.unwrap(), one);
        assert_eq!(Order::get(&operator, other.user_id, other.id).await.unwrap(), other);
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        assert_eq!(Order::get(&operator, other.user_id, other.id).await.unwrap(), other);
    }

    async fn an_aborted_split_leaves_the_shard_as_it_was(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 5);
        let rows = rows_of(fixture, &operator, &keys, 20).await;
        let reshard = operator.reshard().unwrap();
        let job = split(&reshard).start().await.unwrap();
        reshard.abort(job.id).await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Aborted);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
        let job = split(&reshard).start().await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Holding);
    }

    async fn one_key_gets_a_shard_of_its_own(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 5);
        let rows = rows_of(fixture, &operator, &keys, 20).await;
        let reshard = operator.reshard().unwrap();
        let isolated = reshard.isolate("shop", keys[2], "server-1").unwrap();
        let job = isolated.key("user_id").accept_relaxed_durability().start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        assert_eq!(shards(&operator, &keys), [MOVING, MOVING, 4, MOVING, MOVING]);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
        let shard = Order::on_shard(4).count(&operator).await.unwrap();
        assert_eq!(shard, 20);
        let error = reshard.isolate("shop", keys[2], "server-0").unwrap().key("user_id").plan().await.unwrap_err();
        assert!(error.to_string().contains("owns no other key"), "{error}");
    }

    async fn processes_that_know_an_old_topology_go_on(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 8);
        let rows = rows_of(fixture, &operator, &keys, 10).await;
        let all = rows.concat();
        let mut stale = Vec::new();
        for _ in 0..14 {
            let process = process_that_never_polls(fixture).await;
            assert_eq!(Order::scatter().count(&process).await.unwrap(), 80);
            stale.push(process);
        }
        let before = process_that_never_polls(fixture).await;
        Order::scatter().count(&before).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let job = split(&reshard).start().await.unwrap();
        reshard.run(job.id).await.unwrap();
        finish(&reshard, &job).await;

        let on = stale.pop().unwrap();
        for order in &all {
            assert_eq!(Order::get(&on, order.user_id, order.id).await.unwrap(), *order);
        }
        let sorted = |mut rows: Vec<Order>| { rows.sort_by_key(|order| order.id); rows };
        let expected = sorted(all.clone());
        assert_eq!(sorted(Order::on_each(keys.clone()).all(&stale.pop().unwrap()).await.unwrap()), expected);
        assert_eq!(sorted(Order::scatter().all(&stale.pop().unwrap()).await.unwrap()), expected);
        let ordered = Order::scatter().order_by(Order::ID.asc()).all(&stale.pop().unwrap()).await.unwrap();
        assert_eq!(ordered, expected);
        let on = stale.pop().unwrap();
        let streamed: Vec<Order> = Order::scatter().order_by(Order::ID.asc()).stream(&on).try_collect().await.unwrap();
        assert_eq!(streamed, expected);
        let on = stale.pop().unwrap();
        let streamed: Vec<Order> = Order::scatter().stream(&on).try_collect().await.unwrap();
        assert_eq!(sorted(streamed), expected);
        assert_eq!(Order::scatter().count(&before).await.unwrap(), 80);
        let changed = Order::on_each(keys.clone()).set(Order::AMOUNT, Some(7)).update(&stale.pop().unwrap()).await.unwrap();
        assert_eq!(changed, 80);
        for order in &all {
            let found = Order::on(order.user_id).filter(Order::ID.eq(order.id)).one(&stale[0]).await.unwrap();
            assert_eq!(found.amount, Some(7));
        }
        stale.remove(0);
        let more: Vec<Order> = keys.iter().map(|key| order(fixture, *key, 7)).collect();
        Order::insert_many(&stale.pop().unwrap(), more.clone()).await.unwrap();
        let on = stale.pop().unwrap();
        for order in &more {
            order.save(&on).await.unwrap();
        }
        let on = stale.pop().unwrap();
        for order in &more {
            order.clone().delete(&on).await.unwrap();
        }
        let on = stale.pop().unwrap();
        let tx = on.begin(Order::shard(keys[0])).await.unwrap();
        assert_eq!(Order::on(keys[0]).count(&tx).await.unwrap(), 10);
        tx.rollback().await.unwrap();
        let sum = Order::scatter().aggregate(Order::AMOUNT.sum()).one(&stale.pop().unwrap()).await.unwrap();
        assert_eq!(sum, Some(560));
        let deleted = Order::on_each(keys).delete(&stale.pop().unwrap()).await.unwrap();
        assert_eq!(deleted, 80);
    }

    async fn a_transaction_that_began_before_a_split_begins_again(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = keys(&operator, 12);
        let rows = rows_of(fixture, &application, &keys, 3).await;
        let reshard = operator.reshard().unwrap();
        let job = split(&reshard).start().await.unwrap();
        let options = TxOptions::new().read_only();
        // Of rows that stay in the logical shard, and of rows that get another one.
        let mut begun = Vec::new();
        for key in &keys[1..3] {
            begun.push(application.begin_with(Order::shard(*key), &options).await.unwrap());
        }
        let attempts = AtomicU32::new(0);
        let call = application.transaction_with(Order::shard(keys[0]), &options, |tx| {
            let (attempts, reshard, application, keys) = (&attempts, &reshard, &application, &keys);
            async move {
                if attempts.fetch_add(1, Ordering::Relaxed) == 0 {
                    reshard.run(job.id).await?;
                    for key in keys {
                        Order::on(*key).count(application).await?;
                    }
                }
                Order::on(keys[0]).count(&tx).await
            }
        });
        assert_eq!(call.await.unwrap(), 3);
        assert_eq!(attempts.into_inner(), 2);
        assert!(shards(&application, &keys).contains(&4));
        for tx in begun {
            for (key, rows) in keys.iter().zip(&rows) {
                let error = Order::get(&tx, *key, rows[0].id).await.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::ShardMoved | ErrorKind::TransactionEnded), "{error:?}");
            }
        }
    }

    async fn a_row_of_no_part_stops_the_split_before_its_switch(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 4);
        let rows = rows_of(fixture, &operator, &keys, 10).await;
        let raw = fixture.raw_namespace(MOVING);
        let stray = fixture.key_of_shard(3);
        let table = raw.table("orders");
        raw.run(&format!("INSERT INTO {table} (id, user_id, code) VALUES (-5, {stray}, 'stray')")).await;
        let reshard = operator.reshard().unwrap();
        let job = split(&reshard).start().await.unwrap();
        let error = reshard.run(job.id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("-5") && error.to_string().contains("`orders`"), "{error}");
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
        raw.run(&format!("DELETE FROM {table} WHERE id = -5")).await;
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Holding);
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&operator, *key, rows).await;
        }
    }

    async fn what_cannot_be_split_is_refused(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 2);
        let reshard = operator.reshard().unwrap();
        let unknown = reshard.split_shard("shop", MOVING, ["server-0", "server-1"]).accept_relaxed_durability();
        let planned = unknown.plan().await.unwrap();
        let named = planned.obstacles.iter().any(|one| one.about == "table `orders`" && one.message.contains("--key-column"));
        assert!(named, "{planned}");
        let error = unknown.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        let planned = unknown.clone().key_of("orders", "code").plan().await.unwrap();
        assert!(planned.obstacles[0].message.contains("not an integer"), "{planned}");
        let planned = unknown.clone().key_of("orders", "nothing").plan().await.unwrap();
        assert!(planned.obstacles[0].message.contains("no column `nothing`"), "{planned}");
        for (positions, part) in [
            (vec!["12"], "16 hexadecimal digits"),
            (vec!["ffffffffffffffff"], "would own no key"),
            (vec!["1000000000000000", "0800000000000000"], "in their order"),
            (vec!["1000000000000000", "2000000000000000"], "2 servers"),
        ] {
            let error = split(&reshard).at(positions).plan().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = reshard.split_shard("shop", MOVING, ["server-0"]).plan().await.unwrap_err();
        assert!(error.to_string().contains("two or more"), "{error}");
        rows_of(fixture, &operator, &keys[..1], 3).await;
        let error = split(&reshard).plan().await.unwrap_err();
        assert!(error.to_string().contains("1 different keys"), "{error}");
        // Setup tells the catalog which column routes the rows.
        operator.setup().table::<Order>().run().await.unwrap();
        let job = unknown.at(["2000000000000000"]).start().await.unwrap();
        assert_eq!(job.keys["orders"], ["user_id"]);
        assert_eq!(job.targets[1].keys(), "hash 2000000000000000..=3fffffffffffffff");
    }
}

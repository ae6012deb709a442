//! Reads at both ends of a move between kinds of databases: mirrored ones, and those of a clone.

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Mirror};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::FixtureOptions;
use shard_orm_tests::waiting::eventually;

use super::things::{Thing, things};
use super::{assert_things, finished, request};
use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, process};

fn mirror() -> Mirror {
    Mirror::percent(100.0)
        .unwrap()
        .lasting(Duration::from_hours(1))
}

behaviours! { (Order, Setting), 4 shards on 2 servers, FixtureOptions::of_two_kinds;
    async fn a_clone_of_another_kind_has_all_rows_and_never_serves(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..500).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&operator, rows.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let clone = reshard.clone_shard("shop", MOVING, "server-1").model::<Order>();
        let clone = clone.accept_relaxed_durability();
        let planned = clone.plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        assert_eq!(planned.types["orders"]["amount"], "i32");
        let writer = Writer::start(fixture, operator.clone(), key);
        let job = clone.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Finished, "{job:?}");
        let rows = [rows, writer.end().await].concat();
        assert_rows(&operator, key, &rows).await;
        assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, "server-0");
        let name = fixture.namespace().replace("{shard}", &format!("{MOVING}"));
        let copy = fixture.raw_namespace_on(1, &format!("{name}_g{}", job.targets[0].generation));
        let count = format!("SELECT CAST(COUNT(*) AS CHAR(20)) FROM {}", copy.table("orders"));
        let count: usize = copy.text(&count).await.unwrap().trim().parse().unwrap();
        // It has what there was at one moment.
        assert!(count >= 500, "{count} of {}", rows.len());
        assert_eq!(copy.record("state").await.as_deref(), Some("dead"));
        // The logical shard can move there all the same.
        let job = super::moved(&operator, &request(&operator, "server-1")).await;
        finished(&operator, job).await;
        assert_rows(&operator, key, &rows).await;
    }
}

behaviours! { (Thing, Setting), 4 shards on 2 servers, FixtureOptions::of_two_kinds;
    async fn reads_are_mirrored_between_kinds(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let things = things(fixture, key);
        Thing::insert_many(&application, things.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").model::<Thing>();
        let job = request.accept_relaxed_durability().mirror(mirror()).start().await.unwrap();
        let (own, id) = (reshard.clone(), job.id);
        let running = tokio::spawn(async move { own.run(id).await });
        eventually("reads are mirrored", async || {
            reshard.job(id).await.unwrap().state == JobState::Mirroring
        })
        .await;
        // Values of all types are equal in both kinds.
        eventually("all rows were compared", async || {
            for thing in &things {
                assert_eq!(Thing::get(&application, key, thing.id).await.unwrap(), *thing);
            }
            assert_things(&application, key, &things).await;
            reshard.job(id).await.unwrap().copied.mirrored.compared > 2 * things.len() as u64
        })
        .await;
        let mirrored = reshard.job(id).await.unwrap().copied.mirrored;
        assert!(mirrored.differing.is_empty(), "{mirrored:?}");
        // A row that differs is found by its key.
        let name = fixture.namespace().replace("{shard}", &format!("{MOVING}"));
        let target = fixture.raw_namespace_on(1, &format!("{name}_g2"));
        let (table, changed) = (target.table("things"), &things[5]);
        target.run(&format!("UPDATE {table} SET small = 5 WHERE id = {}", changed.id)).await;
        eventually("the row is found", async || {
            assert_eq!(Thing::get(&application, key, changed.id).await.unwrap(), *changed);
            let job = reshard.job(id).await.unwrap();
            let mut found = job.copied.mirrored.differing.iter();
            found.any(|row| row.table == "things" && row.key == changed.id.to_string())
        })
        .await;
        target.run(&format!("UPDATE {table} SET small = {} WHERE id = {}", changed.small, changed.id)).await;
        reshard.mirror(id, mirror().lasting(Duration::from_millis(1))).await.unwrap();
        let job = running.await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert!(job.copied.mirrored.differing.is_empty(), "{job:?}");
        assert_things(&application, key, &things).await;
    }
}

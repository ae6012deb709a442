//! Values that the other kind of database cannot hold, and that are written late: at the target after the switch, or at a
//! source while another one is closed.

use std::time::Duration;

use shard_orm::ErrorKind;
use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Mirror};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::FixtureOptions;
use shard_orm_tests::waiting::eventually;

use super::{finished, moved, request, reversed};
use crate::everything::{attempt, sql, sql_at};
use crate::writer::order;
use crate::{MOVING, Order, Setting, cluster, process};

/// A column of the first server, its type as `--type` says it, and a value that the second one holds and the first does not.
fn only_there(dialect: Dialect) -> (&'static str, &'static str, &'static str) {
    match dialect {
        // MariaDB is beside.
        Dialect::Postgres => ("TEXT", "text", "CONCAT('a', CHAR(0), 'b')"),
        // SQLite is beside.
        Dialect::MySql => ("DATETIME(6)", "timestamp", "'soon'"),
        // PostgreSQL is beside.
        _ => ("TEXT", "timestamp", "'infinity'"),
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, FixtureOptions::of_two_kinds;
    async fn a_value_that_cannot_flow_back_forbids_the_way_back(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let (column, of, value) = only_there(fixture.dialect);
        sql(&operator, &format!("CREATE TABLE u (id BIGINT NOT NULL PRIMARY KEY, v {column}, w BIGINT)")).await;
        for id in 0..20 {
            sql(&operator, &format!("INSERT INTO u (id, w) VALUES ({id}, 7)")).await;
        }
        let reshard = operator.reshard().unwrap();
        let request = request(&operator, "server-1").column_type("u", "v", &of.parse().unwrap());
        for is_corrected in [true, false] {
            let job = moved(&operator, &request).await;
            sql(&operator, "UPDATE u SET w = 8").await;
            sql(&operator, &format!("UPDATE u SET v = {value} WHERE id = 13")).await;
            let error = reshard.run(job.id).await.unwrap_err();
            let is_told = |text: &str| {
                for part in ["table `u`", "column `v`", "primary key 13"] {
                    assert!(text.contains(part), "{part}: {text}");
                }
            };
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            is_told(&error.to_string());
            is_told(&reshard.job(job.id).await.unwrap().message);
            // The way back is refused before anything is closed, and the new place serves.
            reshard.reverse(job.id).await.unwrap();
            let error = reshard.run(job.id).await.unwrap_err();
            is_told(&error.to_string());
            assert_eq!(reshard.job(job.id).await.unwrap().state, JobState::Holding);
            order(fixture, fixture.key_of_shard(MOVING), 1).insert(&application).await.unwrap();
            let found = sql(&operator, "SELECT COUNT(*) FROM u WHERE w = 8").await;
            assert_eq!(found[0][0].as_deref(), Some("20"));
            if is_corrected {
                sql(&operator, "UPDATE u SET v = NULL").await;
                reversed(&operator, job).await;
                let found = sql(&operator, "SELECT COUNT(*) FROM u WHERE w = 8 AND v IS NULL").await;
                assert_eq!(found[0][0].as_deref(), Some("20"));
            } else {
                finished(&operator, job).await;
                let found = sql(&operator, "SELECT COUNT(*) FROM u WHERE v IS NOT NULL").await;
                assert_eq!(found[0][0].as_deref(), Some("1"));
            }
        }
    }

    async fn a_value_that_is_written_while_a_source_is_closed_opens_it_again(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let reshard = operator.reshard().unwrap();
        let table = "CREATE TABLE u (id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL, v BIGINT UNSIGNED)";
        if fixture.dialect == Dialect::MySql {
            for shard in [0, 1] {
                sql_at(&operator, shard, table).await;
            }
        }
        let [one, two] = [0, 1].map(|shard| fixture.key_of_shard(shard));
        let first = order(fixture, one, 1).insert(&application).await.unwrap();
        let mirror = Mirror::percent(100.0).unwrap().lasting(Duration::from_hours(1));
        let merge = reshard.merge_shards("shop", [0, 1], "server-1").key("user_id").model::<Order>();
        let merge = merge.accept_relaxed_durability();
        let job = merge.clone().mirror(mirror).start().await.unwrap();
        let (own, id) = (reshard.clone(), job.id);
        let running = tokio::spawn(async move { own.run(id).await });
        eventually("the target is level", async || {
            reshard.job(id).await.unwrap().state == JobState::Mirroring
        })
        .await;
        // The second source cannot be closed until this ends.
        let tx = application.begin(Order::shard(two)).await.unwrap();
        let mut bad = order(fixture, two, 2);
        bad.code = match fixture.dialect {
            Dialect::Postgres => "x".repeat(256),
            Dialect::Sqlite => "a\0b".to_owned(),
            Dialect::MySql => "a".to_owned(),
        };
        let bad = bad.insert(&tx).await.unwrap();
        reshard.mirror(id, mirror.lasting(Duration::from_millis(1))).await.unwrap();
        eventually("the first source is closed", async || {
            attempt(&operator, 0, "SELECT id FROM orders").await.is_err()
        })
        .await;
        if fixture.dialect == Dialect::MySql {
            sql_at(&operator, 1, &format!("INSERT INTO u VALUES (5, {two}, 18446744073709551615)")).await;
        }
        tx.commit().await.unwrap();
        let job = running.await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Aborted, "{job:?}");
        let (table, column, key) = match fixture.dialect {
            Dialect::MySql => ("u", "v", 5),
            _ => ("orders", "code", bad.id),
        };
        for part in [format!("table `{table}`"), format!("column `{column}`"), format!("primary key {key}")] {
            assert!(job.message.contains(&part), "{part}: {}", job.message);
        }
        // Both sources take writes, and have lost nothing.
        for row in [&first, &bad] {
            assert_eq!(Order::get(&application, row.user_id, row.id).await.unwrap(), *row);
            order(fixture, row.user_id, 3).insert(&application).await.unwrap();
        }
        // Corrected, they are merged.
        bad.delete(&application).await.unwrap();
        if fixture.dialect == Dialect::MySql {
            sql_at(&operator, 1, "DELETE FROM u").await;
        }
        let job = merge.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        assert_eq!(Order::on_each([one, two]).count(&application).await.unwrap(), 3);
    }
}

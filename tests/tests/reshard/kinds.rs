//! Logical shards that move between kinds of databases: SQLite, PostgreSQL and MariaDB.
//!
//! The second server of each fixture is of another kind than the first: PostgreSQL beside SQLite, MariaDB beside
//! PostgreSQL, SQLite beside MariaDB. Jobs go there, are reversed, and others go back, so that all six ways are gone.

mod misfits;
mod reads;
mod tables;
mod things;

use shard_orm::ErrorKind;
use shard_orm::admin::Rebalance;
use shard_orm::config::ServerState;
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm::reshard::planner::{Cost, Leftover, Planner};
use shard_orm::reshard::{Job, JobState, MoveShard};
use shard_orm_tests::fixture::FixtureOptions;
use shard_orm_tests::{behaviours, sample};

use self::tables::{refused, unheld};
use self::things::{Thing, things};
use crate::everything::sql;
use crate::killed::{Kills, kills};
use crate::splits::{finish, keys, process_that_never_polls, rows_of, shards};
use crate::writer::{Writer, assert_rows, order};
use crate::{MOVING, Order, Setting, cluster, process};

async fn assert_things(cluster: &Cluster, key: i64, expected: &[Thing]) {
    let mut found = Thing::on(key).all(cluster).await.unwrap();
    found.sort_by_key(|thing| thing.id);
    assert_eq!(found, expected);
}

/// What stands against a move to the second server, as texts.
async fn obstacles(cluster: &Cluster) -> Vec<String> {
    let planned = request(cluster, "server-1").plan().await.unwrap();
    planned.obstacles.iter().map(ToString::to_string).collect()
}

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

    async fn splits_and_merges_lead_to_another_kind(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys = keys(&operator, 10);
        let mut rows = rows_of(fixture, &application, &keys, 100).await;
        let reshard = operator.reshard().unwrap();
        let split = || reshard.split_shard("shop", MOVING, ["server-0", "server-1"]).key("user_id")
            .model::<Order>().accept_relaxed_durability();
        for is_kept in [false, true] {
            let writers: Vec<Writer> = keys.iter().take(4)
                .map(|key| Writer::start(fixture, application.clone(), *key)).collect();
            let planned = split().plan().await.unwrap();
            assert!(planned.obstacles.is_empty(), "{planned}");
            let job = split().start().await.unwrap();
            let job = reshard.run(job.id).await.unwrap();
            assert_eq!(job.state, JobState::Holding, "{job:?}");
            if !is_kept {
                reshard.reverse(job.id).await.unwrap();
            } else {
                reshard.finish(job.id).await.unwrap();
            }
            let job = reshard.run(job.id).await.unwrap();
            assert!(matches!(job.state, JobState::Reversed | JobState::Finished), "{job:?}");
            for (rows, writer) in rows.iter_mut().zip(writers) {
                rows.extend(writer.end().await);
            }
            for (key, rows) in keys.iter().zip(&rows) {
                assert_rows(&application, *key, rows).await;
            }
        }
        assert!(shards(&operator, &keys).contains(&5));
        // Both of the logical shards that began on the second server go to the first.
        let merge = reshard.merge_shards("shop", [2, 3], "server-0").key("user_id").model::<Order>();
        let merge = merge.accept_relaxed_durability();
        let others: Vec<i64> = [2, 3].map(|shard| fixture.key_of_shard(shard)).to_vec();
        let of_others = rows_of(fixture, &application, &others, 100).await;
        let job = merge.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(finish(&reshard, &job).await.state, JobState::Finished);
        for (key, rows) in others.iter().zip(&of_others) {
            assert_rows(&application, *key, rows).await;
        }
        // Logical shards on two kinds are not merged at once.
        let merge = reshard.merge_shards("shop", [4, 5], "server-0").key("user_id").accept_relaxed_durability();
        if let Ok(planned) = merge.plan().await {
            let text = planned.to_string();
            assert!(text.contains("different kinds of databases"), "{text}");
        }
    }

    async fn what_another_kind_cannot_hold_is_refused_by_column(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        assert_eq!(obstacles(&operator).await, Vec::<String>::new());
        let refused = refused(fixture.dialect);
        for (text, _) in &refused {
            sql(&operator, text).await;
        }
        let found = obstacles(&operator).await;
        for expected in refused.iter().flat_map(|(_, expected)| *expected) {
            assert!(found.iter().any(|found| found.contains(expected)), "{expected} of {found:#?}");
        }
        let error = request(&operator, "server-1").start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }

    async fn a_value_that_another_kind_cannot_hold_stops_the_job_with_its_row(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let lenient = match fixture.dialect {
            Dialect::MySql => "SET sql_mode = 'ALLOW_INVALID_DATES'; ",
            _ => "",
        };
        let key = fixture.key_of_shard(MOVING);
        let reshard = operator.reshard().unwrap();
        for (number, (column, value)) in unheld(fixture.dialect).into_iter().enumerate() {
            let table = format!("u{number}");
            sql(&operator, &format!("CREATE TABLE {table} (id BIGINT NOT NULL PRIMARY KEY, v {column})")).await;
            for id in 0..20 {
                let insert = format!("INSERT INTO {table} (id, v) VALUES ({id}, {})", if id == 13 { value } else { "NULL" });
                sql(&operator, &format!("{lenient}{insert}")).await;
            }
            let job = request(&operator, "server-1").start().await.unwrap();
            let error = reshard.run(job.id).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{column} {value}: {error}");
            let named = format!("table `{table}` has a row with a value that one end of the move cannot hold, with the \
                                 primary key 13");
            assert!(error.to_string().contains(&named), "{column} {value}: {error}");
            // Corrected, it goes on.
            sql(&operator, &format!("{lenient}UPDATE {table} SET v = NULL")).await;
            if number == 0 {
                let job = reshard.run(job.id).await.unwrap();
                assert_eq!(job.state, JobState::Holding, "{job:?}");
                reversed(&operator, job).await;
            } else {
                reshard.abort(job.id).await.unwrap();
                let job = reshard.run(job.id).await.unwrap();
                assert_eq!(job.state, JobState::Aborted, "{job:?}");
            }
            sql(&operator, &format!("DROP TABLE {table}")).await;
            order(fixture, key, 1).insert(&application).await.unwrap();
        }
    }

    async fn numbers_of_rows_keys_and_references_move_along(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let (number, text) = match fixture.dialect {
            Dialect::Postgres => ("BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "VARCHAR(40)"),
            Dialect::MySql => ("BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY", "VARCHAR(40) COLLATE utf8mb4_nopad_bin"),
            _ => ("INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT"),
        };
        for create in [
            format!("CREATE TABLE parents (id {number}, name {text} NOT NULL, UNIQUE (name))"),
            format!(
                "CREATE TABLE children (id {number}, parent BIGINT NOT NULL, name {text}, \
                 FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE)"
            ),
            "CREATE INDEX children_parent ON children (parent, name)".to_owned(),
        ] {
            sql(&operator, &create).await;
        }
        let add = async |name: &str| {
            sql(&operator, &format!("INSERT INTO parents (name) VALUES ('{name}')")).await;
            let id = sql(&operator, &format!("SELECT id FROM parents WHERE name = '{name}'")).await;
            let id: i64 = id[0][0].as_ref().unwrap().parse().unwrap();
            sql(&operator, &format!("INSERT INTO children (parent, name) VALUES ({id}, '{name}')")).await;
            id
        };
        let mut last = 0;
        for round in 0..3 {
            for name in 0..5 {
                let id = add(&format!("{round} {name}")).await;
                assert!(id > last, "{id} after {last}");
                last = id;
            }
            // The number of a row that is gone is not given again.
            let other = match round {
                1 => "server-0",
                _ => "server-1",
            };
            sql(&operator, &format!("DELETE FROM parents WHERE id = {last}")).await;
            let job = moved(&operator, &request(&operator, other)).await;
            let id = add(&format!("{round} at the new place")).await;
            assert!(id > last, "{id} after {last}");
            sql(&operator, &format!("DELETE FROM parents WHERE id = {id}")).await;
            let gone = format!("SELECT COUNT(*) FROM children WHERE parent = {id}");
            let gone = sql(&operator, &gone).await;
            assert_eq!(gone[0][0].as_deref(), Some("0"), "the deletion cascades");
            last = id;
            if round == 2 {
                reversed(&operator, job).await;
                assert!(add("the last").await > last);
            } else {
                finished(&operator, job).await;
            }
        }
        let orphans = "SELECT COUNT(*) FROM children WHERE parent NOT IN (SELECT id FROM parents)";
        assert_eq!(sql(&operator, orphans).await[0][0].as_deref(), Some("0"));
        assert_eq!(sql(&operator, "SELECT COUNT(*) FROM children").await[0][0].as_deref(), Some("13"));
    }

    async fn migrations_go_on_where_a_shard_has_come_from_another_kind(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let files = [
            ("shop/1_notes.postgres.sql", "CREATE TABLE notes (id BIGINT PRIMARY KEY, text VARCHAR(40) NOT NULL)"),
            ("shop/1_notes.mysql.sql", "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, text VARCHAR(40) NOT NULL)"),
            ("shop/1_notes.sqlite.sql", "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL)"),
            ("shop/2_level.sql", "ALTER TABLE notes ADD COLUMN level INT"),
        ];
        let migrate = async |count: usize| {
            let migrations = Migrations::embedded(&files[..count]).unwrap();
            operator.migrate(&migrations).up().await.unwrap();
            let status = operator.migrate(&migrations).status().await.unwrap();
            assert!(status.is_current(), "{status}");
            let drift = operator.migrate(&migrations).drift().await.unwrap();
            assert!(drift.targets.iter().all(|target| target.failed.is_empty()), "{drift}");
        };
        migrate(3).await;
        sql(&operator, "INSERT INTO notes (id, text) VALUES (1, 'tea')").await;
        let job = moved(&operator, &request(&operator, "server-1")).await;
        finished(&operator, job).await;
        migrate(3).await;
        migrate(4).await;
        sql(&operator, "UPDATE notes SET level = 7").await;
        let job = moved(&operator, &request(&operator, "server-0")).await;
        finished(&operator, job).await;
        migrate(4).await;
        let found = sql(&operator, "SELECT text, level FROM notes").await;
        assert_eq!(found, [[Some("tea".to_owned()), Some("7".to_owned())]]);
    }

    async fn a_statement_for_one_kind_begins_again_at_another(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let [locking, saving] = [process_that_never_polls(fixture).await, process_that_never_polls(fixture).await];
        let mut own = order(fixture, fixture.key_of_shard(MOVING), 1);
        own.clone().insert(&saving).await.unwrap();
        let job = moved(&operator, &request(&operator, "server-1")).await;

        // The lock of the group is in its first logical shard, and compares times by the clock of the server.
        let error = request(&locking, "server-0").start().await.unwrap_err();
        assert!(error.to_string().contains(&format!("job {}", job.id)), "{error}");
        assert_ne!(error.kind(), ErrorKind::ShardMoved, "{error}");

        own.amount = Some(2);
        // A process that has not followed yet may have to say it again.
        if let Err(error) = own.save(&saving).await {
            assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
            assert!(error.is_retryable(), "{error}");
            own.save(&saving).await.unwrap();
        }
        let found = Order::get(&operator, own.user_id, own.id).await.unwrap();
        assert_eq!(found, own);
    }

    async fn jobs_between_kinds_whose_runners_are_killed_lose_nothing(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        Kills { shard: MOVING, servers: ["server-0", "server-1"], seed: sample::seed(), left: kills() }
            .happen(fixture, &operator)
            .await;
    }
}

behaviours! { (Thing, Setting), 4 shards on 2 servers, FixtureOptions::of_two_kinds;
    async fn values_of_all_types_move_between_kinds(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let mut things = things(fixture, key);
        Thing::insert_many(&operator, things.clone()).await.unwrap();
        assert_things(&operator, key, &things).await;
        let change = async |things: &mut Vec<Thing>, note: &str| {
            for thing in things.iter_mut() {
                thing.note = Some(note.to_owned());
                thing.clone().update(&operator).await.unwrap();
            }
        };
        let request = |server: &str| {
            let reshard = operator.reshard().unwrap();
            reshard.move_shard("shop", MOVING, server).model::<Thing>().accept_relaxed_durability()
        };
        let job = moved(&operator, &request("server-1")).await;
        assert_things(&operator, key, &things).await;
        change(&mut things, "at the new place").await;
        reversed(&operator, job).await;
        assert_things(&operator, key, &things).await;
        for server in ["server-1", "server-0"] {
            let request = request(server);
            let (job, ()) = tokio::join!(moved(&operator, &request), change(&mut things, server));
            finished(&operator, job).await;
            assert_things(&operator, key, &things).await;
            // The tables are those that the models want.
            fixture.setup_of(&operator).run().await.unwrap();
            let again = Thing { id: fixture.id(), code: format!("at {server}"), ..things[1].clone() };
            things.push(again.insert(&operator).await.unwrap());
        }
        assert_things(&operator, key, &things).await;
    }

    async fn a_plan_moves_nothing_between_kinds_unless_it_is_told_to(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let planner = Planner::new().cost(Cost::Shards);
        let rebalance = Rebalance::new(&operator).unwrap();
        let rebalance = rebalance.assume("shop", "server-0", ServerState::Draining);
        let plan = rebalance.clone().planner(planner.clone()).plan().await.unwrap();
        assert!(plan.is_empty(), "{plan:?}");
        let stays = |left: &Leftover| left.server == "server-0" && left.message.contains("--between-databases");
        assert!(plan.leftovers.iter().any(stays), "{:?}", plan.leftovers);
        let plan = rebalance.planner(planner.between_databases()).plan().await.unwrap();
        assert_eq!((plan.moves(), plan.leftovers.len()), (2, 0), "{plan:?}");
    }

    async fn a_group_of_two_kinds_is_asked_as_one(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let mut all = Vec::new();
        for key in fixture.key_of_each_shard() {
            let rows = things(fixture, key);
            all.extend(Thing::insert_many(&operator, rows).await.unwrap());
        }
        assert_eq!(Thing::scatter().count(&operator).await.unwrap(), all.len() as u64);
        all.sort_by(|one, other| (&one.code, one.user_id).cmp(&(&other.code, other.user_id)));
        let found = Thing::scatter().order_by(Thing::CODE.asc()).all(&operator).await.unwrap();
        let codes = |things: &[Thing]| things.iter().map(|thing| thing.code.clone()).collect::<Vec<_>>();
        assert_eq!(codes(&found), codes(&all));
        let sum = Thing::scatter().aggregate(Thing::WHOLE_PLAIN.sum()).one(&operator).await.unwrap();
        let expected: i128 = all.iter().map(|thing| i128::from(thing.whole_plain)).sum();
        assert_eq!(sum.map(|sum| sum.to_string()), Some(expected.to_string()));
        let topology = operator.topology();
        assert_eq!(topology.group("shop").unwrap().dialects().len(), 2);
        // NULL is first in some databases, and last in others.
        let ordered = Thing::scatter().order_by(Thing::MAYBE.asc()).all(&operator).await;
        let ordered = ordered.map(|found| found.len()).map_err(|error| error.kind());
        assert_eq!(ordered, match fixture.dialect {
            Dialect::MySql => Ok(all.len()),
            _ => Err(ErrorKind::Unsupported),
        });
        let place = operator.locate(&Thing::shard(all[0].user_id)).unwrap();
        assert!(place.server.starts_with("server-"));
    }
}

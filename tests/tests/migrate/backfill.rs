//! Backfills, whose statement runs in batches.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shard_orm::migrate::{Event, Migrate, Migrations, Report, Resolution};
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::sample;
use tokio::sync::Notify;

use crate::Order;
use crate::deployment::{Deployment, folder, migrations, write};
use crate::killed::{kill_after, kills, run};

/// The rows of each table.
const ROWS: u64 = 25;

/// A table of rows whose numbers are zero.
fn items(rows: u64) -> String {
    let values: Vec<String> = (1..=rows).map(|id| format!("({id}, 0)")).collect();
    format!(
        "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);\n\
         INSERT INTO items (id, n) VALUES {};\n",
        values.join(", ")
    )
}

/// A backfill that counts how often it has seen each row.
fn count(head: &str) -> String {
    format!(
        "-- phase: backfill\n-- backfill: {head}\nUPDATE items SET n = n + 1 WHERE {{range}};\n"
    )
}

const ITEMS: &str = "shop/1_items.sql";
const BACKFILL: &str = "shop/2_count.sql";

/// The numbers of the items of a logical shard, each with how many items have it.
async fn numbers(deployment: &Deployment<'_>, shard: u32) -> Vec<(u64, u64)> {
    let sql = "SELECT n, COUNT(*) FROM items GROUP BY n ORDER BY n";
    let rows = deployment.rows_of(shard, sql).await;
    let number = |text: &Option<String>| text.as_ref().unwrap().parse().unwrap();
    rows.iter()
        .map(|row| (number(&row[0]), number(&row[1])))
        .collect()
}

/// Whether no row of progress is left in a logical shard.
async fn no_progress(deployment: &Deployment<'_>, shard: u32) -> bool {
    let sql = "SELECT version FROM shard_orm_backfill";
    deployment.rows_of(shard, sql).await.is_empty()
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_backfill_runs_in_batches_and_sees_each_row_once(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "batches").await;
        let (table, text) = (items(ROWS), count("table=items key=id batch=10"));
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &text)]);
        let batches: Arc<Mutex<Vec<(u32, u64, u64)>>> = Arc::default();
        let seen = Arc::clone(&batches);
        let run = deployment.cluster.migrate(&all).on_event(move |event| {
            if let Event::Batch { location, batches, rows, version } = event {
                assert_eq!(version, 2);
                seen.lock().unwrap().push((location.shard.unwrap(), batches, rows));
            }
        });
        assert_eq!(run.up().await.unwrap().steps(), 8);
        let mut seen = batches.lock().unwrap().clone();
        seen.sort_unstable();
        let expected: Vec<_> = (0..4)
            .flat_map(|shard| [(shard, 1, 10), (shard, 2, 20), (shard, 3, 25)])
            .collect();
        assert_eq!(seen, expected);
        for shard in deployment.shards() {
            assert_eq!(numbers(&deployment, shard).await, [(1, ROWS)]);
            assert!(no_progress(&deployment, shard).await);
        }
        deployment.cluster.migrate(&all).check().await.unwrap();
        // The option of a run counts for more than the file, and the primary key is found.
        let again = count("table=items");
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &text), ("shop/3_again.sql", &again)]);
        deployment.cluster.migrate(&all).batch(ROWS).up().await.unwrap();
        assert_eq!(numbers(&deployment, 0).await, [(2, ROWS)]);
    }

    async fn a_table_without_rows_is_one_batch(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "empty").await;
        let table = "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)";
        let text = count("table=items key=id");
        let all = migrations(&[(ITEMS, table), (BACKFILL, &text)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.cluster.migrate(&all).check().await.unwrap();
    }

    async fn keys_have_several_columns_and_any_text(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "keys").await;
        let folded = match fixture.dialect {
            Dialect::Sqlite => "COLLATE NOCASE",
            Dialect::MySql => "COLLATE utf8mb4_general_ci",
            Dialect::Postgres => "",
        };
        let texts = ["", " ", "a", "Z", "b''c", "\u{f1}", "zz", "0", "Y", "%", "_", "aa", "\u{1f600}"];
        let mut table = format!(
            "CREATE TABLE items (a BIGINT NOT NULL, b VARCHAR(20) {folded} NOT NULL, n BIGINT NOT NULL, \
             PRIMARY KEY (a, b));\n\
             CREATE TABLE names (name VARCHAR(20) {folded} NOT NULL PRIMARY KEY, n BIGINT NOT NULL);\n"
        );
        let mut rows = 0;
        for text in texts {
            // A collation without regard to spaces at the end has one of the first two.
            if text == " " {
                continue;
            }
            for a in [-1, 0, i64::MAX] {
                table += &format!("INSERT INTO items VALUES ({a}, '{text}', 0);\n");
                rows += 1;
            }
            table += &format!("INSERT INTO names VALUES ('{text}', 0);\n");
        }
        let head = "-- phase: backfill\n-- backfill: table=items key=a,b batch=4 as=i\n";
        let pairs = format!("{head}UPDATE items AS i SET n = n + 1 WHERE {{range}} AND b <> '{{range}}';");
        let names = "-- phase: backfill\n-- backfill: table=names key=name batch=1\n\
                     UPDATE names SET n = n + 1 WHERE {range}";
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &pairs), ("shop/3_names.sql", names)]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        for shard in deployment.shards() {
            assert_eq!(numbers(&deployment, shard).await, [(1, rows)]);
            let others = deployment.rows_of(shard, "SELECT name FROM names WHERE n <> 1").await;
            assert!(others.is_empty(), "{others:?}");
        }
    }

    async fn a_backfill_that_fails_in_the_middle_continues_after_a_decision(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "middle").await;
        let table = items(ROWS);
        let head = "-- phase: backfill\n-- backfill: table=items key=id batch=10\n";
        let wrong = format!("{head}UPDATE items SET n = CASE WHEN id = 15 THEN NULL ELSE 1 END WHERE {{range}}");
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &wrong)]);
        deployment.cluster.migrate(&all).to(1).up().await.unwrap();
        for shard in [0, 1] {
            let error = deployment.cluster.migrate(&all).shard(shard).up().await.unwrap_err();
            let report = Report::of(&error).unwrap();
            assert_eq!(report.failed[0].line, Some(3));
            assert!(error.to_string().contains("1 batches are done"), "{error}");
        }
        let status = deployment.cluster.migrate(&all).status().await.unwrap();
        let version = &status.targets[0].versions[1];
        assert!(version.interrupted.is_empty() && version.missing.len() == 2, "{version:?}");
        let begun = &version.begun[1];
        assert_eq!((&begun.location, begun.batches, begun.rows), (&deployment.location(1), 1, 10));
        assert!(version.state().contains("partly done in 2"), "{}", version.state());
        let plan = deployment.cluster.migrate(&all).plan().await.unwrap();
        assert_eq!(plan.iter().map(|done| done.begun.len()).sum::<usize>(), 2);
        let right = format!("{head}UPDATE items SET n = 2 WHERE {{range}}");
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &right)]);
        let error = deployment.cluster.migrate(&all).up().await.unwrap_err();
        assert!(error.to_string().contains("was changed after 1 batches of version 2"), "{error}");
        let run = |shard| deployment.cluster.migrate(&all).shard(shard);
        run(0).resolve(2, Resolution::Done).await.unwrap();
        run(1).resolve(2, Resolution::Again).await.unwrap();
        let error = run(2).resolve(2, Resolution::Again).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        deployment.cluster.migrate(&all).up().await.unwrap();
        assert_eq!(numbers(&deployment, 0).await, [(1, 10), (2, 15)]);
        for shard in 1..4 {
            assert_eq!(numbers(&deployment, shard).await, [(2, ROWS)]);
        }
        deployment.cluster.migrate(&all).check().await.unwrap();
    }

    async fn a_backfill_begins_anew_after_its_version_was_reverted(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "anew").await;
        let table = items(ROWS);
        let head = "-- phase: backfill\n-- backfill: table=items key=id batch=10\n";
        let wrong = format!("{head}UPDATE items SET n = CASE WHEN id = 15 THEN NULL ELSE 1 END WHERE {{range}}");
        let down = ("shop/2_count.down.sql", "UPDATE items SET n = 0");
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &wrong), down]);
        deployment.cluster.migrate(&all).shard(0).up().await.unwrap_err();
        deployment.cluster.migrate(&all).shard(0).down(1).await.unwrap();
        assert_eq!(numbers(&deployment, 0).await, [(0, ROWS)]);
        let text = count("table=items key=id batch=10");
        let all = migrations(&[(ITEMS, &table), (BACKFILL, &text), down]);
        deployment.cluster.migrate(&all).shard(0).up().await.unwrap();
        assert_eq!(numbers(&deployment, 0).await, [(1, ROWS)]);
    }

    async fn mistakes_in_a_backfill_are_found_before_anything_runs(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "mistakes").await;
        let table = "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, n DOUBLE PRECISION NOT NULL)";
        let before = [(ITEMS, table), ("shop/2_other.sql", "CREATE TABLE others (id BIGINT PRIMARY KEY)")];
        deployment.cluster.migrate(&migrations(&before[..1])).up().await.unwrap();
        let update = "UPDATE items SET n = 1 WHERE {range}";
        // The values of a column of SQLite have types of their own.
        let by_number = match fixture.dialect {
            Dialect::Sqlite => "line 2: no index of table `items` begins with the key",
            _ => "line 2: batches cannot be made by column `n`",
        };
        for (head, statement, expected) in [
            ("table=goods", "UPDATE goods SET n = 1 WHERE {range}", "line 2: there is no table `goods`"),
            ("table=items key=ident", update, "line 2: table `items` has no column `ident`"),
            ("table=items key=n", update, by_number),
            ("table=items", "UPDATE items SET n = 1", "line 3: the statement of a backfill contains"),
            ("table=items", "UPDATE items SET n = '{range}'", "line 3: the statement of a backfill contains"),
            ("table=items", "DROP TABLE items", "line 3: the statement of a backfill changes rows"),
            ("table=items", "UPDATE items SET n = 1 WHERE {range};\n\nDELETE FROM items", "line 5: a backfill has one"),
        ] {
            let text = format!("-- phase: backfill\n-- backfill: {head}\n{statement}");
            let all = migrations(&[before[0], before[1], ("shop/3_wrong.sql", &text)]);
            let error = deployment.cluster.migrate(&all).up().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            let message = error.to_string();
            assert!(message.contains("shop/3_wrong.sql") && message.contains(expected), "{message}");
        }
        let status = deployment.cluster.migrate(&migrations(&before)).status().await.unwrap();
        assert_eq!(status.targets[0].versions[1].applied, 0);
    }

    async fn a_backfill_that_is_killed_continues_where_it_has_stopped(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "killed_backfill").await;
        let folder = folder(&[(ITEMS, &items(ROWS))]);
        let mut random = sample::seed();
        let migrations = || Migrations::from_folder(folder.path()).unwrap();
        run(&deployment.cluster, &migrations()).up().await.unwrap();
        for number in 0..kills() {
            write(folder.path(), &format!("shop/{}_count.sql", number + 2), &count("table=items key=id batch=1"));
            random = mix64(random);
            // A backfill of four namespaces has 113 events.
            kill_after(&deployment, folder.path(), random % 100).await;
        }
        run(&deployment.cluster, &migrations()).up().await.unwrap();
        for shard in deployment.shards() {
            assert_eq!(numbers(&deployment, shard).await, [(kills(), ROWS)], "shard {shard}");
            assert!(no_progress(&deployment, shard).await);
        }
    }
}

behaviours! { (Order), 2 shards on 1 servers, |options| options;
    async fn the_application_writes_during_a_backfill(fixture: &Fixture) {
        const OLD: u64 = 100;
        let deployment = Deployment::new(fixture, "writes").await;
        let table = items(OLD);
        let text = "-- phase: backfill\n-- backfill: table=items key=id batch=2\n\
                    UPDATE items SET n = n + 1 WHERE n = 0 AND {range}";
        let all = migrations(&[(ITEMS, &table), (BACKFILL, text)]);
        deployment.cluster.migrate(&all).to(1).up().await.unwrap();
        let application = Cluster::connect(&deployment.config).await.unwrap();
        let done = Arc::new(Notify::new());
        let run = async {
            deployment.cluster.migrate(&all).up().await.unwrap();
            done.notify_one();
        };
        let writes = async {
            let mut inserted = 0;
            let mut end = std::pin::pin!(done.notified());
            loop {
                tokio::select! {
                    biased;
                    () = &mut end => return inserted,
                    () = std::future::ready(()) => {}
                }
                let id = 1_000 + i64::try_from(inserted).unwrap();
                Item { id, n: 1 }.insert(&application, 0).await.unwrap();
                let old = i64::try_from(inserted % OLD + 1).unwrap();
                let row = Item::on(0).filter(Item::ID.eq(old)).increment(Item::N, 10);
                assert_eq!(row.update(&application).await.unwrap(), 1);
                inserted += 1;
            }
        };
        let ((), inserted) = tokio::join!(run, writes);
        let found = numbers(&deployment, 0).await;
        let rows: u64 = found.iter().map(|(_, rows)| rows).sum();
        assert_eq!(rows, OLD + inserted, "{found:?}");
        // No old row is left as it was, and no write of the application is lost: each adds ten.
        assert!(found.iter().all(|(n, _)| *n > 0), "{found:?}");
        let tens: u64 = found.iter().map(|(n, rows)| n / 10 * rows).sum();
        assert_eq!(tens, inserted, "{found:?}");
        assert_eq!(numbers(&deployment, 1).await, [(1, OLD)]);
        application.close().await;
    }

    async fn batches_keep_to_their_rate_and_pause(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "rate").await;
        let table = items(ROWS);
        let texts = [count("table=items key=id batch=5"), count("table=items key=id batch=5 ")];
        let files = [(ITEMS, &*table), (BACKFILL, &*texts[0]), ("shop/3_count.sql", &*texts[1])];
        deployment.cluster.migrate(&migrations(&files[..1])).up().await.unwrap();
        let times = async |files: &[(&str, &str)], limit: fn(Migrate) -> Migrate| {
            let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
            let seen = Arc::clone(&times);
            let all = migrations(files);
            let begun = Instant::now();
            let run = limit(deployment.cluster.migrate(&all)).on_event(move |event| {
                if let Event::Batch { .. } = event {
                    seen.lock().unwrap().push(begun.elapsed());
                }
            });
            run.up().await.unwrap();
            times.lock().unwrap().clone()
        };
        // Twelve batches of five rows on one server, twenty a second.
        let rated = times(&files[..2], |run| run.rows_per_second(100)).await;
        assert_eq!(rated.len(), 12);
        for (number, at) in (0..).zip(&rated) {
            assert!(*at >= Duration::from_millis(50) * number, "{rated:?}");
        }
        // Six batches in each of two namespaces.
        let paused = times(&files, |run| run.without_canary().batch_pause(Duration::from_millis(20))).await;
        assert_eq!(paused.len(), 12);
        for (number, at) in (0..).zip(&paused) {
            assert!(*at >= Duration::from_millis(20) * (number / 2), "{paused:?}");
        }
    }
}

/// A row of the backfills' table.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "items")]
struct Item {
    #[shard(primary_key)]
    id: i64,
    n: i64,
}

//! Tables whose rows point to rows of other tables: all of them copies, or sharded ones that point to
//! copies.

use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync, SyncReport};
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, Pair, eventually, on};

on! { all =>
    five_related_tables_are_copied_and_deleted_in_one_run
    a_supervisor_does_not_report_waiting_rows_as_failures
    rows_of_two_tables_that_point_to_each_other
    a_row_without_its_parent_names_both_tables
}

on! { servers =>
    referenced_static_rows_are_kept
}

/// Tables of which each points to the next one of the alphabet, and their copies with foreign keys.
macro_rules! tables {
    ($($model:ident $table:literal $create:expr),+ $(,)?) => {
        $(
            #[derive(Debug, Clone, PartialEq, StaticModel)]
            #[static_model(groups = all, table = $table)]
            struct $model {
                #[static_model(primary_key)]
                id: i64,
                parent: Option<i64>,
            }
        )+

        async fn five_tables(pair: Pair) -> Fixture {
            let fixture = Fixture::bare(pair).await;
            // Tables have to be there before others point to them.
            let mut all: Vec<(&str, &str)> = vec![$(($table, $create)),+];
            $( fixture.add::<$model>($table, "").await; )+
            all.reverse();
            for copy in &fixture.copies {
                for (table, to) in &all {
                    let to = if to.is_empty() {
                        String::new()
                    } else {
                        format!(", FOREIGN KEY (parent) REFERENCES {to} (id)")
                    };
                    let create = format!(
                        "CREATE TABLE {table} (id bigint NOT NULL PRIMARY KEY, parent bigint NULL{to})"
                    );
                    for text in [format!("DROP TABLE {table}"), create] {
                        let text = A::query().sql(AssertSqlSafe(text));
                        text.execute(copy).await.unwrap();
                    }
                }
            }
            fixture
        }

        /// Each row points to one of the next table with the same number.
        async fn insert(fixture: &Fixture, ids: impl Iterator<Item = i64> + Clone) {
            $({
                let rows = ids.clone().map(|id| $model { id, parent: Some(id) });
                $model::insert_many(&fixture.cluster, rows.collect()).await.unwrap();
            })+
        }

        async fn delete_from(fixture: &Fixture, first: i64) {
            $({
                let rows = $model::query().filter($model::ID.ge(first));
                rows.delete(&fixture.cluster).await.unwrap();
            })+
        }

        /// How many rows of how many tables a copy has.
        async fn counts(at: &Cluster) -> Vec<u64> {
            vec![$( $model::query().count(at).await.unwrap() ),+]
        }
    };
}

// In the order of their names, which is that of the report, and of their registration: the worst.
tables! {
    A "aa" "bb",
    B "bb" "cc",
    C "cc" "dd",
    D "dd" "ee",
    E "ee" "",
}

async fn run(fixture: &Fixture) -> SyncReport {
    let report = StaticSync::all(&fixture.cluster).run().await.unwrap();
    report.complete().unwrap()
}

async fn five_related_tables_are_copied_and_deleted_in_one_run(pair: Pair) {
    let fixture = five_tables(pair).await;
    insert(&fixture, 0..20).await;
    let rows = run(&fixture).await.rows();
    assert_eq!(rows.inserted, 2 * 5 * 20);
    for copy in &fixture.copies {
        assert_eq!(counts(copy).await, [20; 5]);
    }
    // Those of the last table go first, and can only go last.
    delete_from(&fixture, 5).await;
    insert(&fixture, 30..33).await;
    let rows = run(&fixture).await.rows();
    assert_eq!(
        (rows.inserted, rows.deleted, rows.blocked),
        (2 * 5 * 3, 2 * 5 * 15, 0)
    );
    for copy in &fixture.copies {
        assert_eq!(counts(copy).await, [8; 5]);
    }
    let sql = "SELECT row_key FROM shard_orm_sync_blocked";
    let kept: Vec<(String,)> = A::query().sql(sql).all(&fixture.copies[0]).await.unwrap();
    assert!(kept.is_empty());
    let rows = run(&fixture).await.rows();
    assert_eq!(rows.written() + rows.blocked, 0);
    // By comparison as well.
    delete_from(&fixture, 3).await;
    insert(&fixture, 50..52).await;
    let full = StaticSync::all(&fixture.cluster).mode(Mode::Full).run();
    let rows = full.await.unwrap().complete().unwrap().rows();
    assert_eq!((rows.inserted, rows.deleted, rows.blocked), (20, 50, 0));
}

async fn a_supervisor_does_not_report_waiting_rows_as_failures(pair: Pair) {
    let fixture = five_tables(pair).await;
    insert(&fixture, 0..50).await;
    let begun = Instant::now();
    // None of them has a second turn of its own: what waits is told when to go on.
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_mins(10))
        .concurrency(1)
        .run()
        .unwrap();
    let mut worst = 0;
    eventually("all rows", async || {
        let failures = supervisor.status().into_iter().map(|one| one.failures);
        worst = worst.max(failures.max().unwrap());
        counts(&fixture.copies[0]).await == [50; 5] && counts(&fixture.copies[1]).await == [50; 5]
    })
    .await;
    assert_eq!(worst, 0);
    assert!(begun.elapsed() < Duration::from_mins(1));
    eventually("nothing is waited for", async || {
        supervisor.status().iter().all(|one| one.problem.is_none())
    })
    .await;
    supervisor.stop().await;
}

async fn rows_of_two_tables_that_point_to_each_other(pair: Pair) {
    let fixture = five_tables(pair).await;
    for copy in &fixture.copies {
        if pair.1 == Backend::Sqlite {
            let tables = [
                "DROP TABLE dd",
                "DROP TABLE ee",
                "CREATE TABLE ee (id bigint NOT NULL PRIMARY KEY, parent bigint NULL, \
                 FOREIGN KEY (parent) REFERENCES dd (id))",
                "CREATE TABLE dd (id bigint NOT NULL PRIMARY KEY, parent bigint NULL, \
                 FOREIGN KEY (parent) REFERENCES ee (id))",
            ];
            for text in tables {
                E::query().sql(text).execute(copy).await.unwrap();
            }
        } else {
            let close =
                "ALTER TABLE ee ADD CONSTRAINT back FOREIGN KEY (parent) REFERENCES dd (id)";
            E::query().sql(close).execute(copy).await.unwrap();
        }
    }
    // Of a circle of tables, with rows that make none.
    let at = &fixture.cluster;
    for (id, parent) in [(1, None), (2, Some(1)), (3, Some(2))] {
        E { id, parent }.insert(at).await.unwrap();
        D {
            id,
            parent: Some(id),
        }
        .insert(at)
        .await
        .unwrap();
    }
    let rows = run(&fixture).await.rows();
    assert_eq!(rows.inserted, 2 * 6);
    // Rows that point to each other come one after the other at the source, and together here.
    E {
        id: 10,
        parent: None,
    }
    .insert(at)
    .await
    .unwrap();
    D {
        id: 10,
        parent: Some(10),
    }
    .insert(at)
    .await
    .unwrap();
    run(&fixture).await;
    E {
        id: 10,
        parent: Some(10),
    }
    .update(at)
    .await
    .unwrap();
    run(&fixture).await;
    E {
        id: 11,
        parent: None,
    }
    .insert(at)
    .await
    .unwrap();
    D {
        id: 11,
        parent: Some(11),
    }
    .insert(at)
    .await
    .unwrap();
    E {
        id: 11,
        parent: Some(11),
    }
    .update(at)
    .await
    .unwrap();
    let report = StaticSync::all(&fixture.cluster).run().await.unwrap();
    let failed: Vec<(String, String)> = report
        .copies
        .into_iter()
        .filter_map(|one| Some((one.copy.table, one.result.err()?.to_string())))
        .collect();
    let tables: Vec<&str> = failed.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(tables, ["dd", "dd", "ee", "ee"]);
    for (_, error) in failed {
        assert!(error.contains("`dd`") && error.contains("`ee`"), "{error}");
    }
}

async fn a_row_without_its_parent_names_both_tables(pair: Pair) {
    let fixture = five_tables(pair).await;
    insert(&fixture, 0..3).await;
    B {
        id: 7,
        parent: Some(99),
    }
    .insert(&fixture.cluster)
    .await
    .unwrap();
    let report = StaticSync::all(&fixture.cluster).run().await.unwrap();
    assert!(!report.is_complete());
    // The others are not kept back by it, but for the one that points to it.
    let mut whole = report.copies.iter();
    assert!(whole.all(|one| one.result.is_ok() || matches!(&*one.copy.table, "aa" | "bb")));
    let error = report.complete().unwrap_err();
    let error = error.to_string();
    let found = error.contains("`bb`") && (error.contains("`cc`") || error.contains("`aa`"));
    assert!(found, "{error}");
    // Found later, without anybody's help.
    C {
        id: 99,
        parent: None,
    }
    .insert(&fixture.cluster)
    .await
    .unwrap();
    run(&fixture).await;
    assert_eq!(counts(&fixture.copies[0]).await, [3, 4, 4, 3, 3]);
}

async fn referenced_static_rows_are_kept(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<E>("ee", "").await;
    for id in 1..=5 {
        E { id, parent: None }
            .insert(&fixture.cluster)
            .await
            .unwrap();
    }
    run(&fixture).await;
    // A table of another schema of the same server, as that of a logical shard is.
    let copy = &fixture.copies[0];
    let execute = async |text: String| {
        let text = E::query().sql(AssertSqlSafe(text));
        text.execute(copy).await.unwrap();
    };
    let (schema, own) = match pair.1 {
        Backend::Postgres => ("a_0".to_owned(), "a_static".to_owned()),
        _ => {
            let (own,): (String,) = E::query().sql("SELECT DATABASE()").one(copy).await.unwrap();
            (own.replace("_static", "_0"), own)
        }
    };
    execute(format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await;
    execute(format!(
        "CREATE TABLE {schema}.flights (id bigint NOT NULL PRIMARY KEY, ee bigint NOT NULL, \
         CONSTRAINT flights_to_ee FOREIGN KEY (ee) REFERENCES {own}.ee (id))"
    ))
    .await;
    execute(format!(
        "INSERT INTO {schema}.flights (id, ee) VALUES (1, 3)"
    ))
    .await;
    // In place: a row that was taken out and put back would be refused.
    E {
        id: 3,
        parent: Some(4),
    }
    .update(&fixture.cluster)
    .await
    .unwrap();
    E {
        id: 4,
        parent: None,
    }
    .delete(&fixture.cluster)
    .await
    .unwrap();
    let rows = run(&fixture).await.rows();
    assert_eq!((rows.updated, rows.deleted, rows.blocked), (2, 2, 0));
    // One that is to go stays, and says for whom.
    E {
        id: 3,
        parent: None,
    }
    .delete(&fixture.cluster)
    .await
    .unwrap();
    let rows = run(&fixture).await.rows();
    assert_eq!((rows.deleted, rows.blocked), (1, 1));
    let sql = "SELECT blocker FROM shard_orm_sync_blocked WHERE table_name = 'ee'";
    let (blocker,): (String,) = E::query().sql(sql).one(copy).await.unwrap();
    assert!(blocker.contains("flights_to_ee"), "{blocker}");
    assert!(blocker.contains("flights"), "{blocker}");
    execute(format!("DELETE FROM {schema}.flights")).await;
    let rows = run(&fixture).await.rows();
    assert_eq!((rows.deleted, rows.blocked), (1, 0));
}

//! Tables with primary keys of all kinds of types.

use std::collections::BTreeMap;

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm_tests::behaviours;

use crate::everything::{sql, sql_at};
use crate::writer::order;
use crate::{MOVING, Order, Setting, cluster, splits};

/// The rows of each table: several pages at the pace of the test.
const ROWS: usize = 320;

/// A type of key: the table, the column of the key, and the SQL of a row's key by its number. The order of the numbers
/// is not the order of the keys' texts.
type Kind = (&'static str, String, fn(usize) -> String);

fn quoted(number: usize) -> String {
    format!("'v{number}'")
}

/// `ENUM ('v0', 'v1', ..)`, for keys of all rounds.
fn members() -> String {
    let members: Vec<String> = (0..ROWS + 40).map(quoted).collect();
    format!("({})", members.join(", "))
}

/// Neighbours that are the same number in floating point.
fn large(number: usize) -> String {
    format!("123456789012345678901234567{number:04}")
}

fn kinds(dialect: Dialect) -> Vec<Kind> {
    match dialect {
        Dialect::Postgres => vec![
            ("by_uuid", "uuid".to_owned(), |number| {
                format!("CAST(md5('{number}') AS uuid)")
            }),
            ("by_enum", "letter".to_owned(), quoted),
            ("by_domain", "code".to_owned(), quoted),
            ("by_address", "inet".to_owned(), |number| {
                format!("'10.0.{}.{}'", number / 256, number % 256)
            }),
            ("by_char", "char(8)".to_owned(), quoted),
            ("by_numeric", "numeric(40, 2)".to_owned(), large),
            ("by_interval", "interval".to_owned(), |number| {
                format!("'{number} minutes'")
            }),
            ("by_bytes", "bytea".to_owned(), |number| {
                format!("decode('{number:04x}', 'hex')")
            }),
            ("by_moment", "timestamptz".to_owned(), |number| {
                format!("to_timestamp({number} * 0.001)")
            }),
        ],
        Dialect::MySql => vec![
            ("by_uuid", "UUID".to_owned(), |number| {
                format!("'{:08x}-0000-4000-8000-{number:012x}'", number * 7919)
            }),
            ("by_enum", format!("ENUM {}", members()), quoted),
            (
                "by_set",
                "SET ('j', 'i', 'h', 'g', 'f', 'e', 'd', 'c', 'b', 'a')".to_owned(),
                |number| number.to_string(),
            ),
            ("by_decimal", "DECIMAL(40, 2)".to_owned(), large),
            ("by_bits", "BIT(17)".to_owned(), |number| {
                (number * 97).to_string()
            }),
            ("by_address", "INET6".to_owned(), |number| {
                format!("'2001:db8::{number:x}'")
            }),
            ("by_text", "VARCHAR(20)".to_owned(), |number| {
                format!("'{}{number}'", if number % 2 == 0 { "v" } else { "V" })
            }),
            ("by_bytes", "VARBINARY(20)".to_owned(), |number| {
                format!("x'{number:04x}'")
            }),
            ("by_moment", "DATETIME(6)".to_owned(), |number| {
                format!("'2026-01-01 00:00:00.{number:06}'")
            }),
            ("by_double", "DOUBLE".to_owned(), |number| {
                format!("{number} / 7")
            }),
        ],
        _ => vec![
            ("by_text", "TEXT COLLATE NOCASE".to_owned(), |number| {
                format!("'{}{number}'", if number % 2 == 0 { "v" } else { "V" })
            }),
            ("by_varchar", "VARCHAR(20)".to_owned(), quoted),
            ("by_bytes", "BLOB".to_owned(), |number| {
                format!("x'{number:04x}'")
            }),
            ("by_real", "REAL".to_owned(), |number| {
                format!("{number} / 7.0")
            }),
            ("by_decimal", "DECIMAL(40, 2)".to_owned(), |number| {
                format!("{number} / 100.0")
            }),
            // Of any type: an integer, a text, or bytes.
            ("by_any", "ANY".to_owned(), |number| match number % 3 {
                0 => number.to_string(),
                1 => quoted(number),
                _ => format!("x'{number:04x}'"),
            }),
        ],
    }
}

/// The SQL of a key as a text.
fn text(dialect: Dialect, column: &str) -> &'static str {
    match dialect {
        Dialect::Postgres => "CAST(k AS text)",
        Dialect::MySql if column.contains("BI") => "HEX(k)",
        Dialect::MySql => "CAST(k AS CHAR)",
        _ => "quote(k)",
    }
}

/// The rows of the tables: the notes by part and key.
type Rows = BTreeMap<(String, String), String>;

async fn rows(cluster: &Cluster, dialect: Dialect, kind: &Kind) -> Rows {
    let (table, column, _) = kind;
    let key = text(dialect, column);
    let select = format!("SELECT part, {key}, note FROM {table}");
    let rows = sql(cluster, &select).await.into_iter();
    let mut cells = rows.map(|row| row.into_iter().map(Option::unwrap));
    let mut found = Rows::new();
    for mut row in &mut cells {
        let mut next = || row.next().unwrap();
        let key = (next(), next());
        found.insert(key, next());
    }
    found
}

/// All rows of a table in a logical shard, in an order of their own: part, key, note, owner, and what else there is.
async fn whole_rows(
    cluster: &Cluster,
    shard: u32,
    (dialect, table, column): (Dialect, &str, &str),
) -> Vec<Vec<Option<String>>> {
    let key = text(dialect, column);
    let select = format!("SELECT part, {key}, note, owner, large, last FROM {table}");
    let mut rows = sql_at(cluster, shard, &select).await;
    rows.sort();
    rows
}

/// Changes that every table takes, and that are told from other rounds by their number.
async fn change(cluster: &Cluster, kinds: &[Kind], round: usize) {
    for (table, _, key) in kinds {
        let first = ROWS + 10 * round;
        for text in [
            format!("UPDATE {table} SET note = note + 100000 WHERE note % 7 = {round}"),
            format!("DELETE FROM {table} WHERE note % 11 = {round}"),
            insert(table, *key, first..first + 10),
        ] {
            sql(cluster, &text).await;
        }
    }
}

/// Creates the tables, with rows.
async fn create(cluster: &Cluster, dialect: Dialect, kinds: &[Kind]) {
    if dialect == Dialect::Postgres {
        sql(
            cluster,
            &format!("CREATE TYPE letter AS ENUM {}", members()),
        )
        .await;
        sql(cluster, "CREATE DOMAIN code AS text CHECK (VALUE <> '')").await;
    }
    for (number, (table, column, key)) in kinds.iter().enumerate() {
        // Some keys have a column before.
        let primary = if number % 2 == 0 { "k" } else { "part, k" };
        let create = format!(
            "CREATE TABLE {table} (part INT NOT NULL, k {column} NOT NULL, note INT NOT NULL, PRIMARY KEY ({primary}))"
        );
        sql(cluster, &create).await;
        sql(cluster, &insert(table, *key, 0..ROWS)).await;
    }
}

fn insert(table: &str, key: fn(usize) -> String, numbers: std::ops::Range<usize>) -> String {
    let rows = numbers.map(|number| format!("({}, {}, {number})", number % 2, key(number)));
    let rows: Vec<String> = rows.collect();
    format!(
        "INSERT INTO {table} (part, k, note) VALUES {}",
        rows.join(", ")
    )
}

/// What the changes make of the notes of a table, each once.
fn changed(notes: &[usize], round: usize) -> Vec<usize> {
    let first = ROWS + 10 * round;
    let mut left: Vec<usize> = notes
        .iter()
        .map(|note| {
            if note % 7 == round {
                note + 100_000
            } else {
                *note
            }
        })
        .filter(|note| note % 11 != round)
        .chain(first..first + 10)
        .collect();
    left.sort_unstable();
    left
}

fn notes(rows: &Rows) -> Vec<usize> {
    let mut notes: Vec<usize> = rows.values().map(|note| note.parse().unwrap()).collect();
    notes.sort_unstable();
    notes
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn rows_with_keys_of_all_types_move_and_move_back(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let kinds = kinds(fixture.dialect);
        create(&operator, fixture.dialect, &kinds).await;
        let mut expected: Vec<Vec<usize>> = vec![(0..ROWS).collect(); kinds.len()];
        let check = async |expected: &[Vec<usize>], before: &[Rows]| {
            for ((kind, expected), before) in kinds.iter().zip(expected).zip(before) {
                let found = rows(&operator, fixture.dialect, kind).await;
                assert_eq!(&notes(&found), expected, "{}", kind.0);
                for (key, note) in &found {
                    let note: usize = note.parse().unwrap();
                    if let Some(old) = before.get(key) {
                        assert_eq!(old.parse::<usize>().unwrap() % 100_000, note % 100_000, "{} {key:?}", kind.0);
                    }
                }
            }
        };
        let mut before = Vec::new();
        for kind in &kinds {
            before.push(rows(&operator, fixture.dialect, kind).await);
        }
        let reshard = operator.reshard().unwrap();
        let request = reshard
            .move_shard("shop", MOVING, "server-1")
            .accept_relaxed_durability()
            .pace(Pace::RowsPerSecond(25 * 100));
        let planned = request.plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        let job = request.start().await.unwrap();
        let (job, ()) = tokio::join!(reshard.run(job.id), change(&operator, &kinds, 1));
        let job = job.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        expected = expected.iter().map(|notes| changed(notes, 1)).collect();
        check(&expected, &before).await;

        change(&operator, &kinds, 2).await;
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        expected = expected.iter().map(|notes| changed(notes, 2)).collect();
        check(&expected, &before).await;
    }

    async fn rows_with_keys_of_all_types_are_divided_and_gathered(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let kinds = kinds(fixture.dialect);
        create(&operator, fixture.dialect, &kinds).await;
        let owners = splits::keys(&operator, 12);
        let order = |number: usize| order(fixture, owners[number], 0);
        Order::insert_many(&operator, (0..12).map(order).collect::<Vec<_>>()).await.unwrap();
        let mut expected = Vec::new();
        for (table, column, _) in &kinds {
            // Beside columns some of whose values are large, or missing.
            for added in ["large TEXT", "owner INTEGER", "last TEXT"] {
                sql(&operator, &format!("ALTER TABLE {table} ADD COLUMN {added}")).await;
            }
            for (number, owner) in owners.iter().enumerate() {
                let large = if number == 3 { format!("'{}'", "é".repeat(30_000)) } else { "NULL".to_owned() };
                let update = format!("UPDATE {table} SET owner = {owner}, large = {large}, last = 'z' WHERE note % 12 = {number}");
                sql(&operator, &update).await;
            }
            expected.push(whole_rows(&operator, MOVING, (fixture.dialect, table, column)).await);
        }
        let reshard = operator.reshard().unwrap();
        let pace = Pace::RowsPerSecond(25 * 100);
        let split = reshard.split_shard("shop", MOVING, ["server-1", "server-0"]).pace(pace);
        let split = split.key("owner").key_of("orders", "user_id").accept_relaxed_durability();
        let job = split.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        splits::finish(&reshard, &job).await;
        let parts: Vec<u32> = job.targets.iter().map(|part| part.shard).collect();
        for ((table, column, _), expected) in kinds.iter().zip(&expected) {
            let mut found = Vec::new();
            for part in &parts {
                let own = whole_rows(&operator, *part, (fixture.dialect, table, column)).await;
                assert!(own.len() > 20, "{table} has {} rows in {part}", own.len());
                let owners: Vec<i64> = own.iter().map(|row| row[3].as_ref().unwrap().parse().unwrap()).collect();
                assert!(splits::shards(&operator, &owners).iter().all(|shard| shard == part), "{table}");
                found.extend(own);
            }
            found.sort();
            assert!(found == *expected, "{table} has other rows");
        }

        let merge = reshard.merge_shards("shop", [parts[0], parts[1]], "server-1").pace(pace);
        let merge = merge.key("owner").key_of("orders", "user_id").accept_relaxed_durability();
        let job = merge.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        for ((table, column, _), expected) in kinds.iter().zip(&expected) {
            let found = whole_rows(&operator, MOVING, (fixture.dialect, table, column)).await;
            assert!(found == *expected, "{table} has other rows");
        }
    }
}

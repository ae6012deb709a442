//! Counters go on at the target where they were at the source.

use shard_orm::Dialect;

use crate::fixture::Pair;

/// Reads the counters of a source whose tables were renamed, and sets those of the target.
async fn carried(pair: &mut Pair, renames: &[&str]) {
    pair.copy().await;
    for rename in renames {
        pair.source.run(rename).await.unwrap();
    }
    let counters = pair.source.counters("held_").await.unwrap();
    assert!(!counters.is_empty());
    for statement in &counters {
        pair.target.run(statement).await.unwrap();
    }
}

async fn numbers(pair: &mut Pair, query: &str) -> Vec<String> {
    let rows = pair.target.rows(query).await.unwrap();
    rows.into_iter().flatten().flatten().collect()
}

#[tokio::test]
async fn sequences_and_identity_columns_go_on() {
    let setup = "CREATE TABLE \"A b\" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial);\
                 CREATE SEQUENCE free START 7;\
                 CREATE SEQUENCE unused START 5;\
                 INSERT INTO \"A b\" DEFAULT VALUES;\
                 INSERT INTO \"A b\" DEFAULT VALUES;\
                 SELECT nextval('free')";
    let mut pair = Pair::new(Dialect::Postgres, setup).await;
    let renames = [
        "ALTER TABLE \"A b\" RENAME TO \"held_A b\"",
        "ALTER SEQUENCE \"A b_id_seq\" RENAME TO \"held_A b_id_seq\"",
        "ALTER SEQUENCE \"A b_s_seq\" RENAME TO \"held_A b_s_seq\"",
        "ALTER SEQUENCE free RENAME TO held_free",
        "ALTER SEQUENCE unused RENAME TO held_unused",
    ];
    carried(&mut pair, &renames).await;
    let row = numbers(
        &mut pair,
        "INSERT INTO \"A b\" DEFAULT VALUES RETURNING id, s",
    )
    .await;
    assert_eq!(row, ["3", "3"]);
    let values = numbers(&mut pair, "SELECT nextval('free'), nextval('unused')").await;
    assert_eq!(values, ["8", "5"]);
}

#[tokio::test]
async fn numbers_of_rows_and_sequences_of_mariadb_go_on() {
    let setup = "CREATE TABLE `A b` (id bigint AUTO_INCREMENT PRIMARY KEY)\n\n\
                 CREATE TABLE unused (id bigint AUTO_INCREMENT PRIMARY KEY)\n\n\
                 CREATE SEQUENCE free START WITH 7 CACHE 10\n\n\
                 INSERT INTO `A b` VALUES (), ()\n\nDELETE FROM `A b`\n\nDO NEXTVAL(free)";
    let mut pair = Pair::new(Dialect::MySql, setup).await;
    let renames = ["RENAME TABLE `A b` TO `held_A b`, unused TO held_unused, free TO held_free"];
    carried(&mut pair, &renames).await;
    let row = numbers(&mut pair, "INSERT INTO `A b` VALUES () RETURNING id").await;
    assert_eq!(row, ["3"]);
    let row = numbers(&mut pair, "INSERT INTO unused VALUES () RETURNING id").await;
    assert_eq!(row, ["1"]);
    // The numbers that the server has reserved count as given out.
    let value = numbers(&mut pair, "SELECT NEXTVAL(free)").await;
    assert_eq!(value, ["17"]);
}

#[tokio::test]
async fn numbers_of_rows_of_sqlite_go_on() {
    let setup = "CREATE TABLE \"A b\" (id INTEGER PRIMARY KEY AUTOINCREMENT);\
                 CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT);\
                 CREATE TABLE unused (id INTEGER PRIMARY KEY AUTOINCREMENT);\
                 INSERT INTO \"A b\" VALUES (5), (9); DELETE FROM \"A b\"; INSERT INTO other VALUES (3)";
    let mut pair = Pair::new(Dialect::Sqlite, setup).await;
    let renames = [
        "ALTER TABLE \"A b\" RENAME TO \"held_A b\"",
        "ALTER TABLE other RENAME TO held_other",
        "ALTER TABLE unused RENAME TO held_unused",
    ];
    pair.target
        .run("CREATE TABLE so_x (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        .await
        .unwrap();
    carried(&mut pair, &renames).await;
    for (table, id) in [("\"A b\"", "10"), ("other", "4"), ("unused", "1")] {
        let insert = format!("INSERT INTO {table} DEFAULT VALUES RETURNING id");
        assert_eq!(numbers(&mut pair, &insert).await, [id], "{table}");
    }
}

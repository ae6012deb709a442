//! The test servers replicate, pause, change roles and refuse writes as the other tests expect.

use shard_orm_tests::servers::{Node, Rights};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};

use crate::on::On;

on_each! {
    a_replica_follows_pauses_and_takes_over
    an_ordinary_user_cannot_write_to_a_read_only_server
}

/// A connection of an ordinary user.
enum Client {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Client {
    async fn of(node: &Node) -> Self {
        let url = node.url_of(Rights::Ordinary);
        match node {
            Node::Postgres(_) => Self::Postgres(PgConnection::connect(&url).await.unwrap()),
            Node::MariaDb(_) => Self::MariaDb(MySqlConnection::connect(&url).await.unwrap()),
        }
    }

    async fn run(&mut self, sql: &str) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(client) => sqlx::raw_sql(sql).execute(client).await.map(drop),
            Self::MariaDb(client) => sqlx::raw_sql(sql).execute(client).await.map(drop),
        }
    }

    async fn numbers(&mut self) -> Vec<i32> {
        let sql = "SELECT n FROM things.numbers ORDER BY n";
        match self {
            Self::Postgres(client) => sqlx::query_scalar(sql).fetch_all(client).await,
            Self::MariaDb(client) => sqlx::query_scalar(sql).fetch_all(client).await,
        }
        .unwrap()
    }
}

async fn numbers_of(node: &Node) -> Vec<i32> {
    Client::of(node).await.numbers().await
}

async fn write(node: &Node, number: i32) {
    Client::of(node)
        .await
        .run(&format!("INSERT INTO things.numbers VALUES ({number})"))
        .await
        .unwrap();
}

async fn pair(on: On) -> (Node, Node) {
    let old = Node::start_primary(on.dialect).await.unwrap();
    let new = Node::start_replica(&old).await.unwrap();
    let mut client = Client::of(&old).await;
    client.run("CREATE SCHEMA things").await.unwrap();
    client
        .run("CREATE TABLE things.numbers (n int)")
        .await
        .unwrap();
    write(&old, 1).await;
    new.has_all_of(&old).await.unwrap();
    (old, new)
}

async fn a_replica_follows_pauses_and_takes_over(on: On) {
    let (mut old, mut new) = pair(on).await;
    assert_eq!(numbers_of(&new).await, [1]);

    new.pause_replay().await.unwrap();
    write(&old, 2).await;
    assert_eq!(numbers_of(&new).await, [1]);
    new.resume_replay().await.unwrap();
    new.has_all_of(&old).await.unwrap();
    assert_eq!(numbers_of(&new).await, [1, 2]);

    // A change of roles in good order: nothing is lost.
    write(&old, 3).await;
    old.stop().await.unwrap();
    new.promote().await.unwrap();
    write(&new, 4).await;
    assert_eq!(numbers_of(&new).await, [1, 2, 3, 4]);
    old.come_back_read_only();
    old.follow(&new).await.unwrap();
    old.has_all_of(&new).await.unwrap();
    assert_eq!(numbers_of(&old).await, [1, 2, 3, 4]);

    // And back, by a replica that was killed meanwhile.
    old.kill9();
    old.restart().await.unwrap();
    write(&new, 5).await;
    old.has_all_of(&new).await.unwrap();
    new.stop().await.unwrap();
    old.promote().await.unwrap();
    assert_eq!(numbers_of(&old).await, [1, 2, 3, 4, 5]);
}

async fn an_ordinary_user_cannot_write_to_a_read_only_server(on: On) {
    let (mut old, mut new) = pair(on).await;
    let sql = "INSERT INTO things.numbers VALUES (7)";
    let refused = Client::of(&new).await.run(sql).await.unwrap_err();
    let mut before = Client::of(&old).await;
    old.set_read_only(true).await.unwrap();
    before.run(sql).await.unwrap_err();
    Client::of(&old).await.run(sql).await.unwrap_err();

    new.promote().await.unwrap();
    write(&new, 8).await;
    old.set_read_only(false).await.unwrap();
    before.run(sql).await.unwrap();
    assert_eq!(numbers_of(&old).await, [1, 7], "{refused}");
    assert_eq!(numbers_of(&new).await, [1, 8]);
}

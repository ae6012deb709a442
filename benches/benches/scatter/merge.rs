//! All rows in an order, one by one: merged from 16 logical shards, beside one table of PostgreSQL.

use futures_util::{Stream, TryStreamExt};
use shard_orm::prelude::*;
use shard_orm_tests::database::fresh_postgres_on;
use shard_orm_tests::servers::PostgresServer;
use sqlx::{Connection, PgConnection};

use crate::cost::{Column, Cost, rounds};
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to};
use crate::order::Order;
use crate::round_trips::databases;
use crate::top;

const SHARDS: u32 = 16;
const ORDERS: u32 = 200_000;

type Columns = (i64, i64, i32, String, String, i64);

pub(crate) async fn measure(given: usize) {
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let databases = databases(&server).await;
    let urls: Vec<String> = databases.iter().map(|one| one.url().to_owned()).collect();
    let sharded = top::open(SHARDS, &urls, ORDERS.into()).await;
    let alone = fresh_postgres_on(server.url()).await;
    let whole = top::open(1, &[alone.url().to_owned()], ORDERS.into()).await;
    let mut held = PgConnection::connect(alone.url()).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut held).await.unwrap();

    let names = [
        "one table, sqlx: fetch() with ORDER BY",
        "one table, on_shard(0): stream()",
        "16 logical shards on 4 databases, scatter(): stream()",
        "the same: all()",
    ];
    let costs = rounds(names.len(), given.min(7), async |contender| {
        Cost::of(ORDERS as usize, async {
            match contender {
                0 => {
                    let text = "SELECT id, user_id, quantity, item, note, placed_at FROM bench_0.orders \
                                ORDER BY quantity, placed_at, user_id, id";
                    let rows = sqlx::query_as::<_, Columns>(text).fetch(&mut held);
                    drain(rows.map_ok(|row| row.0)).await;
                }
                1 => {
                    let rows = Order::on_shard(0).order_by(Order::QUANTITY).order_by(Order::PLACED_AT);
                    drain(rows.stream(&whole).map_ok(|row| row.id)).await;
                }
                2 => {
                    let rows = Order::scatter().order_by(Order::QUANTITY).order_by(Order::PLACED_AT);
                    drain(rows.stream(&sharded).map_ok(|row| row.id)).await;
                }
                _ => {
                    let rows = Order::scatter().order_by(Order::QUANTITY).order_by(Order::PLACED_AT);
                    let rows = rows.all(&sharded).await.unwrap();
                    assert_eq!(rows.len(), ORDERS as usize);
                }
            }
        })
        .await
    })
    .await;
    println!("\n{ORDERS} rows of six columns in an order");
    println!("{:<56}{:>12}{:>9}{:>9}", "", "rows/s", "ratio", "client");
    for (name, cost) in names.iter().zip(&costs) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
        println!(
            "{name:<56}{:>12.0}{:>9.3}{:>9.3}",
            1e6 / wall.median,
            wall.ratio,
            cpu.ratio
        );
    }
}

async fn drain<E: std::fmt::Debug>(rows: impl Stream<Item = Result<i64, E>>) {
    let mut rows = std::pin::pin!(rows);
    let mut seen = 0;
    while rows.try_next().await.unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, ORDERS);
}

//! Ten million rows merged in an order: how much memory they take.

use std::fs;
use std::time::Instant;

use futures_util::TryStreamExt;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::servers::PostgresServer;

use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to};
use crate::order::Order;
use crate::round_trips::databases;
use crate::top;

const SHARDS: u32 = 16;

/// A view of numbers, so that nobody has to write them.
#[derive(Debug, ShardModel)]
#[shard(group = "bench", table = "numbers")]
struct Number {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    text: String,
}

/// The most memory that was resident since [`forget_peak`], in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Lets the peak begin at what is resident now.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

pub(crate) async fn measure(rows: i64) {
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let databases = databases(&server).await;
    let urls: Vec<String> = databases.iter().map(|one| one.url().to_owned()).collect();
    let cluster = top::open(SHARDS, &urls, 0).await;
    let each = rows / i64::from(SHARDS);
    for shard in 0..SHARDS {
        let view = format!(
            "CREATE VIEW bench_{shard}.numbers AS SELECT n * {SHARDS} + {shard} AS id, \
             n AS user_id, 'number ' || n AS text FROM generate_series(0::int8, {each} - 1) AS n"
        );
        let view = Order::on_shard(shard).sql(AssertSqlSafe(view));
        view.execute(&cluster).await.unwrap();
    }
    // Connections and statements are there before the peak is looked at.
    let mut begun = Number::scatter()
        .order_by(Number::ID)
        .limit(1)
        .stream(&cluster);
    begun.try_next().await.unwrap();
    drop(begun);

    forget_peak();
    let before = peak();
    let begun = Instant::now();
    let mut numbers = Number::scatter().order_by(Number::ID).stream(&cluster);
    let mut seen = 0;
    let mut letters = 0;
    while let Some(number) = numbers.try_next().await.unwrap() {
        assert_eq!(number.id, seen);
        letters += number.text.len();
        seen += 1;
    }
    assert_eq!(seen, each * i64::from(SHARDS));
    let took = begun.elapsed();
    println!(
        "\n{seen} rows ({:.0} MB of text) merged from {SHARDS} logical shards on 4 databases in {:.1} s: \
         {:.1} MiB more than before (goal: 64)",
        letters as f64 / 1e6,
        took.as_secs_f64(),
        (peak() - before) as f64 / f64::from(1 << 20),
    );
}

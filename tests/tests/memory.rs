//! A stream holds one row at a time: memory does not grow with the result.
//!
//! A binary of its own, since other tests in the process would be measured too.
#![cfg(target_os = "linux")]

use futures_util::TryStreamExt;
use shard_orm::prelude::*;
use shard_orm::query::ShardRows;
use shard_orm_tests::fixture::{Fixture, FixtureOptions};

#[derive(Debug, ShardModel)]
#[shard(group = "shop", table = "pages")]
struct Sheet {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    book: i64,
    text: String,
}

const ROWS: i64 = 20_000;
const LENGTH: usize = 4_000;
/// A third of what all rows take.
const MOST_GROWTH: u64 = 80_000_000 / 3;

/// The memory of this process that is resident, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

async fn streamed(dialect: Dialect) {
    let fixture: Fixture = FixtureOptions::new(dialect, 1, 1)
        .open(|setup| setup.table::<Sheet>())
        .await;
    let key = fixture.key();
    for first in (0..ROWS).step_by(500) {
        let rows = (first..first + 500)
            .map(|id| Sheet {
                id,
                book: key,
                text: "x".repeat(LENGTH),
            })
            .collect();
        Sheet::insert_many(&fixture.cluster, rows).await.unwrap();
    }
    let mut rows = Sheet::on(key).stream(&fixture.cluster);
    let before = resident();
    let (mut seen, mut most) = (0, 0);
    while let Some(row) = rows.try_next().await.unwrap() {
        assert_eq!(row.text.len(), LENGTH);
        seen += 1;
        if seen % 1_000 == 0 {
            most = most.max(resident().saturating_sub(before));
        }
    }
    assert_eq!(seen, ROWS);
    assert!(
        most < MOST_GROWTH,
        "{dialect}: {most} bytes more for a stream of {ROWS} rows"
    );
    drop(rows);
    let (seen, most) = reduced(&fixture).await;
    assert_eq!(seen, ROWS);
    assert!(
        most < MOST_GROWTH,
        "{dialect}: {most} bytes more for a reduction of {ROWS} rows"
    );
}

/// The rows of a statement in SQL that are reduced to their number, and how much memory that takes at most.
async fn reduced(fixture: &Fixture) -> (i64, u64) {
    let before = resident();
    let counted = async |mut rows: ShardRows<'_, (i64, String)>| {
        let (mut seen, mut most) = (0, 0);
        while let Some((_, text)) = rows.try_next().await? {
            assert_eq!(text.len(), LENGTH);
            seen += 1;
            if seen % 1_000 == 0 {
                most = most.max(resident().saturating_sub(before));
            }
        }
        Ok((seen, most))
    };
    let sum = |one: (i64, u64), other: (i64, u64)| (one.0 + other.0, one.1.max(other.1));
    let all = Sheet::scatter().sql("SELECT id, text FROM {pages}");
    all.reduce(&fixture.cluster, counted, sum)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_stream_uses_constant_memory() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
        if dialect.is_enabled() {
            streamed(dialect).await;
        }
    }
}

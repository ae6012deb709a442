//! 70,000 rows in an order, of 32 SQLite files and of one: beside the files read by hand and sorted.

use std::path::Path;
use std::str::FromStr;

use futures_util::TryStreamExt;
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection, SqliteConnection};

use crate::cost::{Cost, rounds};
use crate::machine::{CLIENT_CORE, bind_to, folder};
use crate::top;

const SHARDS: u32 = 32;
const ORDERS: i64 = 70_000;
const USERS: u64 = 7_000;
const PAGE: u32 = 5_000;

/// Four integers and two texts, one of which rows are ordered by.
#[derive(Debug, ShardModel)]
#[shard(group = "bench", table = "ordered")]
struct Ordered {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    quantity: i32,
    #[shard(collation = "binary")]
    item: String,
    note: String,
    placed_at: i64,
}

impl Ordered {
    fn new(id: i64) -> Self {
        let random = mix64(id.cast_unsigned());
        Self {
            id,
            user_id: (random % USERS).cast_signed(),
            quantity: i32::try_from(mix64(random) % 1_000).unwrap(),
            item: format!("tea number {}", random % 100),
            note: "as soon as you can".to_owned(),
            placed_at: 1_700_000_000_000_000 + id,
        }
    }
}

/// A cluster of so many files, with the rows in them.
async fn open(shards: u32, folder: &Path) -> Cluster {
    let url = format!("sqlite://{}", folder.display());
    let cluster = top::connect(shards, &[url]).await;
    cluster.setup().table::<Ordered>().run().await.unwrap();
    let rows = (1..=ORDERS).map(Ordered::new).collect();
    Ordered::insert_many(&cluster, rows).await.unwrap();
    cluster
}

/// One held connection to each file.
struct ByHand {
    files: Vec<SqliteConnection>,
}

impl ByHand {
    async fn open(shards: u32, folder: &Path) -> Self {
        let mut files = Vec::new();
        for shard in 0..shards {
            let url = format!("sqlite://{}/bench_{shard}.db", folder.display());
            let options = SqliteConnectOptions::from_str(&url).unwrap();
            let options = options.pragma("cache_size", "-16384");
            let options = options.disable_statement_logging();
            files.push(SqliteConnection::connect_with(&options).await.unwrap());
        }
        Self { files }
    }

    /// Reads each file in turn, and sorts all of their rows.
    async fn read(&mut self, limit: Option<u32>) -> Vec<Ordered> {
        let mut all: Vec<Ordered> = Vec::new();
        let order = "SELECT id, user_id, quantity, item, note, placed_at FROM ordered \
                     ORDER BY quantity DESC, placed_at, user_id, id";
        let text = match limit {
            Some(limit) => format!("{order} LIMIT {limit}"),
            None => order.to_owned(),
        };
        for file in &mut self.files {
            let text = sqlx::AssertSqlSafe(text.as_str());
            let rows = sqlx::query_as::<_, (i64, i64, i32, String, String, i64)>(text);
            let rows = rows.fetch_all(&mut *file).await.unwrap().into_iter();
            all.extend(rows.map(|row| Ordered {
                id: row.0,
                user_id: row.1,
                quantity: row.2,
                item: row.3,
                note: row.4,
                placed_at: row.5,
            }));
        }
        if self.files.len() > 1 {
            let key = |row: &Ordered| (-row.quantity, row.placed_at, row.user_id, row.id);
            all.sort_by_key(key);
        }
        all.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
        all
    }
}

fn check(rows: &[Ordered], count: usize) {
    assert_eq!(rows.len(), count);
    let key = |row: &Ordered| (-row.quantity, row.placed_at);
    assert!(rows.is_sorted_by(|one, two| key(one) <= key(two)));
}

/// Compares these ways, each of which gives its rows.
macro_rules! compare {
    ($what:expr, $plan:expr, [$($name:literal => $rows:expr, $count:expr;)*]) => {{
        let ways = [$($name),*];
        let kept: Vec<usize> = (0..ways.len())
            .filter(|index| $plan.contender.as_ref().is_none_or(|text| ways[*index].contains(text)))
            .collect();
        let costs = rounds(kept.len(), $plan.rounds, async |index| {
            Cost::of(1, async {
                let mut way = 0;
                $(
                    if kept[index] == way {
                        check(&$rows, $count);
                    }
                    way += 1;
                )*
                let _ = way;
            })
            .await
        })
        .await;
        let names: Vec<&str> = kept.iter().map(|index| ways[*index]).collect();
        crate::print($what, &names, &costs);
    }};
}

pub(crate) async fn measure(plan: &crate::Plan) {
    bind_to(CLIENT_CORE);
    let folder = folder();
    let cluster = open(SHARDS, folder.path()).await;
    let mut hand = ByHand::open(SHARDS, folder.path()).await;
    let scattered = || {
        let all = Ordered::scatter().order_by(Ordered::QUANTITY.desc());
        all.order_by(Ordered::PLACED_AT)
    };
    let (all, page) = (usize::try_from(ORDERS).unwrap(), PAGE as usize);
    compare!(
        "70,000 rows of 32 SQLite files in an order",
        plan,
        [
            "read by hand, sorted" => hand.read(None).await, all;
            "all()" => scattered().all(&cluster).await.unwrap(), all;
            "stream()" => scattered().stream(&cluster).try_collect::<Vec<_>>().await.unwrap(), all;
        ]
    );
    compare!(
        "The first 5,000 of them",
        plan,
        [
            "read by hand, sorted" => hand.read(Some(PAGE)).await, page;
            "limit(5000).all()" => scattered().limit(PAGE.into()).all(&cluster).await.unwrap(), page;
            "page(5000)" => scattered().page(&cluster, PAGE, None).await.unwrap().rows, page;
            "limit(5000).stream()" => {
                let rows = scattered().limit(PAGE.into()).stream(&cluster);
                rows.try_collect::<Vec<_>>().await.unwrap()
            }, page;
        ]
    );
    cluster.close().await;
    drop(hand);

    let folder = crate::machine::folder();
    let cluster = open(1, folder.path()).await;
    let mut hand = ByHand::open(1, folder.path()).await;
    let of_one = || {
        let all = Ordered::on_shard(0).order_by(Ordered::QUANTITY.desc());
        let all = all.order_by(Ordered::PLACED_AT);
        all.order_by(Ordered::USER_ID).order_by(Ordered::ID)
    };
    compare!(
        "70,000 rows of one SQLite file in an order",
        plan,
        [
            "read by hand" => hand.read(None).await, all;
            "all()" => of_one().all(&cluster).await.unwrap(), all;
            "stream()" => of_one().stream(&cluster).try_collect::<Vec<_>>().await.unwrap(), all;
        ]
    );
    cluster.close().await;
}

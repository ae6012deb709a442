//! The five users of the largest sum of a decimal, of 32 logical shards: what the databases leave out.

use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::database::fresh_postgres_on;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};

use crate::cost::{Cost, rounds};
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to, folder};
use crate::top;

const SHARDS: u32 = 32;
const SALES: i64 = 70_000;
const USERS: u64 = 7_000;
const BEST: usize = 5;

/// Something sold for a price of twelve digits, two of them after the point.
#[derive(Debug, ShardModel)]
#[shard(group = "bench", table = "sales")]
struct Sale {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(decimal(12, 2))]
    price: Decimal,
}

impl Sale {
    fn new(id: i64) -> Self {
        let random = mix64(id.cast_unsigned());
        Self {
            id,
            user_id: (random % USERS).cast_signed(),
            price: Decimal::new((mix64(random) % 100_000).cast_signed(), 2),
        }
    }
}

async fn open(url: &str) -> Cluster {
    let cluster = top::connect(SHARDS, &[url.to_owned()]).await;
    cluster.setup().table::<Sale>().run().await.unwrap();
    let rows = (1..=SALES).map(Sale::new).collect();
    Sale::insert_many(&cluster, rows).await.unwrap();
    cluster
}

/// What is read by hand of each logical shard, on which connection.
struct ByHand<C> {
    on: Vec<C>,
    /// The tables, as they stand in a statement.
    tables: Vec<String>,
}

/// Writes what a program without the library does on one database, which sums to this type.
macro_rules! by_hand {
    ($connection:ty, $sum:ty) => {
        impl ByHand<$connection> {
            /// The sums of each logical shard in turn, cut to the best by the database or here.
            async fn read(&mut self, cut: bool) -> Vec<i64> {
                let mut all: Vec<(i64, $sum)> = Vec::new();
                let connections = self.on.len();
                for (number, table) in self.tables.iter().enumerate() {
                    let text = format!("SELECT user_id, SUM(price) FROM {table} GROUP BY user_id");
                    let text = match cut {
                        true => text + &format!(" ORDER BY SUM(price) DESC, user_id LIMIT {BEST}"),
                        false => text,
                    };
                    let on = &mut self.on[number % connections];
                    let rows = sqlx::query_as(AssertSqlSafe(text)).fetch_all(on).await;
                    all.extend(rows.unwrap() as Vec<(i64, $sum)>);
                }
                all.sort_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(&two.0)));
                all.into_iter().take(BEST).map(|row| row.0).collect()
            }
        }
    };
}

by_hand!(SqliteConnection, i64);
by_hand!(PgConnection, Decimal);
by_hand!(MySqlConnection, Decimal);

/// The best by the library. An average in `having` is the client's to decide, so that all sums are
/// read.
async fn best(cluster: &Cluster, pushed: bool) -> Vec<i64> {
    let sums = Sale::scatter()
        .group_by(Sale::USER_ID)
        .select((Sale::USER_ID, Sale::PRICE.sum()))
        .order_by(Sale::PRICE.sum().desc())
        .limit(BEST as u64);
    let sums = match pushed {
        true => sums,
        false => sums.having(Sale::PRICE.avg().ge(Decimal::ZERO)),
    };
    let best: Vec<(i64, Option<Decimal>)> = sums.all(cluster).await.unwrap();
    best.into_iter().map(|(user, _)| user).collect()
}

macro_rules! compare {
    ($server:literal, $plan:expr, $cluster:expr, $hand:expr) => {{
        let names = [
            "by hand: the best of each in turn",
            "by hand: all sums, sorted",
            "limit(5).all(), cut by the databases",
            "limit(5).all(), cut by the client",
        ];
        let right = $hand.read(true).await;
        let costs = rounds(names.len(), $plan.rounds, async |index| {
            Cost::of(1, async {
                let found = match index {
                    0 => $hand.read(true).await,
                    1 => $hand.read(false).await,
                    _ => best(&$cluster, index == 2).await,
                };
                assert_eq!(found, right);
            })
            .await
        })
        .await;
        let what = concat!(
            "The best five by a decimal sum, 70,000 rows in 32 logical shards: ",
            $server
        );
        crate::print(what, &names, &costs);
        $cluster.close().await;
    }};
}

pub(crate) async fn measure(plan: &crate::Plan) {
    bind_to(CLIENT_CORE);
    let folder = folder();
    let url = format!("sqlite://{}", folder.path().display());
    let cluster = open(&url).await;
    let mut hand = ByHand {
        on: Vec::new(),
        tables: vec!["sales".to_owned(); SHARDS as usize],
    };
    for shard in 0..SHARDS {
        let url = format!("{url}/bench_{shard}.db");
        hand.on.push(SqliteConnection::connect(&url).await.unwrap());
    }
    compare!("SQLite files", plan, cluster, hand);

    let tables: Vec<String> = (0..SHARDS)
        .map(|shard| format!("bench_{shard}.sales"))
        .collect();
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let database = fresh_postgres_on(server.url()).await;
    let cluster = open(database.url()).await;
    let mut hand = ByHand {
        on: vec![PgConnection::connect(database.url()).await.unwrap()],
        tables: tables.clone(),
    };
    sqlx::raw_sql("ANALYZE")
        .execute(&mut hand.on[0])
        .await
        .unwrap();
    compare!("PostgreSQL", plan, cluster, hand);

    bind_to(SERVER_CORE);
    let server = MariaDbServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let cluster = open(server.url()).await;
    let mut hand = ByHand {
        on: vec![MySqlConnection::connect(server.url()).await.unwrap()],
        tables,
    };
    compare!("MariaDB", plan, cluster, hand);
}

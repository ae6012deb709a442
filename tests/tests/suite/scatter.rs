//! Queries over all logical shards give what one unsharded database gives.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm::{Filter, OrderBy};
use shard_orm_tests::bed::BedOptions;
use shard_orm_tests::behaviours;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "measurements")]
struct Measurement {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    rank: Option<i32>,
    #[shard(collation = "binary", length = 40)]
    name: String,
    #[shard(collation = "binary", length = 40)]
    note: Option<String>,
    weight: f64,
    at: DateTime<Utc>,
    flag: bool,
    data: Vec<u8>,
    #[shard(length = 40)]
    folded: String,
}

/// Random numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix64(self.0) % sides
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let sides = u64::try_from(all.len()).unwrap();
        all[usize::try_from(self.roll(sides)).unwrap()].clone()
    }
}

/// Rows with NULLs, duplicates, extremes and texts beyond ASCII, of many keys.
fn rows(dice: &mut Dice, count: i64) -> Vec<Measurement> {
    let names = [
        "", "a", "A", "Z", "tea", "Tea", "té", "ä", "😀", "\u{ffff}", "z z", "z",
    ];
    let ranks = [
        None,
        Some(0),
        Some(1),
        Some(-1),
        Some(i32::MAX),
        Some(i32::MIN),
    ];
    let weights = [0.0, -0.5, 1.0 / 3.0, f64::MAX, f64::MIN, 1e-300];
    (1..=count)
        .map(|id| Measurement {
            id,
            user_id: i64::try_from(dice.roll(60)).unwrap() - 30,
            rank: dice.one_of(&ranks),
            name: dice.one_of(&names).to_owned(),
            note: (dice.roll(3) > 0).then(|| dice.one_of(&names).to_owned()),
            weight: dice.one_of(&weights),
            at: DateTime::from_timestamp_micros(i64::try_from(dice.roll(5)).unwrap() * 1_000_001)
                .unwrap(),
            flag: dice.roll(2) == 0,
            data: vec![
                u8::try_from(dice.roll(256)).unwrap();
                usize::try_from(dice.roll(4)).unwrap()
            ],
            folded: dice.one_of(&names).to_owned(),
        })
        .collect()
}

/// A query without a place, with a random filter, order, limit and offset.
fn question(dice: &mut Dice) -> (Draft<Measurement>, bool) {
    type M = Measurement;
    let mut query = M::query();
    let filters: [fn() -> Filter<M>; 7] = [
        || M::RANK.is_null(),
        || M::RANK.gt(0),
        || M::NAME.ge("a"),
        || !M::FLAG.eq(true),
        || M::WEIGHT.lt(1.0).or(M::NOTE.is_null()),
        || M::NOTE.is_in(["a", "Z"]),
        || M::ID.between(20, 120),
    ];
    for _ in 0..dice.roll(3) {
        query = query.filter(dice.one_of(&filters)());
    }
    let orders: [fn() -> OrderBy<M>; 12] = [
        || M::RANK.asc(),
        || M::RANK.desc(),
        || M::RANK.desc().nulls_last(),
        || M::RANK.asc().nulls_first(),
        || M::NAME.asc(),
        || M::NAME.desc(),
        || M::NOTE.desc().nulls_first(),
        || M::NOTE.asc(),
        || M::WEIGHT.desc(),
        || M::AT.asc(),
        || M::FLAG.desc(),
        || M::DATA.asc(),
    ];
    let terms = dice.roll(4);
    for _ in 0..terms {
        query = query.order_by(dice.one_of(&orders)());
    }
    if terms > 0 {
        if dice.roll(2) == 0 {
            query = query.limit(dice.one_of(&[0, 1, 7, 50, 1_000]));
        }
        if dice.roll(3) == 0 {
            query = query.offset(dice.one_of(&[0, 1, 20, 150, 1_000]));
        }
        // The order that a scatter adds by itself.
        return (query, true);
    }
    (query, false)
}

fn by_id(mut rows: Vec<Measurement>) -> Vec<Measurement> {
    rows.sort_by_key(|row| row.id);
    rows
}

mod differential {
    use super::*;

    behaviours! { (Measurement), 16 shards on 2 servers, |options| options;
        async fn random_queries_give_what_one_database_gives(bed: &Bed) {
            let one = BedOptions::new(bed.dialect, 1, 1).open(|setup| setup.table::<Measurement>()).await;
            let mut dice = Dice(7);
            let all = rows(&mut dice, 200);
            Measurement::insert_many(&bed.cluster, all.clone()).await.unwrap();
            Measurement::insert_many(&one.cluster, all).await.unwrap();
            for round in 0..150 {
                let (query, ordered) = question(&mut dice);
                let total = if ordered {
                    query.clone().order_by(Measurement::USER_ID).order_by(Measurement::ID)
                } else {
                    query.clone()
                };
                // A key of the one shard is as good as any: `on_shard` asks for the rows of all.
                let expected = one_shard(total).all(&one.cluster).await.unwrap();
                let found = query.clone().scatter().all(&bed.cluster).await.unwrap();
                let streamed: Vec<Measurement> = query.clone().scatter().stream(&bed.cluster).try_collect().await.unwrap();
                if ordered {
                    assert_eq!(found, expected, "round {round}: {query:?}");
                    assert_eq!(streamed, expected, "round {round}: {query:?}");
                } else {
                    assert_eq!(by_id(found), by_id(expected.clone()), "round {round}");
                    assert_eq!(by_id(streamed), by_id(expected.clone()), "round {round}");
                }
                let count = query.clone().scatter().count(&bed.cluster).await.unwrap();
                assert_eq!(count, u64::try_from(expected.len()).unwrap(), "round {round}");
                let exists = query.clone().scatter().exists(&bed.cluster).await.unwrap();
                assert_eq!(exists, !expected.is_empty(), "round {round}");
                if ordered {
                    let first = query.clone().scatter().first(&bed.cluster).await.unwrap();
                    assert_eq!(first.as_ref(), expected.first(), "round {round}");
                    // A column that is ordered by and not selected.
                    let ids = query.scatter().select(Measurement::ID).all(&bed.cluster).await.unwrap();
                    let expected: Vec<i64> = expected.iter().map(|row| row.id).collect();
                    assert_eq!(ids, expected, "round {round}");
                }
            }
        }

        async fn pages_over_all_shards_hold_each_row_once(bed: &Bed) {
            let mut dice = Dice(11);
            Measurement::insert_many(&bed.cluster, rows(&mut dice, 137)).await.unwrap();
            let query = Measurement::scatter().order_by(Measurement::RANK.desc()).order_by(Measurement::NAME);
            let expected = query.clone().all(&bed.cluster).await.unwrap();
            let (mut paged, mut next) = (Vec::new(), None);
            loop {
                let page = query.clone().page(&bed.cluster, 10, next.as_ref()).await.unwrap();
                paged.extend(page.rows);
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!(paged, expected);
        }

        async fn several_keys_are_merged_by_their_order(bed: &Bed) {
            let mut dice = Dice(13);
            let all = rows(&mut dice, 120);
            Measurement::insert_many(&bed.cluster, all.clone()).await.unwrap();
            let keys: BTreeSet<i64> = (-10..10).collect();
            let found = Measurement::on_each(&keys)
                .order_by(Measurement::WEIGHT.desc())
                .limit(9)
                .offset(2)
                .all(&bed.cluster)
                .await
                .unwrap();
            let mut expected: Vec<Measurement> = all.into_iter().filter(|row| keys.contains(&row.user_id)).collect();
            expected.sort_by(|one, two| {
                two.weight.total_cmp(&one.weight).then((one.user_id, one.id).cmp(&(two.user_id, two.id)))
            });
            assert_eq!(found, expected[2..11]);
        }

        async fn rows_are_changed_everywhere_only_when_it_is_said(bed: &Bed) {
            let mut dice = Dice(17);
            Measurement::insert_many(&bed.cluster, rows(&mut dice, 90)).await.unwrap();
            let flagged = Measurement::scatter().filter(Measurement::FLAG.eq(true)).count(&bed.cluster).await.unwrap();
            let report = Measurement::scatter()
                .filter(Measurement::FLAG.eq(true))
                .set(Measurement::RANK, Some(77))
                .update_everywhere(&bed.cluster)
                .await
                .unwrap();
            assert_eq!(report.len(), 16);
            assert_eq!(report.iter().map(|(_, rows)| rows).sum::<u64>(), flagged);
            let deleted = Measurement::scatter()
                .filter(Measurement::RANK.eq(77))
                .delete_everywhere(&bed.cluster)
                .await
                .unwrap();
            assert_eq!(deleted.iter().map(|(_, rows)| rows).sum::<u64>(), flagged);
            assert_eq!(Measurement::scatter().count(&bed.cluster).await.unwrap(), 90 - flagged);
        }

        async fn a_text_without_a_binary_collation_is_not_merged(bed: &Bed) {
            let error = Measurement::scatter().order_by(Measurement::FOLDED).all(&bed.cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("collation = \"binary\""), "{error}");
        }

        async fn a_transaction_does_not_scatter(bed: &Bed) {
            let tx = bed.cluster.begin(Measurement::shard(1)).await.unwrap();
            assert_eq!(kind(Measurement::scatter().all(&tx).await), ErrorKind::CrossShard);
            tx.rollback().await.unwrap();
        }
    }
}

fn one_shard(query: Draft<Measurement>) -> shard_orm::Query<Measurement, shard_orm::OnShard> {
    query.on_shard(0)
}

mod small_pools {
    use shard_orm::config::PoolOptions;

    use super::*;

    behaviours! { (Measurement), 16 shards on 2 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1));
        async fn a_pool_of_one_serves_scatters_side_by_side(bed: &Bed) {
            let mut dice = Dice(19);
            Measurement::insert_many(&bed.cluster, rows(&mut dice, 80)).await.unwrap();
            let ordered = || Measurement::scatter().order_by(Measurement::NAME);
            let expected = ordered().all(&bed.cluster).await.unwrap();
            let calls = (0..12).map(|number| {
                let expected = &expected;
                async move {
                    let found: Vec<Measurement> = if number % 2 == 0 {
                        ordered().stream(&bed.cluster).try_collect().await.unwrap()
                    } else {
                        ordered().all(&bed.cluster).await.unwrap()
                    };
                    assert_eq!(&found, expected);
                }
            });
            futures_util::future::join_all(calls).await;
        }
    }
}

//! Groups that lie in one logical shard each are kept, ordered and cut by the databases: fewer are read, and the same
//! given back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rust_decimal::Decimal;
use shard_orm::aggregate::{GroupOrder, GroupSelection, Grouped, Having, count};
use shard_orm::prelude::*;
use shard_orm::{Query, query::NamesAShard};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::span::{Id, Record};
use tracing::{Subscriber, subscriber::DefaultGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::data::{Dice, sales};
use super::{Cents, Sale, sale};

/// Adds up the rows that statements give, as their spans say.
#[derive(Clone, Default)]
struct RowsRead(Arc<AtomicU64>);

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for RowsRead {
    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if context.span(id).unwrap().metadata().target() == "shard_orm" {
            record.record(&mut Adding(&self.0));
        }
    }
}

struct Adding<'a>(&'a AtomicU64);

impl Visit for Adding<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows" {
            self.0.fetch_add(value, Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl RowsRead {
    /// Counts those of this thread, for as long as it is kept.
    fn here(&self) -> DefaultGuard {
        listen(self.clone())
    }
}

/// What a query gives, and how many rows the databases gave for it.
async fn read<P, S>(fixture: &Fixture, query: Grouped<Sale, P, S>) -> (Vec<S::Out>, u64)
where
    P: Send + Sync + 'static,
    S: GroupSelection<Sale>,
    Query<Sale, P>: NamesAShard,
{
    let rows = RowsRead::default();
    let _here = rows.here();
    let found = query.all(&fixture.cluster).await.unwrap();
    (found, rows.0.load(Ordering::Relaxed))
}

/// Eight keys in each logical shard; the numbers of their rows differ by key, and so do the levels of those.
async fn fill(fixture: &Fixture) -> Vec<Sale> {
    let mut rows = Vec::new();
    for shard in 0..fixture.logical_shards {
        let first = fixture.key_of_shard(shard);
        for (number, key) in fixture.neighbours(first, 8).into_iter().enumerate() {
            let number = i64::try_from(number).unwrap();
            for row in 0..=number {
                rows.push(Sale {
                    item: format!("item {}", row % 3),
                    level: (row > 0).then(|| i32::try_from(row * 16 + i64::from(shard)).unwrap()),
                    cents: Cents(if row == 0 { i64::MIN } else { i64::MAX }),
                    weight: 0.25,
                    // More digits than a float has, and sums that differ in the last one.
                    price: Some(
                        Decimal::new(number, 9) + Decimal::from(10_i64.pow(17) / (number + 1)),
                    ),
                    ..sale(fixture.id(), key)
                });
            }
        }
    }
    Sale::insert_many(&fixture.cluster, rows.clone())
        .await
        .unwrap();
    rows
}

behaviours! { (Sale), 16 shards on 2 servers, |options| options;
    async fn limits_are_pushed_down_for_groups_by_the_shard_key(fixture: &Fixture) {
        type S = Sale;
        fill(fixture).await;
        // SQLite is asked a file at a time, the others a server at a time.
        let statements = if fixture.dialect == Dialect::Sqlite { 16 } else { 2 };
        let by_key = || S::scatter().group_by(S::USER_ID).select((S::USER_ID, S::LEVEL.sum(), count(), S::LEVEL.avg()));
        let (all, rows) = read(fixture, by_key().order_by(S::LEVEL.sum().desc().nulls_last())).await;
        assert_eq!((all.len(), rows), (128, 128));
        let (first, rows) = read(fixture, by_key().order_by(S::LEVEL.sum().desc().nulls_last()).offset(1).limit(2)).await;
        assert_eq!(first, all[1..3]);
        assert_eq!(rows, statements * 3);
        // Without an order, by the key.
        let (least, rows) = read(fixture, by_key().limit(1)).await;
        assert_eq!(least[0].0, all.iter().map(|group| group.0).min().unwrap());
        assert_eq!(rows, statements);
        // HAVING, by itself and under a limit.
        let many = || by_key().having(count().ge(7) & S::LEVEL.sum().is_not_null());
        let (found, rows) = read(fixture, many()).await;
        assert_eq!((found.len(), rows), (32, 32));
        let (found, rows) = read(fixture, many().order_by(S::LEVEL.max().asc()).limit(1)).await;
        assert_eq!((found.len(), rows), (1, statements));
        // The sums of 64-bit integers too, which do not fit those of SQLite.
        let (found, rows) = read(fixture, by_key().having(S::CENTS.sum().lt(0)).order_by(S::CENTS.sum().desc()).limit(1)).await;
        assert_eq!(found.len(), 1);
        assert_eq!(rows, if fixture.dialect == Dialect::Sqlite { 128 } else { 2 });
        // Sums of decimals, which SQLite does not add.
        if fixture.dialect != Dialect::Sqlite {
            let by_price = || by_key().order_by(S::PRICE.sum().desc());
            let (all, _) = read(fixture, by_price()).await;
            let (found, rows) = read(fixture, by_price().offset(1).limit(2)).await;
            assert_eq!((&found[..], rows), (&all[1..3], statements * 3));
            let sums: Vec<Option<Decimal>> = S::scatter().group_by(S::USER_ID).select(S::PRICE.sum()).all(&fixture.cluster).await.unwrap();
            let largest = sums.into_iter().flatten().max().unwrap();
            let (found, rows) = read(fixture, by_price().having(S::PRICE.sum().ge(largest)).limit(40)).await;
            assert_eq!((&found[..], rows), (&all[..16], 16));
        }
        // Another key beside it.
        let pairs = || S::scatter().group_by((S::ITEM, S::USER_ID, S::LEVEL.bucket(50))).select((S::USER_ID, S::ITEM, count())).order_by(S::ITEM.desc()).order_by(count());
        let (all, _) = read(fixture, pairs()).await;
        let (found, rows) = read(fixture, pairs().limit(5)).await;
        assert_eq!(found, all[..5]);
        assert_eq!(rows, statements * 5);
        let (users, rows) = read(fixture, S::scatter().select(S::USER_ID).distinct().order_by(S::USER_ID.desc()).limit(2)).await;
        assert!(users.len() == 2 && users[0] > users[1]);
        assert_eq!(rows, statements * 2);
        let (none, rows) = read(fixture, by_key().limit(0)).await;
        assert_eq!((none.len(), rows), (0, 0));
    }

    async fn having_is_not_pushed_down_where_databases_compare_differently(fixture: &Fixture) {
        type S = Sale;
        fill(fixture).await;
        let by_key = || S::scatter().group_by(S::USER_ID).select(S::USER_ID);
        // Averages and sums of floats are rounded; the rest of the condition is looked at there.
        for order in [S::LEVEL.avg().desc(), S::WEIGHT.sum().desc()] {
            let (found, rows) = read(fixture, by_key().order_by(order).limit(1)).await;
            assert_eq!((found.len(), rows), (1, 128));
        }
        let (found, rows) = read(fixture, by_key().having(S::WEIGHT.sum().ge(2.0) & count().ge(7)).limit(1)).await;
        assert_eq!((found.len(), rows), (1, 32));
        let (found, rows) = read(fixture, by_key().having(S::WEIGHT.sum().ge(2.0) | count().ge(7)).limit(1)).await;
        assert_eq!((found.len(), rows), (1, 128));
        // A number that no database holds.
        let (found, rows) = read(fixture, by_key().having(count().lt(u64::MAX) & S::CENTS.sum().lt(1_i128 << 80))).await;
        assert_eq!((found.len(), rows), (128, 128));
        // Groups that are spread over logical shards.
        let (found, rows) = read(fixture, S::scatter().group_by(S::ITEM).having(count().gt(200)).limit(1)).await;
        assert_eq!((found.len(), rows), (1, 48));
        let (none, rows) = read(fixture, S::scatter().aggregate(count()).having(count().lt(1)).limit(1)).await;
        assert_eq!((none.len(), rows), (0, 16));
    }

    async fn count_distinct_is_pushed_down_for_the_shard_key(fixture: &Fixture) {
        type S = Sale;
        let rows = fill(fixture).await;
        let mut values: BTreeMap<i64, (BTreeSet<&str>, BTreeSet<i32>, u64)> = BTreeMap::new();
        for row in &rows {
            let (items, levels, count) = values.entry(row.user_id).or_default();
            items.insert(&row.item);
            levels.extend(row.level);
            *count += 1;
        }
        let expected: Vec<_> = values
            .iter()
            .map(|(key, (items, levels, count))| (*key, items.len() as u64, levels.len() as u64, *count))
            .collect();
        let by_key = S::scatter().group_by(S::USER_ID).select((S::USER_ID, S::ITEM.count_distinct(), S::LEVEL.count_distinct(), count()));
        let (found, read_rows) = read(fixture, by_key.clone()).await;
        assert_eq!((found, read_rows), (expected.clone(), 128));
        let most = by_key.having(S::ITEM.count_distinct().ge(3)).order_by(S::LEVEL.count_distinct().desc()).limit(1);
        let (found, read_rows) = read(fixture, most).await;
        assert_eq!(found, [*expected.iter().find(|group| group.2 == 7).unwrap()]);
        assert_eq!(read_rows, if fixture.dialect == Dialect::Sqlite { 16 } else { 2 });
        // Over the logical shards the values themselves are merged: three items of each, which are the same.
        let (all, read_rows) = read(fixture, S::scatter().aggregate(S::ITEM.count_distinct())).await;
        assert_eq!((all, read_rows), (vec![3], 48));
    }

    async fn aggregates_of_one_logical_shard_are_pushed_down_whole(fixture: &Fixture) {
        type S = Sale;
        let rows = fill(fixture).await;
        let of_shard = |row: &&S| fixture.shard_of(row.user_id) == 5;
        let expected = rows.iter().filter(of_shard).filter_map(|row| row.level).collect::<BTreeSet<_>>();
        let grouped = || S::on_shard(5).group_by(S::LEVEL).select((S::LEVEL, count())).having(S::LEVEL.count().gt(0));
        let (all, read_rows) = read(fixture, grouped().order_by(count().desc())).await;
        assert_eq!((all.len(), read_rows), (expected.len(), expected.len() as u64));
        let (some, read_rows) = read(fixture, grouped().order_by(count().desc()).offset(2).limit(3)).await;
        assert_eq!((&some[..], read_rows), (&all[2..5], 3));
        let (rest, read_rows) = read(fixture, grouped().order_by(count().desc()).offset(5)).await;
        assert_eq!((&rest[..], read_rows), (&all[5..], expected.len() as u64 - 5));
        let (distinct, read_rows) = read(fixture, S::on_shard(5).aggregate((S::LEVEL.count_distinct(), S::ITEM.count_distinct(), count()))).await;
        let shard_rows = rows.iter().filter(of_shard).count() as u64;
        assert_eq!((distinct, read_rows), (vec![(expected.len() as u64, 3, shard_rows)], 1));
        // In a transaction as well.
        let key = rows.iter().find(of_shard).unwrap().user_id;
        let tx = fixture.cluster.begin(S::shard(key)).await.unwrap();
        let counted = S::on(key).group_by(S::USER_ID).select(S::LEVEL.count_distinct()).limit(1).one(&tx).await.unwrap();
        let levels = rows.iter().filter(|row| row.user_id == key).filter_map(|row| row.level).collect::<BTreeSet<_>>();
        assert_eq!(counted, levels.len() as u64);
        tx.rollback().await.unwrap();
    }

    async fn limited_groups_are_the_first_of_all_groups(fixture: &Fixture) {
        type S = Sale;
        type Order = fn() -> GroupOrder<Sale>;
        type Kept = fn() -> Having<Sale>;
        let mut dice = Dice(11);
        Sale::insert_many(&fixture.cluster, sales(&mut dice, 400)).await.unwrap();
        let orders: [Order; 12] = [
            || count().desc(),
            || S::LEVEL.sum().desc(),
            || S::LEVEL.min().asc().nulls_last(),
            || S::NOTE.max().desc().nulls_first(),
            || S::ITEM.count_distinct().asc(),
            || S::CENTS.sum().asc(),
            || S::WEIGHT.min().desc(),
            || S::SOLD_AT.max().into(),
            || S::LEVEL.bucket(3).desc().nulls_last(),
            || S::NOTE.is_null().into(),
            || S::PRICE.sum().desc(),
            || S::PRICE.sum().asc().nulls_last(),
        ];
        // SQLite does not add decimals.
        let orders = if fixture.dialect == Dialect::Sqlite { &orders[..10] } else { &orders[..] };
        let kept: [Kept; 8] = [
            || count().gt(1),
            || S::LEVEL.sum().le(3),
            || S::NOTE.max().ne("tea"),
            || S::NOTE.min().is_null(),
            || !S::SOLD_AT.max().gt(chrono::DateTime::UNIX_EPOCH),
            || S::RATIO.max().ge(0.5),
            || S::WEIGHT.min().lt(0.5) | count().eq(2),
            || S::KIND.count_distinct().eq(1) & S::PRICE.count_distinct().lt(2),
        ];
        for _ in 0..30 {
            let query = || S::scatter().group_by((S::USER_ID, S::LEVEL.bucket(3), S::NOTE.is_null()));
            let mut query = query().select((S::USER_ID, S::LEVEL.bucket(3), S::NOTE.is_null(), count(), S::CENTS.sum(), S::NOTE.max()));
            for _ in 0..dice.roll(3) {
                query = query.order_by(dice.one_of(orders)());
            }
            let every = query.clone().all(&fixture.cluster).await.unwrap();
            let having = dice.one_of(&kept);
            let matching = query.clone().having(having()).all(&fixture.cluster).await.unwrap();
            // By the client alone: beside a condition that no database looks at.
            let checked = query.clone().having(having() | S::WEIGHT.avg().lt(f64::MIN)).all(&fixture.cluster).await.unwrap();
            assert_eq!(matching, checked);
            assert!(matching.iter().all(|group| every.contains(group)));
            let offset = dice.one_of(&[0, 1, 7]);
            let limit = dice.one_of(&[1, 4, 30]);
            let some = query.having(having()).offset(offset).limit(limit).all(&fixture.cluster).await.unwrap();
            let from = usize::try_from(offset).unwrap().min(matching.len());
            let to = (from + usize::try_from(limit).unwrap()).min(matching.len());
            assert_eq!(some, matching[from..to]);
        }
    }
}

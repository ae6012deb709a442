//! Logical shards that own uneven ranges, several ranges, or nothing: rows and ids are found, and nothing is sent to a
//! shard that is unused.

#![allow(clippy::single_range_in_vec_init)] // Runs of shards are lists of ranges.

use std::collections::BTreeMap;

use shard_orm::admin::{self, StatusOptions};
use shard_orm::config::{RegionShards, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm::route::{Hash, Ranges};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, FixtureOptions, GROUP};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key, generate = "snowflake")]
    id: i64,
    #[shard(key)]
    user_id: i64,
    total: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "patients")]
struct Patient {
    #[shard(region, length = 8)]
    country: String,
    #[shard(key, primary_key)]
    id: i64,
}

fn order(user_id: i64, total: i64) -> Order {
    Order {
        id: 0,
        user_id,
        total,
    }
}

/// Of seven logical shards, shard 0 owns two ranges, shard 4 a small one, and shards 2 and 6 own nothing.
fn uneven() -> StrategyConfig {
    let starts = [
        (0, 0),
        (1 << 60, 4),
        (3 << 59, 1),
        (1 << 63, 0),
        (13 << 60, 3),
        (15 << 60, 5),
    ];
    let ranges = Ranges::new(starts).unwrap();
    StrategyConfig::HashRanges { ranges }
}

/// The number of rows in each logical shard in use.
async fn counts(cluster: &Cluster) -> BTreeMap<u32, u64> {
    let topology = cluster.topology();
    let mut counts = BTreeMap::new();
    for shard in topology.group(GROUP).unwrap().shards() {
        let count = Order::on_shard(shard).count(cluster).await.unwrap();
        counts.insert(shard, count);
    }
    counts
}

/// Writes rows of keys of all logical shards, and checks that each is where the router says.
async fn fill(fixture: &Fixture) -> Vec<Order> {
    let mut keys: Vec<i64> = (0..40).map(|_| fixture.key()).collect();
    keys.extend(fixture.key_of_each_shard());
    let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
    for key in &keys {
        *expected.entry(fixture.shard_of(*key)).or_default() += 1;
    }
    let rows = (0..).zip(&keys).map(|(total, key)| order(*key, total));
    let rows = Order::insert_many(&fixture.cluster, rows.collect())
        .await
        .unwrap();
    assert_eq!(counts(&fixture.cluster).await, expected);
    rows
}

/// All verbs on rows of all logical shards.
async fn rows_are_read_and_written(fixture: &Fixture) {
    let mut rows = fill(fixture).await;
    let cluster = &fixture.cluster;
    for row in &mut rows {
        assert_eq!(
            Order::get(cluster, row.user_id, row.id).await.unwrap(),
            *row
        );
        row.total += 1_000;
        row.update(cluster).await.unwrap();
        assert_eq!(Order::on(row.user_id).one(cluster).await.unwrap(), *row);
    }
    let by_total = Order::scatter()
        .order_by(Order::TOTAL)
        .all(cluster)
        .await
        .unwrap();
    assert_eq!(by_total, rows);
    let keys: Vec<i64> = rows.iter().map(|row| row.user_id).collect();
    assert_eq!(
        Order::on_each(keys).count(cluster).await.unwrap(),
        rows.len() as u64
    );
    for row in &rows {
        row.delete(cluster).await.unwrap();
    }
    assert_eq!(Order::scatter().count(cluster).await.unwrap(), 0);
}

behaviours! { (Order), 7 shards on 2 servers, |options| options.strategy(uneven());
    async fn rows_are_found_by_ranges_of_the_hash(fixture: &Fixture) {
        rows_are_read_and_written(fixture).await;
    }

    async fn unused_shards_have_no_namespace(fixture: &Fixture) {
        fill(fixture).await;
        let cluster = &fixture.cluster;
        let topology = cluster.topology();
        let group = topology.group(GROUP).unwrap();
        assert_eq!(group.shards().collect::<Vec<_>>(), [0, 1, 3, 4, 5]);
        assert_eq!(group.logical_shards(), 7);
        let report = fixture.setup_of(cluster).run().await.unwrap();
        assert_eq!(report.namespaces, 5);
        let status = admin::status(cluster, StatusOptions::new()).await.unwrap();
        let shards = status.groups[0].shards.iter().filter_map(|one| one.shard);
        assert_eq!(shards.collect::<Vec<_>>(), [0, 1, 3, 4, 5]);
    }

    async fn nothing_is_sent_to_an_unused_shard(fixture: &Fixture) {
        fill(fixture).await;
        let cluster = &fixture.cluster;
        let explained = Order::scatter().explain(cluster).unwrap();
        let statements = explained.statements.iter();
        let mut shards: Vec<u32> = statements.flat_map(|one| one.shards.iter().map(|id| id.shard)).collect();
        shards.sort_unstable();
        assert_eq!(shards, [0, 1, 3, 4, 5]);
        assert_eq!(kind(Order::on_shard(2).count(cluster).await), ErrorKind::NoShardForKey);
        assert_eq!(kind(Order::on_shard(6).count(cluster).await), ErrorKind::NoShardForKey);
        let missing = cluster.setup().create_missing(GROUP, [2]).run().await.unwrap_err();
        assert!(missing.to_string().contains("no logical shard 2 to create; it has shards 0 and 1, 3 to 5"), "{missing}");
    }

    async fn find_by_id_follows_ranges_of_the_hash(fixture: &Fixture) {
        for row in fill(fixture).await {
            assert_eq!(Order::get_by_id(&fixture.cluster, row.id).await.unwrap(), row);
        }
    }
}

behaviours! { (Order), 4 shards on 2 servers, |options| options.pin(-7, 2);
    async fn generated_ids_find_their_rows_after_splits_and_merges(fixture: &Fixture) {
        let mut rows = fill(fixture).await;
        rows.push(order(-7, 0).insert(&fixture.cluster).await.unwrap());
        // A boundary within the hashes that share the bits of an id: both of its shards are asked. Below the last shard, of
        // which another part is split off.
        let mut hashes = rows.iter().map(|row| shard_orm::route::mix64(row.user_id.cast_unsigned()));
        let middle = hashes.find(|hash| *hash < 3 << 62).unwrap();
        let even = Hash::new(4).unwrap().ranges();
        let ranges = even.split(even.owner(middle), middle, 4).unwrap().split(3, 15 << 60, 5).unwrap();
        let ranges = ranges.merge(0, 1).unwrap_or(ranges);
        let split = FixtureOptions::new(fixture.dialect, 6, 2)
            .strategy(StrategyConfig::HashRanges { ranges: ranges.clone() })
            .pin(-7, 5);
        let split = split.open(|setup| setup.table::<Order>()).await;
        Order::insert_many(&split.cluster, rows.clone()).await.unwrap();
        let mut moved = 0;
        for row in rows {
            moved += u32::from(split.shard_of(row.user_id) != fixture.shard_of(row.user_id));
            assert_eq!(Order::get_by_id(&split.cluster, row.id).await.unwrap(), row);
            let described = admin::describe_id(&split.cluster, row.id).unwrap();
            assert!(described.shards[0].shards.contains(&split.shard_of(row.user_id)));
        }
        assert!(moved > 2);
    }
}

behaviours! { (Order), 5 shards on 2 servers, |options| options.strategy(StrategyConfig::KeyRanges {
        ranges: Ranges::new([(i64::MIN, 4), (-1_000, 1), (0, 3), (1_000, 0), (1_010, 3)]).unwrap(),
    });
    async fn rows_are_found_by_ranges_of_the_key(fixture: &Fixture) {
        let cluster = &fixture.cluster;
        let keys = [(i64::MIN, 4), (-1_001, 4), (-1_000, 1), (-1, 1), (0, 3), (1_000, 0), (1_010, 3), (i64::MAX, 3)];
        for (key, shard) in keys {
            let row = order(key, 1).insert(cluster).await.unwrap();
            assert_eq!(Order::get(cluster, key, row.id).await.unwrap(), row);
            assert_eq!(Order::on_shard(shard).filter(Order::USER_ID.eq(key)).count(cluster).await.unwrap(), 1);
        }
        assert_eq!(Order::scatter().count(cluster).await.unwrap(), keys.len() as u64);
        assert_eq!(counts(cluster).await.into_keys().collect::<Vec<_>>(), [0, 1, 3, 4]);
    }
}

behaviours! { (Patient), 6 shards on 2 servers, |options| options.strategy(StrategyConfig::RegionRanges {
        regions: vec![
            ("eu".to_owned(), RegionShards::Ranges(Ranges::new([(0, 4), (1 << 62, 0)]).unwrap())),
            ("us".to_owned(), RegionShards::Even(vec![1..3])),
        ],
        default: None,
    });
    async fn rows_are_found_by_ranges_within_a_region(fixture: &Fixture) {
        let cluster = &fixture.cluster;
        for id in fixture.ids(30) {
            for (country, shards) in [("eu", [0, 4]), ("us", [1, 2])] {
                let patient = Patient { country: country.to_owned(), id }.insert(cluster).await.unwrap();
                let found = Patient::on((country, id)).all(cluster).await.unwrap();
                assert_eq!(found, [patient]);
                let shard = cluster.locate(&Patient::shard((country, id))).unwrap().shard.unwrap();
                assert!(shards.contains(&shard), "{country} {shard}");
            }
        }
        for shard in [0, 1, 2, 4] {
            assert!(Patient::on_shard(shard).count(cluster).await.unwrap() > 0, "{shard}");
        }
        assert_eq!(Patient::scatter().count(cluster).await.unwrap(), 60);
    }
}

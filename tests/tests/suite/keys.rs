//! Shard keys of every type, ids of every form, and strategies.

use shard_orm::config::StrategyConfig;
use shard_orm::prelude::*;
use shard_orm::route::RoutingKey;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

use crate::kind;

macro_rules! keyed {
    ($($name:ident $table:literal $key:ty;)+) => {$(
        #[derive(Debug, Clone, PartialEq, ShardModel)]
        #[shard(group = "shop", table = $table)]
        struct $name {
            #[shard(primary_key)]
            id: i64,
            #[shard(key)]
            key: $key,
        }
    )+};
}

keyed! {
    ByI8 "by_i8" i8;
    ByI16 "by_i16" i16;
    ByI32 "by_i32" i32;
    ByI64 "by_i64" i64;
    ByU8 "by_u8" u8;
    ByU16 "by_u16" u16;
    ByU32 "by_u32" u32;
    ByU64 "by_u64" u64;
}

#[derive(Debug, Clone, Copy, PartialEq, ShardKey)]
struct UserId(i64);

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "by_user")]
struct ByUser {
    #[shard(primary_key)]
    id: uuid::Uuid,
    #[shard(key)]
    user: UserId,
}

/// The shard key is the whole primary key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "profiles")]
struct Profile {
    #[shard(primary_key, key)]
    user_id: i64,
    name: String,
}

/// A primary key of several columns around the shard key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "cells")]
struct Cell {
    #[shard(primary_key, length = 20)]
    sheet: String,
    #[shard(primary_key, key)]
    user_id: i64,
    #[shard(primary_key)]
    line: i32,
    #[shard(primary_key)]
    place: Option0,
    value: i64,
}

/// A field of the user's own in a primary key.
#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
#[shard(integer)]
enum Option0 {
    A = 1,
    B = 2,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "regional")]
struct Regional {
    #[shard(primary_key)]
    id: i64,
    #[shard(region, length = 10)]
    region: String,
    #[shard(key)]
    user_id: i64,
    note: String,
}

impl Regional {
    fn new(fixture: &Fixture, region: &str, user_id: i64) -> Self {
        Self {
            id: fixture.id(),
            region: region.into(),
            user_id,
            note: String::new(),
        }
    }
}

/// In each logical shard, to look into it from beside.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "beside")]
struct Beside {
    #[shard(primary_key)]
    id: i64,
}

/// How many rows a logical shard has of a table, whatever their keys.
async fn rows_in(fixture: &Fixture, shard: u32, table: &'static str) -> i64 {
    let text = shard_orm::sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {{{table}}}"));
    Beside::on(shard)
        .sql(text)
        .one(&fixture.cluster)
        .await
        .unwrap()
}

async fn shard_numbers_of(fixture: &Fixture, table: &'static str) -> Vec<u32> {
    let mut shards = Vec::new();
    for shard in 0..fixture.logical_shards {
        if rows_in(fixture, shard, table).await > 0 {
            shards.push(shard);
        }
    }
    shards
}

macro_rules! ends_come_back {
    ($fixture:ident: $($model:ident [$($key:expr),+];)+) => {$(
        let keys = [$($key),+];
        let mut rows = Vec::new();
        for key in keys {
            let row = $model { id: $fixture.id(), key }.insert(&$fixture.cluster).await.unwrap();
            assert_eq!($model::get(&$fixture.cluster, key, row.id).await.unwrap(), row);
            assert_eq!($model::on(key).one(&$fixture.cluster).await.unwrap(), row);
            assert_eq!($model::on(key).count(&$fixture.cluster).await.unwrap(), 1);
            rows.push(row);
        }
        let mut found = $model::on_each(keys).all(&$fixture.cluster).await.unwrap();
        found.sort_by_key(|row| row.id);
        assert_eq!(found, rows);
        for row in rows {
            row.delete(&$fixture.cluster).await.unwrap();
        }
        let again = keys.map(|key| $model { id: $fixture.id(), key }).to_vec();
        $model::insert_many(&$fixture.cluster, again.clone()).await.unwrap();
        assert_eq!($model::on_each(keys).delete(&$fixture.cluster).await.unwrap(), u64::try_from(keys.len()).unwrap());
    )+};
}

behaviours! { (ByI8, ByI16, ByI32, ByI64, ByU8, ByU16, ByU32, ByU64, ByUser, Profile, Cell);
    async fn keys_of_every_type_route_at_zero_and_their_limits(fixture: &Fixture) {
        ends_come_back! { fixture:
            ByI8 [i8::MIN, -1, 0, 1, i8::MAX];
            ByI16 [i16::MIN, -1, 0, 1, i16::MAX];
            ByI32 [i32::MIN, -1, 0, 1, i32::MAX];
            ByI64 [i64::MIN, -1, 0, 1, i64::MAX];
            ByU8 [0, 1, u8::MAX];
            ByU16 [0, 1, u16::MAX];
            ByU32 [0, 1, u32::MAX];
            ByU64 [0, 1, i64::MAX.unsigned_abs()];
        }
    }

    async fn equal_keys_of_different_types_share_a_shard(fixture: &Fixture) {
        for key in [0_u8, 1, 42, 127] {
            let number = i64::from(key);
            let tx = fixture.cluster.begin(ByI64::shard(number)).await.unwrap();
            ByU8 { id: fixture.id(), key }.insert(&tx).await.unwrap();
            ByU64 { id: fixture.id(), key: key.into() }.insert(&tx).await.unwrap();
            ByI16 { id: fixture.id(), key: key.into() }.insert(&tx).await.unwrap();
            ByUser { id: uuid::Uuid::from_u128(key.into()), user: UserId(number) }.insert(&tx).await.unwrap();
            tx.rollback().await.unwrap();
        }
    }

    async fn keys_above_i64_max_are_refused(fixture: &Fixture) {
        for key in [i64::MAX.unsigned_abs() + 1, u64::MAX] {
            let on = &fixture.cluster;
            let row = ByU64 { id: fixture.id(), key };
            assert_eq!(kind(row.clone().insert(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(ByU64::insert_many(on, vec![row.clone()]).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(row.save(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(row.delete(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(ByU64::get(on, key, 1).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(ByU64::on(key).all(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(ByU64::on(key).exists(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(ByU64::on_each([1, key]).count(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(on.begin(ByU64::shard(key)).await), ErrorKind::NoShardForKey);
        }
    }

    async fn a_newtype_can_be_a_shard_key(fixture: &Fixture) {
        let user = UserId(fixture.key());
        let row = ByUser { id: uuid::Uuid::from_u128(fixture.id().unsigned_abs().into()), user };
        let row = row.insert(&fixture.cluster).await.unwrap();
        assert_eq!(ByUser::get(&fixture.cluster, user, row.id).await.unwrap(), row);
        assert_eq!(ByUser::get(&fixture.cluster, &user, &row.id).await.unwrap(), row);
        assert_eq!(ByUser::on(user).filter(ByUser::USER.eq(user)).all(&fixture.cluster).await.unwrap(), [row]);
    }

    async fn the_shard_key_can_be_the_whole_primary_key(fixture: &Fixture) {
        let mut profile = Profile { user_id: fixture.key(), name: "a".into() }.insert(&fixture.cluster).await.unwrap();
        assert_eq!(Profile::get(&fixture.cluster, profile.user_id, ()).await.unwrap(), profile);
        profile.name = "b".into();
        profile.update(&fixture.cluster).await.unwrap();
        profile.save(&fixture.cluster).await.unwrap();
        profile.upsert(&fixture.cluster, Profile::USER_ID).await.unwrap();
        assert_eq!(profile.reload(&fixture.cluster).await.unwrap(), profile);
        assert_eq!(kind(profile.clone().insert(&fixture.cluster).await), ErrorKind::Unique);
        profile.delete(&fixture.cluster).await.unwrap();
        assert_eq!(Profile::find(&fixture.cluster, profile.user_id, ()).await.unwrap(), None);
    }

    async fn a_composite_primary_key_identifies_one_row(fixture: &Fixture) {
        let key = fixture.key();
        let cell = |sheet: &str, user_id, line, place| Cell { sheet: sheet.into(), user_id, line, place, value: 0 };
        let first = cell("a", key, 1, Option0::A);
        let others = vec![
            cell("b", key, 1, Option0::A),
            cell("a", key, 2, Option0::A),
            cell("a", key, 1, Option0::B),
            cell("a", fixture.neighbours(key, 1)[0], 1, Option0::A),
        ];
        first.clone().insert(&fixture.cluster).await.unwrap();
        Cell::insert_many(&fixture.cluster, others.clone()).await.unwrap();
        let changed = Cell { value: 7, ..first.clone() };
        changed.update(&fixture.cluster).await.unwrap();
        Cell { value: 8, ..first.clone() }.save(&fixture.cluster).await.unwrap();
        let id = ("a".to_owned(), 1, Option0::A);
        assert_eq!(Cell::get(&fixture.cluster, key, &id).await.unwrap().value, 8);
        first.delete(&fixture.cluster).await.unwrap();
        assert_eq!(Cell::find(&fixture.cluster, key, &id).await.unwrap(), None);
        for other in others {
            assert_eq!(other.reload(&fixture.cluster).await.unwrap(), other);
        }
    }

    async fn rows_are_stored_in_the_routed_shard(fixture: &Fixture) {
        for key in fixture.key_of_each_shard() {
            let row = ByI64 { id: fixture.id(), key }.insert(&fixture.cluster).await.unwrap();
            let there = fixture.neighbours(key, 1)[0];
            let text = match fixture.dialect {
                Dialect::Postgres => "SELECT key FROM {by_i64} WHERE id = $1",
                Dialect::MySql => "SELECT `key` FROM {by_i64} WHERE id = ?",
                Dialect::Sqlite => "SELECT key FROM {by_i64} WHERE id = ?",
            };
            // A neighbour sees the row in the same logical shard.
            let found = ByI64::query().on_shard_of(there).sql(text).bind(row.id).first::<i64>(&fixture.cluster).await.unwrap();
            assert_eq!(found, Some(key));
        }
    }
}

fn regions() -> StrategyConfig {
    StrategyConfig::Region {
        regions: vec![
            ("eu".into(), vec![0..2, 2..3]),
            ("us".into(), vec![3..4, 4..6]),
        ],
        default: Some("eu".into()),
    }
}

behaviours! { (Regional, ByI64), 6 shards on 2 servers, |options| options.strategy(regions());
    async fn a_region_selects_the_shards_of_its_rows(fixture: &Fixture) {
        let mut rows = Vec::new();
        for number in 0..40 {
            for region in ["eu", "us"] {
                rows.push(Regional::new(fixture, region, number));
            }
        }
        Regional::insert_many(&fixture.cluster, rows.clone()).await.unwrap();
        for row in &rows {
            let found = Regional::get(&fixture.cluster, (row.region.as_str(), row.user_id), row.id).await.unwrap();
            assert_eq!(found, *row);
        }
        let router_of = |region, key| {
            let topology = fixture.cluster.topology();
            let key = RoutingKey::new(key).in_region(region);
            topology.group(GROUP).unwrap().router().route(&key).unwrap()
        };
        assert!((0..40).all(|key| router_of("eu", key) < 3 && router_of("us", key) >= 3));
        let count = Regional::on(("eu", 7)).count(&fixture.cluster).await.unwrap();
        assert_eq!(count, 1);
        let several = [("eu".to_owned(), 7), ("us".to_owned(), 7), ("us".to_owned(), 8), ("us".to_owned(), 8)];
        let mut found = Regional::on_each(several).all(&fixture.cluster).await.unwrap();
        found.sort_by_key(|row| row.id);
        let expected: Vec<Regional> =
            rows.into_iter().filter(|row| row.user_id == 7 || (row.user_id == 8 && row.region == "us")).collect();
        assert_eq!(found, expected);
    }

    async fn unknown_regions_use_the_default_region(fixture: &Fixture) {
        let row = Regional::new(fixture, "moon", 5).insert(&fixture.cluster).await.unwrap();
        assert_eq!(Regional::get(&fixture.cluster, ("moon", 5), row.id).await.unwrap(), row);
        // The row of another region with the same key and shard is another row.
        assert_eq!(Regional::find(&fixture.cluster, ("eu", 5), row.id).await.unwrap(), None);
        assert_eq!(Regional::on(("eu", 5)).count(&fixture.cluster).await.unwrap(), 0);
        assert!(shard_numbers_of(fixture, "regional").await.iter().all(|shard| *shard < 3));
    }

    async fn the_region_is_never_updated(fixture: &Fixture) {
        let row = Regional::new(fixture, "eu", 5).insert(&fixture.cluster).await.unwrap();
        let query = || Regional::on(("eu", 5));
        assert_eq!(kind(query().set(Regional::REGION, "us").update(&fixture.cluster).await), ErrorKind::CrossShard);
        let same = query().set(Regional::REGION, "eu").set(Regional::NOTE, "x").update(&fixture.cluster).await;
        assert_eq!(same.unwrap(), 1);
        assert_eq!(kind(row.update_only(&fixture.cluster, Regional::REGION).await), ErrorKind::CrossShard);
        let moved = Regional { region: "us".into(), ..row.clone() };
        assert_eq!(kind(moved.update(&fixture.cluster).await), ErrorKind::NotFound);
        assert_eq!(kind(moved.delete(&fixture.cluster).await), ErrorKind::NotFound);
        let mut row = row.reload(&fixture.cluster).await.unwrap();
        row.note = "y".into();
        row.update(&fixture.cluster).await.unwrap();
        row.save(&fixture.cluster).await.unwrap();
        assert_eq!(query().one(&fixture.cluster).await.unwrap(), row);
        row.delete(&fixture.cluster).await.unwrap();
    }
}

mod by_modulo {
    use super::*;

    behaviours! { (ByI64), 4 shards on 2 servers, |options| options.strategy(StrategyConfig::Modulo).pin(6, 0);
        async fn modulo_and_pins_route_rows(fixture: &Fixture) {
            for (key, shard) in [(0, 0), (1, 1), (5, 1), (-1, 3), (6, 0), (i64::MIN, 0), (i64::MAX, 3)] {
                assert_eq!(fixture.shard_of(key), shard);
                let before = rows_in(fixture, shard, "by_i64").await;
                let row = ByI64 { id: fixture.id(), key }.insert(&fixture.cluster).await.unwrap();
                assert_eq!(rows_in(fixture, shard, "by_i64").await, before + 1);
                assert_eq!(ByI64::get(&fixture.cluster, key, row.id).await.unwrap(), row);
            }
        }
    }
}

mod by_range {
    use super::*;

    behaviours! { (ByI64), 3 shards on 2 servers,
        |options| options.strategy(StrategyConfig::Range { bounds: vec![-10, 1_000_000] });
        async fn ranges_route_rows(fixture: &Fixture) {
            let keys = [(i64::MIN, 0), (-11, 0), (-10, 1), (0, 1), (999_999, 1), (1_000_000, 2), (i64::MAX, 2)];
            for (key, shard) in keys {
                assert_eq!(fixture.shard_of(key), shard);
                ByI64 { id: fixture.id(), key }.insert(&fixture.cluster).await.unwrap();
                assert_eq!(ByI64::on(key).count(&fixture.cluster).await.unwrap(), 1);
            }
            assert_eq!(ByI64::on_each(keys.map(|(key, _)| key)).count(&fixture.cluster).await.unwrap(), 7);
        }
    }
}

mod by_ring {
    use super::*;

    behaviours! { (ByI64), 4 shards on 2 servers,
        |options| options.strategy(StrategyConfig::Ring { virtual_nodes: 64, weights: Some(vec![1, 1, 0, 2]) });
        async fn a_shard_with_weight_zero_receives_no_rows(fixture: &Fixture) {
            let rows = (0..200).map(|key| ByI64 { id: fixture.id(), key }).collect();
            ByI64::insert_many(&fixture.cluster, rows).await.unwrap();
            assert_eq!(ByI64::on_each(0..200).count(&fixture.cluster).await.unwrap(), 200);
            assert!((0..200).all(|key| fixture.shard_of(key) != 2));
        }
    }
}

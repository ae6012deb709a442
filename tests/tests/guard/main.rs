//! Configurations that were edited: rows are found, or the configuration is refused; they never vanish.

#![allow(clippy::single_range_in_vec_init)] // Runs of shards are lists of ranges.

mod databases;
mod pins;
mod records;
mod servers;

use shard_orm::config::{Config, Group, Server, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm::route::{Hash, Ranges};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// What went wrong.
fn kind<T: std::fmt::Debug>(result: shard_orm::Result<T>) -> ErrorKind {
    result.expect_err("it should have been refused").kind()
}

/// How many keys [`fill`] uses.
const KEYS: u64 = 40;

/// An order of each of some keys that spread over all logical shards.
async fn fill(fixture: &Fixture) -> Vec<i64> {
    let keys: Vec<i64> = (0..KEYS).map(|_| fixture.key()).collect();
    let orders = keys.iter().map(|key| Order {
        id: fixture.id(),
        user_id: *key,
    });
    Order::insert_many(&fixture.cluster, orders.collect())
        .await
        .unwrap();
    keys
}

/// The fixture's servers under their names.
fn server(fixture: &Fixture, number: usize) -> Server {
    Server::new(format!("server-{number}"), &fixture.server_urls()[number])
}

/// The fixture's configuration with another group.
fn with_group(fixture: &Fixture, group: Group) -> Config {
    let group = group
        .namespace(fixture.namespace())
        .static_namespace(fixture.namespace().replace("{shard}", "static"));
    Config::new(fixture.cluster_name()).group(GROUP, group)
}

async fn setup(config: &Config) -> shard_orm::Result<()> {
    let cluster = Cluster::connect(config).await.unwrap();
    let setup = cluster.setup().table::<Order>().run().await;
    setup.map(drop)
}

/// Checks that setup refuses a configuration, creates nothing, and says all of these.
async fn refused(fixture: &Fixture, config: &Config, says: &[&str]) {
    let error = setup(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    for what in says {
        assert!(
            error.to_string().contains(what),
            "`{what}` is not in: {error}"
        );
    }
    let cluster = Cluster::connect(config).await.unwrap();
    assert_eq!(
        kind(cluster.setup().check().await),
        ErrorKind::Configuration
    );
    // The former configuration fits as before: nothing was created.
    fixture.cluster.setup().check().await.unwrap();
}

/// Checks that each key finds its one order, or an error; that some find an error; and that none is written to another
/// place.
async fn never_vanish(fixture: &Fixture, config: &Config, keys: &[i64]) {
    let mut errors = 0;
    let cluster = Cluster::connect(config).await.unwrap();
    for key in keys {
        match Order::on(*key).count(&cluster).await {
            Ok(count) => assert_eq!(count, 1, "key {key}"),
            Err(error) => {
                assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Configuration | ErrorKind::UndefinedTable
                    ),
                    "{error}"
                );
                assert!(!error.to_string().contains("was never set up"), "{error}");
                errors += 1;
                let order = Order {
                    id: fixture.id(),
                    user_id: *key,
                };
                assert_eq!(kind(order.insert(&cluster).await), error.kind());
            }
        }
    }
    assert!(errors > 0);
    assert!(Order::scatter().count(&cluster).await.is_err());
    assert_eq!(
        Order::scatter().count(&fixture.cluster).await.unwrap(),
        KEYS
    );
}

/// Checks that a configuration finds all rows, with setup and without.
async fn finds_all(config: &Config, keys: &[i64]) {
    let cluster = Cluster::connect(config).await.unwrap();
    assert_eq!(
        Order::on_each(keys.to_vec()).count(&cluster).await.unwrap(),
        KEYS
    );
    setup(config).await.unwrap();
    assert_eq!(Order::scatter().count(&cluster).await.unwrap(), KEYS);
    let after = Cluster::connect(config).await.unwrap();
    assert_eq!(Order::scatter().count(&after).await.unwrap(), KEYS);
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_changed_number_of_logical_shards_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let both = |group: Group| group.server(server(fixture, 0)).server(server(fixture, 1));
        for count in [2, 3, 8] {
            let edited = with_group(fixture, both(Group::new(count)));
            refused(fixture, &edited, &["logical_shards = 4", &format!("logical_shards = {count}")]).await;
            never_vanish(fixture, &edited, &keys).await;
        }
        finds_all(&with_group(fixture, both(Group::new(4))), &keys).await;
    }

    async fn a_changed_strategy_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let regions = StrategyConfig::Region {
            regions: vec![("eu".into(), vec![0..2]), ("us".into(), vec![2..4])],
            default: Some("eu".into()),
        };
        for strategy in [
            StrategyConfig::Modulo,
            StrategyConfig::Range { bounds: vec![10, 20, 30] },
            StrategyConfig::Ring { virtual_nodes: 64, weights: None },
            regions,
        ] {
            let group = Group::new(4).strategy(strategy).server(server(fixture, 0)).server(server(fixture, 1));
            let edited = with_group(fixture, group);
            refused(fixture, &edited, &["strategy = \"hash\""]).await;
            never_vanish(fixture, &edited, &keys).await;
        }
    }

    async fn a_changed_range_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let with_ranges = |ranges: Ranges<u64>| {
            let strategy = StrategyConfig::HashRanges { ranges };
            let group = Group::new(4).strategy(strategy).server(server(fixture, 0)).server(server(fixture, 1));
            with_group(fixture, group)
        };
        let even = Hash::new(4).unwrap().ranges();
        finds_all(&with_ranges(even.clone()), &keys).await;
        let moved = |first| Ranges::new([(0, 0), (first, 1), (2 << 62, 2), (3 << 62, 3)]).unwrap();
        let swapped = Ranges::new([(0, 1), (1 << 62, 0), (2 << 62, 2), (3 << 62, 3)]).unwrap();
        for ranges in [moved(1 << 61), swapped, even.merge(1, 2).unwrap()] {
            let edited = with_ranges(ranges);
            refused(fixture, &edited, &["strategy = \"hash\"", "type = \"hash\", ranges = "]).await;
            never_vanish(fixture, &edited, &keys).await;
        }
        // A boundary moved by one hash, which moves no row.
        let edited = with_ranges(moved((1 << 62) + 1));
        refused(fixture, &edited, &["strategy = \"hash\""]).await;
    }

    async fn a_changed_namespace_template_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let edited = fixture.config_of(fixture.server_urls(), &fixture.namespace().replace("shop_", "store_"));
        refused(fixture, &edited, &[&format!("namespace = \"{}\"", fixture.namespace())]).await;
        never_vanish(fixture, &edited, &keys).await;
    }
}

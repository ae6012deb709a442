//! Where keys are, and the parts of ids.

use shard_orm::Address;
use shard_orm::admin::{Key, describe_id, route};
use shard_orm::config::{Config, Group, Server, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::GROUP;

use crate::Order;

behaviours! { (Order);
    async fn a_key_is_routed_as_its_rows_are(fixture: &Fixture) {
        for (shard, key) in (0..).zip(fixture.key_of_each_shard()) {
            let routed = route(&fixture.cluster, GROUP, &Key::new(key)).unwrap();
            let location = fixture.cluster.locate(&Order::shard(key)).unwrap();
            assert_eq!((routed.shard, routed.pinned), (shard, false));
            assert_eq!((routed.server, routed.namespace), (location.server.clone(), location.namespace.clone()));
            let owned = fixture.cluster.locate(&Address::key_in(GROUP, &Key::new(key))).unwrap();
            assert_eq!(owned, location);
            assert_eq!(fixture.cluster.locate(&Address::shard_in(GROUP, shard)).unwrap(), location);
        }
        let error = route(&fixture.cluster, "nowhere", &Key::new(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`nowhere`") && error.to_string().contains("`shop`"), "{error}");
    }

    async fn an_id_names_the_logical_shards_of_its_row(fixture: &Fixture) {
        let id = 181_190_950_180_423_594;
        let described = describe_id(&fixture.cluster, id).unwrap();
        assert_eq!((&*described.layout, described.snowflake.worker), ("6/8/8", 7));
        let shards = &described.shards[0];
        assert_eq!(shards.group, GROUP);
        let all = shards.shards.iter().all(|shard| *shard < fixture.logical_shards);
        assert!(all && !shards.shards.is_empty(), "{shards:?}");
        assert_eq!(describe_id(&fixture.cluster, -1).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn a_key_of_a_region_needs_its_region() {
    let regions = StrategyConfig::Region {
        regions: vec![("eu".to_owned(), vec![0..2]), ("us".to_owned(), vec![2..4])],
        default: None,
    };
    let group = Group::new(4)
        .strategy(regions)
        .server(Server::new("a", "sqlite://data/a"));
    let cluster = Cluster::connect(&Config::new("test").group(GROUP, group))
        .await
        .unwrap();
    let key: Key = "us/42".parse().unwrap();
    let routed = route(&cluster, GROUP, &key).unwrap();
    assert!((2..4).contains(&routed.shard));
    assert_eq!(routed.key, key);
    let error = route(&cluster, GROUP, &Key::new(42)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoShardForKey);
}

//! Pins that are added, changed and removed.

use shard_orm::config::{Config, Group, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm::route::Hash;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

use crate::{Order, fill, kind, refused, server, with_group};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

fn with_pins(fixture: &Fixture, pins: &[(i64, u32)]) -> Config {
    let group = Group::new(4)
        .server(server(fixture, 0))
        .server(server(fixture, 1));
    let pinned = |group: Group, (key, shard): &(i64, u32)| group.pin(*key, *shard);
    with_group(fixture, pins.iter().fold(group, pinned))
}

async fn accept(config: &Config) -> shard_orm::Result<()> {
    let cluster = Cluster::connect(config).await.unwrap();
    let setup = cluster.setup().table::<Order>().accept_pins(GROUP);
    setup.run().await.map(drop)
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_pin_of_a_key_with_rows_elsewhere_is_refused(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let key = keys[0];
        let elsewhere = (fixture.shard_of(key) + 1) % 4;
        let pinned = with_pins(fixture, &[(key, elsewhere)]);
        let says = [format!("key {key} is pinned to shard {elsewhere} and was not"), "accept_pins".to_owned()];
        refused(fixture, &pinned, &says.each_ref().map(|text| &**text)).await;
        let cluster = Cluster::connect(&pinned).await.unwrap();
        assert_eq!(kind(Order::on(key).count(&cluster).await), ErrorKind::Configuration);
        let error = accept(&pinned).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`Order` has rows"), "{error}");
        assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 1);
        // A pin to where its rows are is accepted.
        accept(&with_pins(fixture, &[(key, fixture.shard_of(key))])).await.unwrap();
    }

    async fn a_pin_of_a_key_without_rows_can_be_accepted(fixture: &Fixture) {
        fill(fixture).await;
        let key = fixture.key();
        let elsewhere = (fixture.shard_of(key) + 1) % 4;
        let pinned = with_pins(fixture, &[(key, elsewhere)]);
        accept(&pinned).await.unwrap();
        let cluster = Cluster::connect(&pinned).await.unwrap();
        assert_eq!(cluster.locate(&Order::shard(key)).unwrap().shard, Some(elsewhere));
        let order = Order { id: fixture.id(), user_id: key }.insert(&cluster).await.unwrap();
        assert_eq!(Order::get(&cluster, key, order.id).await.unwrap(), order);

        // Who does not know of the pin is refused, and so is who takes it away or changes it.
        let former = fixture.another_process().await;
        assert_eq!(kind(Order::on(key).count(&former).await), ErrorKind::Configuration);
        for pins in [vec![], vec![(key, (elsewhere + 1) % 4)]] {
            let error = accept(&with_pins(fixture, &pins)).await.unwrap_err();
            assert!(error.to_string().contains("`Order` has rows"), "{error}");
            let error = former.setup().check().await.unwrap_err();
            assert!(error.to_string().contains(&format!("\"{key}\" = {elsewhere}")), "{error}");
        }
        order.delete(&cluster).await.unwrap();
        accept(&with_pins(fixture, &[])).await.unwrap();
        assert_eq!(Order::on(key).count(&fixture.another_process().await).await.unwrap(), 0);
    }

    async fn pins_are_not_accepted_with_an_unnamed_table(fixture: &Fixture) {
        fixture.cluster.setup().table::<Order>().table::<Note>().run().await.unwrap();
        let pinned = with_pins(fixture, &[(fixture.key(), 1)]);
        let error = accept(&pinned).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("notes"), "{error}");
        let cluster = Cluster::connect(&pinned).await.unwrap();
        let setup = cluster.setup().table::<Order>().table::<Note>().accept_pins(GROUP);
        setup.run().await.unwrap();
    }

    async fn an_interrupted_change_of_pins_is_finished_by_the_next_call(fixture: &Fixture) {
        let key = fixture.key();
        let pinned = with_pins(fixture, &[(key, 2)]);
        let former = fixture.raw_namespace(3).record("pins").await.unwrap();
        accept(&pinned).await.unwrap();
        fixture.raw_namespace(3).set_record(&format!("pins = '{former}'")).await;
        let cluster = Cluster::connect(&pinned).await.unwrap();
        let other = fixture.key_of_shard(3);
        assert_eq!(kind(Order::on(other).count(&cluster).await), ErrorKind::Configuration);
        accept(&pinned).await.unwrap();
        assert_eq!(Order::on(other).count(&cluster).await.unwrap(), 0);
    }
}

/// Of five logical shards, shard 4 has only the key that is pinned to it.
fn only_pinned() -> StrategyConfig {
    let ranges = Hash::new(4).unwrap().ranges();
    StrategyConfig::HashRanges { ranges }
}

behaviours! { (Order), 5 shards on 2 servers, |options| options.strategy(only_pinned()).pin(-7, 4);
    async fn a_shard_with_rows_does_not_become_unused(fixture: &Fixture) {
        fill(fixture).await;
        Order { id: fixture.id(), user_id: -7 }.insert(&fixture.cluster).await.unwrap();
        assert_eq!(Order::on_shard(4).count(&fixture.cluster).await.unwrap(), 1);
        let group = Group::new(5).strategy(only_pinned());
        let unpinned = group.server(server(fixture, 0)).server(server(fixture, 1));
        let unpinned = with_group(fixture, unpinned);
        refused(fixture, &unpinned, &["hold shard 4, to which the configuration routes no key"]).await;
        // The rows of the shard cannot be searched: it is in no topology.
        assert_eq!(kind(accept(&unpinned).await), ErrorKind::Configuration);
    }
}

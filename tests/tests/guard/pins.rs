//! Pins that are added, changed and removed.

use shard_orm::config::{Config, Group};
use shard_orm::prelude::*;
use shard_orm_tests::bed::{Bed, GROUP};
use shard_orm_tests::behaviours;

use crate::{Order, fill, kind, refused, server, with_group};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

fn with_pins(bed: &Bed, pins: &[(i64, u32)]) -> Config {
    let group = Group::new(4).server(server(bed, 0)).server(server(bed, 1));
    let pinned = |group: Group, (key, shard): &(i64, u32)| group.pin(*key, *shard);
    with_group(bed, pins.iter().fold(group, pinned))
}

async fn accept(config: &Config) -> shard_orm::Result<()> {
    let cluster = Cluster::connect(config).await.unwrap();
    let setup = cluster.setup().table::<Order>().accept_pins(GROUP);
    setup.run().await.map(drop)
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn a_pin_of_a_key_with_rows_elsewhere_is_refused(bed: &Bed) {
        let keys = fill(bed).await;
        let key = keys[0];
        let elsewhere = (bed.shard_of(key) + 1) % 4;
        let pinned = with_pins(bed, &[(key, elsewhere)]);
        let says = [format!("key {key} is pinned to shard {elsewhere} and was not"), "accept_pins".to_owned()];
        refused(bed, &pinned, &says.each_ref().map(|text| &**text)).await;
        let cluster = Cluster::connect(&pinned).await.unwrap();
        assert_eq!(kind(Order::on(key).count(&cluster).await), ErrorKind::Configuration);
        let error = accept(&pinned).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`Order` has rows"), "{error}");
        assert_eq!(Order::on(key).count(&bed.cluster).await.unwrap(), 1);
        // A pin to where its rows are is accepted.
        accept(&with_pins(bed, &[(key, bed.shard_of(key))])).await.unwrap();
    }

    async fn a_pin_of_a_key_without_rows_is_accepted_by_a_call_that_looks(bed: &Bed) {
        fill(bed).await;
        let key = bed.key();
        let elsewhere = (bed.shard_of(key) + 1) % 4;
        let pinned = with_pins(bed, &[(key, elsewhere)]);
        accept(&pinned).await.unwrap();
        let cluster = Cluster::connect(&pinned).await.unwrap();
        assert_eq!(cluster.locate(&Order::shard(key)).unwrap().shard, Some(elsewhere));
        let order = Order { id: bed.id(), user_id: key }.insert(&cluster).await.unwrap();
        assert_eq!(Order::get(&cluster, key, order.id).await.unwrap(), order);

        // Who does not know of the pin is refused, and so is who takes it away or changes it.
        let former = bed.another_process().await;
        assert_eq!(kind(Order::on(key).count(&former).await), ErrorKind::Configuration);
        for pins in [vec![], vec![(key, (elsewhere + 1) % 4)]] {
            let error = accept(&with_pins(bed, &pins)).await.unwrap_err();
            assert!(error.to_string().contains("`Order` has rows"), "{error}");
            let error = former.setup().check().await.unwrap_err();
            assert!(error.to_string().contains(&format!("\"{key}\" = {elsewhere}")), "{error}");
        }
        order.delete(&cluster).await.unwrap();
        accept(&with_pins(bed, &[])).await.unwrap();
        assert_eq!(Order::on(key).count(&bed.another_process().await).await.unwrap(), 0);
    }

    async fn pins_are_not_accepted_while_a_table_is_not_named(bed: &Bed) {
        bed.cluster.setup().table::<Order>().table::<Note>().run().await.unwrap();
        let pinned = with_pins(bed, &[(bed.key(), 1)]);
        let error = accept(&pinned).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("notes"), "{error}");
        let cluster = Cluster::connect(&pinned).await.unwrap();
        let setup = cluster.setup().table::<Order>().table::<Note>().accept_pins(GROUP);
        setup.run().await.unwrap();
    }

    async fn an_interrupted_change_of_pins_is_finished_by_the_next_call(bed: &Bed) {
        let key = bed.key();
        let pinned = with_pins(bed, &[(key, 2)]);
        let former = bed.site(3).record("pins").await.unwrap();
        accept(&pinned).await.unwrap();
        bed.site(3).set_record(&format!("pins = '{former}'")).await;
        let cluster = Cluster::connect(&pinned).await.unwrap();
        let other = bed.key_of_shard(3);
        assert_eq!(kind(Order::on(other).count(&cluster).await), ErrorKind::Configuration);
        accept(&pinned).await.unwrap();
        assert_eq!(Order::on(other).count(&cluster).await.unwrap(), 0);
    }
}

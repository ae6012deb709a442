//! A server whose capacity does not suffice for the rows of a logical shard.

use shard_orm::prelude::*;
use shard_orm::reshard::Planned;
use shard_orm_tests::behaviours;

use crate::writer::order;
use crate::{MOVING, Order, Setting, cluster};

/// Sets how many bytes the target is meant to hold.
async fn set_capacity(operator: &Cluster, bytes: Option<u64>) {
    let catalog = operator.catalog().unwrap();
    let set = |document: &mut shard_orm::catalog::Document| {
        document.set_capacity("shop", "server-1", bytes)
    };
    catalog.edit("a capacity", set).await.unwrap();
}

/// What is said of a lack of room.
fn shortage(planned: &Planned) -> Option<String> {
    let mut said = planned.obstacles.iter().map(ToString::to_string);
    said.find(|obstacle| obstacle.contains("has no room"))
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_move_to_a_server_without_room_is_refused(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..500).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&operator, rows).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let planned = request.plan().await.unwrap();
        assert_eq!(shortage(&planned), None, "there is no limit");
        let own = planned.bytes.unwrap();
        assert!(own > 0);
        set_capacity(&operator, Some(1)).await;
        let copy = reshard.clone_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        for request in [&request, &copy] {
            let said = shortage(&request.plan().await.unwrap()).unwrap();
            assert!(said.starts_with("server `server-1`"), "{said}");
            assert!(said.contains("its capacity of 1;"), "{said}");
        }
        let error = request.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("has no room"), "{error}");
        // It would be enough, if the server were empty.
        set_capacity(&operator, Some(own)).await;
        assert!(shortage(&request.plan().await.unwrap()).is_some());
        set_capacity(&operator, Some(1 << 40)).await;
        let planned = request.plan().await.unwrap();
        assert_eq!(planned.obstacles, Vec::new());
        request.start().await.unwrap();
    }
}

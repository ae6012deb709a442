//! Generated ids of processes whose `[ids]` are in the catalog.

use shard_orm::config::Ids;
use shard_orm::id::Layout;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;

use crate::{Setting, document, initialized_with, process, settings};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "tickets")]
struct Ticket {
    #[shard(primary_key, generate = "snowflake")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// Other widths than those of a configuration without `[ids]`.
const IDS: &str = "[ids]\nworker = 7\nsequence_bits = 8\nworker_bits = 10\nshard_bits = 4\n";

fn layout() -> Layout {
    Layout::new(8, 10, 4).unwrap()
}

async fn ticket(fixture: &Fixture, cluster: &Cluster) -> Ticket {
    let ticket = Ticket {
        id: 0,
        user_id: fixture.key(),
    };
    let ticket = ticket.insert(cluster).await.unwrap();
    let found = Ticket::find_by_id(cluster, ticket.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&ticket));
    ticket
}

behaviours! { (Ticket, Setting), 4 shards on 2 servers, |options| options;
    async fn a_process_that_knows_only_the_catalog_generates_ids(fixture: &Fixture) {
        initialized_with(fixture, &format!("{}{IDS}", document(fixture, ""))).await;
        let cluster = Cluster::connect(&process(fixture, settings())).await.unwrap();
        let ticket = ticket(fixture, &cluster).await;
        assert_eq!(cluster.id_layout(), layout());
        assert_eq!(layout().parts(ticket.id).unwrap().worker, 7);
    }

    async fn a_worker_of_the_process_comes_before_that_of_the_catalog(fixture: &Fixture) {
        initialized_with(fixture, &format!("{}{IDS}", document(fixture, ""))).await;
        let own = process(fixture, settings()).ids(Ids::new().worker(9));
        let cluster = Cluster::connect(&own).await.unwrap();
        let ticket = ticket(fixture, &cluster).await;
        assert_eq!(layout().parts(ticket.id).unwrap().worker, 9);
    }

    async fn ids_of_the_process_are_used_if_the_catalog_has_none(fixture: &Fixture) {
        initialized_with(fixture, &document(fixture, "")).await;
        let own = process(fixture, settings()).ids(Ids::new().worker(5).bits(8, 10, 4));
        let cluster = Cluster::connect(&own).await.unwrap();
        let ticket = ticket(fixture, &cluster).await;
        assert_eq!(layout().parts(ticket.id).unwrap().worker, 5);
    }

    async fn a_process_does_not_change_its_ids_while_it_runs(fixture: &Fixture) {
        // While the catalog is empty, both work by their configuration.
        let config = fixture.config().catalog(settings());
        let (generating, idle) = (
            Cluster::connect(&config).await.unwrap(),
            Cluster::connect(&config).await.unwrap(),
        );
        ticket(fixture, &generating).await;
        let document = |lines: &str| format!("{}{IDS}", document(fixture, lines));
        let (catalog, first) = initialized_with(fixture, &document("")).await;
        catalog.change(&first, &document("weight = 2"), "weight").await.unwrap();
        eventually("the one without ids follows", async || idle.topology().epoch() == 2).await;
        assert_eq!(idle.id_layout(), layout());
        // Two layouts at once could repeat an id.
        let error = generating.catalog().unwrap().initialize(&document("")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(generating.topology().epoch(), 1);
        assert_eq!(generating.id_layout(), Layout::default());
        ticket(fixture, &generating).await;
    }
}

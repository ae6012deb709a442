//! Generated ids of processes whose `[ids]` are in the catalog.

use std::time::Duration;

use shard_orm::config::Ids;
use shard_orm::id::Layout;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::waiting::eventually;

use tokio::time::timeout;

use crate::moves::{MOVING, switched};
use crate::{Order, Setting, document, initialized_with, process, settings};

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

behaviours! { (Order, Ticket, Setting), 4 shards on 2 servers, |options| options;
    async fn ids_made_at_any_time_find_their_rows_after_a_switch(fixture: &Fixture) {
        let (catalog, first) = initialized_with(fixture, &format!("{}{IDS}", document(fixture, ""))).await;
        let cluster = Cluster::connect(&process(fixture, settings())).await.unwrap();
        let user_id = fixture.key_of_shard(MOVING);
        let before = Ticket { id: 0, user_id }.insert(&cluster).await.unwrap();
        let source = fixture.raw_namespace(MOVING);
        let name = fixture.namespace().replace("{shard}", &MOVING.to_string());
        let target = fixture.raw_namespace_on(1, &format!("{name}_g2"));
        source.copy_to(&target).await;
        target.set_record("generation = 2, server_name = 'server-1'").await;
        let Ticket { id, user_id } = before;
        if fixture.dialect != Dialect::Sqlite {
            let create = format!("CREATE TABLE {} (id bigint PRIMARY KEY, user_id bigint NOT NULL)", target.table("tickets"));
            target.run(&create).await;
            target.run(&format!("INSERT INTO {} VALUES ({id}, {user_id})", target.table("tickets"))).await;
        }
        source.set_record("state = 'fenced'").await;
        source.run(&format!("DROP TABLE {}", source.table("tickets"))).await;
        let found = async { Ticket::find_by_id(&cluster, id).await.unwrap() };
        let made = async { Ticket { id: 0, user_id }.insert(&cluster).await.unwrap() };
        let mut both = Box::pin(futures_util::future::join(found, made));
        if let Ok(ended) = timeout(Duration::from_millis(300), &mut both).await {
            panic!("both ended at the fence: {ended:?}");
        }
        catalog.allow_moves().change(&first, &switched(&first), "moved").await.unwrap();
        let (found, made) = both.await;
        assert_eq!(found, Some(before));
        assert_eq!(Ticket::find_by_id(&cluster, made.id).await.unwrap(), Some(made));
    }
}

//! Related rows and static copies while a logical shard changes servers.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use shard_orm::catalog::Revision;
use shard_orm::cluster::Catalog;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, RawNamespace};
use tokio::time::timeout;

use crate::moves::{MOVING, switched};
use crate::{Setting, initialized, open};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(has_many(lines = "Line", by = "order_id"))]
struct Purchase {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "order_lines")]
#[shard(belongs_to(purchase = "Purchase", by = "order_id"))]
#[shard(refers_to(country = "Country", by = "country_id"))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    country_id: i64,
}

/// A table that each server has, with rows of its own, so that they show which server was read.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "countries", transmit = false)]
struct Country {
    #[static_model(primary_key)]
    id: i64,
    server: i64,
}

/// The one country.
const COUNTRY: i64 = 1;

/// An order with a line in the moving shard, and one in a shard that stays.
struct Orders {
    catalog: Catalog,
    first: Revision,
    cluster: Cluster,
    moving: (Purchase, Line),
    staying: (Purchase, Line),
}

/// A call at the moving shard; what it has read is what it should be.
type Call<'a> = BoxFuture<'a, bool>;

impl Orders {
    async fn new(fixture: &Fixture) -> Self {
        let (catalog, first) = initialized(fixture).await;
        let cluster = open(fixture, None).await;
        let moving = order(fixture, &cluster, MOVING).await;
        let staying = order(fixture, &cluster, 1).await;
        for (server, (order, _)) in [(0, &moving), (1, &order(fixture, &cluster, 3).await)] {
            let country = Country {
                id: COUNTRY,
                server,
            };
            let at = Purchase::shard(order.user_id);
            country.save(&cluster, at).await.unwrap();
        }
        Self {
            catalog: catalog.allow_moves(),
            first,
            cluster,
            moving,
            staying,
        }
    }

    /// Fences the moving shard. The rows are at both places, and the record says where they are.
    async fn fence(&self, fixture: &Fixture) -> RawNamespace {
        let source = fixture.raw_namespace(MOVING);
        let name = fixture.namespace().replace("{shard}", &MOVING.to_string());
        let target = fixture.raw_namespace_on(1, &format!("{name}_g2"));
        source.copy_to(&target).await;
        target
            .set_record("generation = 2, server_name = 'server-1'")
            .await;
        let (order, line) = &self.moving;
        let (orders, lines) = (target.table("orders"), target.table("order_lines"));
        if fixture.dialect != Dialect::Sqlite {
            target
                .run(&format!(
                    "CREATE TABLE {lines} (id bigint PRIMARY KEY, user_id bigint NOT NULL, \
                     order_id bigint NOT NULL, country_id bigint NOT NULL)"
                ))
                .await;
            let Line {
                id,
                user_id,
                order_id,
                country_id,
            } = line;
            target
                .run(&format!(
                    "INSERT INTO {lines} VALUES ({id}, {user_id}, {order_id}, {country_id})"
                ))
                .await;
        }
        let Purchase { id, user_id } = order;
        target
            .run(&format!("INSERT INTO {orders} VALUES ({id}, {user_id})"))
            .await;
        source.set_record("state = 'fenced'").await;
        source
    }

    async fn switch(&self) {
        let moved = switched(&self.first);
        let changed = self.catalog.change(&self.first, &moved, "moved").await;
        changed.unwrap();
    }

    /// A call of each kind that reads related rows.
    fn calls(&self) -> Vec<Call<'_>> {
        let (order, line) = &self.moving;
        let (other, its_line) = &self.staying;
        let (on, key) = (&self.cluster, order.user_id);
        vec![
            async move {
                let rows = Purchase::on(key).with(Purchase::LINES).all(on).await;
                rows.unwrap() == [(order.clone(), vec![line.clone()])]
            }
            .boxed(),
            async move {
                let both = [order.clone(), other.clone()];
                let lines = Purchase::LINES.load(on, &both).await;
                lines.unwrap() == [vec![line.clone()], vec![its_line.clone()]]
            }
            .boxed(),
            async move {
                let lines = order.related(Purchase::LINES).all(on).await;
                lines.unwrap() == [line.clone()]
            }
            .boxed(),
            async move {
                let both = [line.clone(), its_line.clone()];
                let orders = Line::PURCHASE.load(on, &both).await;
                orders.unwrap() == [Some(order.clone()), Some(other.clone())]
            }
            .boxed(),
            async move {
                let rows = Purchase::on(key).join(Purchase::LINES).all(on).await;
                rows.unwrap() == [(order.clone(), line.clone())]
            }
            .boxed(),
            async move {
                let rows = Purchase::scatter().join(Purchase::LINES).all(on).await;
                rows.unwrap().contains(&(order.clone(), line.clone()))
            }
            .boxed(),
            async move {
                let rows = Line::on(key).join(Line::COUNTRY).all(on).await.unwrap();
                rows.len() == 1 && rows[0].0 == *line && rows[0].1.server == 1
            }
            .boxed(),
            async move {
                let rows = Line::on(key).with(Line::COUNTRY).all(on).await.unwrap();
                rows.len() == 1 && rows[0].1.as_ref().is_some_and(|one| one.server == 1)
            }
            .boxed(),
        ]
    }
}

/// An order with a line in a logical shard.
async fn order(fixture: &Fixture, on: &Cluster, shard: u32) -> (Purchase, Line) {
    let user_id = fixture.key_of_shard(shard);
    let id = fixture.id();
    let order = Purchase { id, user_id }.insert(on).await.unwrap();
    let line = Line {
        id: fixture.id(),
        user_id,
        order_id: id,
        country_id: COUNTRY,
    };
    (order, line.insert(on).await.unwrap())
}

behaviours! { (Purchase, Line, Country, Setting), 4 shards on 2 servers, |options| options;
    async fn related_rows_are_read_where_the_shard_is_after_the_switch(fixture: &Fixture) {
        let orders = Orders::new(fixture).await;
        let source = orders.fence(fixture).await;
        for table in ["orders", "order_lines"] {
            source.run(&format!("DROP TABLE {}", source.table(table))).await;
        }
        let mut all = Box::pin(join_all(orders.calls()));
        if let Ok(ended) = timeout(Duration::from_millis(300), &mut all).await {
            panic!("all calls ended at the fence: {ended:?}");
        }
        orders.switch().await;
        let outcomes = all.await;
        assert!(outcomes.iter().all(|is_right| *is_right), "{outcomes:?}");
    }

    async fn a_load_goes_on_at_the_new_place_when_the_fence_came_after_its_first_statement(fixture: &Fixture) {
        let orders = Orders::new(fixture).await;
        let source = orders.fence(fixture).await;
        // The orders can still be read there, the lines cannot.
        source.run(&format!("DROP TABLE {}", source.table("order_lines"))).await;
        let (order, line) = &orders.moving;
        let query = Purchase::on(order.user_id).with(Purchase::LINES);
        let mut load = Box::pin(query.all(&orders.cluster));
        if let Ok(ended) = timeout(Duration::from_millis(300), &mut load).await {
            panic!("it did not wait for the lines: {ended:?}");
        }
        orders.switch().await;
        assert_eq!(load.await.unwrap(), [(order.clone(), vec![line.clone()])]);
    }

    async fn static_copies_are_read_during_the_fence_and_at_the_new_server_after_it(fixture: &Fixture) {
        let orders = Orders::new(fixture).await;
        let key = orders.moving.0.user_id;
        let server = async || {
            let at = || Purchase::shard(key);
            let country = Country::get_copy(&orders.cluster, at(), COUNTRY).await.unwrap();
            let found = Country::copy(at()).all(&orders.cluster).await.unwrap();
            assert_eq!(found.len(), 1);
            [country.server, found[0].server]
        };
        // The names of MariaDB's servers lead to one.
        let before = [i64::from(fixture.dialect == Dialect::MySql); 2];
        assert_eq!(server().await, before);
        orders.fence(fixture).await;
        assert_eq!(server().await, before);
        orders.switch().await;
        Purchase::on(key).all(&orders.cluster).await.unwrap();
        shard_orm_tests::waiting::eventually("the copy of the new server is read", async || {
            server().await == [1, 1]
        })
        .await;
    }
}

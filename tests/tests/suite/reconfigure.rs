//! Configurations that change while the cluster runs.

use futures_util::{StreamExt as _, TryStreamExt as _};
use shard_orm::config::{Config, Database, Group, Ids, Server, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm::sqlx::{self, AssertSqlSafe};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP, RawNamespace};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// The logical shard that moves, from the second server to the third. On MariaDB the two are one server by two names, so
/// that there is nothing to bring over.
const MOVING: u32 = 3;

/// Shards 0 and 1 on the first server, 2 and 3 on the second: the place from which shard 3 moves holds a copy of its
/// namespace without rows.
async fn on_two(fixture: &Fixture) -> Cluster {
    if fixture.dialect != Dialect::MySql {
        let former = former_namespace(fixture);
        former.remove().await;
        fixture.raw_namespace(MOVING).copy_to(&former).await;
    }
    let config = fixture.config_of(&fixture.server_urls()[..2], fixture.namespace());
    Cluster::connect(&config).await.unwrap()
}

/// Where the moving shard is before it moves.
fn former_namespace(fixture: &Fixture) -> RawNamespace {
    fixture.raw_namespace_on(
        1,
        &fixture.namespace().replace("{shard}", &MOVING.to_string()),
    )
}

fn order_of(fixture: &Fixture, key: i64) -> Order {
    Order {
        id: fixture.id(),
        user_id: key,
    }
}

/// An order of each logical shard, that of the moving one at its new place.
async fn fill(fixture: &Fixture, before: &Cluster) -> Vec<Order> {
    let mut orders = Vec::new();
    for shard in 0..fixture.logical_shards {
        let order = order_of(fixture, fixture.key_of_shard(shard));
        let cluster = match shard {
            MOVING => &fixture.cluster,
            _ => before,
        };
        orders.push(order.insert(cluster).await.unwrap());
    }
    orders.sort_by_key(|order| order.id);
    orders
}

fn server_of(cluster: &Cluster, key: i64) -> String {
    cluster.locate(&Order::shard(key)).unwrap().server
}

/// Takes the namespace of the moving shard away from where it was.
async fn take_away(fixture: &Fixture) {
    if fixture.dialect != Dialect::MySql {
        former_namespace(fixture).remove().await;
    }
}

/// Has `call` wait for the moving shard's tables, and takes these away and moves the shard while it does.
#[cfg(feature = "postgres")]
async fn moved_during<T: Send + 'static>(
    fixture: &Fixture,
    before: &Cluster,
    key: i64,
    call: impl Future<Output = T> + Send + 'static,
) -> T {
    let mut raw = before.connection(Order::shard(key)).await.unwrap();
    let name = raw.namespace().to_owned();
    let conn = raw.postgres().unwrap();
    let drop = AssertSqlSafe(format!("DROP SCHEMA {name} CASCADE"));
    sqlx::query("BEGIN").execute(&mut *conn).await.unwrap();
    sqlx::query(drop).execute(&mut *conn).await.unwrap();
    let called = tokio::spawn(call);
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))";
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut *conn)
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    before.reconfigure(&fixture.config()).unwrap();
    sqlx::query("COMMIT").execute(&mut *conn).await.unwrap();
    called.await.unwrap()
}

behaviours! { (Order), 4 shards on 3 servers, |options| options;
    async fn a_shard_is_served_by_its_new_server(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let orders = fill(fixture, &cluster).await;
        let key = fixture.key_of_shard(MOVING);
        assert_eq!(server_of(&cluster, key), "server-1");
        cluster.reconfigure(&fixture.config()).unwrap();
        assert_eq!(cluster.topology().epoch(), 2);
        assert_eq!(server_of(&cluster, key), "server-2");
        let found = Order::scatter().order_by(Order::ID).all(&cluster).await.unwrap();
        assert_eq!(found, orders);
        let late = order_of(fixture, key).insert(&cluster).await.unwrap();
        assert_eq!(Order::get(&fixture.cluster, key, late.id).await.unwrap(), late);
    }

    async fn transactions_finish_where_they_began(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let key = fixture.key_of_shard(0);
        let tx = cluster.begin(Order::shard(key)).await.unwrap();
        let one = order_of(fixture, key).insert(&tx).await.unwrap();
        cluster.reconfigure(&fixture.config()).unwrap();
        let two = order_of(fixture, key).insert(&tx).await.unwrap();
        tx.commit().await.unwrap();
        let found = Order::on(key).order_by(Order::ID).all(&cluster).await.unwrap();
        assert_eq!(found, [one, two]);
    }

    async fn streams_follow_a_shard_that_moves(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let orders = fill(fixture, &cluster).await;
        let mut stream = Order::scatter().stream(&cluster);
        let mut found = vec![stream.next().await.unwrap().unwrap()];
        take_away(fixture).await;
        cluster.reconfigure(&fixture.config()).unwrap();
        found.extend(stream.try_collect::<Vec<_>>().await.unwrap());
        found.sort_by_key(|order| order.id);
        assert_eq!(found, orders);
    }

    async fn reconfigure_refuses_changes_of_routing(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let refused = |config: Config, what: &str| {
            let error = cluster.reconfigure(&config).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(cluster.topology().epoch(), 1);
        };
        let server = || Server::new("server-0", &fixture.server_urls()[0]);
        let group = |shards: u32| Group::new(shards).namespace(fixture.namespace()).server(server());
        let described = |name: &str, group: Group| {
            let default = Database::new("sqlite://default.db");
            let config = Config::new(name).ids(Ids::new().worker(1).tables(DATABASE));
            config.database(DATABASE, default).group(GROUP, group)
        };
        let of = |group: Group| described(fixture.cluster_name(), group);
        refused(of(group(8)), "number of logical shards");
        refused(of(group(4).strategy(StrategyConfig::Modulo)), "strategy");
        refused(of(group(4).pin(1, 2)), "list of pins");
        refused(of(group(4).namespace("other_{shard}")), "namespace template");
        refused(of(group(4)).ids(Ids::new()), "[ids]");
        refused(fixture.config_of(&[], fixture.namespace()), "no server");
        refused(described("another", group(4)), &format!("name is `{}`", fixture.cluster_name()));
    }

    async fn reconfigure_does_not_reopen_a_closed_cluster(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let key = fixture.key_of_shard(0);
        cluster.close().await;
        assert_eq!(kind(cluster.reconfigure(&fixture.config())), ErrorKind::Unavailable);
        assert_eq!(kind(Order::on(key).count(&cluster).await), ErrorKind::Unavailable);
    }

    async fn reconfigure_keeps_connections_of_unchanged_servers(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        fill(fixture, &cluster).await;
        let backend = async |key| {
            let sql = match fixture.dialect {
                Dialect::Postgres => "SELECT pg_backend_pid()::bigint",
                Dialect::Sqlite => return 0,
                _ => "SELECT CAST(CONNECTION_ID() AS SIGNED)",
            };
            let query = Order::on_shard_of(key).sql(sql);
            let found: Vec<(i64,)> = query.all(cluster.read_from(Read::Primary)).await.unwrap();
            found[0].0
        };
        let (first, second) = (fixture.key_of_shard(0), fixture.key_of_shard(2));
        let before = (backend(first).await, backend(second).await);
        cluster.reconfigure(&fixture.config()).unwrap();
        assert_eq!((backend(first).await, backend(second).await), before);
    }
}

#[cfg(feature = "postgres")]
mod while_it_is_asked {
    use super::*;
    use shard_orm_tests::fixture::{FixtureOptions, run_alone};

    /// A call that is on its way to the moving shard when that moves.
    fn with_moving(behaviour: shard_orm_tests::fixture::Behaviour) {
        let options = FixtureOptions::new(Dialect::Postgres, 4, 3);
        run_alone(options, |setup| setup.table::<Order>(), behaviour);
    }

    #[test]
    fn scatters_follow_a_shard_that_moves() {
        with_moving(|fixture| Box::pin(scattered(fixture)));
    }

    async fn scattered(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let orders = fill(fixture, &cluster).await;
        let key = fixture.key_of_shard(MOVING);
        // Each namespace is known by the cluster, so that its statement is the first that fails.
        let any = Order::scatter().count(&cluster).await.unwrap();
        assert_eq!(any, 3);
        let own = cluster.clone();
        let call = async move { Order::scatter().order_by(Order::ID).all(&own).await };
        assert_eq!(
            moved_during(fixture, &cluster, key, call).await.unwrap(),
            orders
        );
    }

    #[test]
    fn ordered_streams_restart_before_their_first_row() {
        with_moving(|fixture| Box::pin(streamed(fixture)));
    }

    async fn streamed(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        let orders = fill(fixture, &cluster).await;
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 3);
        let own = cluster.clone();
        let call = async move {
            let stream = Order::scatter().order_by(Order::ID).stream(&own);
            stream.try_collect::<Vec<_>>().await
        };
        let key = fixture.key_of_shard(MOVING);
        assert_eq!(
            moved_during(fixture, &cluster, key, call).await.unwrap(),
            orders
        );
    }

    #[test]
    fn single_shard_statements_follow_a_shard_that_moves() {
        with_moving(|fixture| Box::pin(single(fixture)));
    }

    async fn single(fixture: &Fixture) {
        for call in 0..5 {
            let cluster = on_two(fixture).await;
            let key = fixture.key_of_shard(MOVING);
            let there = order_of(fixture, key)
                .insert(&fixture.cluster)
                .await
                .unwrap();
            assert_eq!(Order::on(key).count(&cluster).await.unwrap(), 0);
            let (own, order) = (cluster.clone(), order_of(fixture, key));
            let inserted = order.id;
            let called = async move {
                match call {
                    0 => Order::find(&own, key, there.id)
                        .await
                        .map(|found| found == Some(there)),
                    1 => order.insert(&own).await.map(|_| true),
                    2 => Order::on(key)
                        .stream(&own)
                        .try_collect::<Vec<_>>()
                        .await
                        .map(|all| all == [there]),
                    3 => Order::on(key).delete(&own).await.map(|gone| gone == 1),
                    _ => there.delete(&own).await.map(|()| true),
                }
            };
            assert!(
                moved_during(fixture, &cluster, key, called).await.unwrap(),
                "call {call}"
            );
            // At its new place, and once.
            let there = Order::on(key)
                .filter(Order::ID.eq(inserted))
                .count(&fixture.cluster)
                .await
                .unwrap();
            assert_eq!(there, u64::from(call == 1), "call {call}");
        }
    }

    #[test]
    fn a_missing_shard_without_a_new_placement_is_named() {
        with_moving(|fixture| Box::pin(unplaced(fixture)));
    }

    async fn unplaced(fixture: &Fixture) {
        let cluster = on_two(fixture).await;
        fill(fixture, &cluster).await;
        assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 3);
        take_away(fixture).await;
        assert_eq!(
            kind(Order::scatter().all(&cluster).await),
            ErrorKind::UndefinedTable
        );
        let error = Order::scatter().all(&cluster).await.unwrap_err();
        assert_eq!(error.shard().map(|shard| shard.shard), Some(MOVING));
    }
}

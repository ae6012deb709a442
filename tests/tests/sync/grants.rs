//! The grants of an account, as the guide lists them: enough for the setup, all verbs, and the sync by capture.

use shard_orm::config::{Config, Database, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync};
use shard_orm_tests::database::{fresh_mariadb_prefix, fresh_postgres};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};

use crate::fixture::{Item, LIMIT, eventually, item};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(index(user_id, amount), unique(user_id, code))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 20)]
    code: String,
    amount: i32,
}

fn order(id: i64) -> Order {
    Order {
        id,
        user_id: id % 4,
        code: format!("code {id}"),
        amount: 1,
    }
}

const PASSWORD: &str = "limited-secret";

/// A cluster of two logical shards and a named database.
fn config(default: &str, server: &str, prefix: &str) -> Config {
    let pool = PoolOptions::new().max_connections(4).acquire_timeout(LIMIT);
    let group = Group::new(2)
        .namespace(format!("{prefix}shop_{{shard}}"))
        .static_namespace(format!("{prefix}shop_static"))
        .server(Server::new("a", server));
    Config::new("grants")
        .pool(pool)
        .database("default", Database::new(default))
        .group("shop", group)
}

/// The texts of `code` blocks in the guide, with these names in the place of its own.
fn of_the_guide(begins: &str, names: &[(&str, &str)]) -> Vec<String> {
    let guide = include_str!("../../../docs/src/databases.md");
    let section = guide.split("## Grants").nth(1).unwrap();
    let block = section
        .split("```sql\n")
        .find(|block| block.starts_with(begins));
    let block = block.unwrap().split("```").next().unwrap();
    let statements = block
        .split(';')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let renamed = |text: &str| {
        let each = names.iter();
        each.fold(text.to_owned(), |text, (own, other)| {
            text.replace(own, other)
        })
    };
    statements.map(renamed).collect()
}

async fn everything_works(config: &Config) {
    let cluster = Cluster::connect(config).await.unwrap();
    cluster
        .setup()
        .table::<Order>()
        .table::<Item>()
        .run()
        .await
        .unwrap();
    // A second start finds it all.
    cluster
        .setup()
        .table::<Order>()
        .table::<Item>()
        .run()
        .await
        .unwrap();

    order(0).insert(&cluster).await.unwrap();
    Order::insert_many(&cluster, (1..9).map(order).collect())
        .await
        .unwrap();
    let mut found = Order::get(&cluster, 1, 1).await.unwrap();
    found.amount = 2;
    found.update(&cluster).await.unwrap();
    found.save(&cluster).await.unwrap();
    Order {
        amount: 5,
        ..order(9)
    }
    .upsert(&cluster, (Order::USER_ID, Order::CODE))
    .await
    .unwrap();
    Order::on(2)
        .increment(Order::AMOUNT, 1)
        .update(&cluster)
        .await
        .unwrap();
    let locked = cluster
        .transaction(Order::shard(1), |tx| async move {
            let all = Order::on(1).for_update().all(&tx).await?;
            all[0].delete(&tx).await?;
            Ok::<_, shard_orm::Error>(all.len())
        })
        .await
        .unwrap();
    assert_eq!(locked, 3);
    assert_eq!(Order::scatter().count(&cluster).await.unwrap(), 9);
    let page = Order::scatter()
        .order_by(Order::ID)
        .page(&cluster, 3, None)
        .await
        .unwrap();
    assert_eq!(page.rows.len(), 3);
    Order::on(3).delete(&cluster).await.unwrap();
    assert!(
        cluster
            .check_health()
            .await
            .iter()
            .all(|server| server.takes_writes())
    );

    cluster.register_static::<Item>();
    Item::insert_many(&cluster, (0..20).map(item).collect())
        .await
        .unwrap();
    let sync = || StaticSync::of::<Item>(&cluster).mode(Mode::Capture);
    let first = sync().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(first.inserted, 20);
    Item::query()
        .filter(Item::ID.eq(3))
        .delete(&cluster)
        .await
        .unwrap();
    let second = sync().run().await.unwrap().complete().unwrap().rows();
    assert_eq!((second.deleted, second.inserted), (1, 0));
    for verified in sync().verify().await.unwrap() {
        assert!(verified.result.unwrap().is_equal());
    }
    let supervisor = StaticSync::supervise(&cluster).run().unwrap();
    item(50).insert(&cluster).await.unwrap();
    eventually("the copy has the row", async || {
        Item::find_copy(&cluster, Order::shard(1), 50)
            .await
            .unwrap()
            .is_some()
    })
    .await;
    supervisor.stop().await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grants_of_the_guide_are_enough_on_postgres() {
    let database = fresh_postgres().await;
    let role = format!("app_{}", database.name());
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    let names = [
        ("shop", database.name()),
        ("'..'", &format!("'{PASSWORD}'")),
        ("app", &*role),
    ];
    for statement in of_the_guide("CREATE ROLE", &names) {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let url = database
        .url()
        .replace("postgres@", &format!("{role}:{PASSWORD}@"));
    everything_works(&config(&url, &url, "")).await;
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    admin.execute(AssertSqlSafe(drop)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grants_of_the_guide_are_enough_on_mariadb() {
    let prefix = fresh_mariadb_prefix().await;
    let home = prefix.create_database("home").await;
    let user = format!("{}app", prefix.prefix());
    let mut admin = MySqlConnection::connect(&home).await.unwrap();
    let pattern = prefix.prefix().replace('_', "\\_");
    let names = [
        ("shop\\_%", format!("{pattern}%")),
        ("'app'", format!("'{user}'")),
        ("'..'", format!("'{PASSWORD}'")),
    ];
    let names: Vec<(&str, &str)> = names.iter().map(|(own, other)| (*own, &**other)).collect();
    for statement in of_the_guide("CREATE USER", &names) {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let url = home.replace("app:app-secret@", &format!("{user}:{PASSWORD}@"));
    // A named database is the one that a session begins in: it is there before.
    prefix.create_database("default").await;
    let default = url.replace("home", "default");
    everything_works(&config(&default, &url, prefix.prefix())).await;
    admin
        .execute(AssertSqlSafe(format!("DROP USER '{user}'")))
        .await
        .unwrap();
}

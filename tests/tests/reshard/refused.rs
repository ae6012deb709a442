//! What a plan of a split or merge refuses, since rows would be parted from those that they belong to.

use shard_orm::prelude::*;
use shard_orm::reshard::{ChangeKeys, Obstacle, Planned, Reshard};
use shard_orm_tests::behaviours;

use crate::everything::sql_at;
use crate::splits::{keys, rows_of};
use crate::{MOVING, Order, Setting, cluster};

/// Runs SQL on a logical shard.
async fn sql((cluster, dialect): (&Cluster, Dialect), shard: u32, texts: &[&str]) {
    for text in texts {
        // An integer of SQLite has one name.
        let text = match dialect {
            Dialect::Sqlite => text.replace("BIGINT", "INTEGER"),
            _ => (*text).to_owned(),
        };
        sql_at(cluster, shard, &text).await;
    }
}

fn about<'p>(planned: &'p Planned, table: &str) -> Vec<&'p Obstacle> {
    let of_table = |one: &&Obstacle| one.about == format!("table `{table}`");
    planned.obstacles.iter().filter(of_table).collect()
}

fn merge(reshard: &Reshard) -> ChangeKeys {
    let merge = reshard.merge_shards("shop", [1, 2], "server-1");
    merge.key("user_id").accept_relaxed_durability()
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_foreign_key_between_rows_of_different_shard_keys_is_refused(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let keys = keys(&operator, 4);
        rows_of(fixture, &operator, &keys, 5).await;
        sql((&operator, fixture.dialect), MOVING, &[
            "CREATE TABLE places (id BIGINT PRIMARY KEY, owner_id BIGINT NOT NULL, UNIQUE (id, owner_id))",
            "CREATE TABLE visits (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, place_id BIGINT NOT NULL, \
             CONSTRAINT visits_place FOREIGN KEY (place_id) REFERENCES places (id))",
            "CREATE TABLE pieces (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, order_id BIGINT NOT NULL, \
             FOREIGN KEY (order_id) REFERENCES orders (id))",
        ]).await;
        let reshard = operator.reshard().unwrap();
        let named = |request: ChangeKeys| request.key("user_id").key_of("places", "owner_id").accept_relaxed_durability();
        for request in [
            reshard.split_shard("shop", MOVING, ["server-0", "server-1"]),
            reshard.isolate("shop", keys[1], "server-1").unwrap(),
        ] {
            let request = named(request);
            let planned = request.plan().await.unwrap();
            assert_eq!(planned.obstacles.len(), 1, "{planned}");
            let found = &about(&planned, "visits")[0].message;
            let name = if fixture.dialect == Dialect::Sqlite { "`place_id`" } else { "`visits_place`" };
            for part in [name, "`places`", "`user_id`", "`owner_id`", "drop the foreign key"] {
                assert!(found.contains(part), "{found}");
            }
            assert_eq!(request.start().await.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        // One that is moved as a whole keeps it.
        let moved = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        assert!(moved.plan().await.unwrap().obstacles.is_empty());
        // One that includes the shard keys keeps rows together.
        sql((&operator, fixture.dialect), MOVING, &[
            "DROP TABLE visits",
            "CREATE TABLE visits (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, place_id BIGINT NOT NULL, \
             FOREIGN KEY (place_id, user_id) REFERENCES places (id, owner_id))",
        ]).await;
        let split = || named(reshard.split_shard("shop", MOVING, ["server-0", "server-1"]));
        let planned = split().plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        // The columns have one name, and the foreign key says that the keys are different ones.
        sql((&operator, fixture.dialect), MOVING, &[
            "CREATE TABLE friends (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL UNIQUE, friend_id BIGINT, \
             FOREIGN KEY (friend_id) REFERENCES friends (user_id))",
        ]).await;
        let planned = split().plan().await.unwrap();
        assert_eq!(about(&planned, "friends").len(), 1, "{planned}");
    }

    async fn rows_without_a_key_are_not_merged(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        for shard in [1, 2] {
            sql((&operator, fixture.dialect), shard, &["CREATE TABLE notes (id BIGINT PRIMARY KEY, text VARCHAR(20) NOT NULL)"]).await;
        }
        sql((&operator, fixture.dialect), 1, &["INSERT INTO notes (id, text) VALUES (1, 'one')"]).await;
        let reshard = operator.reshard().unwrap();
        let planned = merge(&reshard).plan().await.unwrap();
        assert!(about(&planned, "notes")[0].message.contains("--keep notes"), "{planned}");
        let planned = merge(&reshard).keep("notes").plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        // That of another logical shard would be mixed with it.
        sql((&operator, fixture.dialect), 2, &["INSERT INTO notes (id, text) VALUES (2, 'two')"]).await;
        let request = merge(&reshard).keep("notes");
        let planned = request.plan().await.unwrap();
        let found = about(&planned, "notes");
        assert_eq!(found.len(), 1, "{planned}");
        assert!(found[0].message.contains("logical shard 2"), "{planned}");
        assert_eq!(request.start().await.unwrap_err().kind(), ErrorKind::Unsupported);
    }

    async fn a_table_that_models_know_as_keyless_needs_a_word_to_be_merged(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        operator.setup().table::<Order>().table::<Audit>().run().await.unwrap();
        let reshard = operator.reshard().unwrap();
        let request = reshard.merge_shards("shop", [1, 2], "server-1").accept_relaxed_durability();
        let planned = request.plan().await.unwrap();
        assert!(about(&planned, "audits")[0].message.contains("--keep audits"), "{planned}");
        let planned = request.keep("audits").plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        // A split needs none: all of its rows stay with one part.
        let split = reshard.split_shard("shop", 1, ["server-0", "server-1"]);
        let planned = split.at(["6000000000000000"]).accept_relaxed_durability().plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
    }
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "audits")]
struct Audit {
    #[shard(primary_key)]
    id: i64,
}

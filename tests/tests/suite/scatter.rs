//! Queries over all logical shards: what they change, refuse, and ask of pools.
//!
//! That they give what one database gives, the test `differential` shows.

use futures_util::TryStreamExt;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "measurements")]
struct Measurement {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(collation = "binary", length = 40)]
    name: String,
    flag: bool,
    #[shard(length = 40)]
    folded: String,
}

/// Rows of many keys, of which some have equal names.
fn rows(count: i64) -> Vec<Measurement> {
    (1..=count)
        .map(|id| Measurement {
            id,
            user_id: id % 60 - 30,
            name: format!("name {}", id % 7),
            flag: id % 3 == 0,
            folded: "Tea".to_owned(),
        })
        .collect()
}

behaviours! { (Measurement), 16 shards on 2 servers, |options| options;
    async fn scattered_writes_need_the_everywhere_verbs(fixture: &Fixture) {
        Measurement::insert_many(&fixture.cluster, rows(90)).await.unwrap();
        let flagged = Measurement::scatter().filter(Measurement::FLAG.eq(true)).count(&fixture.cluster).await.unwrap();
        let report = Measurement::scatter()
            .filter(Measurement::FLAG.eq(true))
            .set(Measurement::NAME, "changed")
            .update_everywhere(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(report.len(), 16);
        assert_eq!(report.iter().map(|(_, rows)| rows).sum::<u64>(), flagged);
        let deleted = Measurement::scatter()
            .filter(Measurement::NAME.eq("changed"))
            .delete_everywhere(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(deleted.iter().map(|(_, rows)| rows).sum::<u64>(), flagged);
        assert_eq!(Measurement::scatter().count(&fixture.cluster).await.unwrap(), 90 - flagged);
    }

    async fn scattered_order_refuses_text_without_binary_collation(fixture: &Fixture) {
        let error = Measurement::scatter().order_by(Measurement::FOLDED).all(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("collation = \"binary\""), "{error}");
    }

    async fn scatter_is_refused_in_a_transaction(fixture: &Fixture) {
        let tx = fixture.cluster.begin(Measurement::shard(1)).await.unwrap();
        assert_eq!(kind(Measurement::scatter().all(&tx).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
    }
}

mod small_pools {
    use shard_orm::config::PoolOptions;

    use super::*;

    behaviours! { (Measurement), 16 shards on 2 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1));
        async fn concurrent_scatters_share_a_pool_of_one(fixture: &Fixture) {
            Measurement::insert_many(&fixture.cluster, rows(80)).await.unwrap();
            let ordered = || Measurement::scatter().order_by(Measurement::NAME);
            let expected = ordered().all(&fixture.cluster).await.unwrap();
            let calls = (0..12).map(|number| {
                let expected = &expected;
                async move {
                    let found: Vec<Measurement> = if number % 2 == 0 {
                        ordered().stream(&fixture.cluster).try_collect().await.unwrap()
                    } else {
                        ordered().all(&fixture.cluster).await.unwrap()
                    };
                    assert_eq!(&found, expected);
                }
            });
            futures_util::future::join_all(calls).await;
        }
    }
}

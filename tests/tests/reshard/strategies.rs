//! Logical shards are split and merged under the strategies with ranges of keys, and with regions.

use shard_orm::ErrorKind;
use shard_orm::admin::Rebalance;
use shard_orm::catalog::Document;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::planner::{Action, Cost, Planner};
use shard_orm::reshard::{JobState, Reshard};
use tempfile::TempDir;

use crate::Order;

/// A row of a region.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "visits")]
struct Visit {
    #[shard(primary_key)]
    id: i64,
    #[shard(region)]
    region: String,
    #[shard(key)]
    user_id: i64,
}

/// A cluster of two SQLite servers with a catalog, whose group has two logical shards under this strategy.
async fn cluster(folder: &TempDir, strategy: &str) -> Cluster {
    let path = folder.path().display();
    let home = format!("sqlite://{path}/default.db");
    let document = format!(
        "name = 'strategies'\n[databases.default]\nprimary = '{home}'\n[groups.shop]\nlogical_shards = 2\n\
         strategy = {strategy}\n[[groups.shop.servers]]\nname = 'a'\nprimary = 'sqlite://{path}/a'\nshards = '0..2'\n\
         [[groups.shop.servers]]\nname = 'b'\nprimary = 'sqlite://{path}/b'\nshards = []\n"
    );
    let catalog = config::Catalog::new("default").heartbeat(None);
    let config = Config::new("strategies")
        .database("default", Database::new(&home))
        .catalog(catalog);
    let first = Cluster::connect(&config).await.unwrap();
    let document = Document::of_configuration(&document).unwrap().to_string();
    let catalog = first.catalog().unwrap();
    catalog.initialize(&document).await.unwrap();
    first.close().await;
    Cluster::connect(&config).await.unwrap()
}

async fn finish(reshard: &Reshard, job: u64) {
    let job = reshard.run(job).await.unwrap();
    assert_eq!(job.state, JobState::Holding, "{job:?}");
    reshard.finish(job.id).await.unwrap();
    let job = reshard.run(job.id).await.unwrap();
    assert_eq!(job.state, JobState::Finished, "{job:?}");
}

#[tokio::test]
async fn ranges_of_keys_are_split_at_a_key_and_by_rows() {
    let folder = TempDir::new().unwrap();
    let cluster = cluster(&folder, "{ type = 'range', bounds = [100] }").await;
    // The catalog learns by which columns rows are routed.
    cluster.setup().table::<Order>().run().await.unwrap();
    let row = |id: i64| Order {
        id,
        user_id: id - 50,
        code: format!("code {id}"),
        amount: None,
    };
    let rows: Vec<Order> = (0..200).map(row).collect();
    Order::insert_many(&cluster, rows.clone()).await.unwrap();
    let reshard = cluster.reshard().unwrap();
    let split = reshard.split_shard("shop", 0, ["a", "b", "a"]);
    let job = split.at(["-10", "30"]).start().await.unwrap();
    let keys: Vec<String> = job.targets.iter().map(|part| part.keys()).collect();
    assert_eq!(keys, ["key min..=-11", "key -10..=29", "key 30..=99"]);
    finish(&reshard, job.id).await;
    let counts = async |shard| Order::on_shard(shard).count(&cluster).await.unwrap();
    assert_eq!(
        [counts(0).await, counts(2).await, counts(3).await],
        [40, 40, 70]
    );
    // By rows: the keys from 100 on have 50 rows.
    let job = reshard
        .split_shard("shop", 1, ["a", "b"])
        .start()
        .await
        .unwrap();
    assert_eq!(job.targets[1].keys(), "key 125..=9223372036854775807");
    finish(&reshard, job.id).await;
    let merge = reshard.merge_shards("shop", [0, 2, 3], "b");
    let job = merge.start().await.unwrap();
    assert_eq!(job.targets[0].keys(), "key min..=99");
    finish(&reshard, job.id).await;
    assert_eq!(
        [counts(0).await, counts(1).await, counts(4).await],
        [150, 25, 25]
    );
    for row in &rows {
        assert_eq!(
            Order::get(&cluster, row.user_id, row.id).await.unwrap(),
            *row
        );
    }
    cluster.setup().table::<Order>().run().await.unwrap();
}

#[tokio::test]
async fn a_region_is_split_and_the_other_one_stays() {
    let folder = TempDir::new().unwrap();
    let strategy = "{ type = 'region', regions = { eu = '0..1', us = '1..2' } }";
    let cluster = cluster(&folder, strategy).await;
    cluster.setup().table::<Visit>().run().await.unwrap();
    let row = |id: i64| Visit {
        id,
        region: if id % 4 == 0 { "eu" } else { "us" }.to_owned(),
        user_id: id % 30,
    };
    let rows: Vec<Visit> = (0..400).map(row).collect();
    Visit::insert_many(&cluster, rows.clone()).await.unwrap();
    let reshard = cluster.reshard().unwrap();
    let planned = reshard
        .split_shard("shop", 1, ["a", "b"])
        .plan()
        .await
        .unwrap();
    assert_eq!(planned.keys["visits"], ["region", "user_id"]);
    let job = reshard
        .split_shard("shop", 1, ["a", "b"])
        .start()
        .await
        .unwrap();
    assert!(job.targets[1].keys().starts_with("hash of us: "), "{job:?}");
    finish(&reshard, job.id).await;
    let count = async |shard| Visit::on_shard(shard).count(&cluster).await.unwrap();
    assert_eq!(count(0).await, 100);
    let upper = count(2).await;
    assert!((100..=200).contains(&upper), "{upper}");
    assert_eq!(count(1).await + upper, 300);
    for row in &rows {
        let key = (row.region.clone(), row.user_id);
        assert_eq!(Visit::get(&cluster, key, row.id).await.unwrap(), *row);
    }
    let error = reshard
        .merge_shards("shop", [0, 1], "a")
        .plan()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("not next to each other"),
        "{error}"
    );
    let job = reshard
        .merge_shards("shop", [1, 2], "a")
        .start()
        .await
        .unwrap();
    finish(&reshard, job.id).await;
    assert_eq!(count(1).await, 300);
}

#[tokio::test]
async fn a_plan_takes_no_region_to_a_server_that_is_not_named_for_it() {
    let folder = TempDir::new().unwrap();
    let strategy = "{ type = 'region', regions = { eu = '0..1', us = '1..2' } }";
    let cluster = cluster(&folder, strategy).await;
    cluster.setup().table::<Visit>().run().await.unwrap();
    let planner = || Planner::new().cost(Cost::Shards);
    let rebalance = || Rebalance::new(&cluster).unwrap().planner(planner());
    let plan = rebalance().plan().await.unwrap();
    assert_eq!(plan.steps, []);
    let [left] = plan.leftovers.as_slice() else {
        panic!("{plan:?}");
    };
    assert_eq!(left.server, "b");
    assert!(left.message.contains("--region eu=b"), "{left}");

    let named = rebalance().region("shop", "us", "b");
    let plan = named.plan().await.unwrap();
    assert_eq!(plan.leftovers, []);
    let [step] = plan.steps.as_slice() else {
        panic!("{plan:?}");
    };
    let Action::Move { shard, to, .. } = &step.action else {
        panic!("{plan:?}");
    };
    assert_eq!((*shard, to.as_str()), (1, "b"));

    // With `allow`, only the given function decides. Its classes are the regions.
    let own = planner().allow(|region, server| server.name == "a" || region == Some("eu"));
    let plan = rebalance().planner(own).plan().await.unwrap();
    let [step] = plan.steps.as_slice() else {
        panic!("{plan:?}");
    };
    assert!(
        matches!(step.action, Action::Move { shard: 0, .. }),
        "{plan:?}"
    );

    for (region, server, problem) in [
        ("mars", "b", "no region `mars`"),
        ("eu", "c", "no server `c`"),
    ] {
        let error = rebalance().region("shop", region, server).plan().await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(problem), "{error}");
    }
}

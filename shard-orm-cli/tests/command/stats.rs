//! `stats`: the calls of the processes that publish theirs.

use shard_orm::prelude::*;
use shard_orm_tests::fixture::FixtureOptions;
use shard_orm_tests::waiting::eventually;

use crate::fixture::{Folder, configuration};
use crate::servers::Order;

#[tokio::test]
async fn the_calls_of_a_process_are_printed_as_it_has_counted_them() {
    let fixture = FixtureOptions::new(Dialect::Sqlite, 4, 2)
        .open(|setup| setup.table::<Order>())
        .await;
    let text = configuration(&fixture, fixture.server_urls());
    let folder = Folder::new(&text);
    let failed = folder.run(&["stats"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(
        failed.stderr.contains("the cluster has no catalog"),
        "{failed:?}"
    );

    let catalog =
        "[catalog]\ndatabase = \"default\"\nprocess = \"checkout\"\nheartbeat = \"100ms\"\n";
    let folder = Folder::new(&format!("{text}\n{catalog}"));
    let initialized = folder.run(&["catalog", "init"]);
    assert_eq!(initialized.code, 0, "{initialized:?}");
    let quiet = folder.run(&["stats"]);
    assert!(
        quiet
            .stdout
            .starts_with("no process has reported within the last minute"),
        "{quiet:?}"
    );

    let process = Cluster::open(folder.path().join("shard-orm.toml"))
        .await
        .unwrap();
    for key in fixture.key_of_each_shard() {
        Order::on(key).count(&process).await.unwrap();
    }
    let calls = async || {
        let printed = folder.run(&["stats", "--json"]).json(0);
        let shards = printed["statistics"]["shards"].as_array().unwrap().clone();
        let calls = shards.iter().filter(|one| one["group"] == "shop");
        calls
            .map(|one| one["windows"]["five"]["calls"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    eventually("it has published", async || calls().await == [1; 4]).await;
    let printed = folder.run(&["stats", "--json"]).json(0);
    assert_eq!(printed["processes"][0]["name"], "checkout", "{printed}");
    assert_eq!(printed["processes"][0]["published"], "counted", "{printed}");
    assert_eq!(printed["anomalies"], serde_json::json!([]), "{printed}");
    let tables = folder.run(&["stats", "--minutes", "1", "--group", "shop", "-n", "2"]);
    for part in [
        "checkout",
        "Servers, last 1 min",
        "server-0",
        "server-1",
        "Anomalies\nnone",
    ] {
        assert!(tables.stdout.contains(part), "{part}: {}", tables.stdout);
    }
    process.close().await;
}

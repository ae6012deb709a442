//! A replica is added and removed, and an option changed, by the command while two processes write and read: no call fails.

use std::process::Command;

use shard_orm::config::Config;
use shard_orm::prelude::*;
use shard_orm_tests::servers::{Node, Rights};
use shard_orm_tests::waiting::eventually;

use crate::fixture::{BINARY, Folder};
use crate::rotation::Process;
use crate::servers::Order;

/// An account of MariaDB without a password: a catalog takes none.
const CREATE_ACCOUNT: [&str; 2] = [
    "CREATE USER porter@'%' IDENTIFIED BY ''",
    "GRANT ALL ON *.* TO porter@'%'",
];

fn url(dialect: Dialect, node: &Node) -> String {
    let url = node.url_of(Rights::Ordinary);
    match dialect {
        Dialect::Postgres => url.replace(":client-secret", ""),
        _ => url.replace("client:client-secret", "porter"),
    }
}

async fn added_and_removed(dialect: Dialect) {
    let primary = Node::start_primary(dialect).await.unwrap();
    let standby = Node::start_replica(&primary).await.unwrap();
    let sessions = match dialect {
        Dialect::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE usename = 'client'",
        _ => "SELECT count(*) FROM information_schema.processlist WHERE user = 'porter'",
    };
    if dialect == Dialect::MySql {
        for statement in CREATE_ACCOUNT {
            primary.run(statement).await.unwrap();
        }
    }
    let files = Folder::new("");
    let text = format!(
        "name = \"replicas\"\ncatalog = {{ database = \"default\", poll = \"200ms\", heartbeat = \"200ms\" }}\n\
         [databases.default]\nprimary = \"sqlite://{}\"\n[groups.shop]\nlogical_shards = 4\nread = \"replica\"\n\
         health = {{ probe_interval = \"50ms\" }}\n[[groups.shop.servers]]\nname = \"a\"\nprimary = \"{}\"\n",
        files.path().join("catalog.db").display(),
        url(dialect, &primary),
    );
    let folder = Folder::new(&text);
    let cluster = Cluster::connect(&Config::from_toml(&text).unwrap().unlisted()).await;
    let cluster = cluster.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    cluster.close().await;
    standby.has_all_of(&primary).await.unwrap();
    let operator = |arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("SHARD_ORM_CONFIG");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = || operator(&["process", "list", "--json"]);
    operator(&["catalog", "init"]);
    let mut processes = [Process::start(&folder, &[]), Process::start(&folder, &[])];
    for process in &mut processes {
        process.goes_on().await;
    }
    assert_eq!(standby.number(sessions).await.unwrap(), 0);
    let replica = url(dialect, &standby);
    operator(&["server", "set", "a", "--add-replica", &replica]);
    // Each process asks it how it is, and reads from it.
    eventually("both processes use the replica", async || {
        standby.number(sessions).await.unwrap() >= 4
    })
    .await;
    for process in &mut processes {
        process.goes_on().await;
    }
    operator(&["server", "set", "a", "--remove-replica", &replica]);
    eventually("nobody uses the replica", async || {
        standby.number(sessions).await.unwrap() == 0
    })
    .await;
    let option = match dialect {
        Dialect::Postgres => "time_zone=Europe/Berlin",
        _ => "collation=utf8mb4_bin",
    };
    operator(&["server", "set", "a", "--option", option]);
    eventually("all processes use the last epoch", async || {
        listed().matches("\"epoch\": 4").count() >= 2
    })
    .await;
    for mut process in processes {
        process.goes_on().await;
        process.end();
    }
}

#[tokio::test]
async fn a_replica_is_added_and_removed_under_traffic_postgres() {
    added_and_removed(Dialect::Postgres).await;
}

#[tokio::test]
async fn a_replica_is_added_and_removed_under_traffic_mariadb() {
    added_and_removed(Dialect::MySql).await;
}

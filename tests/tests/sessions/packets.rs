//! Statements above the packet limit of a server: split if possible, otherwise refused before they are sent.

use shard_orm::config::DatabaseOptions;
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm::{Dialect, ErrorKind};
use shard_orm_tests::database::{fresh_mariadb_prefix_on, fresh_postgres};
use shard_orm_tests::scratch;
use shard_orm_tests::servers::MariaDbServer;

use sqlx::AssertSqlSafe;

use crate::support::connect;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "papers")]
#[shard(unique(user_id, number))]
struct Paper {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    number: i32,
    body: Vec<u8>,
    note: Option<String>,
    #[shard(json)]
    more: Vec<String>,
}

const BY_NUMBER: (shard_orm::Column<Paper, i64>, shard_orm::Column<Paper, i32>) =
    (Paper::USER_ID, Paper::NUMBER);

fn paper(id: i64, bytes: usize) -> Paper {
    Paper {
        id,
        user_id: 0,
        number: i32::try_from(id).unwrap(),
        body: vec![7; bytes],
        note: None,
        more: Vec::new(),
    }
}

async fn large_rows_are_inserted_in_batches(cluster: &Cluster) {
    cluster.setup().table::<Paper>().run().await.unwrap();
    let mut rows: Vec<Paper> = (0..25).map(|id| paper(id, 400_000)).collect();
    rows.extend((25..60).map(|id| paper(id, 10)));
    rows.extend((60..65).map(|id| Paper {
        more: vec!["x".repeat(300_000)],
        ..paper(id, 0)
    }));
    assert_eq!(
        Paper::insert_many(cluster, rows.clone()).await.unwrap(),
        rows
    );
    assert_eq!(
        Paper::on(0).order_by(Paper::ID).all(cluster).await.unwrap(),
        rows
    );
    // All of them or none.
    let again = Paper::insert_many(
        cluster,
        (64..90).rev().map(|id| paper(id, 400_000)).collect(),
    )
    .await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Unique);
    assert_eq!(Paper::on(0).count(cluster).await.unwrap(), 65);
}

async fn mariadb() -> (
    MariaDbServer,
    shard_orm_tests::database::MariaDbPrefix,
    Cluster,
) {
    let server = MariaDbServer::start_with(&[("max-allowed-packet", "1M")])
        .await
        .unwrap();
    let prefix = fresh_mariadb_prefix_on(server.url()).await;
    let url = prefix.create_database("home").await;
    let cluster = connect(Dialect::MySql, &url, DatabaseOptions::new()).await;
    (server, prefix, cluster)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_respect_max_allowed_packet() {
    let (_server, _prefix, cluster) = mariadb().await;
    large_rows_are_inserted_in_batches(&cluster).await;
    Paper::on(0).delete(&cluster).await.unwrap();

    let row = paper(1, 10).insert(&cluster).await.unwrap();
    let large = paper(1, 1_200_000);
    let refused = |what: &str, outcome: shard_orm::Result<()>| {
        let error = outcome.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}");
        assert!(
            error.to_string().contains("max_allowed_packet"),
            "{what}: {error}"
        );
    };
    let text = "y".repeat(1_200_000);
    let on = &cluster;
    refused("insert", paper(2, 1_200_000).insert(on).await.map(drop));
    refused(
        "insert_many",
        Paper::insert_many(on, vec![paper(2, 1), paper(3, 1_200_000)])
            .await
            .map(drop),
    );
    refused("update", large.update(on).await.map(drop));
    refused("save", large.save(on).await.map(drop));
    refused("upsert", large.upsert(on, BY_NUMBER).await.map(drop));
    refused(
        "get_or_create",
        paper(4, 1_200_000)
            .get_or_create(on, BY_NUMBER)
            .await
            .map(drop),
    );
    refused(
        "set",
        Paper::on(0)
            .set(Paper::NOTE, text.clone())
            .update(on)
            .await
            .map(drop),
    );
    refused(
        "filter",
        Paper::on(0)
            .filter(Paper::NOTE.eq(text.clone()))
            .all(on)
            .await
            .map(drop),
    );
    refused(
        "json",
        Paper {
            more: vec![text.clone()],
            ..paper(5, 1)
        }
        .insert(on)
        .await
        .map(drop),
    );
    refused(
        "sql",
        Paper::on_shard_of(0)
            .sql("SELECT id FROM {papers} WHERE note = ?")
            .bind(text.clone())
            .all::<i64>(on)
            .await
            .map(drop),
    );
    refused(
        "text",
        Paper::on_shard_of(0)
            .sql(AssertSqlSafe(format!(
                "SELECT id FROM {{papers}} WHERE note = '{text}'"
            )))
            .all::<i64>(on)
            .await
            .map(drop),
    );
    let tx = on.begin(Paper::shard(0)).await.unwrap();
    refused("transaction", large.update(&tx).await.map(drop));
    Paper {
        note: Some("kept".into()),
        ..row.clone()
    }
    .update(&tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();

    // Nothing was done, and each connection is of use.
    for _ in 0..20 {
        Paper::on(0)
            .increment(Paper::NUMBER, 1)
            .update(on)
            .await
            .unwrap();
    }
    let kept = Paper {
        note: Some("kept".into()),
        number: 21,
        ..row
    };
    assert_eq!(Paper::on(0).all(on).await.unwrap(), [kept]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_rows_are_inserted_in_batches_on_the_others() {
    let database = fresh_postgres().await;
    let cluster = connect(Dialect::Postgres, database.url(), DatabaseOptions::new()).await;
    large_rows_are_inserted_in_batches(&cluster).await;
    let folder = scratch::folder("packets");
    let url = format!("sqlite://{}", folder.path().display());
    large_rows_are_inserted_in_batches(
        &connect(Dialect::Sqlite, &url, DatabaseOptions::new()).await,
    )
    .await;
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "sheets")]
struct Sheet {
    #[static_model(primary_key)]
    id: i64,
    body: Vec<u8>,
    more: String,
}

fn sheets(first: u8) -> Vec<Sheet> {
    (0..20)
        .map(|id| Sheet {
            id,
            body: vec![first; 300_000],
            more: "z".repeat(100_000),
        })
        .collect()
}

async fn sync(on: &Cluster) {
    let report = StaticSync::of::<Sheet>(on).run().await.unwrap();
    report.complete().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_large_rows_respect_max_allowed_packet() {
    let (_server, _prefix, cluster) = mariadb().await;
    let folder = scratch::folder("packets");
    let sqlite = format!("sqlite://{}", folder.path().display());
    let others = connect(Dialect::Sqlite, &sqlite, DatabaseOptions::new()).await;
    for on in [&cluster, &others] {
        let setup = on.setup().table::<Sheet>().table::<Paper>();
        setup.run().await.unwrap();
        let mut rows = Sheet::insert_many(on, sheets(1)).await.unwrap();
        sync(on).await;
        let copy = || Sheet::copy(Paper::shard(0)).order_by(Sheet::ID);
        assert_eq!(copy().all(on).await.unwrap(), rows);
        for row in &mut rows {
            row.body = vec![2; 300_000];
            row.update(on).await.unwrap();
        }
        sync(on).await;
        assert_eq!(copy().all(on).await.unwrap(), rows);
    }
}

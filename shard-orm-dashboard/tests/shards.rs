//! The page of a logical shard says which migrations it has, and where its tables differ.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use shard_orm::Cluster;
use shard_orm::admin::{SqlPlace, SqlRequest, run_sql};
use shard_orm::config::{Config, Group, Server};
use shard_orm::migrate::{Migrations, check_models};
use shard_orm::prelude::*;
use shard_orm_dashboard::Options;
use support::Served;

#[derive(Debug, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

const NOTES: (&str, &str) = (
    "shop/1_notes.sql",
    "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL)",
);
const MORE: (&str, &str) = ("shop/2_more_notes.sql", "CREATE TABLE more (id BIGINT)");

async fn cluster(folder: &Path) -> Cluster {
    let at = |name: &str| format!("sqlite://{}/{name}", folder.display());
    let group = Group::new(4)
        .server(Server::new("a", at("a")))
        .server(Server::new("b", at("b")));
    let config = Config::new("test").group("shop", group);
    Cluster::connect(&config).await.unwrap()
}

/// A cluster to which these were applied.
async fn migrated(folder: &Path, files: &[(&str, &str)]) -> Cluster {
    let cluster = cluster(folder).await;
    let all = Migrations::embedded(files).unwrap();
    cluster.migrate(&all).up().await.unwrap();
    cluster
}

async fn run_on(cluster: &Cluster, shard: u32, sql: &'static str) {
    let group = "shop".to_owned();
    let place = SqlPlace::Shard { group, shard };
    let report = run_sql(cluster, &SqlRequest::new(place, sql)).await;
    assert!(report.unwrap().outcomes[0].error.is_none(), "{sql}");
}

/// The part of the page with the migrations, of a page that was just started.
async fn section(cluster: &Cluster, shard: u32, options: Options) -> String {
    let served = Served::start(cluster, options).await;
    let page = served.get(&format!("/shard/shop/{shard}")).await;
    assert_eq!(page.status, 200);
    let (_, section) = page.body.split_once("<section id=\"migrations\"").unwrap();
    section.split_once("</section>").unwrap().0.to_owned()
}

#[tokio::test]
async fn a_shard_without_migrations_says_so_and_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(folder.path()).await;
    cluster.setup().table::<Note>().run().await.unwrap();
    let page = section(&cluster, 1, Options::new()).await;
    assert!(
        page.contains("No migration was applied here, and none is known."),
        "{page}"
    );
    assert!(
        page.contains("with most of 3 namespaces at the same versions"),
        "{page}"
    );
    assert!(page.contains("There is no difference."), "{page}");
}

#[tokio::test]
async fn applied_and_pending_migrations_are_listed_with_those_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = migrated(folder.path(), &[NOTES]).await;
    let page = section(&cluster, 1, Options::new()).await;
    assert!(page.contains("1 version applied."), "{page}");
    assert!(
        page.contains("<td data-label=\"Name\">notes</td>"),
        "{page}"
    );
    assert!(page.contains("3 of 3"), "{page}");

    let files = Migrations::embedded(&[NOTES, MORE]).unwrap();
    let page = section(&cluster, 1, Options::new().migrations(files.clone())).await;
    assert!(page.contains("1 version applied, 1 pending."), "{page}");
    assert!(
        page.contains("<span class=\"badge warning\">pending</span>"),
        "{page}"
    );

    // Without the files it is pending once another logical shard has it.
    cluster.migrate(&files).shard(0).up().await.unwrap();
    let page = section(&cluster, 1, Options::new()).await;
    assert!(page.contains("1 version applied, 1 pending."), "{page}");
    assert!(
        page.contains("more notes") && page.contains("1 of 3"),
        "{page}"
    );
    let page = section(&cluster, 0, Options::new()).await;
    assert!(page.contains("2 versions applied."), "{page}");
    let why = "none of the other namespaces that were read has the same versions";
    assert!(page.contains(why), "{page}");

    run_on(
        &cluster,
        2,
        "UPDATE shard_orm_migration SET state = 'applying' WHERE version = 1",
    )
    .await;
    let page = section(&cluster, 2, Options::new()).await;
    assert!(
        page.contains("is being applied, or was interrupted"),
        "{page}"
    );
    assert!(page.contains("complete it with `migrate up`"), "{page}");
}

#[tokio::test]
async fn a_table_that_differs_is_on_the_page_of_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = migrated(folder.path(), &[NOTES]).await;
    run_on(&cluster, 3, "ALTER TABLE notes ADD COLUMN extra INT").await;
    let page = section(&cluster, 3, Options::new()).await;
    assert!(
        page.contains("table `notes`: column `extra`: expected none"),
        "{page}"
    );
    assert!(
        page.contains("1 of 4 namespaces have it so, 3 as most have it"),
        "{page}"
    );
    let page = section(&cluster, 2, Options::new()).await;
    assert!(page.contains("There is no difference."), "{page}");

    let models = || Options::new().models(check_models(&cluster).model::<Note>());
    let page = section(&cluster, 3, models()).await;
    assert!(
        page.contains("with the models of the application, and with most"),
        "{page}"
    );
    assert!(page.contains("the model `Note`"), "{page}");
    run_on(&cluster, 1, "DROP TABLE notes").await;
    let page = section(&cluster, 1, models()).await;
    assert!(
        page.contains("the model `Note`; calls can fail because of it"),
        "{page}"
    );
    assert!(page.contains("table `notes` is missing"), "{page}");
}

#[tokio::test]
async fn a_server_that_is_down_is_said_and_others_that_are_down_are_named() {
    let folder = tempfile::tempdir().unwrap();
    migrated(folder.path(), &[NOTES]).await.close().await;
    std::fs::remove_dir_all(folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("b"), "a file, not a folder").unwrap();
    let cluster = cluster(folder.path()).await;
    let page = section(&cluster, 0, Options::new()).await;
    assert!(page.contains("1 version applied."), "{page}");
    assert!(page.contains("with most of 1 namespace at"), "{page}");
    let page = section(&cluster, 3, Options::new()).await;
    assert!(page.contains("Could not read the migrations"), "{page}");
}

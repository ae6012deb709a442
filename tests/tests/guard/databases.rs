//! Named databases whose URLs were edited.

use shard_orm::config::{Config, Database, Group, Ids};
use shard_orm::prelude::*;
use shard_orm_tests::fixture::{DATABASE, Fixture};
use shard_orm_tests::{behaviours, scratch};
use tempfile::TempDir;

use crate::{Order, kind, server, with_group};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
}

/// A database that nobody has set up.
async fn another(fixture: &Fixture) -> (String, Option<TempDir>) {
    match fixture.dialect {
        Dialect::Sqlite => {
            let folder = scratch::folder("another");
            let url = format!("sqlite://{}", folder.path().join("default.db").display());
            (url, Some(folder))
        }
        Dialect::Postgres => (fixture.server_urls()[1].clone(), None),
        Dialect::MySql => {
            let name = fixture.namespace().replace("shop_{shard}", "another");
            fixture
                .raw_namespace_on(0, &name)
                .run(&format!("CREATE DATABASE {name}"))
                .await;
            (format!("{}/{name}", fixture.server_urls()[0]), None)
        }
    }
}

fn with_databases(fixture: &Fixture, databases: &[(&str, &str)]) -> Config {
    let group = Group::new(4)
        .server(server(fixture, 0))
        .server(server(fixture, 1));
    let add =
        |config: Config, (name, url): &(&str, &str)| config.database(*name, Database::new(*url));
    databases.iter().fold(with_group(fixture, group), add)
}

async fn setup(config: &Config) -> shard_orm::Result<()> {
    let cluster = Cluster::connect(config).await.unwrap();
    let setup = cluster.setup().table::<Order>().table::<Setting>();
    setup.run().await.map(drop)
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_replaced_named_database_is_refused(fixture: &Fixture) {
        Setting { id: 1 }.insert(&fixture.cluster).await.unwrap();
        let (url, _folder) = another(fixture).await;
        let edited = with_databases(fixture, &[(DATABASE, &url)]);
        let error = setup(&edited).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("was never set up"), "{error}");
        let cluster = Cluster::connect(&edited).await.unwrap();
        assert_eq!(kind(Setting::query().count(&cluster).await), ErrorKind::UndefinedTable);
        let setup_of = || cluster.setup().table::<Setting>();
        assert_eq!(kind(setup_of().check().await), ErrorKind::Configuration);

        setup(&fixture.config()).await.unwrap();
        assert_eq!(Setting::query().count(&fixture.cluster).await.unwrap(), 1);
        setup_of().accept_database(DATABASE).run().await.unwrap();
        assert_eq!(Setting::query().count(&cluster).await.unwrap(), 0);
        setup(&edited).await.unwrap();
        // Now the former one is another.
        let error = setup(&fixture.config()).await.unwrap_err();
        assert!(error.to_string().contains("is another database of that name"), "{error}");
    }

    async fn ids_from_another_database_are_refused(fixture: &Fixture) {
        let (url, _folder) = another(fixture).await;
        let with_ids = |name: &str| {
            with_databases(fixture, &[(DATABASE, fixture.database_url()), ("reports", &url)])
                .ids(Ids::new().worker(1).tables(name))
        };
        setup(&with_ids(DATABASE)).await.unwrap();
        let error = setup(&with_ids("reports")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("sequences of generated ids are in database `default`"), "{error}");
        let cluster = Cluster::connect(&with_ids("reports")).await.unwrap();
        cluster.setup().table::<Order>().accept_database("reports").run().await.unwrap();
        setup(&with_ids("reports")).await.unwrap();
    }

    async fn swapped_named_databases_are_refused(fixture: &Fixture) {
        #[derive(Debug, Clone, PartialEq, ShardModel)]
        #[shard(database = "reports", table = "reports")]
        struct Report {
            #[shard(primary_key)]
            id: i64,
        }

        let (url, _folder) = another(fixture).await;
        let own = fixture.database_url();
        let both = with_databases(fixture, &[(DATABASE, own), ("reports", &url)]);
        let cluster = Cluster::connect(&both).await.unwrap();
        cluster.setup().table::<Setting>().table::<Report>().run().await.unwrap();
        let swapped = with_databases(fixture, &[(DATABASE, &url), ("reports", own)]);
        let cluster = Cluster::connect(&swapped).await.unwrap();
        let error = cluster.setup().table::<Setting>().table::<Report>().run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("is database `reports` of the cluster"), "{error}");
    }
}

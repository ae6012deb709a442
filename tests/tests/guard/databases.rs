//! Named databases whose URLs were edited.

use shard_orm::config::{Config, Database, Group, Ids};
use shard_orm::prelude::*;
use shard_orm_tests::bed::{Bed, DATABASE};
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
async fn another(bed: &Bed) -> (String, Option<TempDir>) {
    match bed.dialect {
        Dialect::Sqlite => {
            let folder = scratch::folder("another");
            let url = format!("sqlite://{}", folder.path().join("default.db").display());
            (url, Some(folder))
        }
        Dialect::Postgres => (bed.server_urls()[1].clone(), None),
        Dialect::MySql => {
            let name = bed.namespace().replace("shop_{shard}", "another");
            bed.site_of(0, &name)
                .run(&format!("CREATE DATABASE {name}"))
                .await;
            (format!("{}/{name}", bed.server_urls()[0]), None)
        }
    }
}

fn with_databases(bed: &Bed, databases: &[(&str, &str)]) -> Config {
    let group = Group::new(4).server(server(bed, 0)).server(server(bed, 1));
    let add =
        |config: Config, (name, url): &(&str, &str)| config.database(*name, Database::new(*url));
    databases.iter().fold(with_group(bed, group), add)
}

async fn setup(config: &Config) -> shard_orm::Result<()> {
    let cluster = Cluster::connect(config).await.unwrap();
    let setup = cluster.setup().table::<Order>().table::<Setting>();
    setup.run().await.map(drop)
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_named_database_that_became_another_is_refused(bed: &Bed) {
        Setting { id: 1 }.insert(&bed.cluster).await.unwrap();
        let (url, _folder) = another(bed).await;
        let edited = with_databases(bed, &[(DATABASE, &url)]);
        let error = setup(&edited).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("was never set up"), "{error}");
        let cluster = Cluster::connect(&edited).await.unwrap();
        assert_eq!(kind(Setting::query().count(&cluster).await), ErrorKind::UndefinedTable);
        let setup_of = || cluster.setup().table::<Setting>();
        assert_eq!(kind(setup_of().check().await), ErrorKind::Configuration);

        setup(&bed.config()).await.unwrap();
        assert_eq!(Setting::query().count(&bed.cluster).await.unwrap(), 1);
        setup_of().accept_database(DATABASE).run().await.unwrap();
        assert_eq!(Setting::query().count(&cluster).await.unwrap(), 0);
        setup(&edited).await.unwrap();
        // Now the former one is another.
        let error = setup(&bed.config()).await.unwrap_err();
        assert!(error.to_string().contains("is another one of that name"), "{error}");
    }

    async fn ids_of_another_database_are_refused(bed: &Bed) {
        let (url, _folder) = another(bed).await;
        let with_ids = |name: &str| {
            with_databases(bed, &[(DATABASE, bed.database_url()), ("reports", &url)])
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

    async fn swapped_named_databases_are_refused(bed: &Bed) {
        #[derive(Debug, Clone, PartialEq, ShardModel)]
        #[shard(database = "reports", table = "reports")]
        struct Report {
            #[shard(primary_key)]
            id: i64,
        }

        let (url, _folder) = another(bed).await;
        let own = bed.database_url();
        let both = with_databases(bed, &[(DATABASE, own), ("reports", &url)]);
        let cluster = Cluster::connect(&both).await.unwrap();
        cluster.setup().table::<Setting>().table::<Report>().run().await.unwrap();
        let swapped = with_databases(bed, &[(DATABASE, &url), ("reports", own)]);
        let cluster = Cluster::connect(&swapped).await.unwrap();
        let error = cluster.setup().table::<Setting>().table::<Report>().run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("is database `reports` of the cluster"), "{error}");
    }
}

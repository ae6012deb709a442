//! Migrations that are written from models.

use shard_orm::Address;
use shard_orm::migrate::{Migrations, generate};
use shard_orm::model::Model;
use shard_orm::prelude::*;
use shard_orm::schema::Aspect;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::scratch;

use crate::files_of;

/// A model before a change, and after it.
macro_rules! parcel {
    ($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, Clone, PartialEq, ShardModel)]
        #[shard(group = "shop", table = "parcels")]
        struct $name {
            #[shard(primary_key)]
            id: i64,
            #[shard(key)]
            user_id: i64,
            label: String,
            $($(#[$meta])* $field: $type,)*
        }
    };
}

parcel!(Parcel {
    old: Option<i32>,
});
parcel!(Changed {
    #[shard(index)]
    weight: Option<u32>,
    #[shard(default = 1)]
    quantity: i32,
    required: i64,
});

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
struct Job {
    #[shard(primary_key)]
    id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "generated_settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "generated_airlines")]
struct Airline {
    #[static_model(primary_key, length = 3)]
    code: String,
    name: String,
}

/// A cluster that nobody has set up.
async fn fresh(fixture: &Fixture, name: &str) -> Cluster {
    let config = fixture.config_of_another(name);
    Cluster::connect(&config).await.unwrap()
}

async fn difference<M: Model>(
    cluster: &Cluster,
    address: &Address,
    dialect: Dialect,
) -> Vec<Aspect> {
    let table = cluster.read_table(address, M::TABLE).await.unwrap();
    let difference = M::def().table_def().difference(&table, dialect).unwrap();
    difference
        .deviations
        .iter()
        .map(|deviation| deviation.aspect)
        .collect()
}

async fn up(cluster: &Cluster, folder: &std::path::Path) {
    let migrations = Migrations::from_folder(folder).unwrap();
    cluster.migrate(&migrations).up().await.unwrap();
}

behaviours! { (Parcel), 3 shards on 2 servers, |options| options;
    async fn the_first_migrations_create_the_tables_of_all_models(fixture: &Fixture) {
        let cluster = fresh(fixture, "first").await;
        let folder = scratch::folder("migrations");
        let all = || {
            generate(folder.path())
                .model::<Parcel>()
                .model::<Job>()
                .model::<Setting>()
                .model::<Airline>()
        };
        let preview = all().preview(&cluster).await.unwrap();
        assert_eq!((preview.files.len(), files_of(folder.path()).len()), (3, 0));
        let generated = all().run(&cluster).await.unwrap();
        assert!(generated.to_do.is_empty(), "{generated}");
        let written: Vec<_> = generated.files.iter().map(|file| file.path.clone()).collect();
        let mut sorted = written.clone();
        sorted.sort_unstable();
        assert_eq!(files_of(folder.path()), sorted);
        let names: Vec<_> = written.iter().map(|path| {
            let (folder, file) = path.split_once('/').unwrap();
            let (version, name) = file.split_once('_').unwrap();
            assert_eq!(version.len(), 14, "{path}");
            (folder, name)
        }).collect();
        assert_eq!(names, [
            ("default", "create_tables.sql"),
            ("shop.static", "create_generated_airlines.sql"),
            ("shop", "create_tables.sql"),
        ]);

        up(&cluster, folder.path()).await;
        for shard in 0..3 {
            let address = Job::shard(shard);
            assert_eq!(difference::<Parcel>(&cluster, &address, fixture.dialect).await, []);
            assert_eq!(difference::<Job>(&cluster, &address, fixture.dialect).await, []);
        }
        assert_eq!(difference::<Airline>(&cluster, &Airline::database(), fixture.dialect).await, []);
        let again = all().run(&cluster).await.unwrap();
        assert!(again.is_empty(), "{again}");
        assert_eq!(again.to_string(), "no difference between the models and the tables");
        assert_eq!(files_of(folder.path()).len(), 3);
    }

    async fn later_migrations_have_what_is_additive_and_name_the_rest(fixture: &Fixture) {
        let cluster = fresh(fixture, "later").await;
        let folder = scratch::folder("migrations");
        generate(folder.path()).model::<Parcel>().run(&cluster).await.unwrap();
        // No namespace exists yet.
        let generated = generate(folder.path()).model::<Changed>().name("Add weights").run(&cluster).await.unwrap();
        let is_online = fixture.dialect == Dialect::Postgres;
        assert_eq!(generated.files.len(), if is_online { 2 } else { 1 }, "{generated}");
        let text = &generated.files[0].text;
        assert!(generated.files[0].path.ends_with("_add_weights.sql"), "{generated}");
        assert!(text.starts_with("-- Generated by shard-orm from `Changed`.\n--\n-- Left to you:\n"), "{text}");
        assert!(text.contains("required") && text.contains("-- phase: contract"), "{text}");
        let to_do: Vec<_> = generated.to_do.iter().map(|one| one.change.deviation.subject.as_str()).collect();
        assert_eq!(to_do, ["required", "old"]);
        if is_online {
            let second = &generated.files[1];
            assert!(second.path.ends_with("_add_weights_online.sql"));
            assert!(second.text.starts_with("-- no-transaction\n"), "{}", second.text);
            assert!(second.text.contains("CREATE INDEX CONCURRENTLY IF NOT EXISTS \"parcels_weight_index\""));
            assert!(second.text.contains("VALIDATE CONSTRAINT \"parcels_weight_check\""));
        }

        // What is left has no statements, and is no migration, whether or not the files are applied.
        let again = generate(folder.path()).model::<Changed>().run(&cluster).await.unwrap();
        assert_eq!((again.files.len(), again.to_do.len()), (0, 2));
        up(&cluster, folder.path()).await;
        for shard in 0..3 {
            let left = difference::<Changed>(&cluster, &Job::shard(shard), fixture.dialect).await;
            assert_eq!(left, [Aspect::Column, Aspect::Column]);
        }
        let again = generate(folder.path()).model::<Changed>().run(&cluster).await.unwrap();
        assert_eq!((again.files.len(), again.to_do.len()), (0, 2));
    }

    async fn a_cluster_that_setup_has_created_takes_the_first_migration_over(fixture: &Fixture) {
        let cluster = fresh(fixture, "over").await;
        cluster.setup().table::<Parcel>().run().await.unwrap();
        Parcel { id: 1, user_id: 5, label: "tea".into(), old: None }.insert(&cluster).await.unwrap();
        let folder = scratch::folder("migrations");
        generate(folder.path()).model::<Parcel>().run(&cluster).await.unwrap();
        up(&cluster, folder.path()).await;
        assert_eq!(Parcel::on(5).count(&cluster).await.unwrap(), 1);
        let again = generate(folder.path()).model::<Parcel>().run(&cluster).await.unwrap();
        assert!(again.is_empty(), "{again}");
    }

    async fn a_file_for_each_backend_has_the_same_changes(fixture: &Fixture) {
        let cluster = fresh(fixture, "backends").await;
        let folder = scratch::folder("migrations");
        let backends = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];
        generate(folder.path()).model::<Parcel>().backends(backends).run(&cluster).await.unwrap();
        up(&cluster, folder.path()).await;
        let generated = generate(folder.path()).model::<Changed>().backends(backends).run(&cluster).await.unwrap();
        let suffixes: Vec<_> = generated.files.iter().map(|file| file.path.split_once('.').unwrap().1).collect();
        assert_eq!(suffixes, ["sqlite.sql", "postgres.sql", "mysql.sql", "sqlite.sql", "postgres.sql", "mysql.sql"]);
        for file in &generated.files[..3] {
            assert!(file.text.contains("weight") && file.text.contains("quantity"), "{}", file.text);
        }
        assert!(generated.files[4].text.contains("CONCURRENTLY"));
        up(&cluster, folder.path()).await;
        assert_eq!(difference::<Changed>(&cluster, &Job::shard(1), fixture.dialect).await.len(), 2);
    }

    async fn a_file_that_does_not_run_is_named(fixture: &Fixture) {
        let cluster = fresh(fixture, "broken").await;
        let folder = scratch::folder("migrations");
        let generated = generate(folder.path()).model::<Parcel>().run(&cluster).await.unwrap();
        let path = &generated.files[0].path;
        std::fs::write(folder.path().join(path), "CREATE TABLE parcels (id BIGINT PRIMARY KEY);\nNO SUCH STATEMENT").unwrap();
        let error = generate(folder.path()).model::<Parcel>().run(&cluster).await.unwrap_err();
        assert!(error.to_string().contains(&format!("`{path}`, line 2, does not run in a scratch namespace")), "{error}");
    }

    async fn models_that_contradict_each_other_are_refused(fixture: &Fixture) {
        let cluster = fresh(fixture, "twice").await;
        let folder = scratch::folder("migrations");
        let both = generate(folder.path()).model::<Parcel>().model::<Changed>().run(&cluster).await;
        let error = both.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`Parcel` and `Changed`"), "{error}");
        assert!(generate(folder.path()).run(&cluster).await.is_err());
        let named = generate(folder.path()).model::<Parcel>().name("../x").run(&cluster).await;
        assert!(named.is_err());
        assert!(files_of(folder.path()).is_empty());
    }
}

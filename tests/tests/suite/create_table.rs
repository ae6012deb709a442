//! `CREATE TABLE` statements, and the setup that sends them.

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use shard_orm::model::Model as _;
use shard_orm::prelude::*;
use shard_orm::schema::CreateTable;
use shard_orm_tests::behaviours;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Default, ShardField)]
enum Status {
    #[default]
    New,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "everything")]
#[shard(index(user_id, item), unique(code, place))]
struct Everything {
    #[shard(primary_key)]
    id: i64,
    #[shard(region, primary_key, length = 8)]
    place: String,
    #[shard(key, primary_key)]
    user_id: i64,
    #[shard(length = 64, default = "it's \\ tea")]
    item: String,
    #[shard(index)]
    name: String,
    #[shard(column = "the_code", unique)]
    code: Option<i32>,
    #[shard(default)]
    truth: bool,
    i8: i8,
    i16: i16,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    bytes: Vec<u8>,
    #[shard(length = 16)]
    short_bytes: Vec<u8>,
    uuid: Uuid,
    decimal: rust_decimal::Decimal,
    json: Option<serde_json::Value>,
    #[shard(default)]
    status: Status,
    day: chrono::NaiveDate,
    clock: chrono::NaiveTime,
    naive: chrono::NaiveDateTime,
    #[shard(created_at)]
    created: DateTime<Utc>,
    #[shard(updated_at)]
    updated: Option<DateTime<Utc>>,
    #[shard(skip)]
    skipped: bool,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
struct Job {
    #[shard(primary_key)]
    id: i64,
    #[shard(index)]
    name: String,
    #[shard(default = 7)]
    number: i32,
    #[shard(default = "it's \\ \"tea\"")]
    text: String,
    #[shard(default = vec![0, 39, 255])]
    data: Vec<u8>,
    #[shard(json, default = vec!["a'b".to_owned()])]
    tags: Vec<String>,
    #[shard(default)]
    status: Status,
    #[shard(default = -1.5)]
    weight: f64,
    #[shard(default = DateTime::UNIX_EPOCH)]
    at: DateTime<Utc>,
    #[shard(default = Uuid::from_u128(7))]
    mark: Uuid,
    #[shard(default = rust_decimal::Decimal::new(-125, 2))]
    price: rust_decimal::Decimal,
    #[shard(default = true)]
    on: bool,
}

impl Job {
    /// With what the database fills in.
    fn new(id: i64, name: &str) -> Self {
        Self {
            id,
            name: name.into(),
            number: 7,
            text: "it's \\ \"tea\"".into(),
            data: vec![0, 39, 255],
            tags: vec!["a'b".into()],
            status: Status::New,
            weight: -1.5,
            at: DateTime::UNIX_EPOCH,
            mark: Uuid::from_u128(7),
            price: rust_decimal::Decimal::new(-125, 2),
            on: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    name: String,
    #[shard(unique)]
    value: Option<i64>,
}

#[test]
fn create_table_statements_for_postgres() {
    assert_eq!(
        Everything::create_table(Dialect::Postgres)
            .unwrap()
            .in_namespace("shop_3")
            .to_string(),
        POSTGRES
    );
}

#[test]
fn create_table_statements_for_mysql() {
    assert_eq!(
        Everything::create_table(Dialect::MySql)
            .unwrap()
            .in_namespace("shop_3")
            .to_string(),
        MYSQL
    );
}

#[test]
fn create_table_statements_for_sqlite() {
    assert_eq!(
        Everything::create_table(Dialect::Sqlite)
            .unwrap()
            .in_namespace("shop_3")
            .to_string(),
        SQLITE
    );
}

behaviours! { (Everything, Job, Setting);
    async fn a_created_table_does_not_differ_from_its_model(fixture: &Fixture) {
        for (def, address) in [
            (Everything::def(), Job::shard(0)),
            (Job::def(), Job::shard(0)),
            (Setting::def(), Setting::database()),
        ] {
            let found = fixture.cluster.read_table(&address, def.table).await.unwrap();
            let difference = def.table_def().difference(&found, fixture.dialect).unwrap();
            assert!(difference.is_empty(), "{difference}");
            let all = fixture.cluster.read_tables(&address).await.unwrap();
            assert!(all.contains(&found), "{all:?}");
            // What was read creates the same table.
            let created = CreateTable::new(&std::sync::Arc::new(found.clone()), fixture.dialect);
            assert!(created.is_ok());
        }
    }

    async fn setup_is_idempotent(fixture: &Fixture) {
        let id = fixture.id();
        let row = Job::new(id, "kept").insert(&fixture.cluster, 0).await.unwrap();
        let other = fixture.another_process().await;
        for cluster in [&fixture.cluster, &other, &fixture.cluster] {
            let report = fixture.setup_of(cluster).run().await.unwrap();
            let shards = usize::try_from(fixture.logical_shards).unwrap();
            assert_eq!((report.namespaces, report.tables), (shards, 2 * shards + 1));
        }
        assert_eq!(row.reload(&other, 0).await.unwrap(), row);
    }

    async fn the_database_fills_in_defaults(fixture: &Fixture) {
        let id = fixture.id();
        let text = match fixture.dialect {
            Dialect::Postgres => "INSERT INTO {jobs} (id, name) VALUES ($1, 'x')",
            _ => "INSERT INTO {jobs} (id, name) VALUES (?, 'x')",
        };
        Job::on(0).sql(text).bind(id).execute(&fixture.cluster).await.unwrap();
        assert_eq!(Job::get(&fixture.cluster, 0, id).await.unwrap(), Job::new(id, "x"));
    }
}

mod at_once {
    use super::*;

    behaviours! { (Job), 4 shards on 2 servers, |options| options;
        async fn concurrent_setups_of_one_cluster_succeed(fixture: &Fixture) {
            for round in 0..3 {
                let config = fixture.config_of_another(&format!("round{round}"));
                let clusters = try_join_all((0..4).map(|_| Cluster::connect(&config))).await.unwrap();
                let setups = clusters.iter().map(|cluster| {
                    let setup = cluster.setup().table::<Everything>().table::<Job>();
                    tokio::spawn(async move { setup.run().await })
                });
                for setup in futures_util::future::join_all(setups).await {
                    let report = setup.unwrap().unwrap();
                    assert_eq!((report.namespaces, report.tables), (4, 8));
                }
                for shard in 0..4 {
                    let row = Job::new(fixture.id(), "x").insert(&clusters[0], shard).await.unwrap();
                    assert_eq!(row.reload(&clusters[1], shard).await.unwrap(), row);
                }
            }
        }
    }
}

const POSTGRES: &str = r#"CREATE TABLE IF NOT EXISTS "shop_3"."everything" ( "id" bigint NOT NULL, "place" varchar(8) NOT NULL, "user_id" bigint NOT NULL, "item" varchar(64) NOT NULL DEFAULT E'it\'s \\ tea', "name" text NOT NULL, "the_code" integer, "truth" bool NOT NULL DEFAULT FALSE, "i8" smallint NOT NULL CHECK ("i8" BETWEEN -128 AND 127), "i16" smallint NOT NULL, "u8" smallint NOT NULL CHECK ("u8" BETWEEN 0 AND 255), "u16" integer NOT NULL CHECK ("u16" BETWEEN 0 AND 65535), "u32" bigint NOT NULL CHECK ("u32" BETWEEN 0 AND 4294967295), "u64" bigint NOT NULL CHECK ("u64" >= 0), "f32" real NOT NULL, "f64" double precision NOT NULL, "bytes" bytea NOT NULL, "short_bytes" bytea NOT NULL CHECK (OCTET_LENGTH("short_bytes") <= 16), "uuid" uuid NOT NULL, "decimal" numeric NOT NULL, "json" jsonb, "status" text NOT NULL DEFAULT 'new', "day" date NOT NULL, "clock" time NOT NULL, "naive" timestamp without time zone NOT NULL, "created" timestamptz NOT NULL, "updated" timestamptz, PRIMARY KEY ("id", "place", "user_id") );
CREATE INDEX IF NOT EXISTS "everything_name_index" ON "shop_3"."everything" ("name");
CREATE UNIQUE INDEX IF NOT EXISTS "everything_the_code_unique" ON "shop_3"."everything" ("the_code");
CREATE INDEX IF NOT EXISTS "everything_user_id_item_index" ON "shop_3"."everything" ("user_id", "item");
CREATE UNIQUE INDEX IF NOT EXISTS "everything_the_code_place_unique" ON "shop_3"."everything" ("the_code", "place");"#;
const MYSQL: &str = r#"CREATE TABLE IF NOT EXISTS `shop_3`.`everything` ( `id` bigint NOT NULL, `place` varchar(8) NOT NULL, `user_id` bigint NOT NULL, `item` varchar(64) NOT NULL DEFAULT 'it\'s \\ tea', `name` varchar(255) NOT NULL, `the_code` int, `truth` bool NOT NULL DEFAULT FALSE, `i8` tinyint NOT NULL, `i16` smallint NOT NULL, `u8` tinyint UNSIGNED NOT NULL, `u16` smallint UNSIGNED NOT NULL, `u32` int UNSIGNED NOT NULL, `u64` bigint UNSIGNED NOT NULL, `f32` float NOT NULL, `f64` double NOT NULL, `bytes` longblob NOT NULL, `short_bytes` varbinary(16) NOT NULL, `uuid` binary(16) NOT NULL, `decimal` decimal(57, 28) NOT NULL, `json` json, `status` longtext NOT NULL DEFAULT ('new'), `day` date NOT NULL, `clock` time(6) NOT NULL, `naive` datetime(6) NOT NULL, `created` datetime(6) NOT NULL, `updated` datetime(6), PRIMARY KEY (`id`, `place`, `user_id`), KEY `everything_name_index` (`name`), UNIQUE KEY `everything_the_code_unique` (`the_code`), KEY `everything_user_id_item_index` (`user_id`, `item`), UNIQUE KEY `everything_the_code_place_unique` (`the_code`, `place`) ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100202 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;"#;
const SQLITE: &str = r#"CREATE TABLE IF NOT EXISTS `everything` ( `id` INTEGER NOT NULL, `place` TEXT NOT NULL CHECK (LENGTH(`place`) <= 8), `user_id` INTEGER NOT NULL, `item` TEXT NOT NULL DEFAULT 'it''s \ tea' CHECK (LENGTH(`item`) <= 64), `name` TEXT NOT NULL, `the_code` INTEGER CHECK (`the_code` BETWEEN -2147483648 AND 2147483647), `truth` INTEGER NOT NULL DEFAULT FALSE CHECK (`truth` BETWEEN 0 AND 1), `i8` INTEGER NOT NULL CHECK (`i8` BETWEEN -128 AND 127), `i16` INTEGER NOT NULL CHECK (`i16` BETWEEN -32768 AND 32767), `u8` INTEGER NOT NULL CHECK (`u8` BETWEEN 0 AND 255), `u16` INTEGER NOT NULL CHECK (`u16` BETWEEN 0 AND 65535), `u32` INTEGER NOT NULL CHECK (`u32` BETWEEN 0 AND 4294967295), `u64` INTEGER NOT NULL CHECK (`u64` >= 0), `f32` REAL NOT NULL, `f64` REAL NOT NULL, `bytes` BLOB NOT NULL, `short_bytes` BLOB NOT NULL CHECK (LENGTH(`short_bytes`) <= 16), `uuid` BLOB NOT NULL, `decimal` TEXT NOT NULL, `json` TEXT, `status` TEXT NOT NULL DEFAULT 'new', `day` TEXT NOT NULL, `clock` TEXT NOT NULL, `naive` TEXT NOT NULL, `created` TEXT NOT NULL, `updated` TEXT, PRIMARY KEY (`id`, `place`, `user_id`) ) STRICT;
CREATE INDEX IF NOT EXISTS `everything_name_index` ON `everything` (`name`);
CREATE UNIQUE INDEX IF NOT EXISTS `everything_the_code_unique` ON `everything` (`the_code`);
CREATE INDEX IF NOT EXISTS `everything_user_id_item_index` ON `everything` (`user_id`, `item`);
CREATE UNIQUE INDEX IF NOT EXISTS `everything_the_code_place_unique` ON `everything` (`the_code`, `place`);"#;

//! Statements have the same meaning under every setting of a server, a database or a role.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shard_orm::config::{DatabaseOptions, PoolOptions};
use shard_orm::prelude::*;
use shard_orm::{Cluster, Dialect, ErrorKind};
use shard_orm_tests::database::{
    fresh_mariadb_prefix, fresh_mariadb_prefix_on, fresh_postgres, fresh_postgres_on,
};
use shard_orm_tests::listening::listen;
use shard_orm_tests::scratch;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::core;
use crate::support::{config, connect};

/// Settings of MariaDB that change what a statement means, each at another value than the usual one.
const MARIADB: &[&str] = &[
    "sql_mode = ''",
    "sql_mode = 'NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH,ANSI,EMPTY_STRING_IS_NULL,\
     SIMULTANEOUS_ASSIGNMENT,TIME_ROUND_FRACTIONAL,ALLOW_INVALID_DATES,NO_UNSIGNED_SUBTRACTION,ONLY_FULL_GROUP_BY'",
    "autocommit = 0",
    "completion_type = 'CHAIN'",
    "tx_isolation = 'READ-UNCOMMITTED'",
    "foreign_key_checks = 0",
    "unique_checks = 0",
    "check_constraint_checks = 0",
    "sql_safe_updates = 1",
    "sql_select_limit = 2",
    "sql_big_selects = 0",
    "max_join_size = 1",
    "sql_auto_is_null = 1",
    "div_precision_increment = 0",
    "default_week_format = 3",
    "lc_time_names = 'de_DE'",
    "lc_messages = 'de_DE'",
    "group_concat_max_len = 4",
    "max_sort_length = 64",
    "sort_buffer_size = 1024",
    "standard_compliant_cte = 0",
    "default_regex_flags = 'EXTENDED'",
    "system_versioning_asof = '2020-01-01 00:00:00'",
    "old_mode = 'ZERO_DATE_TIME_CAST'",
    "time_zone = '+05:00'",
    "character_set_client = 'latin1'",
    "character_set_connection = 'latin1'",
    "character_set_results = 'latin1'",
    "collation_connection = 'latin1_german1_ci'",
    "collation_server = 'latin1_german1_ci'",
    "explicit_defaults_for_timestamp = 0",
    "innodb_strict_mode = 0",
    "default_storage_engine = 'MyISAM'",
];

/// The same of PostgreSQL.
const POSTGRES: &[(&str, &str)] = &[
    ("standard_conforming_strings", "off"),
    ("backslash_quote", "on"),
    ("DateStyle", "German"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "Asia/Tokyo"),
    ("timezone_abbreviations", "Australia"),
    ("bytea_output", "escape"),
    ("xmlbinary", "hex"),
    ("xmloption", "document"),
    ("extra_float_digits", "-15"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("quote_all_identifiers", "on"),
    ("gin_fuzzy_search_limit", "1"),
    ("exit_on_error", "on"),
    ("session_replication_role", "replica"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("row_security", "off"),
    ("check_function_bodies", "off"),
    ("synchronize_seqscans", "off"),
    ("escape_string_warning", "off"),
    ("lc_messages", "C.UTF-8"),
];

async fn on_mariadb(settings: &[&str], options: DatabaseOptions) {
    static SERVER: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = SERVER.lock().await;
    let server = MariaDbServer::start().await.unwrap();
    let prefix = fresh_mariadb_prefix_on(server.url()).await;
    let url = prefix.create_database("home").await;
    let mut side = MySqlConnection::connect(server.url()).await.unwrap();
    for setting in settings {
        let set = AssertSqlSafe(format!("SET GLOBAL {setting}"));
        side.execute(set)
            .await
            .unwrap_or_else(|e| panic!("{setting}: {e}"));
    }
    let one = connect(Dialect::MySql, &url, options.clone()).await;
    let other = connect(Dialect::MySql, &url, options).await;
    core::run(&one, &other).await;
    for cluster in [one, other] {
        cluster.close().await;
    }
    // What removes the databases uses plain connections.
    for setting in [
        "sql_safe_updates = 0",
        "sql_select_limit = 1000",
        "autocommit = 1",
    ] {
        side.execute(AssertSqlSafe(format!("SET GLOBAL {setting}")))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_mean_the_same_on_a_mariadb_with_other_settings() {
    on_mariadb(MARIADB, DatabaseOptions::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_mean_the_same_on_a_mariadb_that_is_not_strict_and_with_harmless_modes() {
    let options = DatabaseOptions::new()
        .sql_mode(
            "ANSI,TRADITIONAL,NO_UNSIGNED_SUBTRACTION,ONLY_FULL_GROUP_BY,TIME_ROUND_FRACTIONAL",
        )
        .collation("utf8mb4_unicode_ci")
        .charset("utf8mb4")
        .time_zone("UTC");
    on_mariadb(&MARIADB[..1], options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_mean_the_same_on_a_postgres_with_other_settings() {
    let server = PostgresServer::start_with(POSTGRES).await.unwrap();
    let database = fresh_postgres_on(server.url()).await;
    let options = DatabaseOptions::new()
        .setting("work_mem", "7MB")
        .setting("app.tenant", r"o'ne\");
    let one = connect(Dialect::Postgres, database.url(), options.clone()).await;
    let other = connect(Dialect::Postgres, database.url(), options).await;
    core::run(&one, &other).await;
    for (name, expected) in [
        ("session_replication_role", "origin"),
        ("transform_null_equals", "off"),
        ("default_transaction_isolation", "read committed"),
        ("gin_fuzzy_search_limit", "0"),
        ("TimeZone", "UTC"),
        ("work_mem", "7MB"),
        ("app.tenant", r"o'ne\"),
    ] {
        let asked = core::Thing::on_shard_of(0)
            .sql("SELECT current_setting($1)")
            .bind(name.to_owned());
        assert_eq!(asked.one::<String>(&one).await.unwrap(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_mean_the_same_on_sqlite() {
    let folder = scratch::folder("sessions");
    let url = format!("sqlite://{}", folder.path().display());
    let one = connect(Dialect::Sqlite, &url, DatabaseOptions::new()).await;
    let other = connect(Dialect::Sqlite, &url, DatabaseOptions::new()).await;
    core::run(&one, &other).await;
    let pragma = core::Thing::on_shard_of(0).sql("PRAGMA ignore_check_constraints");
    assert_eq!(pragma.one::<i64>(&one).await.unwrap(), 0);
}

/// A role may be given a setting that it may not take back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_foreign_key_checks_is_refused() {
    let database = fresh_postgres().await;
    let role = format!("{}_role", database.name());
    let mut side = PgConnection::connect(database.url()).await.unwrap();
    for statement in [
        format!("CREATE ROLE {role} LOGIN"),
        format!("ALTER ROLE {role} SET session_replication_role = replica"),
    ] {
        side.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let cluster = connect(Dialect::Postgres, &url, DatabaseOptions::new()).await;
    let error = core::Thing::on(0).all(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(
        error.to_string().contains("session_replication_role"),
        "{error}"
    );
    side.execute(AssertSqlSafe(format!("DROP ROLE {role}")))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_change_the_meaning_of_statements_are_refused() {
    let refused = async |dialect: Dialect, url: &str, options: DatabaseOptions| {
        let config = config(dialect, url, options, PoolOptions::new());
        let error = Cluster::connect(&config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        error.to_string()
    };
    let options = DatabaseOptions::new;
    let mysql = "mysql://app@127.0.0.1:1/home";
    for (set, named) in [
        (options().sql_mode("NO_BACKSLASH_ESCAPES"), "sql_mode"),
        (
            options().sql_mode("STRICT_ALL_TABLES,High_Not_Precedence"),
            "HIGH_NOT_PRECEDENCE",
        ),
        (options().sql_mode("EMPTY_STRING_IS_NULL"), "NULL"),
        (options().charset("latin1"), "charset"),
        (options().collation("latin1_bin"), "collation"),
        (options().time_zone("Europe/Berlin"), "time_zone"),
        (options().time_zone("+02:00"), "UTC"),
    ] {
        let error = refused(Dialect::MySql, mysql, set).await;
        assert!(error.contains(named), "{error}");
    }
    let postgres = "postgres://app@127.0.0.1:1/home";
    for (name, value) in [
        ("standard_conforming_strings", "off"),
        ("datestyle", "German"),
        ("Session_Replication_Role", "replica"),
        ("default_transaction_isolation", "serializable"),
        ("extra_float_digits", "0"),
    ] {
        let error = refused(Dialect::Postgres, postgres, options().setting(name, value)).await;
        assert!(error.contains(name), "{error}");
    }
    let of_url = format!("{postgres}?options=-c%20bytea_output%3Descape");
    assert!(
        refused(Dialect::Postgres, &of_url, options())
            .await
            .contains("bytea_output")
    );
}

/// Counts what is said at the level of information, or louder.
struct Loud(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Loud {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() <= Level::INFO {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_setup_without_work_prints_nothing() {
    let database = fresh_postgres().await;
    let prefix = fresh_mariadb_prefix().await;
    let mariadb = prefix.create_database("home").await;
    let loud = Arc::<AtomicUsize>::default();
    let _listening = listen(Loud(Arc::clone(&loud)));
    for (dialect, url) in [
        (Dialect::Postgres, database.url()),
        (Dialect::MySql, &mariadb),
    ] {
        let cluster = connect(dialect, url, DatabaseOptions::new()).await;
        for _ in 0..2 {
            let setup = cluster.setup().table::<core::Thing>();
            setup.table::<core::Name>().run().await.unwrap();
        }
    }
    assert_eq!(loud.load(Ordering::Relaxed), 0);
    // What is asked for is heard.
    let options = DatabaseOptions::new().setting("client_min_messages", "notice");
    let cluster = connect(Dialect::Postgres, database.url(), options).await;
    cluster.setup().table::<core::Thing>().run().await.unwrap();
    assert!(loud.load(Ordering::Relaxed) > 0);
}

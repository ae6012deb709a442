//! The shape of a configuration file: its keys, and the part of the configuration that each
//! becomes.

use std::str::FromStr;

use super::catalog::catalog;
use super::ids::ids;
use super::scalar::{bytes, duration, duration_or_off, one_of, runs};
use super::strategy::strategy;
use super::table::{Table, Value};
use crate::config::Read;
use crate::config::{
    Config, Database, DatabaseOptions, Fallback, FanOut, Group, HealthOptions, PoolOptions,
    Replica, Server, ServerState,
};

/// Reads a whole file. Unreadable parts are reported and keep their defaults.
pub(super) fn config(mut root: Table<'_>) -> Config {
    let name = root.get("name").and_then(|value| value.text());
    let mut config = Config::new(name.as_deref().unwrap_or("default"));
    config.pool = pool_of(&mut root);
    config.health = health_of(&mut root);
    if let Some(table) = root.get("ids").and_then(|value| value.table()) {
        config.ids = ids(table);
    }
    config.catalog = root.get("catalog").and_then(|value| catalog(&value));
    if let Some(table) = root.get("fan_out").and_then(|value| value.table()) {
        config.fan_out = fan_out(table);
    }
    if let Some(value) = root.get("slow_call")
        && let Some(slow_call) = duration_or_off(&value)
    {
        config.slow_call = slow_call;
    }
    for (name, value) in members(&mut root, "databases") {
        if let Some(table) = value.table() {
            config = config.database(name, database(table));
        }
    }
    for (name, value) in members(&mut root, "groups") {
        if let Some(table) = value.table() {
            config = config.group(name, group(table));
        }
    }
    root.finish();
    config
}

fn fan_out(mut table: Table<'_>) -> FanOut {
    let mut fan_out = FanOut::new();
    for (key, limit) in [
        ("statements", &mut fan_out.statements),
        ("statements_per_server", &mut fan_out.statements_per_server),
    ] {
        if let Some(statements) = table.get(key).and_then(|value| value.number()) {
            *limit = statements;
        }
    }
    table.finish();
    fan_out
}

fn members<'a>(table: &mut Table<'a>, key: &'static str) -> Vec<(String, Value<'a>)> {
    let inner = table.get(key).and_then(|value| value.table());
    inner.map(Table::members).unwrap_or_default()
}

fn database(mut table: Table<'_>) -> Database {
    let (primary, replicas) = urls(&mut table, "\"sqlite://data/name.db\"");
    let mut database = Database::new(primary);
    for replica in replicas {
        database = database.replica(replica);
    }
    database.options = options_of(&mut table);
    database.pool = pool_of(&mut table);
    database.health = health_of(&mut table);
    table.finish();
    database
}

/// The URLs of a primary and its replicas; an unreadable one is reported and left empty.
fn urls(table: &mut Table<'_>, example: &str) -> (String, Vec<Replica>) {
    let primary = table.get_either("primary", "master");
    let primary = table.require(primary, "primary", example);
    let replicas = table.get_either("replicas", "slaves");
    let replicas = replicas.and_then(|value| value.list()).unwrap_or_default();
    let url = |value: Value<'_>| value.text().unwrap_or_default();
    (
        primary.map(url).unwrap_or_default(),
        replicas.iter().map(replica).collect(),
    )
}

/// A replica: its URL, or a table of URL and weight.
fn replica(value: &Value<'_>) -> Replica {
    if !value.is_table() {
        return Replica::new(value.text().unwrap_or_default());
    }
    let Some(mut table) = value.table() else {
        return Replica::new("");
    };
    let url = table.get("url");
    let url = table.require(url, "url", "\"postgres://user@host/database\"");
    let mut replica = Replica::new(url.and_then(|value| value.text()).unwrap_or_default());
    if let Some(weight) = table.get("weight").and_then(|value| value.number()) {
        replica = replica.weight(weight);
    }
    table.finish();
    replica
}

fn group(mut table: Table<'_>) -> Group {
    let shards = table.get("logical_shards");
    let shards = table.require(shards, "logical_shards", "16");
    let mut group = Group::new(shards.and_then(|value| value.number()).unwrap_or(0));
    group.namespace = table.get("namespace").and_then(|value| value.text());
    group.static_namespace = table.get("static_namespace").and_then(|value| value.text());
    if let Some(value) = table.get("strategy") {
        group.strategy = strategy(&value).unwrap_or_default();
    }
    if let Some(value) = table.get("read") {
        let choices = [
            ("primary", Read::Primary),
            ("replica", Read::Replica),
            ("session", Read::Session),
        ];
        group.read = one_of(&value, &choices).unwrap_or_default();
    }
    group.find_by_id = table
        .get("find_by_id")
        .and_then(|value| value.flag())
        .unwrap_or(false);
    for (key, value) in members(&mut table, "pins") {
        match i64::from_str(&key) {
            Ok(key) => group.pins.extend(value.number().map(|shard| (key, shard))),
            Err(_) => value.problem(format!(
                "`{key}` is not a shard key; write a whole number, as in \"42\" = 3"
            )),
        }
    }
    for (shard, value) in members(&mut table, "generations") {
        let generation = value.number();
        match u32::from_str(&shard) {
            Ok(shard) => group
                .generations
                .extend(generation.map(|number| (shard, number))),
            Err(_) => value.problem(format!(
                "`{shard}` is not a logical shard; write its number, as in \"3\" = 2"
            )),
        }
    }
    let former = table.get("former_routings").and_then(|value| value.list());
    let former = former.iter().flatten().filter_map(|value| value.text());
    group.former_routings = former.collect();
    group.options = options_of(&mut table);
    group.pool = pool_of(&mut table);
    group.health = health_of(&mut table);
    if let Some(servers) = table.get("servers").and_then(|value| value.list()) {
        for value in servers {
            if let Some(table) = value.table() {
                group = group.server(server(table));
            }
        }
    }
    table.finish();
    group
}

fn server(mut table: Table<'_>) -> Server {
    let name = table.get("name");
    let name = table.require(name, "name", "\"a\"");
    let (primary, replicas) = urls(&mut table, "\"postgres://user@host/database\"");
    let name = name.and_then(|value| value.text()).unwrap_or_default();
    let mut server = Server::new(name, primary);
    for replica in replicas {
        server = server.replica(replica);
    }
    server.weight = table.get("weight").and_then(|value| value.number());
    let shards = table.get("shards");
    server.runs = shards.map(|value| runs(&value).unwrap_or_default());
    if let Some(value) = table.get("state") {
        server.state = one_of(&value, &ServerState::NAMES).unwrap_or_default();
    }
    server.capacity = table.get("capacity").and_then(|value| bytes(&value));
    server.options = options_of(&mut table);
    server.pool = pool_of(&mut table);
    table.finish();
    server
}

/// The `options` of a table.
fn options_of(table: &mut Table<'_>) -> DatabaseOptions {
    let Some(mut table) = table.get("options").and_then(|value| value.table()) else {
        return DatabaseOptions::new();
    };
    let mut text = |key| table.get(key).and_then(|value: Value<'_>| value.text());
    let mut options = DatabaseOptions {
        sql_mode: text("sql_mode"),
        charset: text("charset"),
        collation: text("collation"),
        time_zone: text("time_zone"),
        ..DatabaseOptions::new()
    };
    for (name, value) in members(&mut table, "settings") {
        if let Some(value) = value.text() {
            options = options.setting(name, value);
        }
    }
    table.finish();
    options
}

/// The `pool` of a table.
fn pool_of(table: &mut Table<'_>) -> PoolOptions {
    let Some(mut table) = table.get("pool").and_then(|value| value.table()) else {
        return PoolOptions::new();
    };
    let mut number = |key| table.get(key).and_then(|value: Value<'_>| value.number());
    let max_connections = number("max_connections");
    let sqlite_readers = number("sqlite_readers");
    let sqlite_cache_kib = number("sqlite_cache_kib");
    let statement_cache = table.get("statement_cache");
    let mut time = |key| table.get(key).and_then(|value: Value<'_>| duration(&value));
    let pool = PoolOptions {
        max_connections,
        acquire_timeout: time("acquire_timeout"),
        connect_timeout: time("connect_timeout"),
        idle_timeout: time("idle_timeout"),
        max_lifetime: time("max_lifetime"),
        ping_after_idle: time("ping_after_idle"),
        statement_timeout: time("statement_timeout"),
        statement_cache: statement_cache.and_then(|value| value.number()),
        sqlite_readers,
        busy_timeout: time("busy_timeout"),
        sqlite_cache_kib,
    };
    table.finish();
    pool
}

/// The `health` of a table.
fn health_of(table: &mut Table<'_>) -> HealthOptions {
    let Some(mut table) = table.get("health").and_then(|value| value.table()) else {
        return HealthOptions::new();
    };
    let mut time = |key| table.get(key).and_then(|value: Value<'_>| duration(&value));
    let mut health = HealthOptions {
        probe_interval: time("probe_interval"),
        probe_timeout: time("probe_timeout"),
        max_lag: time("max_lag"),
        session_wait: time("session_wait"),
        ..HealthOptions::new()
    };
    health.max_lag_bytes = table.get("max_lag_bytes").and_then(|value| bytes(&value));
    if let Some(value) = table.get("fallback") {
        let choices = [("primary", Fallback::Primary), ("refuse", Fallback::Refuse)];
        health.fallback = one_of(&value, &choices);
    }
    table.finish();
    health
}

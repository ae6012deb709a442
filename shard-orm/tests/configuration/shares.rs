//! Mistakes of numbers: which shard is where, strategies, pins, pools and options.

use crate::*;

#[test]
fn weights_give_somebody_the_shards() {
    let text = shop(&[(8, "weight = 0"), (12, "weight = 0")]);
    assert_problems(&text, &[("groups.shop.servers", 5, "all weights are 0")]);
}

#[test]
fn a_server_with_a_weight_gets_a_shard() {
    let text = shop(&[(2, "logical_shards = 1")]);
    let part = "this server gets none by its weight";
    assert_problems(&text, &[("groups.shop.servers[1].weight", 9, part)]);
}

#[test]
fn shards_do_not_overlap() {
    let text = shop(&[(8, "shards = '0..9'"), (12, "shards = ['8..16']")]);
    let part = "8..16 overlaps 0..9 of server `a`";
    assert_problems(&text, &[("groups.shop.servers[1].shards", 12, part)]);
}

#[test]
fn no_shard_is_missing() {
    let text = shop(&[(8, "shards = '0..3'"), (12, "shards = '5..16'")]);
    assert_problems(
        &text,
        &[("groups.shop.servers", 5, "no server has the shards 3..5")],
    );
}

#[test]
fn no_shard_is_beyond_the_last() {
    let text = shop(&[(8, "shards = '0..8'"), (12, "shards = '8..17'")]);
    let part = "8..17 exceeds the last logical shard, 15";
    assert_problems(&text, &[("groups.shop.servers[1].shards", 12, part)]);
}

#[test]
fn a_run_holds_a_shard() {
    let text = shop(&[(8, "shards = ['0..8', '8..8']"), (12, "shards = '8..16'")]);
    assert_problems(
        &text,
        &[("groups.shop.servers[0].shards", 8, "8..8 is empty")],
    );
}

#[test]
fn all_servers_list_their_shards_if_one_does() {
    let text = shop(&[(8, "shards = '0..8'")]);
    assert_problems(
        &text,
        &[(
            "groups.shop.servers[1].shards",
            9,
            "list those of this server too",
        )],
    );
    let text = shop(&[(8, "shards = '0..16'"), (12, "shards = []")]);
    let topology = topology(&text);
    let mut placements = topology.groups()[0].placements();
    assert!(placements.all(|placement| placement.server() == 0));
}

#[test]
fn a_weight_beside_listed_shards_assigns_none() {
    let text = shop(&[(8, "shards = '0..4'\nweight = 9"), (12, "shards = '4..16'")]);
    let topology = topology(&text);
    let placements = topology.groups()[0].placements();
    let on_first = placements.filter(|placement| placement.server() == 0);
    assert_eq!(on_first.count(), 4);
}

#[test]
fn an_inactive_server_is_not_used() {
    let text = shop(&[(8, "state = 'inactive'")]);
    let topology = topology(&text);
    let shop = &topology.groups()[0];
    assert_eq!(shop.servers().len(), 1);
    assert_eq!(&**shop.servers()[0].name(), "b");
    assert!(shop.placements().all(|placement| placement.server() == 0));

    let text = self::shop(&[
        (8, "state = 'inactive'\nshards = '0..8'"),
        (12, "shards = '8..16'"),
    ]);
    assert_problems(
        &text,
        &[("groups.shop.servers[0].shards", 9, "the server is inactive")],
    );
}

#[test]
fn generations_name_the_namespaces() {
    let text = format!("{}\n[groups.shop.generations]\n3 = 2\n", shop(&[]));
    let topology = topology(&text);
    let name = |shard: u32| {
        let placement = topology.groups()[0].placement(shard).unwrap();
        placement.namespace().name().to_string()
    };
    assert_eq!(name(2), "shop_2");
    assert_eq!(name(3), "shop_3_g2");

    let text = format!("{}\n[groups.shop.generations]\n16 = 2\n1 = 0\n", shop(&[]));
    assert_problems(
        &text,
        &[
            (
                "groups.shop.generations.16",
                14,
                "exceeds the last logical shard",
            ),
            ("groups.shop.generations.1", 15, "the generation is 0"),
        ],
    );
}

#[test]
fn a_strategy_has_as_many_shards_as_the_group() {
    for (line, path, part) in [
        (
            "{ type = 'range', bounds = [1, 2] }",
            "",
            "routes to 3 logical shards",
        ),
        (
            "{ type = 'ring', weights = [1] }",
            ".weights",
            "1 weights for 16 logical shards",
        ),
        (
            "{ type = 'region', regions = { eu = '0..8' } }",
            "",
            "routes to 8 logical shards",
        ),
    ] {
        let text = shop(&[(4, &format!("strategy = {line}"))]);
        assert_problems(&text, &[(&format!("groups.shop.strategy{path}"), 4, part)]);
    }
}

#[test]
fn a_strategy_says_what_is_wrong_with_it() {
    for (line, path, part) in [
        (
            "{ type = 'range', bounds = [2, 1] }",
            "bounds",
            "bound 1 follows 2",
        ),
        (
            "{ type = 'ring', virtual_nodes = 0 }",
            "",
            "`virtual_nodes` is 0",
        ),
        (
            "{ type = 'region', default = 'mars', regions = { eu = '0..16' } }",
            "default",
            "`mars`",
        ),
        (
            "{ type = 'region', regions = { eu = '0..9', us = '8..16' } }",
            "regions",
            "shard 8 is in",
        ),
        (
            "{ type = 'region', regions = { eu = '0..4000000000' } }",
            "regions.eu",
            "exceeds the last",
        ),
        (
            "{ type = 'ring', compatible = 'django-shard-library', weights = [1] }",
            "weights",
            "no weights",
        ),
    ] {
        let text = shop(&[(4, &format!("strategy = {line}"))]);
        let path = format!("groups.shop.strategy.{path}");
        assert_problems(&text, &[(path.trim_end_matches('.'), 4, part)]);
    }
}

#[test]
fn a_pin_names_a_shard_that_is_there() {
    let text = shop(&[(12, "[groups.shop.pins]\n'42' = 16")]);
    let part = "pinned to shard 16, which exceeds the last logical shard, 15";
    assert_problems(&text, &[("groups.shop.pins.42", 13, part)]);
}

#[test]
fn a_key_is_pinned_once() {
    let group = Group::new(4)
        .pin(1, 2)
        .pin(1, 3)
        .server(Server::new("a", "sqlite://a"));
    let config = Config::new("x").group("shop", group);
    assert_problems_in_code(&config, &[("groups.shop.pins", "key 1 is pinned twice")]);
}

#[test]
fn a_pool_can_run_something() {
    let pool = "[pool]\nmax_connections = 0\nacquire_timeout = '0s'\nping_after_idle = '0s'";
    assert_problems(
        &shop(&[(12, pool)]),
        &[
            ("pool.max_connections", 13, "0 connections; use 1 or more"),
            ("pool.acquire_timeout", 14, "the duration is zero"),
        ],
    );
    let pool = PoolOptions::new().sqlite_readers(0);
    let config = Config::new("x").database("d", Database::new("sqlite://x.db").pool(pool));
    assert_problems_in_code(&config, &[("databases.d.pool.sqlite_readers", "0 readers")]);
}

#[test]
fn options_fit_the_database() {
    let options = "[groups.shop.options]\nsql_mode = 'ANSI'\ntime_zone = 'UTC'\n\
                   settings = { work_mem = 'secret' }";
    assert_problems(
        &shop(&[(12, options)]),
        &[
            (
                "groups.shop.options.sql_mode",
                13,
                "SQLite has no such option",
            ),
            (
                "groups.shop.options.time_zone",
                14,
                "SQLite has no such option",
            ),
            ("groups.shop.options.settings.work_mem", 15, "of PostgreSQL"),
        ],
    );
}

#[cfg(all(feature = "mysql", feature = "postgres"))]
#[test]
fn options_are_well_formed() {
    use shard_orm::config::DatabaseOptions;

    let mysql = DatabaseOptions::new()
        .sql_mode("ANSI; secret")
        .charset("utf8mb4'secret")
        .collation("")
        .time_zone("+00:00");
    let postgres = DatabaseOptions::new()
        .time_zone("'secret'")
        .setting("work mem", "secret")
        .setting("app.tenant", "a secret\0")
        .setting("work_mem", "64MB");
    let config = Config::new("x")
        .database("m", Database::new("mysql://h/m").options(mysql))
        .database("p", Database::new("postgres://h/p").options(postgres));
    assert_problems_in_code(
        &config,
        &[
            ("databases.m.options.sql_mode", "not a valid sql_mode"),
            ("databases.m.options.charset", "not a valid charset"),
            ("databases.m.options.collation", "not a valid collation"),
            ("databases.p.options.time_zone", "not a valid time_zone"),
            ("databases.p.options.settings.app.tenant", "NUL"),
            (
                "databases.p.options.settings.work mem",
                "not a valid name of a setting",
            ),
        ],
    );
}

//! Mistakes of names and places: groups, servers, URLs and namespaces.

use crate::*;

#[test]
fn an_empty_configuration_is_refused() {
    assert_problems_in_code(&Config::new("x"), &[("", "add at least one")]);
}

#[test]
fn the_number_of_logical_shards_has_bounds() {
    for (line, part) in [
        (
            "logical_shards = 0",
            "`logical_shards` is 0; use 1 to 65536",
        ),
        ("logical_shards = 65537", "`logical_shards` is 65537"),
    ] {
        assert_problems(
            &shop(&[(2, line)]),
            &[("groups.shop.logical_shards", 2, part)],
        );
    }
}

#[test]
fn a_group_has_servers() {
    let text = SHOP[..3].join("\n");
    assert_problems(&text, &[("groups.shop.servers", 1, "no server; add one")]);
}

#[test]
fn names_are_unique() {
    let text = shop(&[(10, "name = 'a'")]);
    assert_problems(
        &text,
        &[("groups.shop.servers[1].name", 10, "duplicate server `a`")],
    );
    let database = || Database::new("sqlite://x.db");
    let config = Config::new("x")
        .database("d", database())
        .database("d", database());
    assert_problems_in_code(&config, &[("databases.d", "duplicate database `d`")]);
}

#[test]
fn names_have_plain_characters() {
    let text = shop(&[(6, "name = 'a b'")]);
    assert_problems(
        &text,
        &[(
            "groups.shop.servers[0].name",
            6,
            "not a valid name of a server",
        )],
    );
    let config = Config::new("x/y").database("d", Database::new("sqlite://x.db"));
    assert_problems_in_code(&config, &[("name", "not a valid name of a cluster")]);
    let config = Config::new("x").database("d d", Database::new("sqlite://x.db"));
    assert_problems_in_code(
        &config,
        &[("databases.d d", "not a valid name of a database")],
    );
    let group = Group::new(1).server(Server::new("a", "sqlite://a"));
    let config = Config::new("x").group("my-shop", group);
    assert_problems_in_code(&config, &[("groups.my-shop", "`my-shop` contains `-`")]);
}

#[test]
fn a_namespace_names_the_shard_once() {
    for (line, part) in [
        ("namespace = 'shop'", "the same name for 16 logical shards"),
        ("namespace = 'shop_{shard}_{shard}'", "occurs twice"),
        (
            "namespace = 'shop_{shard}_{group}'",
            "remove the other braces",
        ),
        ("namespace = ''", "the same name for 16"),
    ] {
        assert_problems(&shop(&[(3, line)]), &[("groups.shop.namespace", 3, part)]);
    }
    let one = [
        (2, "logical_shards = 1"),
        (3, "namespace = 'shop'"),
        (12, "weight = 0"),
    ];
    assert_eq!(topology(&shop(&one)).groups().len(), 1);
}

#[test]
fn a_namespace_is_an_identifier() {
    for (line, part) in [
        ("namespace = 'shop-{shard}'", "contains `-`"),
        ("namespace = 'shop\"_{shard}'", "contains `\\\"`"),
        ("namespace = 'läden_{shard}'", "contains `ä`"),
        ("namespace = '{shard}_shop'", "begins with a digit"),
        ("namespace = 'pg_{shard}'", "reserved by the database"),
    ] {
        assert_problems(&shop(&[(3, line)]), &[("groups.shop.namespace", 3, part)]);
    }
}

#[test]
fn a_namespace_leaves_room_for_a_generation() {
    // With the number 15, 59 bytes fit and 60 do not.
    let template = |bytes: usize| format!("namespace = '{}{{shard}}'", "x".repeat(bytes - 2));
    assert_eq!(topology(&shop(&[(3, &template(59))])).groups().len(), 1);
    let text = shop(&[(3, &template(60))]);
    assert_problems(
        &text,
        &[("groups.shop.namespace", 3, "has 60 bytes; use at most 59")],
    );
}

#[test]
fn a_group_name_leaves_room_for_its_static_tables() {
    let name = "g".repeat(53);
    let group = Group::new(1)
        .namespace("short")
        .server(Server::new("a", "sqlite://a"));
    let config = Config::new("x").group(&*name, group);
    assert_problems_in_code(&config, &[(&format!("groups.{name}"), "has 60 bytes")]);
}

#[test]
fn two_groups_do_not_share_a_namespace() {
    let other = r"
[groups.zoo]
logical_shards = 2
namespace = 'Shop_{shard}'
[[groups.zoo.servers]]
name = 'z'
primary = 'sqlite://data/a'
";
    let text = shop(&[]) + other;
    let part = "`shop_0` of group `zoo` is also a name of group `shop`";
    assert_problems(&text, &[("groups.zoo.namespace", 15, part)]);
    // In another folder, the same names are other files.
    topology(&(shop(&[]) + &other.replace("data/a", "data/z")));
}

#[test]
fn a_namespace_is_not_that_of_static_tables() {
    let text = shop(&[
        (2, "logical_shards = 1"),
        (3, "namespace = 'shop_static'"),
        (12, "weight = 0"),
    ]);
    assert_problems(
        &text,
        &[(
            "groups.shop.namespace",
            3,
            "the static tables of group `shop`",
        )],
    );
}

#[test]
fn the_namespace_of_static_tables_has_a_name_of_its_own() {
    let text = shop(&[(3, "static_namespace = 'reference'")]);
    let topology = topology(&text);
    let group = topology.group("shop").unwrap();
    assert_eq!(&**group.static_namespace(), "reference");
    for (line, part) in [
        ("static_namespace = ''", "the name is empty"),
        ("static_namespace = 'a b'", "`a b` contains"),
        ("static_namespace = 'pg_static'", "reserved by the database"),
        (
            "static_namespace = 'shop_3'",
            "is also a name of group `shop`",
        ),
    ] {
        let path = if line.contains("shop_3") {
            "groups.shop.namespace"
        } else {
            "groups.shop.static_namespace"
        };
        let line_of = if line.contains("shop_3") { 1 } else { 3 };
        assert_problems(&shop(&[(3, line)]), &[(path, line_of, part)]);
    }
}

#[test]
fn a_namespace_is_not_a_later_generation_of_another() {
    let other = r"
[groups.zoo]
logical_shards = 4
namespace = 'shop_3_g{shard}'
[[groups.zoo.servers]]
name = 'z'
primary = 'sqlite://data/a'
";
    let part = "a later generation of `shop_3` of group `shop`";
    assert_problems(&(shop(&[]) + other), &[("groups.zoo.namespace", 15, part)]);
}

#[test]
fn a_namespace_is_not_a_named_database() {
    let other = "\n[databases.main]\nprimary = 'sqlite://data/b/shop_9.db'\n";
    let part = "`shop_9` of group `shop` is also a name of database `main`";
    assert_problems(&(shop(&[]) + other), &[("groups.shop.namespace", 3, part)]);
}

#[test]
fn a_replica_is_not_a_primary() {
    let text = shop(&[(8, "replicas = ['sqlite://copy/a', 'sqlite://data/./b']")]);
    let path = "groups.shop.servers[0].replicas[1]";
    let part = "also the primary at groups.shop.servers[1].primary";
    assert_problems(&text, &[(path, 8, part)]);
}

#[test]
fn a_replica_is_listed_once() {
    let text = shop(&[(8, "replicas = [\n'sqlite://copy/a',\n'sqlite://copy/a']")]);
    let path = "groups.shop.servers[0].replicas[1]";
    assert_problems(&text, &[(path, 10, "duplicate replica")]);
}

#[test]
fn a_url_names_a_known_database() {
    let text = shop(&[(7, "primary = 'oracle://app:secret@h/db'")]);
    let path = "groups.shop.servers[0].primary";
    assert_problems(&text, &[(path, 7, "unknown scheme `oracle://`")]);
}

#[test]
fn a_database_in_memory_is_refused_with_the_reason() {
    for url in [
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite://x?mode=memory",
    ] {
        let text = shop(&[(7, &format!("primary = '{url}'"))]);
        let path = "groups.shop.servers[0].primary";
        assert_problems(&text, &[(path, 7, "separate for each connection")]);
    }
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_driver_that_is_not_built_in_is_named() {
    let config = Config::new("x").database("d", Database::new("postgres://app:secret@h/db"));
    let part = "no driver for PostgreSQL; enable the feature `postgres`";
    assert_problems_in_code(&config, &[("databases.d.primary", part)]);
}

#[cfg(feature = "postgres")]
#[test]
fn replicas_are_of_the_kind_of_their_primary_and_servers_may_differ() {
    let text = shop(&[(11, "primary = 'postgres://app:secret@h/db'")]);
    let dialects = topology(&text).group("shop").unwrap().dialects();
    assert_eq!(dialects, [Dialect::Sqlite, Dialect::Postgres]);
    let text = shop(&[(8, "replicas = ['postgres://app:secret@h/db']")]);
    let path = "groups.shop.servers[0].replicas[0]";
    assert_problems(
        &text,
        &[(path, 8, "PostgreSQL, but its primary is on SQLite")],
    );
}

#[cfg(feature = "mysql")]
#[test]
fn namespaces_of_mysql_are_shared_by_all_databases_of_a_server() {
    let group = || Group::new(2).namespace("x_{shard}");
    let config = Config::new("x")
        .group(
            "one",
            group().server(Server::new("a", "mysql://app:secret@h/one")),
        )
        .group(
            "two",
            group().server(Server::new("a", "mariadb://app:secret@H:3306/two")),
        )
        .database("main", Database::new("mysql://app:secret@h/x_1"));
    assert_problems_in_code(
        &config,
        &[
            ("groups.two.namespace", "`x_0` of group `two`"),
            ("groups.one.namespace", "database `main`"),
            ("groups.two.namespace", "database `main`"),
        ],
    );
}

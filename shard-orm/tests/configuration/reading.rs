//! What a right configuration gives.

use crate::*;

#[test]
fn a_whole_file_becomes_a_topology() {
    let topology = topology(
        r#"
        name = "production"
        [pool]
        max_connections = 20
        acquire_timeout = "500ms"
        [databases.default]
        primary = "sqlite://data/default.db"
        [databases.default.pool]
        max_connections = 3
        [groups.shop]
        logical_shards = 16
        namespace = "shop_{shard}"
        strategy = "hash"
        read = "replica"
        [groups.shop.pins]
        "42" = 3
        -1 = 4
        [groups.shop.pool]
        max_connections = 8
        [[groups.shop.servers]]
        name = "a"
        primary = "sqlite://data/a"
        replicas = ["sqlite://copy/a"]
        weight = 3
        [[groups.shop.servers]]
        name = "b"
        primary = "sqlite:///var/b"
        pool = { statement_timeout = "2m", statement_cache = 0 }
        "#,
    );
    assert_eq!((topology.name(), topology.epoch()), ("production", 1));

    let database = topology.database("default").unwrap();
    assert_eq!(database.primary().label(), "sqlite://data/default.db");
    assert_eq!(database.primary().pool().max_connections, 3);
    assert!(database.replicas().is_empty());
    assert!(topology.database("shop").is_none());

    let shop = topology.group("shop").unwrap();
    assert_eq!(
        (shop.dialect(), shop.read()),
        (Dialect::Sqlite, Read::Replica)
    );
    assert_eq!(&**shop.static_namespace(), "shop_static");
    assert_eq!(shop.router().route(&RoutingKey::new(42)).unwrap(), 3);
    assert_eq!(shop.router().route(&RoutingKey::new(-1)).unwrap(), 4);
    assert_eq!(shop.router().strategy().name(), "hash");
    let shares = shares(&topology, "shop");
    assert_eq!(shares[0], ("a".to_owned(), (0..12).collect()));
    assert_eq!(shares[1], ("b".to_owned(), (12..16).collect()));

    let namespace = shop.placement(7).unwrap().namespace();
    assert_eq!((&**namespace.group(), namespace.shard()), ("shop", 7));
    assert_eq!((&**namespace.name(), namespace.generation()), ("shop_7", 1));
    assert!(shop.placement(16).is_none());

    let [a, b] = shop.servers() else { panic!() };
    assert_eq!(a.replicas()[0].label(), "sqlite://copy/a");
    assert_eq!(a.primary().pool().max_connections, 8);
    assert_eq!(
        a.primary().pool().acquire_timeout,
        Duration::from_millis(500)
    );
    assert_eq!(a.primary().pool().statement_timeout, None);
    let limits = b.primary().pool();
    assert_eq!(limits.statement_timeout, Some(Duration::from_secs(120)));
    assert_eq!(
        (limits.max_connections, limits.statement_cache),
        (8, Some(0))
    );
    let file = b.primary().namespace_file("shop_12").unwrap();
    assert_eq!(file, Path::new("/var/b/shop_12.db"));
}

#[test]
fn code_gives_the_same_as_a_file() {
    let file = topology(&shop(&[(8, "weight = 5")]));
    let config = Config::new("default").group(
        "shop",
        Group::new(16)
            .namespace("shop_{shard}")
            .server(Server::new("a", "sqlite://data/a").weight(5))
            .server(Server::new("b", "sqlite://data/b")),
    );
    let code = config.topology().unwrap();
    assert_eq!(format!("{code:?}"), format!("{file:?}"));
}

#[test]
fn master_and_slaves_are_other_names() {
    let lines = [
        (7, "master = 'sqlite://data/a'"),
        (8, "slaves = ['sqlite://copy/a']"),
    ];
    let topology = topology(&shop(&lines));
    let server = &topology.group("shop").unwrap().servers()[0];
    assert_eq!(server.primary().label(), "sqlite://data/a");
    assert_eq!(server.replicas()[0].label(), "sqlite://copy/a");
}

#[test]
fn variables_come_from_the_environment() {
    // Cargo sets it for every test.
    let package = std::env::var("CARGO_PKG_NAME").unwrap();
    let text = shop(&[(7, "primary = 'sqlite://data/${CARGO_PKG_NAME}/$$x'")]);
    let topology = topology(&text);
    let path = topology.group("shop").unwrap().servers()[0]
        .primary()
        .path()
        .unwrap();
    assert_eq!(path, Path::new("data").join(package).join("$x"));
}

#[test]
fn relative_paths_count_from_the_folder_of_the_file() {
    let folder = std::env::temp_dir().join(format!("shard-orm-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("shard-orm.toml");
    std::fs::write(&file, shop(&[])).unwrap();
    let read = Config::from_file(&file).and_then(|config| config.topology());
    std::fs::remove_dir_all(&folder).unwrap();
    let topology = read.unwrap();
    let path = topology.group("shop").unwrap().servers()[1]
        .primary()
        .path()
        .unwrap();
    assert_eq!(path, folder.join("data/b"));
}

#[test]
fn a_problem_names_the_file() {
    let file: PathBuf =
        std::env::temp_dir().join(format!("shard-orm-bad-{}.toml", std::process::id()));
    std::fs::write(&file, shop(&[(2, "logical_shards = 0")])).unwrap();
    let read = Config::from_file(&file);
    std::fs::remove_file(&file).unwrap();
    let [problem] = &problems_of(&read.unwrap_err())[..] else {
        panic!()
    };
    assert_eq!(problem.file(), Some(&*file));
    let begin = format!("{}:2: groups.shop.logical_shards: ", file.display());
    assert!(problem.to_string().starts_with(&begin), "{problem}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::from_file("nowhere/shard-orm.toml").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("nowhere/shard-orm.toml"),
        "{error}"
    );
}

#[test]
fn explicit_runs_place_the_shards() {
    let lines = [
        (8, "shards = ['0..4', 9, '12..16']"),
        (12, "shards = ['4..9', '10..12']"),
    ];
    let shares = shares(&topology(&shop(&lines)), "shop");
    assert_eq!(shares[0].1, [0, 1, 2, 3, 9, 12, 13, 14, 15]);
    assert_eq!(shares[1].1, [4, 5, 6, 7, 8, 10, 11]);
}

#[test]
fn a_server_of_weight_zero_gets_no_shard() {
    for lines in [
        vec![(12, "weight = 0")],
        vec![(8, "shards = '0..16'"), (12, "weight = 0")],
    ] {
        let shares = shares(&topology(&shop(&lines)), "shop");
        assert_eq!(shares[0].1.len(), 16);
        assert!(shares[1].1.is_empty());
    }
}

#[test]
fn every_strategy_can_be_written() {
    for (text, name) in [
        ("'hash'", "hash"),
        ("{ type = 'hash' }", "hash"),
        ("'modulo'", "modulo"),
        ("'ring'", "ring"),
        ("{ type = 'ring', virtual_nodes = 8 }", "ring"),
        ("{ type = 'ring', weights = [1, 2, 0, 1] }", "ring"),
        (
            "{ type = 'ring', compatible = 'django-shard-library' }",
            "django-shard-library",
        ),
        ("{ type = 'range', bounds = [-5, 0, 1_000] }", "range"),
        (
            "{ type = 'region', regions = { eu = '0..3', us = 3 } }",
            "region",
        ),
        (
            "{ type = 'region', default = 'eu', regions = { eu = ['0..2', 3], us = [2] } }",
            "region",
        ),
    ] {
        let strategy = format!("strategy = {text}");
        let topology = topology(&shop(&[(2, "logical_shards = 4"), (4, &strategy)]));
        let router = topology.group("shop").unwrap().router().clone();
        assert_eq!(router.strategy().name(), name);
        assert_eq!(router.logical_shards(), 4);
    }
}

#[test]
fn the_django_ring_is_made_of_the_namespaces() {
    let strategy = "strategy = { type = 'ring', compatible = 'django-shard-library' }";
    let lines = [
        (2, "logical_shards = 4"),
        (3, "namespace = 'product_{shard}'"),
        (4, strategy),
    ];
    let topology = topology(&shop(&lines));
    let router = topology.group("shop").unwrap().router();
    // From the vectors of that library.
    for (key, shard) in [(1, 1), (2, 2), (3, 1), (4, 0), (8, 3)] {
        assert_eq!(router.route(&RoutingKey::new(key)).unwrap(), shard);
    }
}

#[test]
fn a_strategy_made_in_code_is_taken() {
    let strategy: Arc<dyn shard_orm::route::Strategy> = Arc::new(Hash::new(4).unwrap());
    for strategy in [StrategyConfig::from(strategy), Hash::new(4).unwrap().into()] {
        let group = Group::new(4)
            .strategy(strategy)
            .server(Server::new("a", "sqlite://a"));
        assert!(Config::new("x").group("shop", group).topology().is_ok());
    }
}

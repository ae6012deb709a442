//! The configurations of the guide are parsed as printed.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

use std::path::Path;

use shard_orm::config::Config;

fn chapter(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/src")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The blocks that are fenced with exactly this.
fn blocks(text: &str, fence: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{fence}") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

fn check(toml: &str) {
    // The environment is the process's: the texts name the one variable, and no more.
    let toml = toml.replace("${SHOP_PASSWORD}", "secret");
    let topology = Config::from_toml(&toml).and_then(|config| config.topology());
    if let Err(error) = topology {
        panic!("{error}\n{toml}");
    }
}

#[test]
fn configurations_of_the_guide_are_valid() {
    let configuration = blocks(&chapter("configuration.md"), "toml");
    let started = blocks(&chapter("getting-started.md"), "toml");
    assert_eq!((configuration.len(), started.len()), (1, 1));
    for block in configuration.iter().chain(&started) {
        check(block);
    }
}

#[test]
fn id_configurations_of_the_guide_are_valid() {
    let text = chapter("ids.md");
    let whole = blocks(&text, "toml");
    assert_eq!(whole.len(), 2);
    for block in whole {
        check(&block);
    }
    let fragments = blocks(&text, "toml,fragment");
    let (workers, group) = (&fragments[0], &fragments[1]);
    for worker in workers.lines() {
        let worker = worker.replace("${WORKER}", "7");
        check(&format!(
            "[databases.default]\nprimary = \"sqlite://default.db\"\n[ids]\n{worker}\n"
        ));
    }
    check(&format!(
        "[groups.shop]\nlogical_shards = 16\n{group}\n\
         [[groups.shop.servers]]\nname = \"a\"\nprimary = \"sqlite://data/a\"\n"
    ));
}

#[test]
fn ids_of_the_guide_are_correct() {
    use shard_orm::id::Layout;
    use shard_orm::route::mix64;

    let text = chapter("ids.md");
    let (_, table) = text.split_once("| milliseconds | sequence |").unwrap();
    let rows: Vec<Vec<i64>> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().parse().unwrap()).collect()
        })
        .collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let parts = Layout::default().parts(row[4]).unwrap();
        assert_eq!(i64::try_from(parts.milliseconds), Ok(row[0]));
        assert_eq!(i64::from(parts.sequence), row[1]);
        assert_eq!(i64::from(parts.worker), row[2]);
        let hash = mix64(row[3].cast_unsigned());
        assert_eq!(u64::from(parts.shard_bits), hash >> 56);
    }
}

#[test]
fn strategies_of_the_guide_are_valid() {
    let fragments = blocks(&chapter("configuration.md"), "toml,fragment");
    let lines: Vec<&str> = fragments[0].lines().collect();
    assert_eq!(lines.len(), 6);
    for (line, shards) in lines.iter().zip([16, 16, 3, 3, 16, 16]) {
        check(&format!(
            "[groups.shop]\nlogical_shards = {shards}\n{line}\n\
             [[groups.shop.servers]]\nname = \"a\"\nprimary = \"sqlite://data/a\"\n"
        ));
    }
}

/// Rows of the tables whose first column is a key in backticks: key, type, default, and so on.
fn rows<'t>(text: &'t str, heading: &str) -> Vec<Vec<&'t str>> {
    let (_, section) = text.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn pool_keys_of_the_guide_state_the_defaults() {
    let text = chapter("configuration.md");
    let pools = rows(&text, "## Pools");
    assert_eq!(pools.len(), 11);
    let server = |pool: &str| {
        let text =
            format!("[databases.default]\nprimary = \"sqlite://default.db\"\npool = {{ {pool} }}");
        let topology = Config::from_toml(&text).unwrap().topology().unwrap();
        topology.databases()[0].primary().pool().clone()
    };
    let defaults = server("");
    for row in pools {
        let (key, default) = (row[1].trim_matches('`'), row[3].trim_matches('`'));
        let given = match default {
            // No default to write down, so that any value has to make a difference.
            "none" => "\"7s\"",
            "see below" => "7",
            other => other,
        };
        let set = server(&format!("{key} = {given}"));
        assert_eq!(set == defaults, given == default, "{key}");
    }
}

#[test]
fn health_keys_of_the_guide_state_the_defaults() {
    let text = chapter("configuration.md");
    let keys = rows(&text, "## Health");
    assert_eq!(keys.len(), 6);
    let server = |health: &str| {
        let text = format!(
            "[databases.default]\nprimary = \"sqlite://default.db\"\nhealth = {{ {health} }}"
        );
        let topology = Config::from_toml(&text).unwrap().topology().unwrap();
        topology.databases()[0].health().clone()
    };
    let defaults = server("");
    for row in keys {
        let (key, default) = (row[1].trim_matches('`'), row[3].trim_matches('`'));
        let given = match default {
            "none" => "\"64MiB\"",
            other => other,
        };
        let set = server(&format!("{key} = {given}"));
        assert_eq!(set == defaults, given == default, "{key}");
    }
}

#[test]
fn replica_fragments_of_the_guide_are_valid() {
    let fragments = blocks(&chapter("replicas.md"), "toml,fragment");
    let [replicas, health] = &fragments[..] else {
        panic!("{} fragments", fragments.len());
    };
    check(&format!(
        "[groups.shop]\nlogical_shards = 4\n{}\n\
         [[groups.shop.servers]]\nname = \"a\"\nprimary = \"postgres://app@10.0.0.1/shop\"\n{replicas}\n",
        health
    ));
}

#[test]
fn hash_vectors_of_the_guide_are_correct() {
    use shard_orm::route::{Hash, RoutingKey, Strategy, mix64};

    let text = chapter("routing.md");
    let (_, section) = text.split_once("## hash").unwrap();
    let rows: Vec<Vec<&str>> = section
        .split("\n## ")
        .next()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| key"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let key: i64 = row[1].parse().unwrap();
        assert_eq!(mix64(key.cast_unsigned()).to_string(), row[2]);
        for (count, expected) in [2, 3, 16, 1024].into_iter().zip(&row[3..]) {
            let shard = Hash::new(count)
                .unwrap()
                .route(&RoutingKey::new(key))
                .unwrap();
            assert_eq!(shard.to_string(), *expected, "{key} of {count}");
        }
    }
}

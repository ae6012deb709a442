//! How ids are to be made.

use shard_orm::Cluster;
use shard_orm::config::Ids;
use shard_orm::id::Layout;

use crate::*;

const DATABASE: &str = "[databases.default]\nprimary = 'sqlite://default.db'\n";

fn ids(text: &str) -> String {
    format!("{DATABASE}[ids]\n{text}")
}

#[tokio::test]
async fn the_widths_and_the_worker_of_a_file_are_read() {
    for (text, layout) in [
        ("", Layout::default()),
        ("worker = 255", Layout::default()),
        (
            "worker = { lease = 'default', ttl = '2m' }\nblock = 5",
            Layout::default(),
        ),
        (
            "worker = '1023'\nsequence_bits = 8\nworker_bits = 10\nshard_bits = 4\ntables = 'default'",
            Layout::new(8, 10, 4).unwrap(),
        ),
    ] {
        let config = Config::from_toml(&ids(text)).unwrap();
        let cluster = Cluster::connect(&config).await.unwrap();
        assert_eq!(cluster.id_layout(), layout, "{text}");
    }
}

#[test]
fn each_mistake_in_ids_is_explained() {
    assert_problems(
        &ids("worker = 256\ntables = 'other'\nblock = 0\nwroker = 1"),
        &[
            ("ids.worker", 4, "use 0 to 255"),
            ("ids.tables", 5, "unknown database `other`"),
            ("ids.block", 6, "the block size is 0"),
            ("ids.wroker", 7, "did you mean `worker`?"),
        ],
    );
    assert_problems(
        &ids("sequence_bits = 7"),
        &[("ids", 3, "are 23 in total; use 22 bits")],
    );
    assert_problems(
        &ids("sequence_bits = 0\nworker_bits = 14"),
        &[("ids", 3, "has 0 bits")],
    );
    assert_problems(
        &ids("worker = { ttl = '999ms', lease = 'none' }"),
        &[
            ("ids.worker.lease", 4, "unknown database `none`"),
            ("ids.worker.ttl", 4, "the lease TTL is 999ms; use 1s to 1h"),
        ],
    );
    assert_problems(
        &ids("worker = { leese = 'default' }"),
        &[
            ("ids.worker.lease", 4, "`lease` is missing"),
            ("ids.worker.leese", 4, "did you mean `lease`?"),
        ],
    );
    assert_problems(
        &ids("worker = 'seven'"),
        &[("ids.worker", 4, "not a worker number")],
    );
    assert_problems(
        &ids("worker = '${SHARD_ORM_IS_NOT_SET}'"),
        &[("ids.worker", 4, "`SHARD_ORM_IS_NOT_SET`")],
    );
    assert_problems(&ids("worker = -1"), &[("ids.worker", 4, "too small")]);
}

#[test]
fn code_is_checked_as_a_file_is() {
    let config = Config::new("x")
        .database("default", Database::new("sqlite://default.db"))
        .ids(
            Ids::new()
                .lease("other")
                .lease_ttl(Duration::from_secs(7_200))
                .tables("none")
                .block(0),
        );
    assert_problems_in_code(
        &config,
        &[
            ("ids.worker.lease", "unknown database `other`"),
            ("ids.worker.ttl", "use 1s to 1h"),
            ("ids.tables", "unknown database `none`"),
            ("ids.block", "use 1 to 1000000"),
        ],
    );
}

#[test]
fn rows_are_found_by_their_ids_under_the_strategy_hash_alone() {
    for right in ["'hash'", "{ type = 'hash' }"] {
        let text = format!("strategy = {right}\nfind_by_id = true");
        topology(&shop(&[(4, &text)]));
    }
    for wrong in ["'modulo'", "'ring'"] {
        let text = format!("strategy = {wrong}\nfind_by_id = true");
        assert_problems(
            &shop(&[(4, &text)]),
            &[("groups.shop.find_by_id", 5, "use the strategy \"hash\"")],
        );
        // Without the promise, every strategy will do.
        topology(&shop(&[(
            4,
            &format!("strategy = {wrong}\nfind_by_id = false"),
        )]));
    }
    assert_problems(
        &shop(&[(4, "find_by_id = 1")]),
        &[("groups.shop.find_by_id", 4, "write true or false")],
    );
}

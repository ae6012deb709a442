//! Everything that a check finds, and what it does not find in a cluster that is well.

use shard_orm::admin::{CheckOptions, CheckReport, Severity, check, findings_of_configuration};
use shard_orm::config::{Config, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::database::fresh_postgres_on;
use shard_orm_tests::fixture::{Fixture, FixtureOptions, GROUP};
use shard_orm_tests::secrets::SECRET;
use shard_orm_tests::servers::{PgBouncer, PostgresServer, postgres};

use crate::{Order, Setting, fill};

/// The checks that found something, in their order.
fn checks(report: &CheckReport) -> Vec<&'static str> {
    report
        .findings
        .iter()
        .map(|finding| finding.check)
        .collect()
}

async fn checked(config: &Config) -> CheckReport {
    let cluster = Cluster::connect(config).await.unwrap();
    check(&cluster, CheckOptions::new()).await.unwrap()
}

/// A configuration of the fixture's group on these servers.
fn config(fixture: &Fixture, servers: impl IntoIterator<Item = Server>) -> Config {
    let mut group = Group::new(fixture.logical_shards)
        .namespace(fixture.namespace())
        .static_namespace(fixture.namespace().replace("{shard}", "static"));
    for server in servers {
        group = group.server(server);
    }
    Config::new(fixture.cluster_name()).group(GROUP, group)
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_cluster_that_is_well_has_no_findings(fixture: &Fixture) {
        fill(fixture).await;
        let report = check(&fixture.cluster, CheckOptions::new()).await.unwrap();
        assert_eq!(checks(&report), Vec::<&str>::new(), "{report:?}");
        assert!(report.is_ok());
        match fixture.dialect {
            Dialect::Sqlite => assert_eq!(report.budgets, []),
            // Both servers, and the named database, are one.
            _ => {
                let [budget] = &report.budgets[..] else { panic!("{report:?}") };
                assert_eq!(budget.needed, 3 * 8);
                assert!(budget.accepted > 100, "{budget:?}");
            }
        }
    }

    async fn a_group_that_was_never_set_up_is_found(fixture: &Fixture) {
        let report = checked(&fixture.config_of_another("strange")).await;
        assert_eq!(checks(&report), ["not_set_up"], "{report:?}");
        let finding = &report.findings[0];
        assert_eq!((finding.severity, &*finding.place), (Severity::Error, "group shop"));
        assert!(finding.message.contains("4 logical shards"), "{finding}");
        assert!(finding.advice.contains("shard-orm setup"), "{finding}");
    }

    async fn a_namespace_that_is_gone_is_found(fixture: &Fixture) {
        fixture.raw_namespace(2).remove().await;
        let report = checked(&fixture.config()).await;
        assert_eq!(checks(&report), ["namespaces"], "{report:?}");
        assert!(report.findings[0].message.contains("shard 2 should be on server `server-1`"), "{report:?}");
    }

    async fn a_namespace_of_another_cluster_is_found(fixture: &Fixture) {
        fixture.raw_namespace(1).set_record("cluster_name = 'other'").await;
        let report = checked(&fixture.config()).await;
        assert_eq!(checks(&report), ["namespaces"], "{report:?}");
        assert!(report.findings[0].message.contains("`other`"), "{report:?}");
    }

    async fn an_interrupted_setup_is_found(fixture: &Fixture) {
        fixture.raw_namespace(3).set_record("ready = 0").await;
        let report = checked(&fixture.config()).await;
        assert_eq!(checks(&report), ["setup_incomplete"], "{report:?}");
    }

    async fn servers_that_were_swapped_are_found(fixture: &Fixture) {
        let urls = fixture.server_urls();
        let servers = [Server::new("server-0", &urls[1]), Server::new("server-1", &urls[0])];
        let report = checked(&config(fixture, servers)).await;
        // Both names lead to one server of MariaDB.
        let expected: &[&str] = if fixture.dialect == Dialect::MySql { &[] } else { &["namespaces"] };
        assert_eq!(checks(&report), expected, "{report:?}");
    }

    async fn an_endpoint_that_does_not_answer_is_found(fixture: &Fixture) {
        let url = match fixture.dialect {
            Dialect::Sqlite => return,
            Dialect::Postgres => format!("postgres://app:{SECRET}@127.0.0.1:9/shop"),
            Dialect::MySql => format!("mysql://app:{SECRET}@127.0.0.1:9"),
        };
        let servers = [Server::new("server-0", &fixture.server_urls()[0]), Server::new("server-1", url)];
        let report = checked(&config(fixture, servers)).await;
        assert_eq!(checks(&report), ["endpoint_unreachable"], "{report:?}");
        let finding = &report.findings[0];
        assert!(finding.place.starts_with("shop/server-1 ("), "{finding}");
        assert!(finding.place.contains("app:***@127.0.0.1:9"), "{finding}");
        assert!(!format!("{report:?} {finding}").contains(SECRET));
    }

    async fn pools_beyond_the_limits_of_a_server_are_found(fixture: &Fixture) {
        let report = check(&fixture.cluster, CheckOptions::new().processes(100)).await.unwrap();
        match fixture.dialect {
            Dialect::Sqlite => assert_eq!(checks(&report), Vec::<&str>::new()),
            Dialect::Postgres => assert_eq!(checks(&report), ["connection_budget"], "{report:?}"),
            Dialect::MySql => assert_eq!(checks(&report), ["connection_budget", "prepared_statements"], "{report:?}"),
        }
        if let Some(finding) = report.findings.first() {
            assert_eq!(finding.severity, Severity::Warning);
            assert!(finding.message.contains("100 processes"), "{finding}");
            assert!(finding.message.contains("2400 connections"), "{finding}");
        }
    }
}

behaviours! { (Order, Setting), 2 shards on 1 servers, |options| options.replicas();
    async fn replicas_that_follow_their_primary_are_well(fixture: &Fixture) {
        fill(fixture).await;
        fixture.replicated().await;
        let report = check(&fixture.cluster, CheckOptions::new()).await.unwrap();
        assert_eq!(checks(&report), Vec::<&str>::new(), "{report:?}");
    }

    async fn a_primary_and_a_replica_that_are_swapped_are_found(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let (primary, replica) = (&fixture.server_urls()[0], &fixture.replica_urls()[0]);
        fixture.replicated().await;
        let report = checked(&config(fixture, [Server::new("server-0", replica).replica(primary)])).await;
        let found = checks(&report);
        assert!(found.contains(&"primary_read_only") && found.contains(&"replica_writable"), "{report:?}");
        let finding = report.findings.iter().find(|one| one.check == "primary_read_only").unwrap();
        assert!(finding.advice.contains("swap them"), "{finding}");
    }

    async fn a_replica_that_does_not_apply_changes_is_found(fixture: &Fixture) {
        if fixture.dialect != Dialect::Postgres {
            return;
        }
        fixture.replicated().await;
        fixture.pause_replay().await;
        let report = check(&fixture.cluster, CheckOptions::new()).await.unwrap();
        fixture.resume_replay().await;
        assert!(checks(&report).contains(&"replica_applies_nothing"), "{report:?}");
    }
}

#[tokio::test]
async fn a_pooler_that_shares_sessions_is_found_with_what_it_breaks() {
    let fixture = FixtureOptions::new(Dialect::Postgres, 2, 1)
        .open(|setup| setup.table::<Order>())
        .await;
    let server = postgres().await.unwrap();
    let pooler = PgBouncer::start(server, &[("pool_mode", "transaction")])
        .await
        .unwrap();
    let url = pooler.url(&fixture.server_urls()[0]);
    let report = checked(&config(&fixture, [Server::new("server-0", url)])).await;
    assert_eq!(checks(&report), ["pooler"], "{report:?}");
    let finding = &report.findings[0];
    assert!(finding.message.contains("prepared statements"), "{finding}");
    assert!(finding.advice.contains("pool_mode = session"), "{finding}");

    let pooler = PgBouncer::start(
        server,
        &[
            ("pool_mode", "session"),
            ("server_reset_query", "DISCARD ALL"),
        ],
    )
    .await
    .unwrap();
    let url = pooler.url(&fixture.server_urls()[0]);
    let report = checked(&config(&fixture, [Server::new("server-0", url)])).await;
    assert_eq!(checks(&report), Vec::<&str>::new(), "{report:?}");
}

#[tokio::test]
async fn a_lock_table_too_small_for_all_tables_is_found() {
    let settings = [
        ("max_connections", "20"),
        ("max_prepared_transactions", "0"),
        ("max_locks_per_transaction", "10"),
    ];
    let server = PostgresServer::start_with(&settings).await.unwrap();
    let database = fresh_postgres_on(server.url()).await;
    let group = Group::new(64).server(Server::new("a", database.url()));
    let pool = PoolOptions::new().max_connections(4);
    let config = Config::new("test").pool(pool).group(GROUP, group);
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    let report = check(&cluster, CheckOptions::new()).await.unwrap();
    assert_eq!(checks(&report), ["lock_table"], "{report:?}");
    let finding = &report.findings[0];
    assert!(finding.message.contains("share 200 locks"), "{finding}");
    // 64 namespaces of two tables with a primary key each.
    assert!(
        finding
            .message
            .contains("64 namespaces hold 256 tables and indexes"),
        "{finding}"
    );
    assert!(
        finding
            .advice
            .contains("`max_locks_per_transaction` to 13 or more"),
        "{finding}"
    );
    cluster.close().await;
}

#[test]
fn each_problem_of_a_configuration_is_a_finding() {
    let text = "[groups.shop]\nlogical_shards = 0\n[[groups.shop.servers]]\nname = \"a\"\nprimary = \"oracle://x\"\n";
    let error = Config::from_toml(text).unwrap_err();
    let findings = findings_of_configuration(&error);
    let places: Vec<&str> = findings.iter().map(|finding| &*finding.place).collect();
    assert_eq!(
        places,
        [
            "line 2: groups.shop.logical_shards",
            "line 5: groups.shop.servers[0].primary"
        ]
    );
    assert_eq!(findings[0].advice, "use 1 to 65536");
    let other = shard_orm::Error::new(ErrorKind::Unavailable, "no");
    assert_eq!(findings_of_configuration(&other), []);
}

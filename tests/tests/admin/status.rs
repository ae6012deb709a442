//! The state of servers, and the sizes of namespaces.

use std::time::Duration;

use shard_orm::admin::{EndpointRole, NamespaceState, StatusOptions, status, table_sizes};
use shard_orm::config::{Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::GROUP;

use crate::{Airline, Order, Setting, fill};

behaviours! { (Order, Airline, Setting), 4 shards on 2 servers, |options| options;
    async fn rows_are_counted_exactly_on_request(fixture: &Fixture) {
        fill(fixture).await;
        Setting { name: "a".into(), value: "b".into() }.insert(&fixture.cluster).await.unwrap();
        let status = status(&fixture.cluster, StatusOptions::new().exact(true)).await.unwrap();
        let group = &status.groups[0];
        assert_eq!((&*group.name, group.dialect, group.logical_shards), (GROUP, fixture.dialect, 4));
        let numbers: Vec<Option<u32>> = group.shards.iter().map(|one| one.shard).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2), Some(3)]);
        for shard in &group.shards {
            assert_eq!(shard.state, NamespaceState::Present, "{shard:?}");
            // The library's own tables do not count.
            assert_eq!((shard.tables, shard.rows, shard.rows_estimated), (Some(1), Some(1), false), "{shard:?}");
            assert!(shard.bytes.is_some_and(|bytes| bytes > 0), "{shard:?}");
        }
        let statics: Vec<&str> = group.statics.iter().map(|one| &*one.server).collect();
        assert_eq!(statics, ["server-0", "server-1"]);
        let database = &status.databases[0];
        assert_eq!(database.server.name, "default");
        assert_eq!((database.size.state, database.size.rows), (NamespaceState::Present, Some(1)));
    }

    async fn estimates_come_from_the_catalogs(fixture: &Fixture) {
        fill(fixture).await;
        // So that the databases have estimates.
        let analyze = fixture.cluster.broadcast(GROUP).sql("ANALYZE {orders}");
        if fixture.dialect == Dialect::Postgres {
            assert!(analyze.execute().await.unwrap().is_done());
        }
        let status = status(&fixture.cluster, StatusOptions::new()).await.unwrap();
        for shard in &status.groups[0].shards {
            match fixture.dialect {
                // Only the sizes of files are known without reading them.
                Dialect::Sqlite => assert_eq!((shard.rows, shard.bytes_estimated), (None, false), "{shard:?}"),
                Dialect::Postgres => {
                    assert_eq!((shard.tables, shard.rows, shard.rows_estimated), (Some(1), Some(1), true), "{shard:?}");
                    assert!(shard.bytes_estimated, "{shard:?}");
                }
                // Its estimate of so few rows is any small number.
                Dialect::MySql => assert!(shard.rows.is_some() && shard.rows_estimated, "{shard:?}"),
            }
            assert!(shard.bytes.is_some(), "{shard:?}");
        }
    }

    async fn the_tables_of_a_logical_shard_have_sizes_where_the_database_knows_them(fixture: &Fixture) {
        fill(fixture).await;
        if fixture.dialect == Dialect::Postgres {
            let analyze = fixture.cluster.broadcast(GROUP).sql("ANALYZE {orders}");
            assert!(analyze.execute().await.unwrap().is_done());
        }
        let sizes = table_sizes(&fixture.cluster, GROUP, 2).await.unwrap();
        let [orders] = &*sizes else { panic!("{sizes:?}") };
        assert_eq!(orders.table, "orders");
        match fixture.dialect {
            Dialect::Sqlite => assert_eq!((orders.rows, orders.bytes), (None, None)),
            Dialect::Postgres => assert!(orders.rows == Some(1) && orders.bytes >= Some(16 * 1_024), "{orders:?}"),
            // Its estimate of so few rows is any small number.
            Dialect::MySql => assert!(orders.rows.is_some() && orders.bytes >= Some(16 * 1_024), "{orders:?}"),
        }
        let error = table_sizes(&fixture.cluster, GROUP, 99).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoShardForKey);
    }

    async fn a_namespace_that_is_gone_is_missing(fixture: &Fixture) {
        fixture.raw_namespace(2).remove().await;
        for exact in [false, true] {
            let status = status(&fixture.cluster, StatusOptions::new().exact(exact)).await.unwrap();
            for shard in &status.groups[0].shards {
                let gone = shard.shard == Some(2);
                let expected = if gone { NamespaceState::Missing } else { NamespaceState::Present };
                assert_eq!(shard.state, expected, "{shard:?}");
            }
        }
    }

    async fn a_server_that_does_not_answer_is_a_part_of_the_report(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let url = match fixture.dialect {
            Dialect::Postgres => "postgres://app:s3cr3t@127.0.0.1:9/shop",
            _ => "mysql://app:s3cr3t@127.0.0.1:9/shop",
        };
        let group = Group::new(4)
            .namespace(fixture.namespace())
            .static_namespace(fixture.namespace().replace("{shard}", "static"))
            .pool(PoolOptions::new().connect_timeout(Duration::from_secs(30)))
            .server(Server::new("server-0", &fixture.server_urls()[0]))
            .server(Server::new("server-1", url));
        let config = shard_orm::config::Config::new(fixture.cluster_name()).group(GROUP, group);
        let cluster = Cluster::connect(&config).await.unwrap();
        let status = status(&cluster, StatusOptions::new()).await.unwrap();
        let group = &status.groups[0];
        let states: Vec<NamespaceState> = group.shards.iter().map(|one| one.state).collect();
        let (present, unknown) = (NamespaceState::Present, NamespaceState::Unknown);
        assert_eq!(states, [present, present, unknown, unknown]);
        assert_eq!(group.servers[0].endpoints[0].role, Some(EndpointRole::Primary));
        assert_eq!(group.servers[1].endpoints[0].role, None);
        assert!(group.servers[1].endpoints[0].problem.is_some());
        assert!(!format!("{status:?}").contains("s3cr3t"), "{status:?}");
    }
}

behaviours! { (Order, Setting), 2 shards on 1 servers, |options| options.replicas();
    async fn roles_versions_and_lag_are_read_from_each_endpoint(fixture: &Fixture) {
        fill(fixture).await;
        fixture.replicated().await;
        let status = status(&fixture.cluster, StatusOptions::new()).await.unwrap();
        let endpoints = &status.groups[0].servers[0].endpoints;
        let roles: Vec<Option<EndpointRole>> = endpoints.iter().map(|one| one.role).collect();
        assert_eq!(roles, [Some(EndpointRole::Primary), Some(EndpointRole::Replica)], "{endpoints:?}");
        for endpoint in endpoints {
            assert_eq!(endpoint.problem, None, "{endpoints:?}");
            assert!(endpoint.version.as_ref().is_some_and(|version| !version.is_empty()), "{endpoints:?}");
        }
        assert_eq!((endpoints[0].lag, endpoints[0].lag_bytes), (None, None));
        if fixture.dialect == Dialect::Postgres {
            assert_eq!(endpoints[1].lag, Some(Duration::ZERO), "{endpoints:?}");
        }
    }

    async fn the_bytes_by_which_a_replica_lags_are_counted(fixture: &Fixture) {
        if fixture.dialect != Dialect::Postgres {
            return;
        }
        fixture.replicated().await;
        fixture.pause_replay().await;
        fill(fixture).await;
        let lagging = status(&fixture.cluster, StatusOptions::new()).await.unwrap();
        fixture.resume_replay().await;
        let replica = &lagging.groups[0].servers[0].endpoints[1];
        assert!(replica.lag_bytes.is_some_and(|bytes| bytes > 0), "{replica:?}");
    }
}

//! IPv6 addresses of servers.

use std::net::{Ipv6Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use shard_orm::config::DatabaseOptions;
use shard_orm::lock::{Guard, RedisLocks};
use shard_orm::prelude::*;
use shard_orm::{Cluster, Dialect, ErrorKind};
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use sqlx::{Connection as _, Executor as _, MySqlConnection};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::core::{Name, Thing};
use crate::support::connect;

const V4: &str = "127.0.0.1:";
const V6: &str = "[::1]:";

/// Whether this machine has IPv6.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

async fn writes_and_reads(cluster: &Cluster) {
    cluster
        .setup()
        .table::<Thing>()
        .table::<Name>()
        .run()
        .await
        .unwrap();
    let name = Name {
        name: "six".into(),
        user_id: 1,
    };
    name.clone().insert(cluster).await.unwrap();
    assert_eq!(Name::on(1).all(cluster).await.unwrap(), [name]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_brackets_is_connected_to_on_postgres() {
    if !has_ipv6() {
        return;
    }
    let server = PostgresServer::start_with(&[("listen_addresses", "127.0.0.1,::1")])
        .await
        .unwrap();
    let url = server.url().replace(V4, V6);
    assert!(url.contains(V6), "{url}");
    writes_and_reads(&connect(Dialect::Postgres, &url, DatabaseOptions::new()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_brackets_is_connected_to_on_mariadb() {
    if !has_ipv6() {
        return;
    }
    let server = MariaDbServer::start_with(&[("bind-address", "*")])
        .await
        .unwrap();
    let mut side = MySqlConnection::connect(server.url()).await.unwrap();
    side.execute("CREATE DATABASE home").await.unwrap();
    let url = format!("{}/home", server.url().replace(V4, V6));
    writes_and_reads(&connect(Dialect::MySql, &url, DatabaseOptions::new()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_of_redis_are_taken_over_an_address_in_brackets() {
    if !has_ipv6() {
        return;
    }
    let url = shard_orm_tests::servers::redis()
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    let server = url
        .split_once("://")
        .unwrap()
        .1
        .trim_end_matches('/')
        .to_owned();
    let listener = tokio::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let locks = RedisLocks::connect(&format!("redis://[::1]:{port}"))
        .await
        .unwrap();
    let guard = Guard::acquire(Arc::new(locks.prefix("six:")), "a", Duration::from_secs(60))
        .await
        .unwrap();
    assert!(guard.unwrap().release().await.unwrap());
}

/// Nothing listens there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_server_error_states_the_reason() {
    for (dialect, url) in [
        (Dialect::Postgres, "postgres://app@127.0.0.1:1/home"),
        (Dialect::MySql, "mysql://app@127.0.0.1:1/home"),
    ] {
        let cluster = connect(dialect, url, DatabaseOptions::new()).await;
        let error = Name::on(1).all(&cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

//! Passwords of URLs do not appear in errors, their sources or `Debug` output.

use std::time::Duration;

use shard_orm::Cluster;
use shard_orm::config::{Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm_tests::secrets::assert_no_secret;

use crate::direct::Direct;
use crate::errors::assert_here;
use crate::fixture::{Backend, Fixture, LIMIT, Note, note, note_of, on, pool_of};

const PASSWORD: &str = "s3cr3t-pw";

async fn a_refused_login_is_a_configuration_error(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let wrong = match backend {
        Backend::Postgres => fixture
            .url
            .replace("postgres@", &format!("nobody:{PASSWORD}@")),
        _ => fixture.url.replace("app-secret", PASSWORD),
    };
    let server = Server::new("a", wrong);
    let cluster = Cluster::connect(&fixture.config_at(server, pool_of(1)))
        .await
        .unwrap();
    for error in [
        assert_here(Note::get(&cluster, 0, 1).await, ErrorKind::Configuration),
        assert_here(note(1).insert(&cluster).await, ErrorKind::Configuration),
        assert_here(
            cluster.begin(Note::shard(0)).await,
            ErrorKind::Configuration,
        ),
    ] {
        assert!(error.to_string().contains("check"), "{error}");
        assert_no_secret(&error);
    }
}

async fn no_error_contains_a_password(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let mut direct = fixture.direct().await;
    let right = match (&mut direct, backend) {
        (direct @ Direct::MariaDb(_), _) => {
            let user = format!("u{}", std::process::id());
            direct
                .run(&format!(
                    "CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'; \
                 GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%'"
                ))
                .await
                .unwrap();
            fixture
                .url
                .replace("app:app-secret", &format!("{user}:{PASSWORD}"))
        }
        _ => fixture
            .url
            .replace("postgres@", &format!("postgres:{PASSWORD}@")),
    };
    let place = right.split('@').nth(1).unwrap();
    let pool = pool_of(1).acquire_timeout(Duration::from_secs(2));
    let config = fixture.config_at(Server::new("a", right.clone()), pool);
    let cluster = Cluster::connect(&config).await.unwrap();
    for text in [
        format!("{config:?}"),
        format!("{cluster:?} {:?}", cluster.topology()),
    ] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    note(1).insert(&cluster).await.unwrap();
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    assert!(!format!("{tx:?}").contains("s3cr3t"));
    for error in [
        note(2).insert(&cluster).await.unwrap_err(),
        cluster.connection(Note::shard(0)).await.unwrap_err(),
        note_of(1, 1).insert(&tx).await.unwrap_err(),
        note(1).insert(&tx).await.unwrap_err(),
    ] {
        assert_no_secret(&error);
    }
    drop(tx);
    note(3).insert(&cluster).await.unwrap();
    match backend {
        // Its sessions are found by their database and their name.
        Backend::Postgres | Backend::MariaDb => fixture.kill_sessions(&mut direct).await,
        Backend::Sqlite => {}
    }
    assert_no_secret(&note(4).insert(&cluster).await.unwrap_err());
    for broken in [
        // Nobody listens; no such host; no such database.
        right.replace(place, "127.0.0.1:1/home"),
        right.replace(place, "no-such-host.invalid/home"),
        format!("{}-missing", right),
    ] {
        let server = Server::new("a", broken.clone());
        let pool = pool_of(1).connect_timeout(Duration::from_secs(3));
        let cluster = Cluster::connect(&fixture.config_at(server, pool))
            .await
            .unwrap();
        let error = Note::get(&cluster, 0, 1).await.unwrap_err();
        let known = [
            ErrorKind::Unavailable,
            ErrorKind::Configuration,
            ErrorKind::UndefinedTable,
        ];
        assert!(known.contains(&error.kind()), "{error:?}");
        assert_eq!(error.shard().unwrap().to_string(), "shop/0");
        assert_no_secret(&error);
    }
    for malformed in [
        right.replace(place, "127.0.0.1:port/home"),
        right.replace(place, "127.0.0.1:99999/home"),
        right.replace(place, "[::/home"),
        right.replace("://", ":/"),
        right.replace(PASSWORD, &format!("x?sslmode={PASSWORD}")),
        right.replace(PASSWORD, &format!("x?{PASSWORD}")),
        right.replace("://", "x://"),
        right.replace(PASSWORD, &format!("{PASSWORD}%zz")),
        right.replace(PASSWORD, &format!("{PASSWORD}@x")),
        right.replace(PASSWORD, &format!("{PASSWORD}#x")),
        right.replace(PASSWORD, &format!("{PASSWORD}/x")),
        right.replace(PASSWORD, &format!("{PASSWORD} x")),
        format!("{right}?sslmode={PASSWORD}"),
        format!("{right}?password={PASSWORD}&unknown={PASSWORD}"),
    ] {
        let config = Config::new("faults")
            .database("default", Database::new(malformed.clone()))
            .group(
                "shop",
                Group::new(1).server(Server::new("a", malformed.clone())),
            );
        assert!(!format!("{config:?}").contains("s3cr3t"), "{config:?}");
        match Cluster::connect(&config).await {
            Err(error) => assert_no_secret(&error),
            Ok(cluster) => {
                let read = Note::get(&cluster, 0, 1);
                // The driver may read it in its own way, and a server trust any password.
                if let Err(error) = tokio::time::timeout(LIMIT, read).await.unwrap() {
                    assert_no_secret(&error);
                }
            }
        }
    }
}

on! { [postgres mariadb] =>
    a_refused_login_is_a_configuration_error
    no_error_contains_a_password
}

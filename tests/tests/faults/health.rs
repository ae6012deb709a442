//! Health checks of servers that respond, but refuse some clients or some work.

use shard_orm::config::Server;
use shard_orm::prelude::*;
use shard_orm::{
    Cluster,
    health::{EndpointStatus, ServerHealth},
};
use shard_orm_tests::secrets::{SECRET, assert_no_secret};

use crate::direct::Direct;
use crate::fixture::{Backend, Fixture, Note, Setting, eventually, note, note_of, on, pool_of};

on! { [postgres mariadb] =>
    health_reports_why_connections_are_refused
}

on! { [sqlite postgres mariadb] =>
    a_server_with_a_full_disk_takes_no_writes
}

async fn checked(cluster: &Cluster, group: &str) -> ServerHealth {
    let servers = cluster.check_health().await;
    let server = servers.into_iter().find(|server| server.group == group);
    server.unwrap()
}

/// A user of its own, and the URL with it.
async fn another_user(fixture: &Fixture, direct: &mut Direct) -> (String, String) {
    let (user, create, home) = match fixture.backend {
        Backend::Postgres => {
            let user = format!("limited_{}", fixture.url.rsplit('/').next().unwrap());
            let create = format!("CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{SECRET}'");
            (user, create, "postgres@")
        }
        _ => {
            let user = format!("limited{}", std::process::id());
            let create = format!(
                "CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY '{SECRET}'; \
                 GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH MAX_USER_CONNECTIONS 9"
            );
            (user, create, "app:app-secret@")
        }
    };
    direct.run(&create).await.unwrap();
    let url = fixture.url.replace(home, &format!("{user}:{SECRET}@"));
    assert!(url.contains(SECRET));
    (user, url)
}

async fn health_reports_why_connections_are_refused(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    fixture.set_up().await;
    let mut direct = fixture.direct().await;
    let (user, url) = another_user(&fixture, &mut direct).await;
    let (limit, refuse, drop_user) = match backend {
        Backend::Postgres => (
            format!("ALTER ROLE {user} NOSUPERUSER CONNECTION LIMIT 1"),
            format!("ALTER ROLE {user} NOLOGIN"),
            format!("DROP ROLE {user}"),
        ),
        _ => (
            format!("ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 1"),
            format!("ALTER USER '{user}'@'%' IDENTIFIED BY 'rotated'"),
            format!("DROP USER '{user}'@'%'"),
        ),
    };
    let config = || fixture.config_at(Server::new("a", url.clone()), pool_of(2));
    let cluster = Cluster::connect(&config()).await.unwrap();
    note(1).insert(&cluster).await.unwrap();
    direct.run(&limit).await.unwrap();

    // The one connection that there is serves on.
    let server = checked(&cluster, "shop").await;
    assert!(server.takes_writes(), "{server}");
    assert_eq!(server.endpoints[0].problem, None);
    let other = Cluster::connect(&config()).await.unwrap();
    let server = checked(&other, "shop").await;
    assert_eq!(server.endpoints[0].status, EndpointStatus::Unreachable);
    let problem = server.endpoints[0].problem.as_ref().unwrap();
    assert!(problem.contains("max_connections"), "{problem}");
    // A named database is a server too.
    assert!(checked(&other, "default").await.takes_writes());

    // The password is another one by now: who is in stays in.
    direct.run(&refuse).await.unwrap();
    assert!(checked(&cluster, "shop").await.takes_writes());
    let error = note(2).insert(&other).await.unwrap_err();
    assert_no_secret(&error);
    assert!(!other.health()[0].takes_writes());
    let kill = match backend {
        Backend::Postgres => format!(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}'"
        ),
        _ => format!("KILL USER '{user}'"),
    };
    direct.run(&kill).await.unwrap();
    eventually("its connection is gone", async || {
        !checked(&cluster, "shop").await.takes_writes()
    })
    .await;
    for server in [checked(&cluster, "shop").await, cluster.health().remove(0)] {
        assert_eq!(server.endpoints[0].status, EndpointStatus::Unreachable);
        let words = format!("{server} {server:?}");
        assert!(words.contains("check the"), "{words}");
        assert!(!words.contains(SECRET), "{words}");
    }
    for cluster in [cluster, other] {
        cluster.close().await;
    }
    if backend == Backend::MariaDb {
        direct.run(&drop_user).await.unwrap();
    }
}

/// What a disk without room answers; on SQLite, a file that may not grow.
async fn fill(fixture: &Fixture, direct: &mut Direct) {
    let table = fixture.table(3, "notes");
    match fixture.backend {
        // A limit of one connection: the transaction sets it.
        Backend::Sqlite => {}
        Backend::Postgres => {
            let function = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                            $$ BEGIN RAISE EXCEPTION 'No space left on device' \
                            USING ERRCODE = '53100'; END $$";
            direct.run(function).await.unwrap();
            direct
                .run(&format!(
                    "CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()"
                ))
                .await
                .unwrap();
        }
        Backend::MariaDb => {
            let trigger = table.replace(".notes", ".full_disk");
            direct
                .run(&format!(
                    "CREATE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW \
                 SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'"
                ))
                .await
                .unwrap();
        }
    }
}

async fn a_server_with_a_full_disk_takes_no_writes(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    let mut direct = fixture.direct().await;
    note_of(3, 1).insert(&cluster).await.unwrap();
    fill(&fixture, &mut direct).await;
    let many = || (1000..4000).map(|id| note_of(3, id)).collect();
    let full = |outcome: shard_orm::Result<Vec<Note>>| {
        let error = outcome.map(|notes| notes.len()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    };
    if backend != Backend::Sqlite {
        full(Note::insert_many(&cluster, many()).await);
    }
    let tx = cluster.begin(Note::shard(3)).await.unwrap();
    if backend == Backend::Sqlite {
        let limit = Note::on_shard_of(3).sql("PRAGMA max_page_count = 1");
        limit.all::<i64>(&tx).await.unwrap();
    }
    full(Note::insert_many(&tx, many()).await);
    drop(tx);
    for server in [checked(&cluster, "shop").await, cluster.health().remove(0)] {
        assert_eq!(server.group, "shop");
        assert!(!server.takes_writes() && server.serves_reads(), "{server}");
        assert_eq!(server.endpoints[0].status, EndpointStatus::Full);
        assert!(server.endpoints[0].problem.is_some());
    }
    // Who has not been refused does not know of it.
    assert!(checked(&cluster, "default").await.takes_writes());
}

#[tokio::test]
async fn a_deleted_sqlite_file_takes_no_writes() {
    let fixture = Fixture::new(Backend::Sqlite).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    note(1).insert(&cluster).await.unwrap();
    let folder = std::path::PathBuf::from(fixture.url.strip_prefix("sqlite://").unwrap());
    assert!(checked(&cluster, "shop").await.takes_writes());
    assert!(checked(&cluster, "default").await.takes_writes());

    // Somebody writes: that is no reason to say that it cannot be written to.
    let mut direct = fixture.direct().await;
    direct.run("BEGIN IMMEDIATE").await.unwrap();
    assert!(checked(&cluster, "shop").await.takes_writes());
    direct.run("ROLLBACK").await.unwrap();
    drop(direct);

    let named = |server: &ServerHealth, name: &str| {
        let problem = server.endpoints[0].problem.clone().unwrap_or_default();
        !server.takes_writes() && !server.serves_reads() && problem.contains(name)
    };
    std::fs::remove_file(folder.join("shop_3.db")).unwrap();
    let server = checked(&cluster, "shop").await;
    assert!(named(&server, "shop_3.db"), "{server}");
    std::fs::remove_file(folder.join("default-file.db")).unwrap();
    let server = checked(&cluster, "default").await;
    assert!(named(&server, "default-file.db"), "{server}");
    Setting {
        name: "a".to_owned(),
        value: 1,
    }
    .insert(&cluster)
    .await
    .unwrap_err();

    // A folder that is there and takes no files.
    let away = folder.with_extension("away");
    std::fs::rename(&folder, &away).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert!(named(&checked(&cluster, "shop").await, "shop_0.db"));
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();

    // A file that may not be written to: the system's administrator may all the same.
    let file = folder.join("shop_0.db");
    let mut rights = std::fs::metadata(&file).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&file, rights).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&file).is_err() {
        let fresh = Cluster::connect(&fixture.config(pool_of(1))).await.unwrap();
        assert!(!checked(&fresh, "shop").await.takes_writes());
    }
}

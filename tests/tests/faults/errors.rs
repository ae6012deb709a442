//! Every kind of error, provoked: equal on all databases, and with the shard.

use std::fmt::Debug;
use std::time::Duration;

use shard_orm::config::{DatabaseOptions, Server};
use shard_orm::prelude::*;
use shard_orm::{Cluster, Error};
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, Job, LIMIT, Note, Setting, note, on, pool_of};

/// A model whose keys can be larger than any that has a shard.
#[derive(Debug, ShardModel)]
#[shard(group = "shop", table = "wide")]
struct Wide {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: u64,
}

/// A model of a group that is not configured.
#[derive(Debug, ShardModel)]
#[shard(group = "elsewhere", table = "strays")]
struct Stray {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// Runs a statement in SQL on shard 0.
async fn sql(cluster: &Cluster, text: &str) -> Result<u64, Error> {
    let text = AssertSqlSafe(text.to_owned());
    Note::on_shard_of(0).sql(text).execute(cluster).await
}

#[track_caller]
fn assert_kind<T: Debug>(outcome: Result<T, Error>, kind: ErrorKind) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

/// As [`assert_kind`], for what went wrong on shard 0.
#[track_caller]
pub(crate) fn assert_here<T: Debug>(outcome: Result<T, Error>, kind: ErrorKind) -> Error {
    let error = assert_kind(outcome, kind);
    let shard = error.shard().map(ToString::to_string);
    assert_eq!(shard.as_deref(), Some("shop/0"), "{error}");
    assert!(error.to_string().contains("shop/0"), "{error}");
    error
}

async fn violated_constraints_are_classified_and_named(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let mut direct = fixture.direct().await;
    let (parents, children) = (fixture.table(0, "parents"), fixture.table(0, "children"));
    direct
        .run(&format!("CREATE TABLE {parents} (id bigint PRIMARY KEY)"))
        .await
        .unwrap();
    direct
        .run(&format!(
            "CREATE TABLE {children} (id bigint PRIMARY KEY, parent bigint NOT NULL, size int, \
         CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES {parents} (id), \
         CONSTRAINT positive CHECK (size > 0))"
        ))
        .await
        .unwrap();

    note(1).insert(&cluster).await.unwrap();
    let error = assert_here(note(1).insert(&cluster).await, ErrorKind::Unique);
    let name = error.constraint().unwrap().to_lowercase();
    let expected = match backend {
        Backend::Sqlite => "notes.id",
        Backend::Postgres => "notes_pkey",
        Backend::MariaDb => "primary",
    };
    assert_eq!(name, expected);
    let same_text = Note { id: 2, ..note(1) };
    let error = assert_here(same_text.insert(&cluster).await, ErrorKind::Unique);
    let name = error.constraint().unwrap();
    assert!(name.contains("text") && name.contains("user_id"), "{name}");
    let both = vec![note(5), note(6), note(1)];
    assert_here(Note::insert_many(&cluster, both).await, ErrorKind::Unique);
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 1);

    sql(&cluster, "INSERT INTO {parents} VALUES (1)")
        .await
        .unwrap();
    sql(&cluster, "INSERT INTO {children} VALUES (1, 1, 1)")
        .await
        .unwrap();
    for text in [
        "INSERT INTO {children} VALUES (2, 99, 1)",
        "DELETE FROM {parents} WHERE id = 1",
        "UPDATE {children} SET parent = 99",
    ] {
        assert_here(sql(&cluster, text).await, ErrorKind::ForeignKey);
    }
    for text in [
        "INSERT INTO {children} VALUES (2, NULL, 1)",
        "INSERT INTO {notes} (id, user_id, text, amount) VALUES (9, 0, NULL, 1)",
    ] {
        assert_here(sql(&cluster, text).await, ErrorKind::NotNull);
    }
    assert_here(
        sql(&cluster, "INSERT INTO {children} VALUES (2, 1, -1)").await,
        ErrorKind::Check,
    );
    if backend != Backend::Sqlite {
        let long = Note {
            text: "x".repeat(65),
            ..note(7)
        };
        assert_here(long.insert(&cluster).await, ErrorKind::Check);
        assert_here(
            sql(&cluster, "UPDATE {notes} SET amount = 3000000000").await,
            ErrorKind::Check,
        );
    }
    // After all of them the one connection serves on.
    assert_eq!(Note::get(&cluster, 0, 1).await.unwrap(), note(1));
}

async fn missing_rows_are_not_found(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let kind = ErrorKind::NotFound;
    assert_kind(Note::get(&cluster, 0, 1).await, kind);
    assert_kind(note(1).update(&cluster).await, kind);
    assert_kind(note(1).delete(&cluster).await, kind);
    assert_kind(note(1).reload(&cluster).await, kind);
    assert_kind(Note::on(0).one(&cluster).await, kind);
    assert_kind(Job::get(&cluster, 0, "a".to_owned()).await, kind);
    assert_kind(Setting::get(&cluster, "a".to_owned()).await, kind);
    let none = Note::on_shard_of(0).sql("SELECT id FROM {notes}");
    assert_kind(none.one::<i64>(&cluster).await, kind);
    assert_eq!(Note::find(&cluster, 0, 1).await.unwrap(), None);
}

async fn errors_of_missing_tables_and_columns_say_what_to_run(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    for text in [
        "SELECT id FROM {missing}",
        "SELECT missing FROM {notes}",
        "UPDATE {notes} SET missing = 1",
        "INSERT INTO {notes} (missing) VALUES (1)",
    ] {
        let error = assert_here(sql(&cluster, text).await, ErrorKind::UndefinedTable);
        assert!(error.to_string().contains("cluster.setup()"), "{error}");
    }
    let wide = Wide { id: 1, user_id: 0 };
    assert_here(wide.insert(&cluster).await, ErrorKind::UndefinedTable);
    assert_here(
        Wide::get(&cluster, 0_u64, 1).await,
        ErrorKind::UndefinedTable,
    );

    // Nothing was set up at all.
    let bare = Fixture::new(backend).await;
    let cluster = Cluster::connect(&bare.config(pool_of(1))).await.unwrap();
    let kind = ErrorKind::UndefinedTable;
    for error in [
        assert_here(Note::get(&cluster, 0, 1).await, kind),
        assert_here(note(1).insert(&cluster).await, kind),
        assert_here(cluster.begin(Note::shard(0)).await, kind),
    ] {
        assert!(error.to_string().contains("cluster.setup()"), "{error}");
    }
}

async fn keys_without_a_shard_are_refused(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let kind = ErrorKind::NoShardForKey;
    let wide = Wide {
        id: 1,
        user_id: u64::MAX,
    };
    assert_kind(wide.insert(&cluster).await, kind);
    assert_kind(Wide::get(&cluster, u64::MAX, 1).await, kind);
    assert_kind(Wide::on(u64::MAX).all(&cluster).await, kind);
    assert_kind(cluster.begin(Wide::shard(u64::MAX)).await, kind);
    assert_kind(Job::on(99).all(&cluster).await, kind);
    let error = assert_kind(Stray::on(1).all(&cluster).await, ErrorKind::Configuration);
    assert!(error.to_string().contains("`elsewhere`"), "{error}");
    assert!(error.to_string().contains("`shop`"), "{error}");
}

async fn mismatched_types_are_decode_errors(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let kind = ErrorKind::Decode;
    let select = |text: &'static str| Note::on_shard_of(0).sql(text);
    assert_here(
        select("SELECT text FROM {notes}")
            .all::<i64>(&cluster)
            .await,
        kind,
    );
    assert_here(
        select("SELECT id FROM {notes}")
            .all::<String>(&cluster)
            .await,
        kind,
    );
    assert_here(
        select("SELECT id, text FROM {notes}")
            .all::<i64>(&cluster)
            .await,
        kind,
    );
    assert_here(
        select("SELECT NULLIF(id, 1) FROM {notes}")
            .all::<i64>(&cluster)
            .await,
        kind,
    );
    // Inside a transaction, too, and it goes on.
    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    assert_here(
        select("SELECT text FROM {notes}").all::<i64>(&tx).await,
        kind,
    );
    note(2).insert(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(Note::on(0).count(&cluster).await.unwrap(), 2);
}

async fn unsupported_features_give_typed_errors(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    note(1).insert(&cluster).await.unwrap();
    let kind = ErrorKind::Unsupported;
    // A text is ordered by its collation, which the client does not know.
    let ordered = Note::on_each([0, 1]).order_by(Note::TEXT.asc());
    assert_kind(ordered.all(&cluster).await, kind);
    assert_kind(Note::on(0).for_update().all(&cluster).await, kind);
    assert_kind(Note::on(0).limit(1).delete(&cluster).await, kind);
    let several = Note::on_shards_of([0, 1]).sql("SELECT id FROM {notes}");
    assert_kind(several.all::<i64>(&cluster).await, kind);
    if backend != Backend::Sqlite {
        // SQLite takes what is missing as NULL.
        let text = match backend {
            Backend::Postgres => "UPDATE {notes} SET amount = 9 WHERE id = $1 AND amount = $2",
            _ => "UPDATE {notes} SET amount = 9 WHERE id = ? AND amount = ?",
        };
        // It was not sent, so its outcome is known.
        let one = Note::on_shard_of(0).sql(text).bind(1_i64);
        assert_here(one.execute(&cluster).await, kind);
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        let one = Note::on_shard_of(0).sql(text).bind(1_i64);
        assert_here(one.execute(&tx).await, kind);
        drop(tx);
    }
    assert_eq!(Note::get(&cluster, 0, 1).await.unwrap(), note(1));
}

async fn a_statement_ends_at_its_timeout(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let pool = pool_of(1).statement_timeout(Duration::from_millis(200));
    let cluster = fixture.cluster(pool).await;
    let slow = match backend {
        Backend::Postgres => "SELECT 1 FROM pg_sleep(600)",
        _ => {
            "SELECT COUNT(*) FROM seq_1_to_100000 AS a JOIN seq_1_to_100000 AS b ON a.seq <> b.seq"
        }
    };
    let ended = tokio::time::timeout(LIMIT, sql(&cluster, slow)).await;
    assert_here(ended.unwrap(), ErrorKind::Timeout);
    note(1).insert(&cluster).await.unwrap();
}

async fn the_lock_timeout_is_respected(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let pool = pool_of(1).busy_timeout(Duration::from_millis(150));
    let mut config = fixture.config(pool.clone());
    if backend == Backend::Postgres {
        let options = DatabaseOptions::new().setting("lock_timeout", "150ms");
        let server = Server::new("a", fixture.url.clone()).options(options);
        config = fixture.config_at(server, pool);
    }
    fixture.set_up().await;
    let cluster = Cluster::connect(&config).await.unwrap();
    note(1).insert(&cluster).await.unwrap();
    let mut direct = fixture.direct().await;
    fixture.lock(&mut direct, 1).await;
    let tx = match backend {
        // It waits for the lock when it begins.
        Backend::Sqlite => {
            assert_here(cluster.begin(Note::shard(0)).await, ErrorKind::Timeout);
            assert_here(note(2).insert(&cluster).await, ErrorKind::Timeout);
            None
        }
        _ => {
            let tx = cluster.begin(Note::shard(0)).await.unwrap();
            if backend == Backend::MariaDb {
                let limit = Note::on_shard_of(0).sql("SET innodb_lock_wait_timeout = 1");
                limit.execute(&tx).await.unwrap();
            }
            let delete = tokio::time::timeout(LIMIT, note(1).delete(&tx)).await;
            assert_here(delete.unwrap(), ErrorKind::Timeout);
            Some(tx)
        }
    };
    drop(tx);
    direct.run("ROLLBACK").await.unwrap();
    note(2).insert(&cluster).await.unwrap();
}

on! { [sqlite postgres mariadb] =>
    violated_constraints_are_classified_and_named
    missing_rows_are_not_found
    errors_of_missing_tables_and_columns_say_what_to_run
    keys_without_a_shard_are_refused
    mismatched_types_are_decode_errors
    unsupported_features_give_typed_errors
    the_lock_timeout_is_respected
}
on! { [postgres mariadb] =>
    a_statement_ends_at_its_timeout
}

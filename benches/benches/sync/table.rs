//! The tables of a site: filled once, changed before each round.

use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::sync::{Mode, StaticSync};

use crate::changes::Changes;
use crate::item::{Bare, Captured, Compared, Ordered, at};
use crate::pair::{Pair, Site};

/// Rows of one transaction that fills a table.
const BATCH: usize = 5_000;
const COLUMNS: &str = "id, user_id, quantity, item, note, updated_at";

/// Makes the tables, and fills those of the source.
pub(crate) async fn fill(site: &Site, ids: impl Iterator<Item = i64>) {
    let cluster = &site.cluster;
    let bare = cluster.setup().table::<Bare>();
    bare.table::<Ordered>()
        .table::<Compared>()
        .run()
        .await
        .unwrap();
    let mut ids = ids.peekable();
    while ids.peek().is_some() {
        let rows = ids.by_ref().take(BATCH).map(Ordered::new).collect();
        Ordered::insert_many(cluster, rows).await.unwrap();
    }
    for table in ["captured", "compared"] {
        let copy = format!("INSERT INTO {table} ({COLUMNS}) SELECT {COLUMNS} FROM {{ordered}}");
        execute(cluster, copy).await;
    }
    cluster.setup().table::<Captured>().run().await.unwrap();
}

/// Sends a statement in SQL.
pub(crate) async fn execute(at: &Cluster, text: String) {
    let statement = Ordered::query().sql(AssertSqlSafe(text));
    statement.execute(at).await.unwrap();
}

/// Takes statistics of a table, as each server does after a while.
pub(crate) async fn analyze(pair: Pair, site: &Site) {
    for table in ["captured", "ordered", "compared"] {
        let (source, copy) = match pair {
            Pair::Postgres => ("VACUUM ANALYZE", "VACUUM ANALYZE"),
            Pair::MariaDb => ("ANALYZE TABLE", "ANALYZE TABLE"),
            Pair::Mixed => ("VACUUM ANALYZE", "ANALYZE TABLE"),
            Pair::Sqlite => ("ANALYZE", "ANALYZE"),
        };
        execute(&site.cluster, format!("{source} {table}")).await;
        execute(&site.copy, format!("{copy} {table}")).await;
    }
}

/// Makes the copy of [`Captured`] one that has never been written to.
pub(crate) async fn empty(pair: Pair, site: &Site) {
    let all = match pair {
        Pair::Sqlite => "DELETE FROM captured",
        _ => "TRUNCATE TABLE captured",
    };
    execute(&site.copy, all.to_owned()).await;
    let forget = "DELETE FROM shard_orm_sync WHERE table_name = 'captured'";
    execute(&site.copy, forget.to_owned()).await;
}

/// One of the models, as the modes treat them alike.
macro_rules! changed {
    ($name:ident, $model:ident) => {
        /// Changes rows at the source; `round` counts from 1 on.
        pub(crate) async fn $name(cluster: &Cluster, changes: &Changes, round: i64) {
            let now = at(i64::from(i32::MAX) + round);
            let tx = cluster.begin($model::database()).await.unwrap();
            for ids in changes.updated.chunks(100) {
                let rows = $model::query().filter($model::ID.is_in(ids.to_vec()));
                let update = rows
                    .set($model::QUANTITY, i32::try_from(round + 1).unwrap())
                    .set($model::UPDATED_AT, now);
                assert_eq!(update.update(&tx).await.unwrap(), ids.len() as u64);
            }
            for ids in changes.deleted.chunks(100) {
                let rows = $model::query().filter($model::ID.is_in(ids.to_vec()));
                assert_eq!(rows.delete(&tx).await.unwrap(), ids.len() as u64);
            }
            let inserted = changes.inserted.iter().map(|id| $model {
                updated_at: now,
                ..$model::new(*id)
            });
            $model::insert_many(&tx, inserted.collect()).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
}

changed! { change_captured, Captured }
changed! { change_ordered, Ordered }
changed! { change_compared, Compared }

/// The sync of each model by its mode.
pub(crate) fn sync_of(cluster: &Cluster, mode: Mode) -> StaticSync {
    match mode {
        Mode::Incremental => StaticSync::of::<Ordered>(cluster),
        Mode::Full => StaticSync::of::<Compared>(cluster),
        _ => StaticSync::of::<Captured>(cluster),
    }
    .mode(mode)
}

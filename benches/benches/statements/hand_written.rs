//! sqlx, as one writes it by hand: on a connection that is held, and through its own pool.
//!
//! The statements are those that `shard-orm` sends, made before anything is measured and picked
//! by a logical shard that is known; columns are read by ordinal.

use std::sync::Arc;

use sqlx::mysql::MySqlArguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{
    Arguments, AssertSqlSafe, MySqlConnection, MySqlPool, PgConnection, PgPool, Row,
    SqliteConnection, SqlitePool, query_with,
};

use crate::contender::Operations;
use crate::order::Order;
use crate::rows::Located;

/// The statements on one logical shard.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    select: Arc<str>,
    insert: Arc<str>,
    update: Arc<str>,
}

impl Texts {
    /// For a table of PostgreSQL or SQLite, written as it stands in a statement.
    pub(crate) fn new(table: &str) -> Self {
        let columns = r#""id", "user_id", "quantity", "item", "note", "placed_at""#;
        Self {
            select: format!(r#"SELECT {columns} FROM {table} WHERE "user_id" = $1 AND "id" = $2"#)
                .into(),
            insert: format!("INSERT INTO {table} ({columns}) VALUES ($1, $2, $3, $4, $5, $6)")
                .into(),
            update: format!(
                r#"UPDATE {table} SET "quantity" = $1, "item" = $2, "note" = $3, "placed_at" = $4 WHERE "user_id" = $5 AND "id" = $6"#
            )
            .into(),
        }
    }

    /// For a table of MariaDB.
    pub(crate) fn of_mariadb(table: &str) -> Self {
        let Self {
            select,
            insert,
            update,
        } = Self::new(table);
        let plain = |text: Arc<str>| {
            let numbered = text.replace('"', "`");
            let mut parts = numbered.split('$');
            let first = parts.next().unwrap_or_default().to_owned();
            let rest = parts.map(|part| format!("?{}", &part[1..]));
            rest.fold(first, |text, part| text + &part).into()
        };
        Self {
            select: plain(select),
            insert: plain(insert),
            update: plain(update),
        }
    }
}

/// sqlx on `on`: a connection or a pool.
#[derive(Debug, Clone)]
pub(crate) struct HandWritten<T> {
    pub(crate) on: T,
    /// By logical shard.
    pub(crate) texts: Vec<Texts>,
}

fn text(text: &Arc<str>) -> AssertSqlSafe<Arc<str>> {
    AssertSqlSafe(Arc::clone(text))
}

/// Writes the operations for one database and one kind of executor.
macro_rules! operations {
    ($on:ty, $arguments:ty, $this:ident => $executor:expr) => {
        impl Operations for HandWritten<$on> {
            async fn select(&mut self, row: &Located) -> Order {
                let $this = self;
                let mut arguments = <$arguments>::default();
                arguments.add(row.order.user_id).unwrap();
                arguments.add(row.order.id).unwrap();
                let sql = text(&$this.texts[row.shard as usize].select);
                let row = query_with(sql, arguments)
                    .fetch_optional($executor)
                    .await
                    .unwrap()
                    .unwrap();
                Order {
                    id: row.try_get(0).unwrap(),
                    user_id: row.try_get(1).unwrap(),
                    quantity: row.try_get(2).unwrap(),
                    item: row.try_get(3).unwrap(),
                    note: row.try_get(4).unwrap(),
                    placed_at: row.try_get(5).unwrap(),
                }
            }

            async fn insert(&mut self, row: Located) {
                let $this = self;
                let mut arguments = <$arguments>::default();
                arguments.add(row.order.id).unwrap();
                arguments.add(row.order.user_id).unwrap();
                arguments.add(row.order.quantity).unwrap();
                arguments.add(&row.order.item).unwrap();
                arguments.add(&row.order.note).unwrap();
                arguments.add(row.order.placed_at).unwrap();
                let sql = text(&$this.texts[row.shard as usize].insert);
                let done = query_with(sql, arguments).execute($executor).await.unwrap();
                assert_eq!(done.rows_affected(), 1);
            }

            async fn update(&mut self, row: &Located) {
                let $this = self;
                let mut arguments = <$arguments>::default();
                arguments.add(row.order.quantity).unwrap();
                arguments.add(&row.order.item).unwrap();
                arguments.add(&row.order.note).unwrap();
                arguments.add(row.order.placed_at).unwrap();
                arguments.add(row.order.user_id).unwrap();
                arguments.add(row.order.id).unwrap();
                let sql = text(&$this.texts[row.shard as usize].update);
                let done = query_with(sql, arguments).execute($executor).await.unwrap();
                assert_eq!(done.rows_affected(), 1);
            }
        }
    };
}

operations!(PgConnection, PgArguments, this => &mut this.on);
operations!(PgPool, PgArguments, this => &this.on);
operations!(MySqlConnection, MySqlArguments, this => &mut this.on);
operations!(MySqlPool, MySqlArguments, this => &this.on);
operations!(SqliteConnection, SqliteArguments, this => &mut this.on);
operations!(SqlitePool, SqliteArguments, this => &this.on);

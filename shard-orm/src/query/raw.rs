//! Raw SQL, on one logical shard or on each of several.

mod empty;
mod placeholders;
mod read;
mod reduce;
mod text;

use std::fmt;

use sea_query::Value;
use sqlx::SqlSafeStr;

pub(super) use self::empty::refuse_empty;
pub use self::read::ReadRow;
pub(super) use self::read::read;
pub use self::reduce::ShardRows;
pub(super) use self::text::{Expanded, expand, qualified};

use super::scope::private::Scope as _;
use super::scope::{NamesAShard, TakesSql};
use super::select::Query;
use crate::backend::{Args, Field, Sql, signature, user_sql};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, First, Intent, Label, NoRows, Rows, Sink, Statement, run};
use crate::model::{Column, Model, ModelDef};
use crate::plan::{
    DeferredError, Deleted, QuerySpec, ScatterOptions, Shards, has_scaled, refuse_decimals,
};
use crate::topology::Namespace;

/// A raw SQL statement, on one logical shard or on each of several; created by
/// [`Query::sql`](Query::sql).
///
/// A name in braces becomes the qualified name of that table in the shard's namespace: `{orders}`
/// is `"shop_3"."orders"`. `{orders.*}` lists the columns of the model with that table, in the
/// order in which the model is read. `{{` is a literal brace. Quoted text and comments are left
/// alone.
///
/// Placeholders are `?`, or `$1`, `$2` and so on, which can occur several times; they are
/// translated for the database. Mixing both forms, or binding another number of arguments, is
/// rejected ([`Unsupported`](ErrorKind::Unsupported)). A question mark that is not a placeholder,
/// as in PostgreSQL's `jsonb` operators, is written `??`.
///
/// It goes to the primary, and is never sent again after it was started, since the library does not
/// know what it does. With [`read`](Query::read) before `sql`, you declare that it only reads: it
/// then goes to the chosen endpoint, and is sent again if its connection was lost.
///
/// It runs on the whole logical shard, which also contains the rows of other keys, so name the key
/// in its condition. Therefore a query of the rows of a key, `Order::on(42)`, takes no SQL, and a
/// query of its logical shard does: `Order::on_shard_of(42)`. [`reduce`](Self::reduce) runs it on
/// several logical shards and combines the results;
/// [`Cluster::broadcast`](crate::Cluster::broadcast) runs a statement on all namespaces of a group.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     item: String,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let longest: Vec<(i64, String)> = Order::on_shard_of(42)
///     .sql("SELECT id, item FROM {orders} WHERE user_id = ? ORDER BY length(item) DESC LIMIT 3")
///     .bind(42_i64)
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a statement is sent when `all`, `first`, `execute` or `reduce` runs it"]
pub struct RawQuery<M, P> {
    query: Query<M, P>,
    text: Result<String, DeferredError>,
    values: Vec<Value>,
}

impl<M: Model, P> Query<M, P> {
    /// Creates a raw SQL statement; see [`RawQuery`].
    ///
    /// The text is a literal, or one that the caller asserts with [`sqlx::AssertSqlSafe`] to
    /// contain no external input.
    pub fn sql(self, text: impl SqlSafeStr) -> RawQuery<M, P>
    where
        Self: TakesSql,
    {
        let text = if self.spec.is_untouched() {
            Ok(text.into_sql_str().as_str().to_owned())
        } else {
            Err(DeferredError::from(Error::unsupported(
                "a query with filters, an order or a limit is not one in SQL: put them into its \
                 text; it takes no deadline and is not hedged, since it may write",
            )))
        };
        RawQuery {
            query: self,
            text,
            values: Vec::new(),
        }
    }
}

impl<M: Model, P> RawQuery<M, P> {
    /// Binds the next argument, with the type of the value.
    #[allow(clippy::needless_pass_by_value)] // As every other value that a builder takes.
    pub fn bind(mut self, value: impl Field) -> Self {
        match Args::value(|args| value.bind(args)) {
            Ok(value) => self.values.push(value),
            Err(error) => self.text = Err(error.into()),
        }
        self
    }

    /// Binds the next argument, with the type of this column: on SQLite, a decimal with declared
    /// digits is an integer of its smallest unit.
    #[allow(clippy::needless_pass_by_value)] // As every other value that a builder takes.
    pub fn bind_as<C: Model, T: Field>(mut self, column: Column<C, T>, value: T::Plain) -> Self {
        let value = Args::value(|args| value.bind(args));
        match value.and_then(|value| column.def().typed(value)) {
            Ok(value) => self.values.push(value),
            Err(error) => self.text = Err(error.into()),
        }
        self
    }
}

impl<M: Model, P: Send + Sync + 'static> RawQuery<M, P>
where
    Query<M, P>: NamesAShard,
{
    /// Returns all rows.
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode) if the result has other columns than `T`; otherwise as any
    /// write, since the library does not know what the statement does.
    pub async fn all<T: ReadRow>(self, on: impl Executor<'_>) -> Result<Vec<T>> {
        let mut sink = Rows::new(read::<T>);
        self.run(on, &mut sink).await?;
        Ok(sink.rows)
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn first<T: ReadRow>(self, on: impl Executor<'_>) -> Result<Option<T>> {
        let mut sink = First::new(read::<T>);
        self.run(on, &mut sink).await?;
        Ok(sink.row)
    }

    /// Returns the first row.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no row; otherwise as [`all`](Self::all).
    pub async fn one<T: ReadRow>(self, on: impl Executor<'_>) -> Result<T> {
        self.first(on)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "the statement gave no row"))
    }

    /// Runs a statement without a result, and returns the number of changed rows.
    ///
    /// # Errors
    /// As any write.
    pub async fn execute(self, on: impl Executor<'_>) -> Result<u64> {
        self.run(on, &mut NoRows).await
    }

    async fn run(self, on: impl Executor<'_>, sink: &mut dyn Sink) -> Result<u64> {
        let target = on.target().reading(self.query.spec.read);
        let intent = self.intent();
        let Shards::Single(task) = self.query.shards(target)? else {
            return Err(Error::unsupported(
                "a statement in SQL runs on one logical shard, and how the results of several \
                 become one is not guessed: name one logical shard, or say it by `reduce`; \
                 `cluster.broadcast(..)` runs a statement on all namespaces of a group",
            ));
        };
        let statement = RawStatement {
            def: M::def(),
            text: self.text.map_err(Error::from)?,
            values: self.values,
        };
        run(target, task.handle, intent, &statement, sink).await
    }

    /// A statement is known to be a read only if an endpoint was chosen for it.
    fn intent(&self) -> Intent {
        match self.query.spec.read {
            Some(_) => Intent::Read,
            None => Intent::Write,
        }
    }
}

/// The statement, rendered for the namespace that it is sent to.
struct RawStatement {
    def: &'static ModelDef,
    text: String,
    values: Vec<Value>,
}

impl Statement for RawStatement {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        if dialect.capability().decimals_in_units && has_scaled(self.def) {
            refuse_decimals(&self.values)?;
        }
        let Expanded {
            mut text,
            arguments,
        } = expand(dialect, &self.text, self.values.len(), |name| {
            qualified(Some(self.def), name, namespace)
        })?;
        refuse_empty(&text)?;
        for argument in arguments {
            args.push(&self.values[argument])?;
        }
        text.push_str(&signature(dialect, &self.values));
        let (text, persistent) = user_sql(dialect, text);
        Ok(Sql {
            text,
            persistent,
            single: false,
        })
    }

    fn is_refused_whole(&self) -> bool {
        false
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "sql",
            table: self.def.table,
        }
    }
}

impl QuerySpec {
    /// Whether the query has nothing but a scope.
    fn is_untouched(&self) -> bool {
        self.filters.is_empty()
            && self.is_plain()
            && self.columns.is_none()
            && self.sets.is_empty()
            // A statement that may write is not abandoned half-way.
            && self.options == ScatterOptions::default()
            // The text decides about deleted rows, not the query.
            && self.deleted == Deleted::Without
            && self.deferred_error.is_none()
    }
}

impl<M: Model, P: fmt::Debug> fmt::Debug for RawQuery<M, P> {
    /// Shows no values: arguments are user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawQuery")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

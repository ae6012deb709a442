//! Statements in the users' own SQL, on one logical shard.

use std::fmt;

use sea_query::{Alias, IntoTableRef, Value};
use sqlx::SqlSafeStr;

use super::parts::{Deleted, Parts, Refusal};
use super::place::NamesAShard;
use super::place::private::Legs as _;
use super::select::Query;
use crate::backend::{Args, Field, Row, Sql, quote, signature};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, First, Intent, Label, NoRows, Rows, Statement, columns, run};
use crate::model::{Model, ModelDef};
use crate::topology::Namespace;

/// A statement in the SQL of the database, on one logical shard; begun by
/// [`Query::sql`](Query::sql).
///
/// A name in braces becomes the qualified name of that table in the shard's namespace:
/// `{orders}` is `"shop_3"."orders"`. `{orders.*}` lists the columns of the model whose table that
/// is, in the order in which the model is read. `{{` is a brace. Text in quotes and comments is
/// left alone. Placeholders are those of the database: `$1` on PostgreSQL, `?` on the others.
///
/// It goes to the primary, and is not sent again when its answer is lost. It runs on the whole logical shard: the rows
/// of other keys live there too, so name the key in its condition.
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
/// let longest: Vec<(i64, String)> = Order::on(42)
///     .sql("SELECT id, item FROM {orders} WHERE user_id = ? ORDER BY length(item) DESC LIMIT 3")
///     .bind(42_i64)
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a statement is sent when `all`, `first` or `execute` runs it"]
pub struct RawQuery<M, P> {
    query: Query<M, P>,
    text: Result<String, Refusal>,
    values: Vec<Value>,
}

/// What a row of a statement in the users' own SQL is read as: one field, a tuple of up to twelve,
/// a model or a projection. The result must have just its columns.
#[diagnostic::on_unimplemented(
    message = "a row is not read as `{Self}`",
    note = "use a field, a tuple of up to twelve fields, a model or a projection"
)]
pub trait ReadRow: Sized + Send + 'static {
    /// How many columns it takes.
    const WIDTH: usize;

    /// Reads the columns from the first on.
    ///
    /// # Errors
    /// As [`Field::read`].
    fn read_row(row: &Row<'_>) -> Result<Self>;
}

impl<T: Field> ReadRow for T {
    const WIDTH: usize = 1;

    fn read_row(row: &Row<'_>) -> Result<Self> {
        T::read(row, 0)
    }
}

macro_rules! tuples {
    ($width:literal: $($name:ident $position:tt),+) => {
        impl<$($name: Field),+> ReadRow for ($($name,)+) {
            const WIDTH: usize = $width;

            fn read_row(row: &Row<'_>) -> Result<Self> {
                Ok(($($name::read(row, $position)?,)+))
            }
        }
    };
}

tuples!(1: A 0);
tuples!(2: A 0, B 1);
tuples!(3: A 0, B 1, C 2);
tuples!(4: A 0, B 1, C 2, D 3);
tuples!(5: A 0, B 1, C 2, D 3, E 4);
tuples!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

impl<M: Model, P> Query<M, P> {
    /// Begins a statement in the SQL of the database; see [`RawQuery`].
    ///
    /// The text is a literal, or one that the caller vouches for with
    /// [`sqlx::AssertSqlSafe`]: nothing from outside may stand in it.
    pub fn sql(self, text: impl SqlSafeStr) -> RawQuery<M, P> {
        let text = if self.parts.is_untouched() {
            Ok(text.into_sql_str().as_str().to_owned())
        } else {
            Err(Refusal::from(Error::unsupported(
                "a query with filters, an order or a limit is not one in SQL: put them into its \
                 text",
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
    /// Binds the next argument, in the type of this value.
    #[allow(clippy::needless_pass_by_value)] // As every other value that a builder takes.
    pub fn bind(mut self, value: impl Field) -> Self {
        match Args::value(|args| value.bind(args)) {
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
    /// All rows.
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode) when the result has other columns than `T`; otherwise as any
    /// write, since the library does not know what the statement does.
    pub async fn all<T: ReadRow>(self, on: impl Executor<'_>) -> Result<Vec<T>> {
        let mut sink = Rows::new(read::<T>);
        self.run(on, &mut sink).await?;
        Ok(sink.rows)
    }

    /// The first row, if there is any.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn first<T: ReadRow>(self, on: impl Executor<'_>) -> Result<Option<T>> {
        let mut sink = First::new(read::<T>);
        self.run(on, &mut sink).await?;
        Ok(sink.row)
    }

    /// The first row.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none; otherwise as [`all`](Self::all).
    pub async fn one<T: ReadRow>(self, on: impl Executor<'_>) -> Result<T> {
        self.first(on)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "the statement gave no row"))
    }

    /// Runs a statement that gives no rows, and says how many rows it changed.
    ///
    /// # Errors
    /// As any write.
    pub async fn execute(self, on: impl Executor<'_>) -> Result<u64> {
        self.run(on, &mut NoRows).await
    }

    async fn run(self, on: impl Executor<'_>, sink: &mut dyn crate::exec::Sink) -> Result<u64> {
        let target = on.target();
        let statement = RawStatement {
            def: M::def(),
            text: self.text.map_err(Error::from)?,
            values: self.values,
        };
        let mut legs = self.query.legs(target)?;
        let (Some(leg), true) = (legs.pop(), legs.is_empty()) else {
            return Err(Error::unsupported(
                "a statement in SQL runs on one logical shard; name one key",
            ));
        };
        run(target, leg.place, Intent::Write, &statement, sink).await
    }
}

fn read<T: ReadRow>(row: &Row<'_>) -> Result<T> {
    if row.len() == T::WIDTH {
        return T::read_row(row);
    }
    Err(Error::decode(format!(
        "the result has {} columns, but the type that it is read as takes {}",
        row.len(),
        T::WIDTH
    )))
}

struct RawStatement {
    def: &'static ModelDef,
    text: String,
    values: Vec<Value>,
}

impl Statement for RawStatement {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        for value in &self.values {
            args.push(value)?;
        }
        let mut text = expand(self.def, &self.text, namespace)?;
        text.push_str(&signature(namespace.dialect(), &self.values));
        Ok(Sql {
            text: text.into(),
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label {
        Label {
            verb: "sql",
            table: self.def.table,
        }
    }
}

/// Puts qualified names in the place of names in braces, outside of quotes and comments.
fn expand(def: &'static ModelDef, text: &str, namespace: &Namespace) -> Result<String> {
    let mut expanded = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(next) = rest.find(['{', '\'', '"', '`', '-', '/', '$']) {
        expanded.push_str(&rest[..next]);
        rest = &rest[next..];
        if let Some(after) = rest.strip_prefix("{{") {
            expanded.push('{');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(Error::unsupported(
                    "a brace in the SQL is not closed; write `{{` for a brace of its own",
                ));
            };
            expanded.push_str(&qualified(def, name.trim(), namespace)?);
            rest = after;
        } else {
            let length = verbatim(rest);
            expanded.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// How long the quoted text or comment is that begins here; one character when none does.
fn verbatim(text: &str) -> usize {
    let end = |from: usize, close: &str| {
        text[from..]
            .find(close)
            .map_or(text.len(), |at| from + at + close.len())
    };
    match text.as_bytes() {
        [b'-', b'-', ..] => end(2, "\n"),
        [b'/', b'*', ..] => end(2, "*/"),
        [b'$', ..] => {
            // PostgreSQL's dollar quotes: $tag$ .. $tag$. A `$1` is none.
            let tag = text[1..].find('$').map(|at| &text[..at + 2]).filter(|tag| {
                tag[1..tag.len() - 1]
                    .chars()
                    .all(|character| character.is_alphanumeric() || character == '_')
                    && !tag[1..].starts_with(|character: char| character.is_ascii_digit())
            });
            match tag {
                Some(tag) => end(tag.len(), tag),
                None => 1,
            }
        }
        [quote @ (b'\'' | b'"' | b'`'), ..] => {
            // A doubled quote ends one text and begins the next, which comes to the same.
            end(1, char::from(*quote).encode_utf8(&mut [0; 4]))
        }
        _ => 1,
    }
}

fn qualified(def: &'static ModelDef, name: &str, namespace: &Namespace) -> Result<String> {
    let (table, all) = match name.strip_suffix(".*") {
        Some(table) => (table, true),
        None => (name, false),
    };
    let plain = !table.is_empty()
        && table
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_');
    if !plain {
        return Err(Error::unsupported(format!(
            "`{{{name}}}` in the SQL is not the name of a table; write `{{{{` for a brace"
        )));
    }
    if !all {
        return Ok(quote(namespace.dialect(), &namespace.table(table)));
    }
    if table != def.table {
        return Err(Error::unsupported(format!(
            "`{{{name}}}` in the SQL is not the table of `{}`, which is `{}`; list the columns",
            def.name, def.table
        )));
    }
    let columns: Vec<String> = columns(def, 0..def.columns.len())
        .map(|column| quote_column(namespace, def, column))
        .collect();
    Ok(columns.join(", "))
}

fn quote_column(namespace: &Namespace, def: &ModelDef, column: Alias) -> String {
    let qualified = (Alias::new(def.table), column).into_table_ref();
    quote(namespace.dialect(), &qualified)
}

impl Parts {
    /// Whether nothing has been asked beside the shard.
    fn is_untouched(&self) -> bool {
        self.filters.is_empty()
            && self.is_plain()
            && self.columns.is_none()
            && self.sets.is_empty()
            // What the text says of deleted rows, the query cannot.
            && self.deleted == Deleted::Without
            && self.refusal.is_none()
    }
}

impl<M: Model, P: fmt::Debug> fmt::Debug for RawQuery<M, P> {
    /// Shows no value: arguments are the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawQuery")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
